//! Refreshes between two issues: the hours ahead are corrected with the newest actuals and weather, stored beside the
//! issued forecast.

use edf_tests::{Api, Throwaway, configure, connect, deployment};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar, raw_sql};

const BUILDING: &str = "homes-1-4";
const RUN: &str = "call energy.run_job('refresh_forecasts')";

/// Two buildings with their own models and one without, all issued at 05:00, at a later time.
async fn issued() -> (Throwaway, PgConnection) {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "training,strategy", "\"lear\"").await;
    postgres
        .execute(raw_sql(
            "select edf.approve_model(energy.train_model(building), 'a test')
             from unnest('{homes-1-4,homes-5-8}'::text[]) as building",
        ))
        .await
        .unwrap();
    postgres.execute("call energy.issue_forecasts('2017-07-29 05:00Z')").await.unwrap();
    (copy, postgres)
}

async fn set_clock(postgres: &mut PgConnection, copy: &Throwaway, clock: &str) {
    postgres.execute(AssertSqlSafe(format!("set energy.clock = '{clock}'"))).await.unwrap();
    let of_all = format!("alter database {} set energy.clock = '{clock}'", copy.name);
    postgres.execute(AssertSqlSafe(of_all)).await.unwrap();
}

/// Adds the actual of an hour, above the forecast by a multiple of its half interval.
async fn measure(postgres: &mut PgConnection, building: &str, hour: &str, received: &str, share: f64) {
    query(
        "insert into energy.building_hours
             (building_id, hour_at, consumption_kwh, apartments_reporting, apartments_expected, coverage_share, quality,
              received_at)
         select building_id, valid_at, yhat + $4 * (yhat_upper - yhat), 1, 1, 1, 'measured', $3::text::timestamptz
         from energy.forecasts
         where (building_id, issued_at, valid_at) = ($1, '2017-07-29 05:00Z', $2::text::timestamptz)",
    )
    .bind(building)
    .bind(hour)
    .bind(received)
    .bind(share)
    .execute(postgres)
    .await
    .unwrap();
}

async fn a_high_morning(postgres: &mut PgConnection, building: &str) {
    for (hour, received) in [("05", "06:11"), ("06", "07:11"), ("07", "08:11"), ("08", "09:05")] {
        let (hour, received) = (format!("2017-07-29 {hour}:00Z"), format!("2017-07-29 {received}Z"));
        measure(postgres, building, &hour, &received, 1.5).await;
    }
}

/// Hour of the day, lead, and the correction in units of the upper half interval.
async fn corrections(postgres: &mut PgConnection, building: &str) -> Vec<(String, f64, f64)> {
    query_as(
        "select to_char(valid_at at time zone 'UTC', 'HH24'), refreshed.lead_hours,
             (refreshed.yhat - issued.yhat) / (issued.yhat_upper - issued.yhat)
         from energy.refreshed_forecasts as refreshed
         join energy.forecasts as issued using (building_id, issued_at, valid_at)
         where building_id = $1 order by refreshed_at, valid_at",
    )
    .bind(building)
    .fetch_all(postgres)
    .await
    .unwrap()
}

async fn refreshed(postgres: &mut PgConnection) -> i64 {
    query_scalar("select count(*) from energy.refreshed_forecasts").fetch_one(postgres).await.unwrap()
}

async fn due(postgres: &mut PgConnection) -> Vec<String> {
    query_scalar("select building_id from energy.refreshes_due order by 1").fetch_all(postgres).await.unwrap()
}

