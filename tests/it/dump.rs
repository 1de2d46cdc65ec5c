//! Dump and restore keeps everything: the models, and the whole deployed database, which continues from it.

use crate::jobs;
use edf_tests::{
    DEMAND, Throwaway, as_role, connect, dump_and_restore, environment, refusal, run_at, run_program, seed_demand,
    train, trained,
};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar, raw_sql};
use tokio::process::Command;

async fn forecast(connection: &mut PgConnection) -> Vec<(f64, f64, f64)> {
    query_as("select yhat, yhat_lower, yhat_upper from edf.forecast('house', $1) order by valid_at")
        .bind(DEMAND)
        .fetch_all(connection)
        .await
        .unwrap()
}

async fn events(connection: &mut PgConnection) -> Vec<(i64, String, String)> {
    query_as("select model_id, event, happened_at::text from edf.model_events order by event_id")
        .fetch_all(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_restored_database_forecasts_the_same_numbers_and_keeps_backtests_and_trials() {
    let (database, restored) = (Throwaway::with_extension().await, Throwaway::empty().await);
    let mut before = database.connect().await;
    seed_demand(&mut before).await;
    trained(&mut before, "house").await;
    trained(&mut before, "house").await;
    let last = train(&mut before, "shed").await;
    let settings = r#"{"strategy": "seasonal_naive", "schedule": {"test_period": "5 days"}}"#;
    let keep = format!("select edf.keep_backtest('house', '{DEMAND}', '{settings}')");
    before.execute(AssertSqlSafe(&*keep)).await.unwrap();
    let tune = format!(
        "call edf.tune('house', '{DEMAND}', 'seasonal_naive',
             settings => '{{\"schedule\": {{\"test_period\": \"5 days\"}}}}')"
    );
    before.execute(AssertSqlSafe(tune)).await.unwrap();
    dump_and_restore(&database.name, &restored.name, &[]).await;

    let mut after = restored.connect().await;
    let expected = forecast(&mut before).await;
    assert_eq!(expected.len(), 72);
    assert_eq!(forecast(&mut after).await, expected);
    assert_eq!(events(&mut before).await, events(&mut after).await);
    let kept = contents(&mut after).await;
    assert_eq!(kept, contents(&mut before).await);
    assert!(kept.iter().any(|table| table.starts_with("edf.trials 3 ")), "{kept:?}");
    assert_eq!(train(&mut after, "shed").await, last + 1, "ids go on where they were");
    let next: i64 = query_scalar(AssertSqlSafe(&*keep)).fetch_one(&mut after).await.unwrap();
    assert_eq!(next, 2);
}

/// A database with models, their events, a backtest and a tuning, so that no registry table is empty.
async fn registry_in_use() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut connection = database.connect().await;
    seed_demand(&mut connection).await;
    for _ in 0..3 {
        trained(&mut connection, "house").await;
    }
    let keep = format!("select edf.keep_backtest('house', '{DEMAND}', '{NAIVE}')");
    connection.execute(AssertSqlSafe(keep)).await.unwrap();
    let schedule = r#"{"schedule": {"test_period": "5 days"}}"#;
    let tune = format!("call edf.tune('house', '{DEMAND}', 'seasonal_naive', settings => '{schedule}')");
    connection.execute(AssertSqlSafe(tune)).await.unwrap();
    (database, connection)
}

/// A fast backtest.
const NAIVE: &str = r#"{"strategy": "seasonal_naive", "schedule": {"test_period": "5 days"}}"#;

/// A role that may only read everything, dropped with this value's database.
async fn reader(connection: &mut PgConnection, database: &Throwaway) -> String {
    let reader = format!("{}_reader", database.name);
    connection.execute(AssertSqlSafe(format!("create role {reader} login in role pg_read_all_data"))).await.unwrap();
    reader
}

