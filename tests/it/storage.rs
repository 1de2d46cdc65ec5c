//! Storage of the large tables: monthly partitions or hypertables; and retention.
//!
//! Each test has its own database with all tables and routines.

use chrono::NaiveDate;
use edf_tests::{Throwaway, as_role, environment, refusal};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar, raw_sql};
use std::io::Write;
use std::path::Path;
use tokio::process::Command;

/// The current time in these databases.
const CLOCK: &str = "2026-03-15 12:00Z";
/// The partitioned tables.
pub const LARGE: [&str; 7] = [
    "energy.apartment_hours",
    "energy.building_hours",
    "energy.forecasts",
    "raw.meter_readings",
    "raw.weather_forecasts",
    "energy.solar_forecasts",
    "energy.measure_hours",
];
/// Tables created before the first partitioning.
const FIRST: [&str; 5] = [LARGE[0], LARGE[1], LARGE[2], LARGE[3], LARGE[4]];

/// Applies the migrations in `folder` and loads the routines and the deployed configuration.
pub async fn deploy(database: &Throwaway, folder: &Path) -> PgConnection {
    let mut postgres = database.connect().await;
    Migrator::new(folder).await.unwrap().run(&mut postgres).await.unwrap();
    let output = Command::new("psql")
        .args([
            "-X",
            "-q",
            "-h",
            &environment("EDF_TEST_SOCKET"),
            "-p",
            &environment("EDF_TEST_PORT"),
            "-U",
            "postgres",
        ])
        .args(["-d", &database.name, "-f", "../sql/load.sql"])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config: serde_json::Value =
        query_scalar("select energy.current_config()").fetch_one(&mut as_role("postgres").await).await.unwrap();
    query("call energy.load_config($1)").bind(config).execute(&mut postgres).await.unwrap();
    postgres
}

/// A deployed database with the tests' clock.
pub async fn deployed() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut postgres = deploy(&database, Path::new("../migrations")).await;
    query("select set_config('energy.clock', $1, false)").bind(CLOCK).execute(&mut postgres).await.unwrap();
    (database, postgres)
}

/// Runs statements one after the other, outside of a transaction unless they start one.
pub async fn run(postgres: &mut PgConnection, statements: &str) {
    postgres.execute(raw_sql(AssertSqlSafe(statements))).await.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

/// The rows of a query with one text column.
pub async fn texts(postgres: &mut PgConnection, sql: &str) -> Vec<String> {
    query_scalar(AssertSqlSafe(sql)).fetch_all(postgres).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The partitions of a table, as suffixes: `2026_03`, `earlier`, `later`.
async fn partitions(postgres: &mut PgConnection, table: &str) -> Vec<String> {
    let name = table.split_once('.').unwrap().1;
    let sql = format!(
        "select substr(relname, length('{name}') + 2) from pg_inherits join pg_class on oid = inhrelid
         where inhparent = '{table}'::regclass order by 1"
    );
    texts(postgres, &sql).await
}

/// Status, rows and message of the newest run of a job.
pub async fn last_run(postgres: &mut PgConnection, job: &str) -> (String, i64, Option<String>) {
    query_as(
        "select status, rows_written, nullif(message, '') from energy.job_runs where job_name = $1
         order by job_run_id desc limit 1",
    )
    .bind(job)
    .fetch_one(postgres)
    .await
    .unwrap()
}

#[tokio::test]
async fn months_are_created_ahead_and_a_second_run_changes_nothing() {
    let (_database, mut postgres) = deployed().await;
    run(&mut postgres, "call energy.make_partitions()").await;
    for table in LARGE {
        let expected = ["2026_03", "2026_04", "2026_05", "2026_06", "earlier", "later"];
        assert_eq!(partitions(&mut postgres, table).await, expected, "{table}");
    }
    assert_eq!(last_run(&mut postgres, "make_partitions").await, ("succeeded".to_owned(), 35, None));
    let all = "select relname || oid from pg_class where relispartition order by 1";
    let before = texts(&mut postgres, all).await;
    run(&mut postgres, "call energy.make_partitions()").await;
    assert_eq!(texts(&mut postgres, all).await, before);
    assert_eq!(last_run(&mut postgres, "make_partitions").await, ("succeeded".to_owned(), 0, None));

    run(&mut postgres, "set energy.clock = '2026-05-01 00:00Z'").await;
    run(&mut postgres, "call energy.make_partitions()").await;
    let months = partitions(&mut postgres, "raw.meter_readings").await;
    assert_eq!(months, ["2026_03", "2026_04", "2026_05", "2026_06", "2026_07", "2026_08", "earlier", "later"]);
}

#[tokio::test]
async fn an_older_configuration_stores_solar_forecasts_like_those_of_demand() {
    let (_database, mut postgres) = deployed().await;
    run(
        &mut postgres,
        "call energy.load_config(jsonb_set(
             energy.current_config() #- '{storage,tables,energy.solar_forecasts}',
             '{storage,tables,energy.forecasts,keep}', '\"7 years\"'))",
    )
    .await;
    let keep = "select keep::text from energy.storage where table_name like 'energy.%forecasts' order by table_name";
    assert_eq!(texts(&mut postgres, keep).await, ["7 years", "7 years"]);
}

