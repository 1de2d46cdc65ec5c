//! The daily run, from training to forecasts, with the roles that perform it.
//!
//! One building is trained for all tests. Other writes are rolled back, and the tests take turns, since a concurrent
//! second run is skipped.

use crate::job_runs::rest_jobs;
use chrono::{DateTime, Utc};
use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// The trained building.
pub const BUILDING: &str = "homes-1-4";
/// Its forecast is issued an hour before the database's clock in the tests that roll back.
const EARLIER: &str = "2017-07-29 04:00Z";

/// Held by tests that run jobs or lock their inputs, so that runs of other tests do not interfere.
pub static TURN: Mutex<()> = Mutex::const_new(());
static MODEL: OnceCell<i64> = OnceCell::const_new();

/// Takes the turn, with an approved model of [`BUILDING`]; returns the model's id.
pub async fn turn() -> (MutexGuard<'static, ()>, i64) {
    let turn = TURN.lock().await;
    let model = *MODEL.get_or_init(train_gate_approve).await;
    (turn, model)
}

async fn train_gate_approve() -> i64 {
    rest_jobs(&mut as_role("postgres").await).await;
    let mut pipeline = as_role("pipeline").await;
    query("call energy.train_models(array[$1])").bind(BUILDING).execute(&mut pipeline).await.unwrap();
    let (model, status): (i64, String) =
        query_as("select model_id, status from edf.models where subject = $1 order by model_id desc limit 1")
            .bind(BUILDING)
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert_eq!(status, "pending");
    pipeline.execute("call energy.gate_models()").await.unwrap();
    // A session with the role, since nobody can log in as it.
    let mut approver = as_role("postgres").await;
    approver.execute("set role edf_approver").await.unwrap();
    query_scalar("select model_id from energy.approve_models('a test', model_ids => array[$1]) where approved")
        .bind(model)
        .fetch_one(&mut approver)
        .await
        .unwrap()
}

/// Issues and commits forecasts of [`BUILDING`] by its model, for tests that read them.
pub async fn issue_forecasts() {
    let (_turn, _) = turn().await;
    let mut pipeline = as_role("pipeline").await;
    pipeline.execute("call energy.issue_forecasts('2017-07-29 05:00Z')").await.unwrap();
    let by_model = "select bool_and(source = 'model') from energy.forecasts
                    where building_id = $1 and issued_at = '2017-07-29 05:00Z'";
    if !query_scalar::<_, bool>(by_model).bind(BUILDING).fetch_one(&mut pipeline).await.unwrap() {
        // A run before the training.
        pipeline.execute("call energy.reissue_forecasts('2017-07-29 05:00Z')").await.unwrap();
    }
}

/// The work of `energy.issue_forecasts` in a transaction that a test rolls back: for a slot or, without one, for those
/// that are due.
pub fn issuing(slot: Option<&str>) -> AssertSqlSafe<String> {
    let slot = slot.map_or("null".to_owned(), |slot| format!("'{slot}'"));
    AssertSqlSafe(format!(
        "do $$
         declare
             began  timestamptz := clock_timestamp();
             inputs energy.place_inputs;
         begin
             perform energy.prepare_issue({slot}, null);
             loop
                 inputs := energy.issue_next({slot}, began, inputs);
                 exit when inputs.slot_at is null;
             end loop;
             perform energy.record_issue_run({slot}, began);
         end $$"
    ))
}