fn temporary(name: &str) -> String {
    std::env::temp_dir().join(name).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_dump_by_a_reader_is_restored_in_parallel_and_by_sections() {
    let (database, mut before) = registry_in_use().await;
    let reader = reader(&mut before, &database).await;
    let path = temporary(&format!("{}.dump", database.name));
    let place = (environment("EDF_TEST_SOCKET"), environment("EDF_TEST_PORT"));
    let options = ["--format=custom", "--extension=edf", "--file", &path];
    run_at((&place.0, &place.1), &reader, "pg_dump", &database.name, &options).await;
    before.execute(AssertSqlSafe(format!("drop role {reader}"))).await.unwrap();
    let (expected, forecasts) = (contents(&mut before).await, forecast(&mut before).await);
    // The order of the workers is random: with foreign keys inside the extension every second try failed.
    for _ in 0..8 {
        let restored = Throwaway::empty().await;
        for section in ["pre-data", "data", "post-data"] {
            let options = ["-j", "4", "--exit-on-error", "--section", section, &path];
            run_program("pg_restore", &restored.name, &options).await;
        }
        let mut after = restored.connect().await;
        assert_eq!(contents(&mut after).await, expected);
        assert_eq!(forecast(&mut after).await, forecasts);
        let newest: i64 = query_scalar("select max(model_id) from edf.models").fetch_one(&mut after).await.unwrap();
        assert_eq!(train(&mut after, "shed").await, newest + 1, "ids go on where they were");
    }
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn deletes_cascade() {
    let (_database, mut connection) = registry_in_use().await;
    let children = "select (select count(*) from edf.model_events), (select count(*) from edf.backtest_forecasts),
                        (select count(*) from edf.trials)";
    let (events, forecasts, trials): (i64, i64, i64) = query_as(children).fetch_one(&mut connection).await.unwrap();
    assert!(events > 3 && forecasts > 0 && trials > 0);
    // Except for the events of a model, which are one more.
    let models: i64 = query_scalar("select count(*) from edf.models").fetch_one(&mut connection).await.unwrap();
    connection.execute("delete from edf.models where model_id = 1").await.unwrap();
    let left: (i64, i64, i64) = query_as(children).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, (events + 1, forecasts, trials));
    connection
        .execute(raw_sql("delete from edf.backtests; delete from edf.tunings; truncate edf.models"))
        .await
        .unwrap();
    let left: (i64, i64, i64) = query_as(children).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, (events + models, 0, 0));
    let deleted: (i64, String) =
        query_as("select model_id, reason from edf.model_events where event = 'deleted' order by event_id limit 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(deleted.0 == 1 && deleted.1.contains("of \"house\", checksum"), "{deleted:?}");
    let trial = "select edf.register_trial(1, 1, '{}', 1.0, 1, 1.0, null)";
    assert_eq!(refusal(&mut connection, trial).await.code, "42704");
}

#[tokio::test]
async fn training_after_a_copy_of_the_tables_uses_new_ids() {
    let (from, mut before) = registry_in_use().await;
    let to = Throwaway::with_extension().await;
    let mut after = to.connect().await;
    for table in ["models", "model_events", "backtests", "backtest_forecasts", "tunings", "trials"] {
        let path = temporary(&format!("{}.{table}", to.name));
        run_program("psql", &from.name, &["-c", &format!("\\copy edf.{table} to '{path}'")]).await;
        run_program("psql", &to.name, &["-c", &format!("\\copy edf.{table} from '{path}'")]).await;
        std::fs::remove_file(&path).unwrap();
    }
    seed_demand(&mut after).await;
    assert_eq!(contents(&mut after).await, contents(&mut before).await);
    assert_eq!(forecast(&mut after).await, forecast(&mut before).await);
    let newest: i64 = query_scalar("select max(model_id) from edf.models").fetch_one(&mut after).await.unwrap();
    assert_eq!(trained(&mut after, "house").await, newest + 1);
    let keep = format!("select edf.keep_backtest('house', '{DEMAND}', '{NAIVE}')");
    assert_eq!(query_scalar::<_, i64>(AssertSqlSafe(keep)).fetch_one(&mut after).await.unwrap(), 2);
}

