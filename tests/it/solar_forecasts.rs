//! Solar forecasts are issued together with the demand of their buildings, from data known by then, and a failed solar
//! forecast does not affect the demand forecast.

use crate::jobs::{BUILDING, issuing, turn};
use edf_tests::{as_role, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres, Transaction, query_as, query_scalar, raw_sql};

/// A day before the database's clock, so that the actuals are known.
const SLOT: &str = "2017-07-28 04:00Z";

/// A transaction in which nothing is issued yet.
async fn work(postgres: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut work = postgres.begin().await.unwrap();
    run(
        &mut work,
        "delete from energy.forecasts; delete from energy.superseded_forecasts; delete from energy.solar_forecasts;
         delete from energy.forecast_slots; delete from energy.job_runs",
    )
    .await;
    work
}

async fn run(work: &mut PgConnection, statements: &str) {
    work.execute(raw_sql(AssertSqlSafe(statements))).await.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

async fn issue(work: &mut PgConnection) {
    work.execute(issuing(Some(SLOT))).await.unwrap();
}

/// Number of hours of demand, number of hours of generation, their source, and the failures of a building.
async fn issued(work: &mut PgConnection, building: &str) -> (i64, i64, Option<String>, Vec<String>) {
    query_as(
        "select (select count(*) from energy.forecasts where building_id = $1), count(*), min(source),
             array(select sqlstate || ' ' || message from energy.job_runs where building_id = $1 and status = 'failed')
         from energy.solar_forecasts where building_id = $1",
    )
    .bind(building)
    .fetch_one(work)
    .await
    .unwrap()
}

const KWH: &str = "select array_agg(yhat order by building_id, valid_at) from energy.solar_forecasts";

#[tokio::test]
async fn each_roof_is_forecast_with_the_demand_and_zero_at_night() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = work(&mut postgres).await;
    issue(&mut work).await;
    let roofs: Vec<(String, i64, i64, String)> = query_as(
        "select building_id, count(*), count(*) filter (where yhat_upper = 0), min(source) from energy.solar_forecasts
         where issued_at = '2017-07-28 04:00Z' and known_at = issued_at and weather_issued_at <= issued_at group by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let demands: i64 =
        query_scalar("select count(distinct building_id) from energy.forecasts").fetch_one(&mut *work).await.unwrap();
    assert_eq!(roofs.len() as i64, demands);
    for (building, hours, dark, source) in &roofs {
        // California in July has ten hours of darkness; the hours at sunrise and sunset are partly lit.
        assert!(*hours == 72 && (24..=33).contains(dark) && source == "fitted", "{building}: {hours} {dark} {source}");
    }
    let (hours, wape, coverage): (i64, f64, f64) = query_as(
        "select sum(hours)::bigint, max(wape_pct), min(coverage_pct) from energy.solar_accuracy where lead_day = 1",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(hours >= 5 * 13 && wape < 30.0 && coverage > 50.0, "{hours} {wape} {coverage}");
    // A repeated run changes nothing.
    let before: Vec<f64> = query_scalar(KWH).fetch_one(&mut *work).await.unwrap();
    issue(&mut work).await;
    let after: Vec<f64> = query_scalar(KWH).fetch_one(&mut *work).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn data_received_later_is_only_read_by_a_revision() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut before = work(&mut postgres).await;
    issue(&mut before).await;
    let as_it_was: Vec<f64> = query_scalar(KWH).fetch_one(&mut *before).await.unwrap();
    before.rollback().await.unwrap();
    let mut work = work(&mut postgres).await;
    run(
        &mut work,
        "update energy.building_hours set solar_kwh = 0.2 * solar_kwh where solar_received_at > '2017-07-28 04:00Z';
         -- The last afternoon was received late and is wrong.
         update energy.building_hours set solar_received_at = '2017-07-28 05:00Z', solar_kwh = 0
         where building_id = 'homes-5-8' and hour_at >= '2017-07-27 18:00Z' and solar_kwh is not null",
    )
    .await;
    issue(&mut work).await;
    let other: Vec<f64> = query_scalar(
        "select array_agg(yhat order by building_id, valid_at) from energy.solar_forecasts
         where building_id <> 'homes-5-8'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(!as_it_was.is_empty() && other.iter().all(|kwh| as_it_was.contains(kwh)));
    let of_late =
        "select sum(yhat)::float8, max(revision), count(*) from energy.solar_forecasts where building_id = 'homes-5-8'";
    let first: (f64, i32, i64) = query_as(of_late).fetch_one(&mut *work).await.unwrap();
    run(&mut work, "select energy.plan_revisions('2017-07-28 04:00Z', '{homes-5-8}')").await;
    issue(&mut work).await;
    let revised: (f64, i32, i64) = query_as(of_late).fetch_one(&mut *work).await.unwrap();
    assert_eq!((first.1, first.2, revised.1, revised.2), (0, 72, 1, 72));
    assert!(revised.0 < first.0, "{first:?} {revised:?}");
}

#[tokio::test]
async fn a_failed_solar_forecast_is_reported_and_does_not_affect_demand() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = work(&mut postgres).await;
    run(
        &mut work,
        "update energy.building_hours set solar_kwh = -1 - solar_kwh
         where building_id = 'homes-1-4' and solar_kwh is not null;
         -- One without panels, and one with new panels.
         update energy.building_hours set solar_kwh = null where building_id = 'homes-5-8';
         update energy.building_hours set solar_kwh = null
         where building_id = 'homes-9-13' and hour_at < '2017-07-10Z'",
    )
    .await;
    issue(&mut work).await;
    let (demand, roof, source, failures) = issued(&mut work, BUILDING).await;
    assert_eq!((demand, roof, source), (72, 0, None));
    assert_eq!(failures, ["22023 solar generation: generation must be given as positive numbers; it is negative"]);
    let status: String = query_scalar("select status from energy.forecast_slots where building_id = 'homes-1-4'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(status, "issued");
    for building in ["homes-5-8", "homes-9-13"] {
        assert_eq!(issued(&mut work, building).await, (72, 0, None, vec![]), "{building}");
    }
    assert_eq!(issued(&mut work, "homes-14-17").await, (72, 72, Some("fitted".to_owned()), vec![]));
}

#[tokio::test]
async fn an_approved_model_is_preferred_and_a_corrupted_one_falls_back() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = work(&mut postgres).await;
    run(&mut work, "set local energy.clock = '2017-07-28 04:00Z'; set local role analyst").await;
    let model: i64 = query_scalar("select energy.train_solar_model('homes-1-4')").fetch_one(&mut *work).await.unwrap();
    let scores: Vec<(String, i64, bool)> = query_as(
        "select strategy, count(*), bool_and(n > 500 and rmse_kwh > 0 and coverage_pct between 0 and 100)
         from energy.model_scores where model_id = $1 group by 1 order by 1",
    )
    .bind(model)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(scores, [("seasonal_naive".to_owned(), 3, true), ("solar".to_owned(), 3, true)]);
    let (subject, status, judged): (String, String, bool) = query_as(
        "select subject, status, energy.gate_failures(model_id) <@ array[format(
                 'RMSE is %s of seasonal naive''s, at most 0.9 is allowed', (
                     select round((own.rmse_kwh / naive.rmse_kwh)::numeric, 3)
                     from energy.overall_scores as own join energy.overall_scores as naive using (model_id)
                     where own.strategy = 'solar' and naive.strategy = 'seasonal_naive' and model_id = $1))]
         from edf.models where model_id = $1",
    )
    .bind(model)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    // Consecutive summer days here are so similar that the gate may reject the model, but for no other reason.
    assert_eq!((subject.as_str(), status.as_str(), judged), ("solar:homes-1-4", "pending", true));
    run(&mut work, "reset role; select edf.approve_model(model_id) from edf.models where subject = 'solar:homes-1-4'")
        .await;
    issue(&mut work).await;
    assert_eq!(issued(&mut work, BUILDING).await, (72, 72, Some("model".to_owned()), vec![]));
    assert_eq!(issued(&mut work, "homes-5-8").await.2, Some("fitted".to_owned()));
    let same: bool =
        query_scalar("select bool_and(model_id = $1) from energy.solar_forecasts where building_id = 'homes-1-4'")
            .bind(model)
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert!(same);
    run(
        &mut work,
        "delete from energy.forecasts; delete from energy.solar_forecasts; delete from energy.forecast_slots;
         set local session_replication_role = replica;
         update edf.models set artifact = '\\x00' where subject = 'solar:homes-1-4';
         set local session_replication_role = origin",
    )
    .await;
    issue(&mut work).await;
    let (demand, roof, source, failures) = issued(&mut work, BUILDING).await;
    assert_eq!((demand, roof, source), (72, 72, Some("fitted".to_owned())));
    assert!(failures.len() == 1 && failures[0].starts_with("XX001 solar generation: "), "{failures:?}");
}

