//! Least privilege: every grant of every role is listed in sql/grants.tsv, and no role can do more than its work
//! requires.

use edf_tests::{as_role, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn file(name: &str) -> String {
    let path = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../sql").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The current grants as lines of the file.
async fn granted(connection: &mut PgConnection) -> BTreeSet<String> {
    let lines: Vec<(String, String, String, String)> =
        query_as(AssertSqlSafe(file("list_grants.sql"))).fetch_all(connection).await.unwrap();
    lines.into_iter().map(|(role, kind, object, privileges)| [role, kind, object, privileges].join("\t")).collect()
}

fn checked_in() -> BTreeSet<String> {
    file("grants.tsv").lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_grant_of_every_role_is_in_the_checked_in_list() {
    let (found, expected) = (granted(&mut as_role("postgres").await).await, checked_in());
    let surplus: Vec<_> = found.difference(&expected).collect();
    let lacking: Vec<_> = expected.difference(&found).collect();
    assert!(
        surplus.is_empty() && lacking.is_empty(),
        "granted, but not in sql/grants.tsv: {surplus:#?}\nin sql/grants.tsv, but not granted: {lacking:#?}\n\
         Revoke what nobody needs. Where the grant is meant, write the table anew and have the change reviewed:\n\
         psql -X -A -t -F $'\\t' -f sql/list_grants.sql edf > sql/grants.tsv"
    );
}

#[tokio::test]
async fn a_grant_of_any_kind_is_listed() {
    let mut postgres = as_role("postgres").await;
    let before = granted(&mut postgres).await;
    for (statement, line) in [
        ("grant delete on energy.forecasts to analyst", "analyst\ttable\tenergy.forecasts\tdelete, select"),
        ("grant update (yhat) on energy.forecasts to dashboard", "dashboard\tcolumn\tenergy.forecasts.yhat\tupdate"),
        ("grant select on energy.storage to public", "PUBLIC\tview\tenergy.storage\tselect"),
        (
            "grant usage on sequence energy.job_runs_job_run_id_seq to analyst",
            "analyst\tsequence\tenergy.job_runs_job_run_id_seq\tusage",
        ),
        ("grant create on schema energy to pipeline", "pipeline\tschema\tenergy\tcreate, usage"),
        (
            "grant execute on procedure energy.apply_retention() to analyst with grant option",
            "analyst\tprocedure\tenergy.apply_retention()\texecute with grant option",
        ),
        (
            "alter default privileges for role edf_owner in schema energy grant delete on tables to pipeline",
            "pipeline\tdefault of tables\tby edf_owner in energy\tdelete",
        ),
        (
            "alter default privileges for role edf_owner grant execute on functions to supplier",
            "supplier\tdefault of functions\tby edf_owner\texecute",
        ),
        ("grant pipeline to dashboard", "dashboard\trole\tpipeline\tmember"),
        ("grant create on database edf to pipeline", "pipeline\tdatabase\tthis one\tcreate"),
        (
            "create table energy.parted (at timestamptz) partition by range (at);
             create table energy.parted_1 partition of energy.parted default;
             grant truncate on energy.parted_1 to pipeline",
            "pipeline\ttable\tenergy.parted\ttruncate",
        ),
    ] {
        let mut work = postgres.begin().await.unwrap();
        work.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
        let after = granted(&mut work).await;
        let new: Vec<_> = after.difference(&before).filter(|line| !line.contains("postgres")).collect();
        assert!(new.iter().any(|found| *found == line), "{statement}: {new:?}");
        work.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_dashboard_reads_only_what_it_shows_and_writes_nothing() {
    let mut dashboard = as_role("dashboard").await;
    for shown in [
        "features.fct_training_samples",
        "processed.int_weather_hours",
        "energy.building_hours",
        "energy.building_days",
        "energy.forecasts",
        "energy.model_scores",
        "energy.training_weather",
        "energy.job_runs",
        "raw.weather_fetches",
        "edf.model_events",
    ] {
        let read = format!("select * from {shown} limit 1");
        dashboard.execute(AssertSqlSafe(read)).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    }
    dashboard.execute("select subject, status, metrics from edf.models").await.unwrap();
    dashboard.execute("select reason_code, reason, replayed_at from energy.rejections").await.unwrap();
    for (code, statement) in [
        ("42501", "select artifact from edf.models"),
        ("42501", "select message from raw.rejected_messages"),
        ("42501", "select * from features.fct_apartment_days"),
        ("42501", "select * from energy.building_access"),
        ("42501", "select * from raw.meter_inbox"),
        ("42501", "select edf.forecast('homes-1-4', 'select 1')"),
        ("42501", "call energy.train_models()"),
        ("25006", "delete from energy.forecasts"),
        ("25006", "create temporary table mine (n int)"),
    ] {
        assert_eq!(refusal(&mut dashboard, statement).await.code, code, "{statement}");
    }
    // The setting alone could be changed by the session.
    dashboard.execute("set default_transaction_read_only = off").await.unwrap();
    for statement in [
        "delete from energy.forecasts",
        "insert into energy.model_scores values (1, 'lear', 1, 1)",
        "insert into raw.regressors (name, region, valid_at, value) values ('price', 'x', '2026-01-01Z', 1)",
        "create table energy.mine (n int)",
        "select edf.reject_model(1, 'a test')",
    ] {
        assert_eq!(refusal(&mut dashboard, statement).await.code, "42501", "{statement}");
    }
}

#[tokio::test]
async fn only_the_pipeline_writes_forecasts_and_scores() {
    let writes = [
        "insert into energy.forecasts select * from energy.forecasts limit 0",
        "insert into energy.model_scores select * from energy.model_scores limit 0",
        "insert into energy.trainings select * from energy.trainings limit 0",
    ];
    for role in ["analyst", "dashboard", "weather", "authenticator"] {
        let mut connection = as_role(role).await;
        connection.execute("set default_transaction_read_only = off").await.unwrap();
        for statement in writes {
            assert_eq!(refusal(&mut connection, statement).await.code, "42501", "{role}: {statement}");
        }
    }
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    for statement in writes {
        work.execute(statement).await.unwrap();
    }
    for statement in ["update energy.forecasts set yhat = 0", "delete from energy.model_scores"] {
        let mut again = as_role("pipeline").await;
        assert_eq!(refusal(&mut again, statement).await.code, "42501", "{statement}");
    }
}
