//! Meter messages and weather documents, sent as the pipeline sends them. Everything is rolled back.

use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar};

const RECEIVED_AT: &str = "2017-07-29 05:00Z";

fn message(value: &str) -> String {
    format!(
        r#"{{"timestamp_str": "2017-07-29T04:30:00Z", "building_id": "homes-1-4", "apartment_id": "home-1",
            "readings": [{{"sensor_type": "electricity_kwh_total", "value": {value}}}]}}"#
    )
}

async fn ingest(connection: &mut PgConnection, messages: &[String], received_at: &str) {
    query("call energy.ingest_meter_messages($1::text[], $2::timestamptz)")
        .bind(messages)
        .bind(received_at)
        .execute(connection)
        .await
        .unwrap();
}

async fn raw_values(connection: &mut PgConnection) -> Vec<f64> {
    query_scalar("select value from raw.meter_readings where building_id = 'homes-1-4' and read_at = '2017-07-29 04:30Z' order by received_at")
        .fetch_all(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_message_twice_changes_nothing() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let messages = [message("1234.5"), message("1234.5")];
    ingest(&mut work, &messages, RECEIVED_AT).await;
    ingest(&mut work, &messages, RECEIVED_AT).await;
    ingest(&mut work, &messages, "2017-07-29 06:00Z").await;
    assert_eq!(raw_values(&mut work).await, [1234.5]);
}

#[tokio::test]
async fn a_correction_counts_and_the_earlier_row_is_kept() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    ingest(&mut work, &[message("1234.5")], RECEIVED_AT).await;
    ingest(&mut work, &[message("1250.0")], "2017-07-29 06:00Z").await;

    assert_eq!(raw_values(&mut work).await, [1234.5, 1250.0]);
    let counts: Vec<f64> = query_scalar(
        "select value from staging.stg_raw__meter_readings where building_id = 'homes-1-4' and read_at = '2017-07-29 04:30Z'",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(counts, [1250.0]);
}

#[tokio::test]
async fn what_cannot_be_used_is_kept_with_its_reason_and_the_rest_is_taken() {
    let good = message("1234.5");
    let bad = [
        (r#"{"timestamp_str": "#.to_owned(), "not_json"),
        ("[1, 2]".to_owned(), "wrong_type"),
        (good.replace("homes-1-4", "homes-of-nobody"), "unknown_building"),
        (good.replace("home-1\"", "home-99\""), "unknown_apartment"),
        (good.replace("04:30:00Z", "25:61"), "bad_timestamp"),
        (good.replace("2017-07-29T04:30:00Z", "2017-07-29T04:30:00"), "bad_timestamp"),
        (good.replace("2017-07-29T04", "2027-07-29T04"), "far_future"),
        (good.replace("1234.5", r#""many""#), "wrong_type"),
        (good.replace("1234.5", "null"), "missing_field"),
        (good.replace("timestamp_str", "time"), "missing_field"),
        (good.replace(r#"{"sensor_type": "electricity_kwh_total", "value": 1234.5}"#, ""), "empty"),
    ];
    let mut messages: Vec<String> = bad.iter().map(|(message, _)| message.clone()).collect();
    messages.push(good);

    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let newest: i64 = query_scalar("select coalesce(max(rejected_id), 0) from raw.rejected_messages")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    ingest(&mut work, &messages, RECEIVED_AT).await;

    for (message, code) in &bad {
        let kept: Vec<(String, String)> = query_as(
            "select reason_code, reason from raw.rejected_messages where rejected_id > $1 and source = 'meter' and message = $2",
        )
        .bind(newest)
        .bind(message)
        .fetch_all(&mut *work)
        .await
        .unwrap();
        let [(found, reason)] = kept.as_slice() else { panic!("kept once was expected: {message}\n{kept:?}") };
        assert_eq!(found, code, "{message}");
        assert!(!reason.is_empty(), "{message}");
    }
    assert_eq!(raw_values(&mut work).await, [1234.5]);
}

#[tokio::test]
async fn one_bad_reading_does_not_spoil_its_message() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let sent = message("1234.5").replace("}]}", r#"}, {"sensor_type": "water_l_total", "value": "full"}]}"#);
    ingest(&mut work, &[sent], RECEIVED_AT).await;
    assert_eq!(raw_values(&mut work).await, [1234.5]);
}

#[tokio::test]
async fn an_analyst_reads_what_was_rejected() {
    as_role("analyst").await.execute("select reason_code, message from raw.rejected_messages").await.unwrap();
}

#[tokio::test]
async fn a_weather_document_that_cannot_be_read_is_kept_with_its_reason() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let place: String = query_scalar("select weather_location_id from raw.weather_locations limit 1")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    let document = r#"{"hourly": {"time": ["2017-07-29T00:00"], "temperature_2m": ["warm"]}}"#;
    query("call energy.ingest_weather_forecast($1, $2, '2017-07-29Z', '2017-07-29 04:00Z')")
        .bind(document)
        .bind(place)
        .execute(&mut *work)
        .await
        .unwrap();
    let code: String =
        query_scalar("select reason_code from raw.rejected_messages where source = 'weather' and message = $1")
            .bind(document)
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!(code, "wrong_type");
}