#[tokio::test]
async fn training_reports_errors_and_invalid_tariffs_are_rejected() {
    let mut analyst = as_role("analyst").await;
    let unknown = refusal(&mut analyst, "select energy.train_solar_model('nowhere')").await;
    assert_eq!((unknown.code.as_str(), unknown.message.as_str()), ("42704", "there is no building \"nowhere\""));
    let refused = "insert into energy.solar_forecasts select * from energy.solar_forecasts limit 0";
    assert_eq!(refusal(&mut analyst, refused).await.code, "42501");
    let mut work = analyst.begin().await.unwrap();
    run(
        &mut work,
        "insert into raw.tariffs (tariff_id, name, kind, currency, price_per_kwh)
         values ('a test', 'A test', 'flat', 'CHF', 0.3);
         insert into raw.building_tariffs values ('all-homes', 'a test');
         update raw.building_tariffs set valid_from = '2017-01-01Z';
         delete from raw.building_tariffs; delete from raw.tariffs where tariff_id = 'a test'",
    )
    .await;
    work.rollback().await.unwrap();
    let tariff = |columns: &str, values: &str| {
        format!(
            "insert into raw.tariffs (tariff_id, name, currency, kind{columns}) values ('a test', 'A test', {values})"
        )
    };
    for (constraint, statement) in [
        ("tariffs_kind_check", tariff(", price_per_kwh", "'CHF', 'dynamic', 1")),
        ("tariffs_currency_is_a_code_of_three_capitals", tariff(", price_per_kwh", "'Fr.', 'flat', 0.3")),
        ("tariffs_have_a_price_unless_hourly", tariff("", "'CHF', 'flat'")),
        ("tariffs_have_a_price_unless_hourly", tariff(", price_per_kwh", "'CHF', 'hourly', 1")),
        (
            "tariffs_have_a_low_rate_if_two_rate",
            tariff(", price_per_kwh, low_from, low_to", "'CHF', 'two_rate', 1, '22:00', '6:00'"),
        ),
        ("tariffs_have_a_low_rate_if_two_rate", tariff(", price_per_kwh, low_on_weekends", "'CHF', 'flat', 1, true")),
        (
            "tariffs_low_hours_begin_and_end_apart",
            tariff(", price_per_kwh, low_price_per_kwh, low_from, low_to", "'CHF', 'two_rate', 1, 1, '6:00', '6:00'"),
        ),
        ("tariffs_prices_are_within_a_million", tariff(", price_per_kwh", "'CHF', 'flat', 'NaN'")),
        (
            "tariffs_prices_are_within_a_million",
            tariff(", price_per_kwh, feed_in_price_per_kwh", "'CHF', 'flat', 1, '-Infinity'"),
        ),
        (
            "carbon_intensity_valid_at_is_a_full_hour",
            "insert into raw.carbon_intensity values ('x', '2026-01-01 00:30Z', now(), 1)".to_owned(),
        ),
        (
            "carbon_intensity_is_from_0_to_10000",
            "insert into raw.carbon_intensity values ('x', '2026-01-01Z', now(), -1)".to_owned(),
        ),
        (
            "tariff_prices_valid_at_is_a_full_hour",
            "insert into raw.tariff_prices values ('a test', '2026-01-01 00:15Z', now(), 1)".to_owned(),
        ),
        (
            "tariff_prices_tariff_id_fkey",
            "insert into raw.tariff_prices values ('nowhere', '2026-01-01Z', now(), 1)".to_owned(),
        ),
    ] {
        let said = refusal(&mut analyst, &statement).await;
        assert!(said.message.contains(constraint), "{statement}: {said:?}");
    }
}