#[tokio::test]
async fn every_row_is_accepted_and_moved_to_its_month_once_created() {
    let (_database, mut postgres) = deployed().await;
    let place = "select to_char(read_at, 'YYYY-MM-DD ') || substr(tableoid::regclass::text, 20)
                 from raw.meter_readings order by read_at";
    // The first has a wrong timestamp from a meter: no month is created for it.
    let add = |at: &str| format!("insert into raw.meter_readings values (1, '{at}', '2026-03-15', 1)");
    for at in ["2000-01-01", "2025-12-31", "2026-03-01", "2026-02-28 23:59:59.999999Z", "2031-01-01"] {
        run(&mut postgres, &add(at)).await;
    }
    run(&mut postgres, "call energy.make_partitions()").await;
    let placed =
        ["2000-01-01 earlier", "2025-12-31 2025_12", "2026-02-28 2026_02", "2026-03-01 2026_03", "2031-01-01 later"];
    assert_eq!(texts(&mut postgres, place).await, placed);

    run(&mut postgres, &add("2025-09-15")).await;
    assert!(texts(&mut postgres, place).await.contains(&"2025-09-15 earlier".to_owned()));
    run(&mut postgres, "call energy.make_partitions()").await;
    let found = texts(&mut postgres, place).await;
    assert_eq!(found[..3], ["2000-01-01 earlier", "2025-09-15 2025_09", "2025-12-31 2025_12"]);
    assert_eq!(partitions(&mut postgres, "raw.meter_readings").await[..2], ["2025_09", "2025_10"]);

    run(&mut postgres, "set energy.clock = '2030-11-01 00:00Z'").await;
    run(&mut postgres, "call energy.make_partitions()").await;
    assert!(texts(&mut postgres, place).await.contains(&"2031-01-01 2031_01".to_owned()));
}

#[tokio::test]
async fn the_newest_reading_before_a_time_is_searched_backwards_by_month() {
    let (_database, mut postgres) = deployed().await;
    run(
        &mut postgres,
        "insert into raw.meter_readings select 1, at, at, 1
         from generate_series('2025-01-01', '2026-03-15', interval '1 day') as at",
    )
    .await;
    run(&mut postgres, "call energy.make_partitions()").await;
    let plan = texts(
        &mut postgres,
        "explain (analyze, costs off, timing off, summary off)
         select read_at from raw.meter_readings
         where sensor_id = 1 and read_at < (select timestamptz '2026-02-10') order by read_at desc limit 1",
    )
    .await;
    // Of fifteen months that may contain it, only one is scanned.
    let opened = plan.iter().filter(|line| line.contains("meter_readings_") && line.contains("actual rows")).count();
    assert_eq!(opened, 1, "{}", plan.join("\n"));
}