#[tokio::test]
async fn actuals_correct_the_hours_ahead_and_the_correction_fades() {
    let (copy, mut postgres) = issued().await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute(RUN).await.unwrap();
    assert_eq!(refreshed(&mut postgres).await, 0, "nothing has come since the issue");

    a_high_morning(&mut postgres, BUILDING).await;
    set_clock(&mut postgres, &copy, "2017-07-29 09:10Z").await;
    assert_eq!(due(&mut postgres).await, [BUILDING]);
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute(RUN).await.unwrap();
    let hours = corrections(&mut postgres, BUILDING).await;
    let expected = [("09", 1.0), ("10", 2.0), ("11", 3.0), ("12", 4.0), ("13", 5.0), ("14", 6.0)];
    assert_eq!(hours.iter().map(|(hour, lead, _)| (hour.as_str(), *lead)).collect::<Vec<_>>(), expected);
    let by: Vec<f64> = hours.iter().map(|(_, _, by)| *by).collect();
    assert!(by[0] > 0.05 && by[0] < 1.5 && by.iter().all(|by| *by > -0.02), "towards the actuals: {by:?}");
    assert!(by[5] < by[0], "it fades: {by:?}");
    let what: (i64, i64, bool) = query_as(
        "select count(*) filter (where source = 'model' and model_id is not null and quality = 1),
             count(*) filter (where refreshed_at = '2017-07-29 09:10Z'),
                 bool_and(yhat between yhat_lower and yhat_upper)
         from energy.refreshed_forecasts",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(what, (6, 6, true));

    pipeline.execute(RUN).await.unwrap();
    assert_eq!(refreshed(&mut postgres).await, 6, "a second run changes nothing");
    // Data received later is not read, and becomes due when it is received.
    measure(&mut postgres, BUILDING, "2017-07-29 09:00Z", "2017-07-29 10:20Z", -5.0).await;
    set_clock(&mut postgres, &copy, "2017-07-29 10:15Z").await;
    assert_eq!(due(&mut postgres).await, [""; 0]);
    set_clock(&mut postgres, &copy, "2017-07-29 10:20Z").await;
    assert_eq!(due(&mut postgres).await, [BUILDING]);
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    let hours = corrections(&mut postgres, BUILDING).await;
    assert_eq!((hours.len(), hours[6].0.as_str()), (12, "10"));
    assert!(hours[6].2 < by[1], "the newest error counts: {hours:?}");
}

#[tokio::test]
async fn the_correction_decreases_with_the_age_of_the_newest_actual() {
    let (copy, mut postgres) = issued().await;
    // The previous hour is known for one building, for the other only the one before.
    a_high_morning(&mut postgres, BUILDING).await;
    for (hour, received) in [("05", "06:11"), ("06", "07:11"), ("07", "08:11")] {
        let (hour, received) = (format!("2017-07-29 {hour}:00Z"), format!("2017-07-29 {received}Z"));
        measure(&mut postgres, "homes-5-8", &hour, &received, 1.5).await;
    }
    set_clock(&mut postgres, &copy, "2017-07-29 09:10Z").await;
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    let taken = [corrections(&mut postgres, BUILDING).await, corrections(&mut postgres, "homes-5-8").await];
    // The same with the full correction.
    postgres
        .execute(raw_sql(
            "delete from energy.refreshed_forecasts;
             create or replace function energy.correction_share(age interval) returns double precision
             language sql immutable return 1",
        ))
        .await
        .unwrap();
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    let whole = [corrections(&mut postgres, BUILDING).await, corrections(&mut postgres, "homes-5-8").await];
    for ((taken, whole), share) in taken.iter().zip(&whole).zip([0.8, 0.5]) {
        assert_eq!((taken.len(), whole.len()), (6, 6));
        assert!(whole.iter().any(|(_, _, by)| by.abs() > 0.05), "{whole:?}");
        for ((_, lead, by), (_, _, all)) in taken.iter().zip(whole) {
            assert!((by - share * all).abs() < 1e-9, "{by} of {all} at lead {lead}");
        }
    }
}

#[tokio::test]
async fn a_new_weather_forecast_is_read() {
    let (copy, mut postgres) = issued().await;
    set_clock(&mut postgres, &copy, "2017-07-29 08:10Z").await;
    assert_eq!(due(&mut postgres).await, [""; 0]);
    postgres
        .execute(raw_sql(
            "insert into raw.weather_forecasts (weather_location_id, issued_at, valid_at, received_at, temperature_c,
                 ghi_w_m2)
             select weather_location_id, '2017-07-29 07:00Z', valid_at, '2017-07-29 08:00Z', temperature_c - 8, 0
             from (select distinct on (weather_location_id, valid_at) * from raw.weather_forecasts
                   where valid_at >= '2017-07-29 07:00Z'
                   order by weather_location_id, valid_at, issued_at desc) as newest",
        ))
        .await
        .unwrap();
    // Buildings forecast from their usual hours do not read weather.
    assert_eq!(due(&mut postgres).await, [BUILDING, "homes-5-8"]);
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    let hours = corrections(&mut postgres, BUILDING).await;
    assert_eq!(hours.len(), 6);
    assert!(hours.iter().any(|(_, _, by)| by.abs() > 0.01), "{hours:?}");
    let run: String = query_scalar(
        "select to_char(max(weather_issued_at) at time zone 'UTC', 'HH24:MI') from energy.refreshed_forecasts",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(run, "07:00");
}

#[tokio::test]
async fn a_failed_building_keeps_its_issued_forecast_and_others_are_refreshed() {
    let (copy, mut postgres) = issued().await;
    a_high_morning(&mut postgres, BUILDING).await;
    a_high_morning(&mut postgres, "homes-5-8").await;
    set_clock(&mut postgres, &copy, "2017-07-29 09:10Z").await;
    postgres
        .execute(raw_sql(
            "create function refuse() returns trigger language plpgsql as
                 $$ begin raise exception 'a fault of %', new.building_id using errcode = '22000'; end $$;
             create trigger refuse before insert on energy.refreshed_forecasts
                 for each row when (new.building_id = 'homes-1-4') execute function refuse()",
        ))
        .await
        .unwrap();
    let failed = connect("pipeline", &copy.name).await.execute(RUN).await;
    assert!(failed.is_ok(), "a building's failure must be a row: {failed:?}");
    assert_eq!(corrections(&mut postgres, BUILDING).await, []);
    assert_eq!(corrections(&mut postgres, "homes-5-8").await.len(), 6);
    let rows: Vec<Vec<Option<String>>> = query_scalar(
        "select array[building_id, status, sqlstate, message] from energy.job_runs
         where job_name = 'refresh_forecasts' order by building_id nulls first, job_run_id",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let row = |values: [&str; 4]| values.map(|value| (!value.is_empty()).then(|| value.to_owned())).to_vec();
    assert_eq!(rows[0], row(["", "failed", "", "1 buildings failed"]), "{rows:?}");
    assert_eq!(rows[rows.len() - 1], row([BUILDING, "failed", "22000", "a fault of homes-1-4"]), "{rows:?}");
    postgres.execute("drop trigger refuse on energy.refreshed_forecasts").await.unwrap();
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    assert_eq!(corrections(&mut postgres, BUILDING).await.len(), 6, "the next run makes good");

    // Another session is working: this one ends and reports that.
    set_clock(&mut postgres, &copy, "2017-07-29 10:10Z").await;
    measure(&mut postgres, BUILDING, "2017-07-29 09:00Z", "2017-07-29 10:05Z", 1.0).await;
    let lock = "select pg_advisory_lock(hashtextextended('energy.refresh_forecasts', 0))";
    let mut other = copy.connect().await;
    other.execute(lock).await.unwrap();
    connect("pipeline", &copy.name).await.execute("call energy.refresh_forecasts()").await.unwrap();
    let said: Vec<String> = query_scalar(
        "select array[status, message] from energy.job_runs
         where job_name = 'refresh_forecasts' order by job_run_id desc limit 1",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(said, ["skipped", "another run is in progress"]);
    assert_eq!(corrections(&mut postgres, BUILDING).await.len(), 6);
}

#[tokio::test]
async fn readers_get_refreshed_hours_until_the_next_issue() {
    let (copy, mut postgres) = issued().await;
    a_high_morning(&mut postgres, BUILDING).await;
    set_clock(&mut postgres, &copy, "2017-07-29 09:10Z").await;
    connect("pipeline", &copy.name).await.execute(RUN).await.unwrap();
    postgres.execute("insert into energy.building_access values ('reader', 'homes-1-4')").await.unwrap();
    let api = Api::of(&copy).await;
    let path = "forecasts?building_id=eq.homes-1-4&limit=8";
    let rows = api.rows(path, "reader", "resident").await;
    let is_refreshed = |rows: &[Value]| rows.iter().map(|row| !row["refreshed_at"].is_null()).collect::<Vec<_>>();
    assert_eq!(is_refreshed(&rows), [true, true, true, true, true, true, false, false]);
    assert_eq!(rows[0]["valid_at"], json!("2017-07-29T09:00:00+00:00"));
    assert!(rows.iter().all(|row| row["issued_at"] == json!("2017-07-29T05:00:00+00:00")));
    assert!(rows[0]["demand_kwh"].as_f64() > rows[0]["issued_demand_kwh"].as_f64());
    assert_eq!(rows[7]["demand_kwh"], rows[7]["issued_demand_kwh"]);
    let said = api.rows("refresh_history?building_id=eq.homes-1-4", "reader", "resident").await;
    assert_eq!(
        said.iter().map(|row| &row["demand_kwh"]).collect::<Vec<_>>(),
        rows[..6].iter().map(|row| &row["demand_kwh"]).collect::<Vec<_>>()
    );
    assert_eq!(api.rows("refresh_history", "another", "resident").await, Vec::<Value>::new());

    // The reissue also reads the data known at 09:10: the refresh has nothing to add.
    postgres.execute("call energy.reissue_forecasts('2017-07-29 05:00Z', '{homes-1-4}')").await.unwrap();
    let slot: Vec<Option<String>> = query_scalar(
        "select array[status, revision::text, sqlstate, message] from energy.forecast_slots
         where building_id = 'homes-1-4' and slot_at = '2017-07-29 05:00Z'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(slot, ["issued", "1", "", ""].map(|value| (!value.is_empty()).then(|| value.to_owned())));
    let rows = api.rows(path, "reader", "resident").await;
    assert_eq!((is_refreshed(&rows), &rows[0]["revision"]), (vec![false; 8], &json!(1)));
}