/// Status, rows and message of the newest complete run.
async fn last_run(connection: &mut PgConnection) -> (String, i64, Option<String>) {
    query_as(
        "select status, rows_written, message from energy.job_runs
         where job_name = 'issue_forecasts' and building_id is null order by job_run_id desc limit 1",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn training_scores_the_model_against_seasonal_naive_by_day_of_lead() {
    let (_turn, model) = turn().await;
    let scores: Vec<(String, i32, i64, f64, f64)> = query_as(
        "select strategy, lead_day, n, rmse_kwh, coverage_pct from energy.model_scores where model_id = $1
         order by strategy, lead_day",
    )
    .bind(model)
    .fetch_all(&mut as_role("analyst").await)
    .await
    .unwrap();
    let of: Vec<_> = scores.iter().map(|(strategy, day, ..)| (strategy.as_str(), *day)).collect();
    let expected = ["ensemble", "seasonal_naive"].map(|strategy| [1, 2, 3].map(|day| (strategy, day))).concat();
    assert_eq!(of, expected);
    assert!(
        scores.iter().all(|(_, _, n, rmse, coverage)| *n > 1000 && *rmse > 0.0 && (50.0..=100.0).contains(coverage)),
        "{scores:?}"
    );
}

#[tokio::test]
async fn a_model_and_its_forecasts_reference_their_configuration() {
    let (_turn, model) = turn().await;
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    work.execute("call energy.load_config(jsonb_set(energy.current_config(), '{quality,min_coverage_share}', '0.89'))")
        .await
        .unwrap();
    work.execute(issuing(Some("2017-07-29 03:00Z"))).await.unwrap();
    let (of_model, same_strategy, of_forecasts, current): (i64, bool, Vec<i64>, i64) = query_as(
        "select trainings.config_id, configs.config #>> '{training,strategy}' = models.strategy,
             (select array_agg(distinct forecasts.config_id) from energy.forecasts
             where issued_at = '2017-07-29 03:00Z' and model_id = $1),
             energy.current_config_id()
         from energy.trainings join energy.configs using (config_id) join edf.models using (model_id)
         where model_id = $1",
    )
    .bind(model)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(same_strategy);
    assert_eq!(of_forecasts, [current]);
    assert!(of_model < current, "the model references the previous version");
}

#[tokio::test]
async fn a_model_that_is_no_better_than_seasonal_naive_does_not_pass_the_gate() {
    let (_turn, good) = turn().await;
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let poor: i64 =
        query_scalar("select edf.train('a poor one', energy.training_query($1, energy.clock()), 'seasonal_naive')")
            .bind(BUILDING)
            .fetch_one(&mut *work)
            .await
            .unwrap();
    // It gets the scores of the good model's baseline under both names.
    query(
        "insert into energy.model_scores
         select $1, strategy, lead_day + offset_day, n, mape_pct, rmse_kwh, mae_kwh, coverage_pct
         from energy.model_scores, (values (0), (3)) as days (offset_day)
         where model_id = $2 and strategy = 'seasonal_naive'",
    )
    .bind(poor)
    .bind(good)
    .execute(&mut *work)
    .await
    .unwrap();
    work.execute("call energy.gate_models()").await.unwrap();
    let (status, reason): (String, String) = query_as(
        "select status, reason from edf.models join edf.model_events using (model_id)
         where model_id = $1 and event = 'rejected'",
    )
    .bind(poor)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(status, "rejected");
    assert!(reason.starts_with("gate: RMSE is 1.000 of seasonal naive's"), "{reason}");
}

#[tokio::test]
async fn a_run_writes_72_hours_and_the_next_one_none_but_is_recorded() {
    let (_turn, model) = turn().await;
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    work.execute(issuing(Some("2017-07-29 04:00Z"))).await.unwrap();
    let (rows, hours, first, last, outside, confidence): (i64, i64, DateTime<Utc>, DateTime<Utc>, i64, f64) = query_as(
        "select count(*), count(distinct valid_at), min(valid_at), max(valid_at),
             count(*) filter (where yhat not between yhat_lower and yhat_upper
                 or lead_hours <> extract(epoch from valid_at - issued_at) / 3600 + 1),
             min(confidence)
         from energy.forecasts where building_id = $1 and issued_at = $2::timestamptz and model_id = $3",
    )
    .bind(BUILDING)
    .bind(EARLIER)
    .bind(model)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!((rows, hours, outside), (72, 72, 0));
    assert!(confidence > 0.8, "{confidence}");
    assert_eq!((first, last), ("2017-07-29T04:00:00Z".parse().unwrap(), "2017-08-01T03:00:00Z".parse().unwrap()));
    assert!(last_run(&mut work).await.1 >= 72);

    let runs = "select count(*) from energy.job_runs where job_name = 'issue_forecasts' and building_id is null";
    let before: i64 = query_scalar(runs).fetch_one(&mut *work).await.unwrap();
    work.execute(issuing(Some("2017-07-29 04:00Z"))).await.unwrap();
    let after: i64 = query_scalar(runs).fetch_one(&mut *work).await.unwrap();
    assert_eq!(after, before + 1);
    assert_eq!(last_run(&mut work).await.1, 0);
}

#[tokio::test]
async fn a_building_that_cannot_be_forecast_is_a_failed_row_and_others_are_issued() {
    let (_turn, _) = turn().await;
    // A superuser adds a building first; the run itself uses role pipeline.
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    query(
        "insert into raw.buildings select 'a-new-home', 'New', time_zone, region, latitude, longitude,
             weather_location_id
         from raw.buildings where building_id = $1",
    )
    .bind(BUILDING)
    .execute(&mut *work)
    .await
    .unwrap();
    // Even a plan needs the local hour.
    work.execute(raw_sql(
        "set local session_replication_role = replica;
         update raw.buildings set time_zone = 'Nowhere' where building_id = 'a-new-home';
         set local session_replication_role = origin; set local role pipeline",
    ))
    .await
    .unwrap();
    work.execute(issuing(Some("2017-07-29 04:00Z"))).await.unwrap();

    let (status, sqlstate, message): (String, String, String) = query_as(
        "select status, sqlstate, message from energy.job_runs
         where building_id = 'a-new-home' and job_name = 'issue_forecasts' order by job_run_id limit 1",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!((status.as_str(), sqlstate.as_str()), ("failed", "22023"), "{message}");
    assert!(message.contains("Nowhere"), "{message}");
    let rows: i64 =
        query_scalar("select count(*) from energy.forecasts where building_id = $1 and issued_at = $2::timestamptz")
            .bind(BUILDING)
            .bind(EARLIER)
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!(rows, 72);
    let (status, _, message) = last_run(&mut work).await;
    assert_eq!(status, "failed");
    assert!(message.unwrap().contains("failed"));
}

#[tokio::test]
async fn a_building_that_cannot_be_trained_is_a_failed_row() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    query(
        "insert into raw.buildings select 'an-empty-home', 'Empty', time_zone, region, latitude, longitude,
             weather_location_id
         from raw.buildings where building_id = $1",
    )
    .bind(BUILDING)
    .execute(&mut postgres)
    .await
    .unwrap();
    // It commits after each building, so this one is deleted and not rolled back.
    let outcome = as_role("pipeline").await.execute("call energy.train_models(array['an-empty-home'])").await;
    postgres.execute("delete from raw.buildings where building_id = 'an-empty-home'").await.unwrap();
    outcome.unwrap();
    let (status, sqlstate, hint): (String, String, String) = query_as(
        "select status, sqlstate, hint from energy.job_runs where building_id = 'an-empty-home'
         order by job_run_id desc limit 1",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!((status.as_str(), sqlstate.as_str()), ("failed", "22000"));
    assert!(!hint.is_empty());
}

#[tokio::test]
async fn refreshing_the_hours_twice_changes_nothing() {
    let (_turn, _) = turn().await;
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let rows = "select array_agg(xmin::text || ctid::text order by building_id, hour_at) from energy.building_hours
                where hour_at >= energy.clock() - interval '3 days'";
    work.execute("call energy.refresh_building_hours()").await.unwrap();
    let before: Vec<String> = query_scalar(rows).fetch_one(&mut *work).await.unwrap();
    work.execute("call energy.refresh_building_hours()").await.unwrap();
    let after: Vec<String> = query_scalar(rows).fetch_one(&mut *work).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn forecasts_and_trainings_only_read_data_received_by_then() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let inputs = "
        select array[to_jsonb(forecast)::text, to_jsonb(training)::text]
        from edf.series_of(energy.forecast_query($1, '2017-07-28 05:00Z', '72 hours')) as forecast,
            edf.series_of(energy.training_query($1, '2017-07-28 05:00Z')) as training";
    let before: Vec<String> = query_scalar(inputs).bind(BUILDING).fetch_one(&mut *work).await.unwrap();
    work.execute(raw_sql(
        "update energy.building_hours set consumption_kwh = 1e6, received_at = '2017-07-28 09:00Z'
         where received_at > '2017-07-28 05:00Z';
         update raw.weather_observations set temperature_c = 99, ghi_w_m2 = 9999
         where received_at > '2017-07-28 05:00Z';
         update raw.weather_forecasts set temperature_c = 99, ghi_w_m2 = 9999 where received_at > '2017-07-28 05:00Z'",
    ))
    .await
    .unwrap();
    let after: Vec<String> = query_scalar(inputs).bind(BUILDING).fetch_one(&mut *work).await.unwrap();
    assert!(before[0] == after[0], "data received after the issue time changed the inputs of its forecast");
    assert!(before[1] == after[1], "data received later changed the inputs of a training");
}

#[tokio::test]
async fn a_correction_received_after_the_issue_time_is_not_read() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    query(
        "update energy.building_hours set consumption_kwh = 1e6, received_at = '2017-07-28 09:00Z'
         where building_id = $1 and hour_at = '2017-07-28 03:00Z'",
    )
    .bind(BUILDING)
    .execute(&mut *work)
    .await
    .unwrap();
    let highest: f64 = query_scalar(
        "select max(kwh) from edf.series_of(energy.forecast_query($1, '2017-07-28 05:00Z', '72 hours')) as s,
             unnest(s.target) as kwh",
    )
    .bind(BUILDING)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(highest < 1e6, "the correction of 09:00 was read at 05:00");
}