#[tokio::test]
async fn retention_drops_whole_months_and_their_late_rows() {
    let (_database, mut postgres) = deployed().await;
    run(
        &mut postgres,
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             '\"100 days\"'));
         insert into raw.meter_readings select 1, at, at, 1
         from generate_series('2025-10-01', '2026-03-15', interval '1 day') as at;
         insert into energy.forecasts select 'b', at, at, 1, 1, 1, 1, 1, at
         from generate_series('2025-10-01', '2026-03-15', interval '1 day') as at;
         call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             '\"200 days\"'))",
    )
    .await;
    run(&mut postgres, "call energy.make_partitions()").await;
    assert_eq!(partitions(&mut postgres, "raw.meter_readings").await[0], "2025_10");
    run(
        &mut postgres,
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             '\"100 days\"'));
         insert into raw.meter_readings values (2, '2024-01-01', now(), 1)",
    )
    .await;
    // A hundred days before is 5 December.
    for dropped in [Some("dropped raw.meter_readings_2025_10, raw.meter_readings_2025_11".to_owned()), None] {
        run(&mut postgres, "call energy.apply_retention()").await;
        assert_eq!(last_run(&mut postgres, "apply_retention").await, ("succeeded".to_owned(), 0, dropped));
        let left: (NaiveDate, i64) = query_as("select min(read_at)::date, count(*) from raw.meter_readings")
            .fetch_one(&mut postgres)
            .await
            .unwrap();
        assert_eq!(left, ("2025-12-01".parse().unwrap(), 105));
    }
    let forecasts: i64 = query_scalar("select count(*) from energy.forecasts").fetch_one(&mut postgres).await.unwrap();
    assert_eq!(forecasts, 166, "forecasts are kept for longer");
    // Rows of dropped months are still accepted.
    run(&mut postgres, "insert into raw.meter_readings values (3, '2025-10-05', now(), 1)").await;
}

#[tokio::test]
async fn retention_deletes_old_logs_except_those_that_a_refresh_reads() {
    let (_database, mut postgres) = deployed().await;
    run(
        &mut postgres,
        "insert into raw.ingestions (received_at, messages, readings_taken, messages_rejected)
             select at, 1, 1, 0 from unnest(array['2025-01-01', '2026-03-01']::timestamptz[]) as at;
         insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
             select 'meter', at, 'empty', 'x', at from unnest(array['2025-01-01', '2026-03-01']::timestamptz[]) as at;
         insert into raw.weather_fetches (weather_location_id, purpose, started_at, status, tries)
             select 'x', 'forecast', now() - age, 'succeeded', 1
             from unnest(array['91 days', '1 day']::interval[]) as age;
         insert into energy.job_runs (job_name, slot_at, started_at, finished_at, status)
             select 'x', now() - age, now() - age, now() - age, 'succeeded'
             from unnest(array['400 days', '1 day']::interval[]) as age;
         insert into energy.hours_due values ('b', 1, '2020-01-01', '2020-01-01', '2020-01-01');
         insert into energy.building_heard select 'heard', at, at
         from unnest(array['2020-01-01', '2026-03-01']::timestamptz[]) as at;
         insert into energy.building_heard
         values ('silent for years', '2020-01-01', '2020-01-01'), ('silent for years', '2019-12-31', '2019-12-31')",
    )
    .await;
    for deleted in [6, 0] {
        run(&mut postgres, "call energy.apply_retention()").await;
        assert_eq!(last_run(&mut postgres, "apply_retention").await, ("succeeded".to_owned(), deleted, None));
    }
    let left = texts(
        &mut postgres,
        "select 'ingestions ' || count(*) from raw.ingestions union all select 'rejected ' || count(*)
         from raw.rejected_messages
         union all select 'fetches ' || count(*) from raw.weather_fetches union all select 'runs ' || count(*)
         from energy.job_runs where job_name = 'x'
         union all select 'due ' || count(*) from energy.hours_due
         union all select * from (select building_id || hour_at::date from energy.building_heard order by 1) as heard",
    )
    .await;
    let expected =
        ["ingestions 1", "rejected 1", "fetches 1", "runs 1", "due 1", "heard2026-03-01", "silent for years2020-01-01"];
    assert_eq!(left, expected);
}

