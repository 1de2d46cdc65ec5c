//! Several sessions issue forecasts together: each slot once and completely, even if sessions are killed, and no
//! session waits for another while there is work.
//!
//! Each test uses a copy with sixty buildings at one location: batches of forty and of twenty. A locked row stops the
//! session that issues the first batch in the middle of it.

use edf_tests::{Throwaway, configure, connect, deployment, until_blocked_by};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, query, query_as, query_scalar, raw_sql};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const RUN: &str = "call energy.run_job('issue_forecasts')";
const WORK: &str = "call energy.work_on_forecasts()";
const BUILDINGS: i64 = 60;

async fn fleet() -> (Throwaway, PgConnection) {
    let (copy, mut postgres) = deployment().await;
    postgres
        .execute(raw_sql(
            "insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
             select 'more-' || n, 'More', time_zone, region, latitude, longitude, weather_location_id
             from raw.buildings cross join generate_series(1, 55) as n where building_id = 'homes-1-4';
             insert into energy.building_hours
             select 'more-' || n, hour_at, consumption_kwh, solar_kwh, apartments_reporting, apartments_expected,
                 coverage_share, quality, received_at
             from energy.building_hours cross join generate_series(1, 55) as n
             where building_id = 'homes-1-4' and hour_at >= energy.clock() - interval '35 days'",
        ))
        .await
        .unwrap();
    (copy, postgres)
}

/// A call in a separate session.
struct Session {
    pid: i32,
    ends: JoinHandle<Result<(), sqlx::Error>>,
}

impl Session {
    async fn begin(copy: &Throwaway, call: &'static str) -> Self {
        let mut session = connect("pipeline", &copy.name).await;
        let pid = query_scalar("select pg_backend_pid()").fetch_one(&mut session).await.unwrap();
        Self { pid, ends: tokio::spawn(async move { session.execute(call).await.map(drop) }) }
    }

    async fn kill(self, postgres: &mut PgConnection) {
        query("select pg_terminate_backend($1, 10000)").bind(self.pid).execute(postgres).await.unwrap();
        self.ends.await.unwrap().expect_err("its session was terminated");
    }
}

/// Locks the first forecast of a building of the first batch, until rolled back.
async fn hold(copy: &Throwaway) -> (PgConnection, i32) {
    let mut holder = copy.connect().await;
    let pid = query_scalar("select pg_backend_pid()").fetch_one(&mut holder).await.unwrap();
    holder
        .execute(raw_sql(
            "begin;
             insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper)
             values ('homes-1-4', '2017-07-29 05:00Z', '2017-07-29 05:00Z', 1, 1, 1, 1)",
        ))
        .await
        .unwrap();
    (holder, pid)
}

