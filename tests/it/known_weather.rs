//! Weather as it was known: training simulates forecasts, which read weather forecasts and not actual weather.

use crate::jobs::BUILDING;
use chrono::{DateTime, TimeDelta, Utc};
use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar};

/// The target hour of the tests' weather runs.
fn hour() -> DateTime<Utc> {
    "2017-07-20T12:00:00Z".parse().unwrap()
}

/// Replaces all stored weather runs with runs for [`hour`]: hours of issue and receipt before it, and the temperature.
async fn only_runs(connection: &mut PgConnection, runs: &[(i64, i64, f64)]) {
    connection.execute("delete from raw.weather_forecasts").await.unwrap();
    for (issued, received, temperature_c) in runs {
        query(
            "insert into raw.weather_forecasts (weather_location_id, issued_at, valid_at, received_at, temperature_c,
                 ghi_w_m2)
             select weather_location_id, $2, $3, $4, $5, 100 from raw.buildings where building_id = $1",
        )
        .bind(BUILDING)
        .bind(hour() - TimeDelta::hours(*issued))
        .bind(hour())
        .bind(hour() - TimeDelta::hours(*received))
        .bind(temperature_c)
        .execute(&mut *connection)
        .await
        .unwrap();
    }
}

/// Runs that cover every case; forecasts read 2, 4 and 7 at some lead.
const RUNS: [(i64, i64, f64); 7] =
    [(100, 98, 1.0), (92, 90, 2.0), (50, 20, 3.0), (30, 28, 4.0), (3, -1, 5.0), (6, 4, 6.0), (5, 4, 7.0)];

async fn temperatures(connection: &mut PgConnection, as_of: DateTime<Utc>) -> Vec<f64> {
    query_scalar(
        "select value
         from edf.series_of('select now() as at, 1 as kwh, 1 as temperature_c, 1 as ghi_w_m2',
             energy.regressor_forecasts_query($1, $2)) as s
         cross join lateral unnest(s.forecast_values) with ordinality as v (value, at)
         where at <= cardinality(s.forecast_times) order by at",
    )
    .bind(BUILDING)
    .bind(as_of)
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn training_only_uses_weather_runs_that_a_forecast_would_have_read() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    only_runs(&mut work, &RUNS).await;
    assert_eq!(temperatures(&mut work, hour() + TimeDelta::days(1)).await, [2.0, 4.0, 7.0]);
    assert_eq!(temperatures(&mut work, hour() - TimeDelta::hours(10)).await, [2.0, 4.0]);
    let after: Option<String> = query_scalar("select energy.stored_regressor_forecasts($1, $2, $3)")
        .bind(BUILDING)
        .bind(hour() + TimeDelta::days(1))
        .bind(hour() + TimeDelta::hours(1))
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(after, None);
}

#[tokio::test]
async fn a_training_row_reads_the_forecast_of_its_lead_or_else_the_observation() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    only_runs(&mut work, &RUNS).await;
    let observed: f64 = query_scalar(
        "select temperature_c from features.fct_training_samples where building_id = $1 and valid_at = $2",
    )
    .bind(BUILDING)
    .bind(hour())
    .fetch_one(&mut *work)
    .await
    .unwrap();
    for (lead, expected) in [(71, 2.0), (40, 2.0), (28, 4.0), (5, 4.0), (4, 7.0), (0, 7.0)] {
        let read = temperature_at_lead(&mut work, lead).await;
        assert_eq!(read, expected, "issued {lead} h before");
    }
    only_runs(&mut work, &[(30, 28, 4.0)]).await;
    assert_eq!(temperature_at_lead(&mut work, 28).await, 4.0);
    // Features are single precision.
    assert!((temperature_at_lead(&mut work, 29).await - observed).abs() < 1e-5);
}

/// The temperature at [`hour`] in a training row that simulates a forecast issued `lead` hours before.
async fn temperature_at_lead(connection: &mut PgConnection, lead: i64) -> f64 {
    query_scalar(
        "select value from edf.features(
             energy.training_query($1, energy.clock()), '{}', '72 hours', $2,
             energy.regressor_forecasts_query($1, energy.clock()))
         where valid_at = $3 and feature = 'temperature_c'",
    )
    .bind(BUILDING)
    .bind(hour() - TimeDelta::hours(lead))
    .bind(hour())
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn weather_received_later_does_not_change_a_training() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let inputs = "select (to_jsonb(s) - 'times')::text
                  from edf.series_of('select now() as at, 1 as kwh',
                      energy.regressor_forecasts_query($1, '2017-07-28 05:00Z')) as s";
    let before: String = query_scalar(inputs).bind(BUILDING).fetch_one(&mut *work).await.unwrap();
    assert!(before.len() > 10_000);
    let later = work
        .execute(
            "update raw.weather_forecasts set temperature_c = 99, issued_at = issued_at + interval '1 minute'
             where received_at > '2017-07-28 05:00Z'",
        )
        .await
        .unwrap();
    assert!(later.rows_affected() > 0);
    let after: String = query_scalar(inputs).bind(BUILDING).fetch_one(&mut *work).await.unwrap();
    assert!(before == after);
}

/// Trains [`BUILDING`] quickly in a transaction; returns the model's id, checksum and RMSE of the first day.
async fn trained(connection: &mut PgConnection) -> (i64, String, f64) {
    let quick = "call energy.load_config(energy.current_config() || jsonb_build_object(
         'training', jsonb_build_object('strategy', 'xgboost', 'parameters', jsonb_build_object('rounds', 10)),
         'evaluation', (energy.current_config() -> 'evaluation') || '{\"test_period\": \"7 days\"}'))";
    connection.execute(quick).await.unwrap();
    let model: i64 =
        query_scalar("select energy.train_model($1)").bind(BUILDING).fetch_one(&mut *connection).await.unwrap();
    query_as(
        "select model_id, checksum, rmse_kwh from edf.models join energy.model_scores using (model_id, strategy)
         where model_id = $1 and lead_day = 1",
    )
    .bind(model)
    .fetch_one(connection)
    .await
    .unwrap()
}

async fn shares(connection: &mut PgConnection, model: i64) -> Vec<(i32, f64, f64)> {
    query_as(
        "select lead_day, forecast_share, observation_share from energy.training_weather
         where model_id = $1 order by 1",
    )
    .bind(model)
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn models_and_scores_are_based_on_forecast_and_not_actual_weather() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let (model, checksum, rmse) = trained(&mut work).await;
    let by_day = shares(&mut work, model).await;
    assert_eq!(by_day.iter().map(|(day, ..)| *day).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(
        by_day.iter().all(|(_, forecast, observed)| *forecast > 0.9 && (forecast + observed - 1.0).abs() < 1e-9),
        "{by_day:?}"
    );

    work.execute(
        "update raw.weather_forecasts set temperature_c = temperature_c + 9 * sin(extract(epoch from valid_at) / 5000)",
    )
    .await
    .unwrap();
    let (_, other_checksum, other_rmse) = trained(&mut work).await;
    assert_ne!(checksum, other_checksum);
    assert_ne!(rmse, other_rmse);

    work.execute("delete from raw.weather_forecasts").await.unwrap();
    let (model, _, _) = trained(&mut work).await;
    assert_eq!(shares(&mut work, model).await, [(1, 0.0, 1.0), (2, 0.0, 1.0), (3, 0.0, 1.0)]);
}