#[tokio::test]
async fn an_unknown_log_is_reported_in_the_job_run_and_the_others_are_processed() {
    let (_database, mut postgres) = deployed().await;
    run(
        &mut postgres,
        // As after an upgrade that removed a log.
        "insert into energy.configs (config, checksum)
         select jsonb_set(energy.current_config(), '{storage,logs,raw.buildings}', '\"1 day\"'), '';
         insert into raw.ingestions (received_at, messages, readings_taken, messages_rejected)
         values ('2020-01-01', 1, 1, 1)",
    )
    .await;
    run(&mut postgres, "call energy.apply_retention()").await;
    let expected = "raw.buildings: there is no log \"raw.buildings\" with a retention".to_owned();
    assert_eq!(last_run(&mut postgres, "apply_retention").await, ("failed".to_owned(), 1, Some(expected)));
}

#[tokio::test]
async fn a_configuration_with_invalid_durations_is_rejected() {
    let (_database, mut postgres) = deployed().await;
    for (path, value, message) in [
        ("tables,raw.meter_readings,keep", r#""2 yaers""#, "2 yaers"),
        ("tables,energy.forecasts,chunk", r#""-1 days""#, "-1 days"),
        ("tables,raw.meter_readings,keep", r#""30 days""#, "30 days is shorter than 40 days"),
        ("logs,energy.job_runs", r#""99999999999 days""#, "99999999999 days"),
        ("logs,raw.buildings", r#""1 day""#, "raw.buildings"),
        ("months_ahead", "0", "0"),
    ] {
        let statement =
            format!("call energy.load_config(jsonb_set(energy.current_config(), '{{storage,{path}}}', '{value}'))");
        let refused = refusal(&mut postgres, &statement).await;
        assert_eq!(refused.code, "22023");
        let place = path.replace(',', ".");
        assert!(
            refused.message.contains(message) && refused.message.contains("storage"),
            "{place}: {}",
            refused.message
        );
        assert!(!refused.hint.is_empty());
    }
}

/// Applies the migrations before this number.
pub async fn migrate_below(number: &str, database: &Throwaway, postgres: &mut PgConnection) {
    let folder = std::env::temp_dir().join(&database.name);
    std::fs::create_dir_all(&folder).unwrap();
    for file in std::fs::read_dir("../migrations").unwrap().map(Result::unwrap) {
        if file.file_name().to_str().unwrap() < number {
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    Migrator::new(folder.as_path()).await.unwrap().run(postgres).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_migration_keeps_rows_keys_indexes_comments_grants_and_views() {
    let database = Throwaway::with_extension().await;
    let mut postgres = database.connect().await;
    migrate_below("0007", &database, &mut postgres).await;
    run(
        &mut postgres,
        "insert into raw.weather_locations values ('here', 47, 8);
         insert into raw.weather_forecasts select 'here', at, at, at, 1, 2, 3
         from generate_series('2020-01-01', '2026-01-01', interval '1 month') as at;
         insert into energy.building_hours select 'b', at, 1, 2, 1, 1, 1, 'measured', at
         from generate_series('2020-01-01', '2026-01-01', interval '1 month') as at;
         grant select, update on raw.weather_forecasts to resident;
         create view public.warm with (security_barrier = true) as select * from raw.weather_forecasts
         where temperature_c = 1;
         grant select on raw.weather_forecasts to analyst; alter view public.warm owner to analyst",
    )
    .await;
    let shape = "
        select 'column ' || attrelid::regclass || ' ' || attname || format_type(atttypid, atttypmod) || attnotnull ||
            coalesce(col_description(attrelid, attnum), '')
        from pg_attribute where attrelid = any ($1::text[]::regclass[]) and attnum > 0
        union all
        select 'constraint ' || conrelid::regclass || ' ' || conname || pg_get_constraintdef(oid) from pg_constraint
        where conrelid = any ($1::text[]::regclass[])
        union all
        select 'index ' || replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') from pg_index
        where indrelid = any ($1::text[]::regclass[])
        union all
        select 'grant ' || pg_class.oid::regclass || array_to_string(array_agg(a::text order by a::text), ' ') ||
            obj_description(pg_class.oid, 'pg_class') || relowner::regrole
        from pg_class left join lateral aclexplode(relacl) as a on a.grantee <> relowner
        where pg_class.oid = any ($1::text[]::regclass[]) group by pg_class.oid
        union all
        select 'rows ' || sum(ghi_w_m2) || ' ' || count(*) from public.warm
        union all
        select 'barrier ' || reloptions::text from pg_class where oid = 'public.warm'::regclass
        order by 1";
    let before: Vec<String> = query_scalar(shape).bind(&FIRST[..]).fetch_all(&mut postgres).await.unwrap();
    assert!(before.len() > 40 && before.contains(&"rows 219 73".to_owned()), "{before:#?}");

    migrate_below("0008", &database, &mut postgres).await;
    let after: Vec<String> = query_scalar(shape).bind(&FIRST[..]).fetch_all(&mut postgres).await.unwrap();
    assert_eq!(after, before);

    let mut postgres = deploy(&database, Path::new("../migrations")).await;
    let before: Vec<String> = query_scalar(shape).bind(&FIRST[..]).fetch_all(&mut postgres).await.unwrap();
    run(&mut postgres, "call energy.make_partitions()").await;
    let after: Vec<String> = query_scalar(shape).bind(&FIRST[..]).fetch_all(&mut postgres).await.unwrap();
    assert_eq!(after, before);
    run(&mut postgres, "insert into raw.weather_forecasts values ('here', now(), now(), now(), 1, 2, 3)").await;
    assert_eq!(
        texts(&mut postgres, "select count(*)::text from public.warm").await,
        ["74"],
        "the view reads the new table"
    );
}

#[tokio::test]
async fn enabling_timescaledb_without_the_extension_gives_a_hint() {
    let (_database, mut postgres) = deployed().await;
    let refused = refusal(&mut postgres, "call energy.enable_timescaledb()").await;
    assert_eq!(refused.code, "55000");
    assert!(refused.message.starts_with("extension timescaledb is not created in database edf_test_"), "{refused:?}");
    let is_available: bool =
        query_scalar("select exists (select from pg_available_extensions where name = 'timescaledb')")
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    let hint = if is_available {
        "Add timescaledb to shared_preload_libraries"
    } else {
        "TimescaleDB is not installed on this server"
    };
    assert!(refused.hint.starts_with(hint), "{refused:?}");
}

#[tokio::test]
async fn without_preloaded_timescaledb_jobs_fail_before_they_start() {
    let (_database, mut postgres) = deployed().await;
    if is_preloaded(&mut postgres).await {
        return skipped("the start check, since this server has preloaded TimescaleDB");
    }
    // The catalog of a database where it was created while the server preloaded it.
    run(
        &mut postgres,
        "set allow_system_table_mods = on;
         insert into pg_extension values (999999, 'timescaledb', 10, 'public'::regnamespace, false, '2.28.3')",
    )
    .await;
    for statement in [
        "select energy.check_timescaledb()",
        "call energy.refresh_building_hours()",
        "call energy.issue_forecasts()",
        "call energy.train_models()",
        "call energy.make_partitions()",
        "call energy.apply_retention()",
        "call energy.enable_timescaledb()",
    ] {
        let refused = refusal(&mut postgres, statement).await;
        assert_eq!(
            (refused.code.as_str(), refused.hint.as_str()),
            ("55000", "Add timescaledb to shared_preload_libraries and restart the server."),
            "{statement}"
        );
    }
    run(&mut postgres, "delete from pg_extension where oid = 999999").await;
}

/// Whether the server has preloaded TimescaleDB.
pub async fn is_preloaded(postgres: &mut PgConnection) -> bool {
    query_scalar("select current_setting('timescaledb.disable_load', true) is not null")
        .fetch_one(postgres)
        .await
        .unwrap()
}

/// Writes directly to stderr: the test harness hides the output of passing tests.
pub fn skipped(what: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {what}").unwrap();
}
