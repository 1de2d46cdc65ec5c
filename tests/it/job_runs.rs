//! Jobs: a single entry point, one run at a time, and a row for each run from its start, including cancelled and killed
//! ones.

use crate::jobs::TURN;
use edf_tests::{as_role, refusal, until_blocked};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};
use tokio::sync::MutexGuard;

/// Each job, and a table that it needs early.
const BLOCKED_BY: [(&str, &str); 9] = [
    ("ingest_inbox", "raw.meter_inbox"),
    ("refresh_hours", "energy.hours_due"),
    ("refresh_days", "energy.days_due"),
    ("learn_gap_profiles", "energy.apartment_hours"),
    ("issue_forecasts", "raw.buildings"),
    ("train_models", "raw.buildings"),
    ("gate_models", "edf.models"),
    ("make_partitions", "energy.configs"),
    ("apply_retention", "energy.configs"),
];

/// Serialises these tests and pauses pg_cron, so that no other run interferes.
async fn turn() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().await;
    rest_jobs(&mut as_role("postgres").await).await;
    turn
}

/// Pauses pg_cron, and waits until none of its runs is active.
pub async fn rest_jobs(postgres: &mut PgConnection) {
    postgres.execute("update cron.job set active = false where jobname like 'edf %'").await.unwrap();
    let at_work =
        "select exists (select from energy.job_runs as runs where status = 'running' and energy.is_run_alive(runs))";
    while query_scalar::<_, bool>(at_work).fetch_one(&mut *postgres).await.unwrap() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn backend(session: &mut PgConnection) -> i32 {
    query_scalar("select pg_backend_pid()").fetch_one(session).await.unwrap()
}

/// A run of a job in a separate session.
struct Run {
    pid: i32,
    ends: tokio::task::JoinHandle<Result<(), sqlx::Error>>,
}

impl Run {
    async fn begin(job: &str) -> Self {
        let mut session =
            as_role(if job.starts_with("make") || job.starts_with("apply") { "postgres" } else { "pipeline" }).await;
        let (pid, call) = (backend(&mut session).await, format!("call energy.run_job('{job}')"));
        let ends = tokio::spawn(async move { session.execute(raw_sql(AssertSqlSafe(call))).await.map(drop) });
        Self { pid, ends }
    }

    /// The SQLSTATE of its error, if any.
    async fn code(self) -> Option<String> {
        match self.ends.await.unwrap() {
            Ok(()) => None,
            Err(sqlx::Error::Database(error)) => error.code().map(|code| code.into_owned()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Status, SQLSTATE and message of the newest run of a job, and whether it has ended.
async fn newest(connection: &mut PgConnection, job: &str) -> (String, Option<String>, Option<String>, bool) {
    query_as(
        "select status, sqlstate, message, finished_at is not null from energy.job_runs
         where job_name = $1 and building_id is null and archetype is null order by job_run_id desc limit 1",
    )
    .bind(job)
    .fetch_one(connection)
    .await
    .unwrap()
}

async fn status_of(connection: &mut PgConnection, pid: i32) -> (String, Option<String>) {
    query_as("select status, sqlstate from energy.job_runs where backend_pid = $1 order by job_run_id desc limit 1")
        .bind(pid)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Locks a table that a job needs until dropped.
async fn hold(table: &str) -> (PgConnection, i32) {
    let mut holder = as_role("postgres").await;
    let pid = backend(&mut holder).await;
    holder
        .execute(raw_sql(AssertSqlSafe(format!("begin; lock table {table} in access exclusive mode"))))
        .await
        .unwrap();
    (holder, pid)
}

#[tokio::test]
async fn a_second_concurrent_run_of_a_job_is_recorded_as_skipped() {
    let _turn = turn().await;
    let mut postgres = as_role("postgres").await;
    for (job, table) in BLOCKED_BY {
        let (mut holder, _) = hold(table).await;
        let first = Run::begin(job).await;
        until_blocked(&mut postgres, first.pid).await;
        assert_eq!(status_of(&mut postgres, first.pid).await.0, "running", "{job}");
        assert_eq!(Run::begin(job).await.code().await, None, "{job}");
        let (status, _, message, has_ended) = newest(&mut postgres, job).await;
        assert_eq!(
            (status.as_str(), message.as_deref(), has_ended),
            ("skipped", Some("another run is in progress"), true),
            "{job}"
        );
        // A training would take minutes; the other jobs have nothing to do.
        query("select pg_cancel_backend($1)").bind(first.pid).execute(&mut postgres).await.unwrap();
        let pid = first.pid;
        first.code().await;
        holder.execute("rollback").await.unwrap();
        // The server may report the end of the statement a moment later.
        for _ in 0..500 {
            postgres.execute("select energy.close_dead_runs()").await.unwrap();
            if status_of(&mut postgres, pid).await.0 != "running" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_ne!(status_of(&mut postgres, pid).await.0, "running", "{job}");
    }
}

#[tokio::test]
async fn a_killed_run_is_closed_by_the_next_run_and_by_the_watchdog() {
    let _turn = turn().await;
    let mut postgres = as_role("postgres").await;
    for closer in ["refresh_hours", "watch_jobs"] {
        let (mut holder, _) = hold("energy.hours_due").await;
        let run = Run::begin("refresh_hours").await;
        until_blocked(&mut postgres, run.pid).await;
        query("select pg_terminate_backend($1, 10000)").bind(run.pid).execute(&mut postgres).await.unwrap();
        let pid = run.pid;
        assert_eq!(run.code().await.as_deref(), Some("57P01"));
        holder.execute("rollback").await.unwrap();
        assert_eq!(status_of(&mut postgres, pid).await.0, "running");
        assert_eq!(Run::begin(closer).await.code().await, None);
        assert_eq!(status_of(&mut postgres, pid).await.0, "killed", "{closer}");
        assert_eq!(newest(&mut postgres, closer).await.0, "succeeded");
    }
}

#[tokio::test]
async fn a_cancelled_run_is_a_failed_row_with_its_sqlstate() {
    let _turn = turn().await;
    let mut postgres = as_role("postgres").await;
    for (job, table) in [("refresh_days", "energy.days_due"), ("ingest_inbox", "raw.meter_inbox")] {
        let (mut holder, _) = hold(table).await;
        let run = Run::begin(job).await;
        until_blocked(&mut postgres, run.pid).await;
        query("select pg_cancel_backend($1)").bind(run.pid).execute(&mut postgres).await.unwrap();
        assert_eq!(run.code().await.as_deref(), Some("57014"), "{job}");
        holder.execute("rollback").await.unwrap();
        let (status, code, message, has_ended) = newest(&mut postgres, job).await;
        assert_eq!((status.as_str(), code.as_deref(), has_ended), ("failed", Some("57014"), true), "{job}");
        assert!(message.unwrap().contains("canceling statement"), "{job}");
    }
}

#[tokio::test]
async fn a_run_that_takes_longer_than_its_timeout_is_cancelled() {
    let _turn = turn().await;
    let mut postgres = as_role("postgres").await;
    postgres
        .execute(
            "update energy.jobs set timeout = '200 milliseconds' where job_name in ('refresh_days', 'make_partitions')",
        )
        .await
        .unwrap();
    for (job, table) in [("refresh_days", "energy.days_due"), ("make_partitions", "")] {
        let mut holder = as_role("postgres").await;
        // Partitions are created under a separate lock.
        let block = match job {
            "refresh_days" => format!("begin; lock table {table} in access exclusive mode"),
            _ => "begin; select pg_advisory_xact_lock(hashtextextended('energy.make_months', 0))".to_owned(),
        };
        holder.execute(raw_sql(AssertSqlSafe(block))).await.unwrap();
        assert_eq!(Run::begin(job).await.code().await.as_deref(), Some("57014"), "{job}");
        holder.execute("rollback").await.unwrap();
        let (status, code, ..) = newest(&mut postgres, job).await;
        assert_eq!((status.as_str(), code.as_deref()), ("failed", Some("57014")), "{job}");
    }
    postgres.execute("select energy.define_jobs()").await.unwrap();
    let timeout: bool = query_scalar("select timeout = '1 hour' from energy.jobs where job_name = 'refresh_days'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert!(timeout, "a deployment resets the timeout of a job");
    // The limit ended with its statement.
    let mut session = as_role("pipeline").await;
    session.execute(raw_sql("select edf.cancel_after('50 milliseconds')")).await.unwrap();
    session.execute("select pg_sleep(0.2)").await.unwrap();
    session.execute("set statement_timeout = '100ms'").await.unwrap();
    let kept = refusal(&mut session, "select edf.cancel_after('1 hour'), pg_sleep(20)").await;
    assert_eq!(kept.code, "57014");
    for (span, code) in
        [("null", "22004"), ("'0'", "22023"), ("'-1 hour'", "22023"), ("'25 days'", "22023"), ("'1 month'", "22023")]
    {
        assert_eq!(refusal(&mut session, &format!("select edf.cancel_after({span})")).await.code, code, "{span}");
    }
}

#[tokio::test]
async fn a_session_whose_run_was_closed_does_not_block_others() {
    let _turn = turn().await;
    let mut idle = as_role("pipeline").await;
    let run: i64 = query_scalar("select energy.begin_run('gate_models')").fetch_one(&mut idle).await.unwrap();
    let mut postgres = as_role("postgres").await;
    assert_eq!(newest(&mut postgres, "gate_models").await.0, "running");
    assert_eq!(Run::begin("gate_models").await.code().await, None);
    let status: String = query_scalar("select status from energy.job_runs where job_run_id = $1")
        .bind(run)
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!((status.as_str(), newest(&mut postgres, "gate_models").await.0.as_str()), ("killed", "succeeded"));
}

#[tokio::test]
async fn every_job_has_a_call_and_the_short_ones_record_a_run() {
    let _turn = turn().await;
    let mut postgres = as_role("postgres").await;
    let lacking: Vec<String> = query_scalar(
        "select job_name from energy.jobs
         where (select prosrc from pg_proc
         where oid = 'energy.run_job'::regproc) not like format('%%when %L then call energy.%%', job_name)",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(lacking.is_empty(), "{lacking:?}");
    for job in [
        "ingest_inbox",
        "refresh_hours",
        "refresh_days",
        "learn_gap_profiles",
        "gate_models",
        "make_partitions",
        "apply_retention",
        "watch_jobs",
    ] {
        let run = Run::begin(job).await;
        let pid = run.pid;
        assert_eq!(run.code().await, None, "{job}");
        assert_eq!(status_of(&mut postgres, pid).await, ("succeeded".to_owned(), None), "{job}");
    }
    assert_eq!(refusal(&mut postgres, "call energy.run_job('sleep')").await.code, "42704");
    let inside = refusal(
        &mut postgres,
        "do $$ begin begin call energy.run_job('gate_models'); exception when others then raise; end; end $$",
    )
    .await;
    assert_eq!(inside.code, "2D000");
}

#[tokio::test]
async fn a_job_that_did_not_start_in_time_is_late_and_counts_as_missed_once() {
    let _turn = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        "set local energy.clock = '2031-05-05 06:30Z';
         update energy.jobs set since = '2031-05-01Z';
         delete from energy.job_runs where job_name in ('refresh_hours', 'apply_retention');
         insert into energy.job_runs (job_name, slot_at, started_at, status) values
             ('refresh_hours', '2031-05-05 05:20Z', '2031-05-05 05:20Z', 'succeeded'),
                 ('apply_retention', '2031-05-05 02:30Z', now(), 'failed')",
    ))
    .await
    .unwrap();
    // Due were 05:30, an hour ago, and 02:30 of the same day, when a run started and failed.
    let late = "select job_name, due_at = '2031-05-05 05:30Z', late_by = '1 hour' from energy.late_jobs
                where job_name in ('refresh_hours', 'apply_retention')";
    let rows: Vec<(String, bool, bool)> = query_as(late).fetch_all(&mut *work).await.unwrap();
    assert_eq!(rows, [("refresh_hours".to_owned(), true, true)]);
    for _ in 0..2 {
        work.execute("call energy.watch_jobs()").await.unwrap();
    }
    let missed: Vec<(bool, String)> = query_as(
        "select slot_at = '2031-05-05 05:30Z', message from energy.job_runs
         where job_name = 'refresh_hours' and status = 'missed'",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(missed.len(), 1);
    assert!(missed[0].0 && missed[0].1.contains("2031-05-05T05:20:00"), "{missed:?}");
    work.execute(
        "insert into energy.job_runs (job_name, slot_at, started_at, status)
         values ('refresh_hours', energy.clock(), now(), 'succeeded')",
    )
    .await
    .unwrap();
    let rows: Vec<(String, bool, bool)> = query_as(late).fetch_all(&mut *work).await.unwrap();
    assert_eq!(rows, []);
    // A disabled job is never late, nor is one before its schedule began.
    work.execute(raw_sql(
        "update energy.jobs set schedule = null where job_name = 'gate_models';
         update energy.jobs set since = energy.clock() where job_name = 'train_models'",
    ))
    .await
    .unwrap();
    let late: Vec<String> = query_scalar(
        "select job_name from energy.late_jobs where job_name in ('gate_models', 'train_models', 'refresh_days')",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(late, ["refresh_days"]);
}

#[tokio::test]
async fn schedule_times_are_those_of_cron() {
    let mut analyst = as_role("analyst").await;
    for (schedule, at, before, after) in [
        ("*/15 * * * *", "2026-03-01 10:07Z", "2026-03-01 10:00Z", "2026-03-01 10:15Z"),
        ("0 5 * * *", "2026-03-01 05:00Z", "2026-03-01 05:00Z", "2026-03-02 05:00Z"),
        ("50 */6 * * *", "2026-03-01 00:49Z", "2026-02-28 18:50Z", "2026-03-01 00:50Z"),
        ("0 1 * * 0", "2026-03-04 00:00Z", "2026-03-01 01:00Z", "2026-03-08 01:00Z"),
        ("0 1 * * 7", "2026-03-04 00:00Z", "2026-03-01 01:00Z", "2026-03-08 01:00Z"),
        // If both the day of the month and the day of the week are restricted, either matches.
        ("0 0 13 * 5", "2026-03-01 00:00Z", "2026-02-27 00:00Z", "2026-03-06 00:00Z"),
        ("0 0 29 2 *", "2026-03-01 00:00Z", "2024-02-29 00:00Z", "2028-02-29 00:00Z"),
        // Beyond the nearest days, which suffice for most schedules.
        ("0 0 10 * *", "2026-03-01 12:00Z", "2026-02-10 00:00Z", "2026-03-10 00:00Z"),
        ("0 0 20 * *", "2026-03-12 00:00Z", "2026-02-20 00:00Z", "2026-03-20 00:00Z"),
        ("0 0 4,21 * *", "2026-03-12 12:00Z", "2026-03-04 00:00Z", "2026-03-21 00:00Z"),
        ("0 6 * * 1", "2026-03-02 05:59Z", "2026-02-23 06:00Z", "2026-03-02 06:00Z"),
        ("30 8-18/2,20 1,15 * *", "2026-03-01 18:30Z", "2026-03-01 18:30Z", "2026-03-01 20:30Z"),
    ] {
        let is_right: (bool, bool) = query_as(
            "select energy.scheduled_near($1, $2::text::timestamptz, false) = $3::text::timestamptz,
                 energy.scheduled_near($1, $2::text::timestamptz, true) = $4::text::timestamptz",
        )
        .bind(schedule)
        .bind(at)
        .bind(before)
        .bind(after)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        assert_eq!(is_right, (true, true), "{schedule} at {at}");
    }
    let never: Option<String> = query_scalar("select energy.scheduled_near('0 0 30 2 *', now(), true)::text")
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(never, None);
}

#[tokio::test]
async fn pg_cron_follows_a_configuration_that_is_loaded_or_restored() {
    let _turn = turn().await;
    let mut analyst = as_role("postgres").await;
    let mut work = analyst.begin().await.unwrap();
    let first: i64 = query_scalar("select energy.current_config_id()").fetch_one(&mut *work).await.unwrap();
    work.execute("update cron.job set active = true where jobname = 'edf apply retention'").await.unwrap();
    let mut config: Value = query_scalar("select energy.current_config()").fetch_one(&mut *work).await.unwrap();
    config["schedules"]["apply_retention"] = json!("31 3 * * *");
    config["schedules"]["gate_models"] = json!(null);
    config["jobs"]["apply_retention"] = json!({"timeout": "7 hours", "late_after": "90 minutes"});
    work.execute("set local role analyst").await.unwrap();
    query("call energy.load_config($1)").bind(&config).execute(&mut *work).await.unwrap();
    work.execute("reset role").await.unwrap();
    let scheduled = "select jobname, schedule, active from cron.job
                     where jobname in ('edf apply retention', 'edf gate models') order by 1";
    let rows: Vec<(String, String, bool)> = query_as(scheduled).fetch_all(&mut *work).await.unwrap();
    assert_eq!(rows, [("edf apply retention".to_owned(), "31 3 * * *".to_owned(), true)]);
    let job: (String, bool, bool, bool) = query_as(
        "select schedule, timeout = '7 hours', late_after = '90 minutes',
             next_run_at = energy.scheduled_near(schedule, now(), true)
         from energy.job_status where job_name = 'apply_retention'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(job, ("31 3 * * *".to_owned(), true, true, true));
    work.execute("set local role analyst").await.unwrap();
    query("call energy.restore_config($1)").bind(first).execute(&mut *work).await.unwrap();
    work.execute("reset role").await.unwrap();
    let rows: Vec<(String, String, bool)> = query_as(scheduled).fetch_all(&mut *work).await.unwrap();
    // A disabled job is scheduled again by a deployment: pg_cron only lets a superuser assign it to another role.
    assert_eq!(rows, [("edf apply retention".to_owned(), "30 2 * * *".to_owned(), true)]);
}

#[tokio::test]
async fn only_the_pipeline_runs_jobs_and_runs_are_only_written_by_routines() {
    for role in ["analyst", "weather", "dbt"] {
        let mut session = as_role(role).await;
        // The owner of the routines may call them all.
        if role != "dbt" {
            assert_eq!(refusal(&mut session, "call energy.run_job('gate_models')").await.code, "42501", "{role}");
        }
    }
    for role in ["analyst", "pipeline"] {
        let mut session = as_role(role).await;
        for statement in [
            "insert into energy.job_runs (job_name, slot_at, started_at, status)
             values ('a', now(), now(), 'succeeded')",
            "update energy.job_runs set status = 'succeeded'",
            "update energy.jobs set schedule = null",
        ] {
            assert_eq!(refusal(&mut session, statement).await.code, "42501", "{role}: {statement}");
        }
    }
}
