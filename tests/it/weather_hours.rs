//! The weather of an hour as known at a time.
//!
//! Everything is rolled back.

use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar, raw_sql};

/// Two runs, and an observation without irradiance, of the hours from noon on 1 July 2026.
async fn add_weather(work: &mut PgConnection) {
    work.execute(raw_sql(
        "insert into raw.weather_locations values ('a-test-place', 47, 8);
         insert into raw.weather_forecasts
             (weather_location_id, issued_at, valid_at, received_at, temperature_c)
         select 'a-test-place', issued_at, valid_at, issued_at + interval '4 hours', temperature_c
         from (values ('2026-06-30 00:00Z'::timestamptz, 20), ('2026-07-01 00:00Z', 21)) as runs
             (issued_at, temperature_c)
         cross join generate_series('2026-07-01 12:00Z'::timestamptz, '2026-07-01 14:00Z', '1 hour') as valid_at;
         update raw.weather_forecasts set ghi_w_m2 = 500
         where weather_location_id = 'a-test-place' and issued_at = '2026-06-30 00:00Z';
         insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c)
         values ('a-test-place', '2026-07-01 12:00Z', '2026-07-01 13:10Z', 22)",
    ))
    .await
    .unwrap();
}

/// Hour, temperature, irradiance, hour of the newest run, whether observed.
type Known = (String, Option<f64>, Option<f64>, Option<String>, bool);

async fn known(work: &mut PgConnection, as_of: &str) -> Vec<Known> {
    query_as(
        "select to_char(valid_at at time zone 'UTC', 'HH24'), temperature_c, ghi_w_m2,
             to_char(issued_at at time zone 'UTC', 'MM-DD'), is_observed
         from energy.weather_as_of('a-test-place', $1::text::timestamptz, '2026-07-01 12:00Z', '2026-07-01 14:00Z')",
    )
    .bind(as_of)
    .fetch_all(work)
    .await
    .unwrap()
}

fn hour(hour: &str, temperature: f64, run: &str, observed: bool) -> Known {
    (hour.to_owned(), Some(temperature), Some(500.0), Some(run.to_owned()), observed)
}

#[tokio::test]
async fn weather_as_of_a_time_is_the_newest_received_by_then() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_weather(&mut work).await;
    work.execute("set local role analyst").await.unwrap();
    assert_eq!(known(&mut work, "2026-06-30 03:59Z").await, []);
    assert_eq!(
        known(&mut work, "2026-07-01 03:59Z").await,
        [hour("12", 20.0, "06-30", false), hour("13", 20.0, "06-30", false)]
    );
    // Values missing from the newer version come from the older one.
    assert_eq!(
        known(&mut work, "2026-07-01 04:00Z").await,
        [hour("12", 21.0, "07-01", false), hour("13", 21.0, "07-01", false)]
    );
    assert_eq!(
        known(&mut work, "2026-07-01 13:10Z").await,
        [hour("12", 22.0, "07-01", true), hour("13", 21.0, "07-01", false)]
    );
}

#[tokio::test]
async fn observed_values_are_kept_and_missing_ones_count_from_their_receipt() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let place: String = query_scalar("select weather_location_id from raw.weather_locations order by 1 limit 1")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    // The first document ends before the radiation of its last hour is known; the second has it.
    for (document, received) in [
        (
            r#"{"hourly": {"time": ["2026-07-01T11:00", "2026-07-01T12:00"], "temperature_2m": [20, 21],
               "shortwave_radiation": [600, 700]}}"#,
            "2026-07-01 13:00Z",
        ),
        (
            r#"{"hourly": {"time": ["2026-07-01T12:00", "2026-07-01T13:00"], "temperature_2m": [30, null],
               "shortwave_radiation": [999, 800]}}"#,
            "2026-07-01 15:00Z",
        ),
    ] {
        query("call energy.ingest_weather_observations($1, $2, $3::text::timestamptz)")
            .bind(document)
            .bind(&place)
            .bind(received)
            .execute(&mut *work)
            .await
            .unwrap();
    }
    let hours: Vec<(String, Option<f64>, Option<f64>, String)> = query_as(
        "select to_char(valid_at at time zone 'UTC', 'HH24'), temperature_c, ghi_w_m2,
             to_char(received_at at time zone 'UTC', 'HH24')
         from raw.weather_observations where weather_location_id = $1 and valid_at >= '2026-07-01'
             and valid_at < '2026-07-02' order by valid_at",
    )
    .bind(&place)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let row = |hour: &str, temperature, ghi, received: &str| (hour.to_owned(), temperature, ghi, received.to_owned());
    assert_eq!(
        hours,
        [
            row("10", None, Some(600.0), "13"),
            row("11", Some(20.0), Some(700.0), "13"),
            row("12", Some(21.0), Some(800.0), "15"),
        ]
    );
}
