//! A dump keeps everything: models, and the whole deployed database, which goes on from it.

use crate::jobs;
use edf_tests::{DEMAND, Throwaway, as_role, connect, environment, seed_demand, train, trained};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar, raw_sql};
use std::path::PathBuf;
use tokio::process::Command;

async fn run(program: &str, database: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(["-h", &environment("EDF_TEST_SOCKET"), "-p", &environment("EDF_TEST_PORT"), "-U", "postgres"])
        .args(["-d", database])
        .args(arguments)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes the empty database `to` a copy of `from`.
pub async fn dump_and_restore(from: &str, to: &str, options: &[&str]) {
    let file: PathBuf = std::env::temp_dir().join(format!("{to}.dump"));
    let path = file.to_str().unwrap();
    let has_timescaledb: bool = query_scalar("select exists (select from pg_extension where extname = 'timescaledb')")
        .fetch_one(&mut connect("postgres", from).await)
        .await
        .unwrap();
    // TimescaleDB's catalog is restored with its own triggers and checks off.
    let (more, first, last) = if has_timescaledb {
        (
            &["--extension=timescaledb"][..],
            "create extension timescaledb; select timescaledb_pre_restore()",
            "select timescaledb_post_restore()",
        )
    } else {
        (&[][..], "select", "select")
    };
    run("pg_dump", from, &[&["--format=custom", "--file", path], options, more].concat()).await;
    run("psql", to, &["-q", "-c", first]).await;
    run("pg_restore", to, &["--exit-on-error", path]).await;
    run("psql", to, &["-q", "-c", last]).await;
    std::fs::remove_file(&file).unwrap();
}

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
        "call edf.tune('house', '{DEMAND}', 'seasonal_naive', settings => '{{\"schedule\": {{\"test_period\": \"5 days\"}}}}')"
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

/// Every object with its definition, owner, comment and privileges.
const OBJECTS: &str = "
    with ours as (
        select oid from pg_namespace where nspname in ('edf', 'raw', 'staging', 'processed', 'features', 'energy', 'api')
    ),
    privileges as (
        select classid, objid, string_agg(grantee || ':' || privilege, ' ' order by grantee, privilege) as privileges
        from (
            select 'pg_class'::regclass::oid as classid, oid as objid, relacl as acl, case relkind when 'S' then 's' else 'r' end as kind, relowner as owner from pg_class
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
        select 'pg_namespace'::regclass::oid as classid, oid as objid, nspname::text as name, pg_get_userbyid(nspowner)::text as definition
        from pg_namespace where oid in (select oid from ours)
        union all
        select 'pg_proc'::regclass, oid, oid::regprocedure::text,
            pg_get_userbyid(proowner) || ' ' || case when prokind in ('f', 'p') then pg_get_functiondef(oid) else '' end
        from pg_proc where pronamespace in (select oid from ours)
        union all
        select 'pg_class'::regclass, oid, oid::regclass::text, pg_get_userbyid(relowner) || ' ' || relkind::text || ' ' || case relkind
            when 'v' then regexp_replace(pg_get_viewdef(oid), ' AS \\w+', '', 'g') -- A name that is implied may be written out.
           
            when 'i' then pg_get_indexdef(oid)
            else coalesce((select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, col_description(oid, attnum)), ', ' order by attname)
                           from pg_attribute where attrelid = oid and attnum > 0 and not attisdropped), '') end
            || coalesce((select string_agg(pg_get_constraintdef(c.oid), ', ' order by conname) from pg_constraint as c where conrelid = pg_class.oid), '')
        from pg_class where relnamespace in (select oid from ours)
    )
    select name || ' ' || definition || ' ' || coalesce(obj_description(objid, classid::regclass::name), '') || ' ' || coalesce(privileges, '')
    from objects left join privileges using (classid, objid)
    order by 1";

/// Every table with the number of its rows and a sum of their hashes.
async fn contents(connection: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = query_scalar(
        "select oid::regclass::text from pg_class
         where relkind in ('r', 'p') and not relispartition
           and relnamespace::regnamespace::text in ('edf', 'raw', 'staging', 'processed', 'features', 'energy') order by 1",
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
async fn a_restored_deployment_holds_everything_and_its_pipeline_goes_on() {
    jobs::issue_forecasts().await;
    // Other tests are at work: what is compared is what the dump saw.
    let mut before = as_role("postgres").await;
    before.execute("begin isolation level repeatable read").await.unwrap();
    let snapshot: String = query_scalar("select pg_export_snapshot()").fetch_one(&mut before).await.unwrap();
    let restored = Throwaway::empty().await;
    // The scheduler works in one database of a server; its jobs are deployed anew.
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

    // Settings of a database are no part of its dump.
    let clock: String = query_scalar("select energy.clock()::text").fetch_one(&mut before).await.unwrap();
    let set = format!("alter database {} set energy.clock = '{clock}'", restored.name);
    after.execute(AssertSqlSafe(set)).await.unwrap();
    let issued: Vec<String> = query_scalar(FORECASTS).fetch_all(&mut before).await.unwrap();
    assert!(issued.len() >= 72);
    after.execute("delete from energy.forecasts").await.unwrap();
    let mut pipeline = connect("pipeline", &restored.name).await;
    pipeline.execute("call energy.issue_forecasts()").await.unwrap();
    let again: Vec<String> = query_scalar(FORECASTS).fetch_all(&mut pipeline).await.unwrap();
    assert_eq!(again, issued);

    let message = r#"{"timestamp_str": "2017-07-29T04:58:00Z", "building_id": "homes-1-4", "apartment_id": "home-1",
        "readings": [{"sensor_type": "of_the_restored", "value": 1}]}"#;
    query("call energy.ingest_meter_messages($1)").bind(&[message][..]).execute(&mut pipeline).await.unwrap();
    pipeline.execute(raw_sql("call energy.ingest_meter_inbox(); call energy.refresh_building_hours()")).await.unwrap();
    let taken: i64 = query_scalar("select count(*) from raw.meter_readings join raw.sensors using (sensor_id) where sensor_type = 'of_the_restored'")
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    assert_eq!(taken, 1);
}