#[tokio::test]
async fn an_exported_model_is_imported_as_pending_and_forecasts_the_same_once_approved() {
    let (from, mut before) = registry_in_use().await;
    let to = Throwaway::with_extension().await;
    let mut after = to.connect().await;
    seed_demand(&mut after).await;
    // The id of the first model is already used here.
    train(&mut after, "shed").await;
    let other = format!("select edf.train('house', '{DEMAND}', 'seasonal_naive')");
    before.execute(AssertSqlSafe(other)).await.unwrap();
    let path = temporary(&format!("{}.models", to.name));
    run_program("psql", &from.name, &["-c", &format!("\\copy (select edf.export_models('{{house}}')) to '{path}'")])
        .await;
    after.execute("create table exported (model jsonb)").await.unwrap();
    run_program("psql", &to.name, &["-c", &format!("\\copy exported from '{path}'")]).await;
    std::fs::remove_file(&path).unwrap();
    let import = "select edf.import_model(model) from exported order by (model ->> 'model_id')::bigint";
    // The first three are one model, trained three times.
    for _ in 0..2 {
        assert_eq!(query_scalar::<_, i64>(import).fetch_all(&mut after).await.unwrap(), [2, 2, 2, 3]);
    }
    let rows: Vec<(String, String)> = query_as(
        "select status, reason from edf.models join edf.model_events using (model_id) where subject = 'house'
         order by model_id",
    )
    .fetch_all(&mut after)
    .await
    .unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.0 == "pending"), "{rows:?}");
    assert!(rows[0].1.starts_with("imported: model 1 of another database"), "{rows:?}");
    after.execute("select edf.approve_model(2)").await.unwrap();
    assert_eq!(forecast(&mut after).await, forecast(&mut before).await);

    for (document, code) in [
        ("'[]'::jsonb", "22023"),
        ("null::jsonb", "22004"),
        ("model - 'artifact'", "22023"),
        ("model || '{\"training_end\": \"soon\"}'", "22023"),
        ("model || '{\"artifact\": \"!\"}'", "22023"),
        ("model || '{\"artifact\": \"AAAA\"}'", "XX001"),
    ] {
        let import = format!("select edf.import_model({document}) from exported limit 1");
        assert_eq!(refusal(&mut after, &import).await.code, code, "{document}");
    }
}

/// A standby of the server under test, stopped and removed on drop.
struct Standby {
    folder: String,
    pg_ctl: String,
    port: String,
}

