//! Copies of databases, including the deployed one with quick models.

use crate::database::{Throwaway, as_role, connect, environment};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_scalar, raw_sql};
use std::path::PathBuf;
use tokio::process::Command;

/// Runs a PostgreSQL client program as the superuser on a database of the server under test.
pub async fn run_program(program: &str, database: &str, arguments: &[&str]) {
    let place = (environment("EDF_TEST_SOCKET"), environment("EDF_TEST_PORT"));
    run_at((&place.0, &place.1), "postgres", program, database, arguments).await;
}

/// Runs a PostgreSQL client program as a role, on the server with this socket and port.
pub async fn run_at(place: (&str, &str), role: &str, program: &str, database: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(["-h", place.0, "-p", place.1, "-U", role, "-d", database])
        .args(arguments)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Copies database `from` into the empty database `to`.
pub async fn dump_and_restore(from: &str, to: &str, options: &[&str]) {
    let file: PathBuf = std::env::temp_dir().join(format!("{to}.dump"));
    let path = file.to_str().unwrap();
    let has_timescaledb: bool = query_scalar("select exists (select from pg_extension where extname = 'timescaledb')")
        .fetch_one(&mut connect("postgres", from).await)
        .await
        .unwrap();
    // TimescaleDB's catalog must be restored with its triggers and checks disabled.
    let (more, first, last) = if has_timescaledb {
        (
            &["--extension=timescaledb"][..],
            "create extension timescaledb; select timescaledb_pre_restore()",
            "select timescaledb_post_restore()",
        )
    } else {
        (&[][..], "select", "select")
    };
    run_program("pg_dump", from, &[&["--format=custom", "--file", path], options, more].concat()).await;
    run_program("psql", to, &["-q", "-c", first]).await;
    run_program("pg_restore", to, &["--exit-on-error", path]).await;
    run_program("psql", to, &["-q", "-c", last]).await;
    std::fs::remove_file(&file).unwrap();
}

/// A copy of the deployed database with quick models for buildings. Four buildings are of archetype `homes`, one of
/// `estate`.
pub async fn deployment() -> (Throwaway, PgConnection) {
    let copy = Throwaway::empty().await;
    dump_and_restore("edf", &copy.name, &["--extension=edf", "--exclude-schema=cron"]).await;
    let clock: String =
        query_scalar("select energy.clock()::text").fetch_one(&mut as_role("postgres").await).await.unwrap();
    let set = format!("alter database {} set energy.clock = '{clock}'", copy.name);
    copy.connect().await.execute(AssertSqlSafe(set)).await.unwrap();
    let mut postgres = copy.connect().await;
    postgres
        .execute(raw_sql(
            r#"delete from energy.forecasts; delete from energy.superseded_forecasts;
               delete from energy.refreshed_forecasts;
             delete from energy.forecast_slots; delete from energy.job_runs; delete from energy.training_runs;
             delete from energy.challenges;
             delete from energy.shadow_forecasts; delete from energy.stress_tests; delete from edf.models;
             call energy.load_config(energy.current_config() || jsonb_build_object(
                 'training', '{"strategy": "seasonal_naive", "parameters": {}, "archetype_history": "35 days"}'::jsonb,
                 'evaluation', (energy.current_config() -> 'evaluation') || '{"test_period": "7 days"}'))"#,
        ))
        .await
        .unwrap();
    (copy, postgres)
}

/// Changes one setting of the configuration.
pub async fn configure(postgres: &mut PgConnection, path: &str, value: &str) {
    let load =
        format!("call energy.load_config(jsonb_set(energy.current_config(), '{{{path}}}', '{value}'::jsonb, true))");
    postgres.execute(AssertSqlSafe(load)).await.unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// A superuser session that acts as an approver; nobody can log in as that role.
pub async fn approver(database: &str) -> PgConnection {
    let mut session = connect("postgres", database).await;
    session.execute("set role edf_approver").await.unwrap();
    session
}