/// Waits until this many buildings have visible forecasts.
async fn until_issued(postgres: &mut PgConnection, buildings: i64) {
    let began = Instant::now();
    loop {
        let (issued, half): (i64, i64) = query_as(
            "select count(*), count(*) filter (where hours <> 72)
             from (select count(*) as hours from energy.forecasts group by building_id, issued_at) as made",
        )
        .fetch_one(&mut *postgres)
        .await
        .unwrap();
        assert_eq!(half, 0, "a slot is half there");
        if issued == buildings {
            return;
        }
        assert!(issued < buildings && began.elapsed() < Duration::from_secs(120), "{issued} of {buildings}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that every slot was issued once and at once, by any session.
async fn assert_each_slot_once(postgres: &mut PgConnection) {
    let slots: (i64, i64, i64) = query_as(
        "select count(*), count(*) filter (where status = 'issued' and tries = 1 and revision = 0),
             (select count(*) from energy.superseded_forecasts)
         from energy.forecast_slots",
    )
    .fetch_one(&mut *postgres)
    .await
    .unwrap();
    assert_eq!(slots, (BUILDINGS, BUILDINGS, 0));
    until_issued(postgres, BUILDINGS).await;
}

/// Status and rows of the runs, oldest first.
async fn runs(postgres: &mut PgConnection) -> Vec<(String, i64)> {
    query_as(
        "select status, rows_written from energy.job_runs
         where job_name = 'issue_forecasts' and building_id is null order by job_run_id",
    )
    .fetch_all(postgres)
    .await
    .unwrap()
}

fn outcome(status: &str, buildings: i64) -> (String, i64) {
    (status.to_owned(), 72 * buildings)
}

#[tokio::test]
async fn a_worker_issues_unclaimed_batches_and_the_run_counts_both() {
    let (copy, mut postgres) = fleet().await;
    let (mut holder, holding) = hold(&copy).await;
    let run = Session::begin(&copy, RUN).await;
    until_blocked_by(&mut postgres, run.pid, holding).await;
    // A second run of the job ends; a worker stays.
    let mut second = connect("pipeline", &copy.name).await;
    second.execute(RUN).await.unwrap();
    let worker = Session::begin(&copy, WORK).await;
    until_issued(&mut postgres, 20).await;
    assert!(!run.ends.is_finished() && !worker.ends.is_finished(), "the worker stays as long as the run");
    holder.execute("rollback").await.unwrap();
    run.ends.await.unwrap().unwrap();
    worker.ends.await.unwrap().unwrap();
    assert_each_slot_once(&mut postgres).await;
    assert_eq!(runs(&mut postgres).await, [outcome("succeeded", BUILDINGS), outcome("skipped", 0)]);
}

#[tokio::test]
async fn the_run_issues_the_batch_of_a_killed_worker_it_waited_for() {
    let (copy, mut postgres) = fleet().await;
    // A worker that starts first claims what was planned before.
    connect("pipeline", &copy.name).await.execute("select energy.plan_slots(null, null)").await.unwrap();
    let (mut holder, holding) = hold(&copy).await;
    let worker = Session::begin(&copy, WORK).await;
    until_blocked_by(&mut postgres, worker.pid, holding).await;
    let run = Session::begin(&copy, RUN).await;
    until_issued(&mut postgres, 20).await;
    until_blocked_by(&mut postgres, run.pid, worker.pid).await;
    worker.kill(&mut postgres).await;
    until_blocked_by(&mut postgres, run.pid, holding).await;
    until_issued(&mut postgres, 20).await;
    holder.execute("rollback").await.unwrap();
    run.ends.await.unwrap().unwrap();
    assert_each_slot_once(&mut postgres).await;
    assert_eq!(runs(&mut postgres).await, [outcome("succeeded", BUILDINGS)]);
}

#[tokio::test]
async fn a_worker_continues_after_the_run_is_killed_and_the_next_run_finds_nothing_due() {
    let (copy, mut postgres) = fleet().await;
    let (mut holder, holding) = hold(&copy).await;
    let run = Session::begin(&copy, RUN).await;
    until_blocked_by(&mut postgres, run.pid, holding).await;
    let worker = Session::begin(&copy, WORK).await;
    until_issued(&mut postgres, 20).await;
    run.kill(&mut postgres).await;
    holder.execute("rollback").await.unwrap();
    worker.ends.await.unwrap().unwrap();
    assert_each_slot_once(&mut postgres).await;
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    assert_eq!(runs(&mut postgres).await, [outcome("killed", 0), outcome("succeeded", 0)]);
}

#[tokio::test]
async fn a_worker_that_starts_before_the_run_waits_for_it() {
    let (copy, mut postgres) = fleet().await;
    let worker = Session::begin(&copy, WORK).await;
    let seat = "select exists (select from pg_locks where pid = $1 and locktype = 'advisory')";
    while !query_scalar::<_, bool>(seat).bind(worker.pid).fetch_one(&mut postgres).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    let over = tokio::time::timeout(Duration::from_secs(10), worker.ends).await;
    over.expect("it ends with the run").unwrap().unwrap();
    assert_each_slot_once(&mut postgres).await;
    assert_eq!(runs(&mut postgres).await, [outcome("succeeded", BUILDINGS)]);
}

#[tokio::test]
async fn the_number_of_sessions_is_limited_by_the_configuration() {
    let (copy, mut postgres) = deployment().await;
    let (mut first, mut second) = (connect("pipeline", &copy.name).await, connect("pipeline", &copy.name).await);
    let seat = "select energy.take_issue_seat()";
    for (workers, seats) in [("1", [false, false]), ("2", [true, false]), ("3", [true, true])] {
        configure(&mut postgres, "inference,workers", workers).await;
        for session in [&mut first, &mut second] {
            session.execute("begin").await.unwrap();
        }
        let taken: [bool; 2] = [
            query_scalar(seat).fetch_one(&mut first).await.unwrap(),
            query_scalar(seat).fetch_one(&mut second).await.unwrap(),
        ];
        assert_eq!(taken, seats, "{workers} workers");
        for session in [&mut first, &mut second] {
            session.execute("rollback").await.unwrap();
        }
    }
    // A session without a batch ends and does not wait for the run.
    configure(&mut postgres, "inference,workers", "1").await;
    first.execute(raw_sql("set statement_timeout = '5s'")).await.unwrap();
    first.execute(WORK).await.unwrap();
}

#[tokio::test]
async fn two_manual_calls_share_the_work_and_each_reads_a_location_once() {
    let (copy, mut postgres) = fleet().await;
    let (mut holder, holding) = hold(&copy).await;
    let call = "call energy.issue_forecasts('2017-07-29 05:00Z')";
    let first = Session::begin(&copy, call).await;
    until_blocked_by(&mut postgres, first.pid, holding).await;
    let second = Session::begin(&copy, call).await;
    until_issued(&mut postgres, 20).await;
    until_blocked_by(&mut postgres, second.pid, first.pid).await;
    holder.execute("rollback").await.unwrap();
    first.ends.await.unwrap().unwrap();
    second.ends.await.unwrap().unwrap();
    assert_each_slot_once(&mut postgres).await;
    assert!(runs(&mut postgres).await.iter().all(|(status, _)| status == "succeeded"));
    // In one session: one location, two batches.
    let issue = crate::jobs::issuing(Some("2017-07-28 05:00Z"));
    postgres.execute(raw_sql("begin; set local track_functions = 'all'")).await.unwrap();
    postgres.execute(issue).await.unwrap();
    let calls: Vec<(String, i64)> = query_as(
        "select funcname, calls from pg_stat_xact_user_functions
         where funcname in ('inputs_of_place', 'issue_batch', 'issue_slot') order by 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let expected = [("inputs_of_place", 1), ("issue_batch", 2), ("issue_slot", BUILDINGS)];
    assert_eq!(calls, expected.map(|(name, calls)| (name.to_owned(), calls)));
    postgres.execute("rollback").await.unwrap();
}

#[tokio::test]
async fn a_worker_takes_the_oldest_slots_first_and_stays_at_its_location() {
    let (copy, mut postgres) = fleet().await;
    // Three locations, and a missed day.
    postgres
        .execute(raw_sql(
            // Copies of the buildings' location; other tests temporarily add their own.
            "insert into raw.weather_locations
             select 'place-' || n, latitude, longitude from raw.weather_locations, generate_series(1, 2) as n
             where weather_location_id = (select min(weather_location_id) from raw.buildings);
             update raw.buildings set weather_location_id = 'place-' || 1 + length(building_id) % 2
             where building_id ~ '^more-[2-4]';
             insert into energy.forecast_slots (building_id, slot_at)
             select building_id, slot_at from raw.buildings cross
             join unnest('{2017-07-28 05:00Z,2017-07-29 05:00Z}'::timestamptz[]) as slot_at",
        ))
        .await
        .unwrap();
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    let turns: (i64, i64, bool) = query_as(
        "select count(*), count(*) filter (where is_turn), bool_and(is_later)
         from (
             select (slot_at, weather_location_id) is distinct
             from (lag(slot_at) over turn, lag(weather_location_id) over turn) as is_turn,
                 slot_at >= lag(slot_at, 1, '-infinity') over turn as is_later
             from energy.forecast_slots
             join raw.buildings using (building_id)
             where status = 'issued'
             window turn as (order by tried_at)
         ) as tried",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(turns, (2 * BUILDINGS, 6, true));
}