impl Standby {
    /// Copies the server and starts the copy; as user postgres if the tests run as root.
    async fn start(name: &str) -> Self {
        let bin: String = query_scalar("select setting from pg_config where name = 'BINDIR'")
            .fetch_one(&mut as_role("postgres").await)
            .await
            .unwrap();
        let folder = temporary(name);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let (socket, port) = (environment("EDF_TEST_SOCKET"), environment("EDF_TEST_PORT"));
        let backup = ["-h", &socket, "-p", &port, "-U", "postgres", "-D", &folder, "-R", "-c", "fast"];
        server_program(&format!("{bin}/pg_basebackup"), &backup).await;
        let options =
            format!("-p {free} -c listen_addresses='' -c unix_socket_directories={folder} -c logging_collector=off");
        let pg_ctl = format!("{bin}/pg_ctl");
        let log = format!("{folder}/standby.log");
        server_program(&pg_ctl, &["-D", &folder, "-o", &options, "-l", &log, "-w", "start"]).await;
        Self { folder, pg_ctl, port: free }
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let stop = std::process::Command::new("runuser")
            .args(["-u", "postgres", "--", &self.pg_ctl, "-D", &self.folder, "-m", "immediate", "stop"])
            .output();
        if !stop.is_ok_and(|output| output.status.success()) {
            let _ =
                std::process::Command::new(&self.pg_ctl).args(["-D", &self.folder, "-m", "immediate", "stop"]).output();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A server cannot run as root: then user postgres is used.
async fn server_program(program: &str, arguments: &[&str]) {
    let is_root = String::from_utf8_lossy(&Command::new("id").arg("-u").output().await.unwrap().stdout).trim() == "0";
    let mut command = match is_root {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        }
        false => Command::new(program),
    };
    // A server keeps its output descriptors open.
    let output = command.args(arguments).current_dir("/").stdin(std::process::Stdio::null());
    let status = output.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().await;
    assert!(status.unwrap().success(), "{program} {arguments:?}");
}

#[tokio::test]
async fn a_standby_can_be_dumped_and_forecasts() {
    let (database, mut before) = registry_in_use().await;
    let reader = reader(&mut before, &database).await;
    let standby = Standby::start(&format!("{}_standby", database.name)).await;
    let path = temporary(&format!("{}.standby.dump", database.name));
    let options = ["--format=custom", "--extension=edf", "--file", &path];
    run_at((&standby.folder, &standby.port), &reader, "pg_dump", &database.name, &options).await;
    // The deployed pipeline too.
    let deployed = temporary(&format!("{}.standby.deployed", database.name));
    let options = ["--format=custom", "--extension=edf", "--exclude-schema=cron", "--file", &deployed];
    run_at((&standby.folder, &standby.port), &reader, "pg_dump", "edf", &options).await;
    let ask = format!("select count(*) from edf.forecast('house', '{DEMAND}') having count(*) = 72");
    run_at(
        (&standby.folder, &standby.port),
        "postgres",
        "psql",
        &database.name,
        &["-v", "ON_ERROR_STOP=1", "-c", &ask],
    )
    .await;
    drop(standby);
    before.execute(AssertSqlSafe(format!("drop role {reader}"))).await.unwrap();

    let restored = Throwaway::empty().await;
    run_program("pg_restore", &restored.name, &["-j", "4", "--exit-on-error", &path]).await;
    let mut after = restored.connect().await;
    assert_eq!(contents(&mut after).await, contents(&mut before).await);
    assert_eq!(forecast(&mut after).await, forecast(&mut before).await);
    let whole = Throwaway::empty().await;
    run_program("pg_restore", &whole.name, &["-j", "4", "--exit-on-error", &deployed]).await;
    let hours = "select count(*) > 1000 from energy.building_hours";
    assert!(query_scalar::<_, bool>(hours).fetch_one(&mut whole.connect().await).await.unwrap());
    for file in [path, deployed] {
        std::fs::remove_file(file).unwrap();
    }
}

/// Every object with its definition, owner, comment and privileges.
pub const OBJECTS: &str = "
    with ours as (
        select oid from pg_namespace where nspname in ('edf', 'raw', 'processed', 'features', 'energy', 'api')
    ),
    privileges as (
        select classid, objid, string_agg(grantee || ':' || privilege, ' ' order by grantee, privilege) as privileges
        from (
            select 'pg_class'::regclass::oid as classid, oid as objid, relacl as acl,
                case relkind when 'S' then 's' else 'r' end as kind, relowner as owner
            from pg_class
            union all
            select 'pg_proc'::regclass, oid, proacl, 'f', proowner from pg_proc
            union all
            select 'pg_namespace'::regclass, oid, nspacl, 'n', nspowner from pg_namespace
        ) as objects
        cross join lateral (
            select coalesce(nullif(grantee, 0)::regrole::text, 'everybody') as grantee, privilege_type as privilege
            from aclexplode(coalesce(acl, acldefault(kind::\"char\", owner)))
        ) as granted
        group by classid, objid
    ),
    objects as (
        select 'pg_namespace'::regclass::oid as classid, oid as objid, nspname::text as name,
            pg_get_userbyid(nspowner)::text as definition
        from pg_namespace where oid in (select oid from ours)
        union all
        select 'pg_proc'::regclass, oid, oid::regprocedure::text,
            pg_get_userbyid(proowner) || ' ' || case when prokind in ('f', 'p') then pg_get_functiondef(oid) else '' end
        from pg_proc where pronamespace in (select oid from ours)
        union all
        select 'pg_class'::regclass, oid, oid::regclass::text,
            pg_get_userbyid(relowner) || ' ' || relkind::text || ' ' || case relkind
            -- A name that is implied may be written out.
            when 'v' then regexp_replace(pg_get_viewdef(oid), ' AS \\w+', '', 'g')
            when 'i' then pg_get_indexdef(oid)
            else coalesce((select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
                               attidentity, col_description(oid, attnum)), ', ' order by attname)
                           from pg_attribute where attrelid = oid and attnum > 0 and not attisdropped), '') end
            || coalesce((select string_agg(pg_get_constraintdef(c.oid), ', ' order by conname)
                         from pg_constraint as c where conrelid = pg_class.oid), '')
        from pg_class where relnamespace in (select oid from ours)
    )
    select name || ' ' || definition || ' ' || coalesce(obj_description(objid, classid::regclass::name), '')
        || ' ' || coalesce(privileges, '')
    from objects left join privileges using (classid, objid)
    order by 1";

/// Every table with its number of rows and a sum of their hashes.
async fn contents(connection: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = query_scalar(
        "select oid::regclass::text from pg_class
         where relkind in ('r', 'p') and not relispartition
           and relnamespace::regnamespace::text in ('edf', 'raw', 'processed', 'features', 'energy') order by 1",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut contents = Vec::new();
    for table in tables {
        let hash =
            format!("select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) from {table} as t");
        let hash: String = query_scalar(AssertSqlSafe(hash)).fetch_one(&mut *connection).await.unwrap();
        contents.push(format!("{table} {hash}"));
    }
    contents
}

const SEQUENCES: &str = "
    select schemaname || '.' || sequencename, coalesce(last_value, 0) from pg_sequences
    where schemaname in ('edf', 'raw', 'energy') order by 1";

const FORECASTS: &str = "
    select building_id || ' ' || valid_at || ' ' || yhat || ' ' || yhat_lower || ' ' || yhat_upper
    from energy.forecasts where issued_at = date_trunc('hour', energy.clock()) order by 1";

#[tokio::test]
async fn a_restored_deployment_is_complete_and_its_pipeline_continues() {
    jobs::issue_forecasts().await;
    // Other tests are running: compares with the dump's snapshot.
    let mut before = as_role("postgres").await;
    before.execute("begin isolation level repeatable read").await.unwrap();
    let snapshot: String = query_scalar("select pg_export_snapshot()").fetch_one(&mut before).await.unwrap();
    let restored = Throwaway::empty().await;
    // pg_cron works in one database of a server; its jobs are deployed again.
    let options = ["--snapshot", &snapshot, "--extension=edf", "--exclude-schema=cron"];
    dump_and_restore("edf", &restored.name, &options).await;

    let mut after = restored.connect().await;
    assert_eq!(contents(&mut after).await, contents(&mut before).await);
    let objects: Vec<String> = query_scalar(OBJECTS).fetch_all(&mut after).await.unwrap();
    let expected: Vec<String> = query_scalar(OBJECTS).fetch_all(&mut before).await.unwrap();
    let lost: Vec<_> = expected.iter().filter(|object| !objects.contains(object)).collect();
    let gained: Vec<_> = objects.iter().filter(|object| !expected.contains(object)).collect();
    assert!(expected.len() > 100 && lost.is_empty() && gained.is_empty(), "lost: {lost:#?}\ngained: {gained:#?}");
    let counters: Vec<(String, i64)> = query_as(SEQUENCES).fetch_all(&mut after).await.unwrap();
    let floors: Vec<(String, i64)> = query_as(SEQUENCES).fetch_all(&mut before).await.unwrap();
    assert_eq!(counters.len(), floors.len());
    for ((name, counter), (of, seen)) in counters.iter().zip(&floors) {
        assert!(name == of && *counter > 0 || *seen == 0, "{name} starts again");
    }

    // Database settings are not part of its dump.
    let clock: String = query_scalar("select energy.clock()::text").fetch_one(&mut before).await.unwrap();
    let set = format!("alter database {} set energy.clock = '{clock}'", restored.name);
    after.execute(AssertSqlSafe(set)).await.unwrap();
    let issued: Vec<String> = query_scalar(FORECASTS).fetch_all(&mut before).await.unwrap();
    assert!(issued.len() >= 72);
    after.execute("delete from energy.forecasts").await.unwrap();
    let mut pipeline = connect("pipeline", &restored.name).await;
    pipeline.execute("call energy.issue_forecasts(date_trunc('hour', energy.clock()))").await.unwrap();
    let again: Vec<String> = query_scalar(FORECASTS).fetch_all(&mut pipeline).await.unwrap();
    assert_eq!(again, issued);

    let message = r#"{"timestamp_str": "2017-07-29T04:58:00Z", "building_id": "homes-1-4", "apartment_id": "home-1",
        "readings": [{"sensor_type": "of_the_restored", "value": 1}]}"#;
    query("call energy.ingest_meter_messages($1)").bind(&[message][..]).execute(&mut pipeline).await.unwrap();
    pipeline.execute(raw_sql("call energy.ingest_meter_inbox(); call energy.refresh_building_hours()")).await.unwrap();
    let taken: i64 = query_scalar(
        "select count(*) from raw.meter_readings join raw.sensors using (sensor_id)
         where sensor_type = 'of_the_restored'",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(taken, 1);
}
