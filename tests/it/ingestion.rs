//! Meter messages and weather documents, sent like the pipeline does. Everything is rolled back.

use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar};
use std::collections::BTreeSet;

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
    query_scalar(
        "select value from raw.meter_readings join raw.sensors using (sensor_id)
         where building_id = 'homes-1-4' and read_at = '2017-07-29 04:30Z' order by received_at",
    )
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
async fn a_correction_is_used_and_the_earlier_row_is_kept() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    ingest(&mut work, &[message("1234.5")], RECEIVED_AT).await;
    ingest(&mut work, &[message("1250.0")], "2017-07-29 06:00Z").await;

    assert_eq!(raw_values(&mut work).await, [1234.5, 1250.0]);
    let counts: Vec<f64> = query_scalar(
        "select value from processed.stg_raw__meter_readings join raw.sensors using (sensor_id)
         where building_id = 'homes-1-4' and read_at = '2017-07-29 04:30Z'",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(counts, [1250.0]);
}

#[tokio::test]
async fn rejections_are_stored_with_a_reason_and_the_rest_is_ingested() {
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
        (good.replace("2017-07-29T04:30:00Z", "9999-12-31T23:59:59Z"), "far_future"),
        (good.replace("2017-07-29T04:30:00Z", "2017-02-29T04:30:00Z"), "bad_timestamp"),
        (good.replace("2017-07-29T04:30:00Z", "0001-01-01T00:00:00Z"), "far_past"),
        (good.replace("1234.5", "-1"), "impossible_value"),
        (good.replace("1234.5", "1e300"), "impossible_value"),
        (good.replace("1234.5", "1e999"), "not_finite"),
        (good.replace("1234.5", "NaN"), "not_json"),
        (good.replace(r#""value": 1234.5"#, r#""value": 1, "value": 2"#), "duplicate_field"),
        (good.replace("electricity_kwh_total", r"a\u0000b"), "wrong_type"),
        (good.replace("electricity_kwh_total", &"x".repeat(1000)), "too_long"),
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
            "select reason_code, reason from raw.rejected_messages
             where rejected_id > $1 and source = 'meter' and message = $2",
        )
        .bind(newest)
        .bind(message)
        .fetch_all(&mut *work)
        .await
        .unwrap();
        let [(found, reason)] = kept.as_slice() else { panic!("expected one rejection: {message}\n{kept:?}") };
        assert_eq!(found, code, "{message}");
        assert!(!reason.is_empty(), "{message}");
    }
    assert_eq!(raw_values(&mut work).await, [1234.5]);
}

#[tokio::test]
async fn one_bad_reading_does_not_affect_its_message() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let sent = message("1234.5").replace("}]}", r#"}, {"sensor_type": "water_l_total", "value": "full"}]}"#);
    ingest(&mut work, &[sent], RECEIVED_AT).await;
    assert_eq!(raw_values(&mut work).await, [1234.5]);
}

#[tokio::test]
async fn an_analyst_sees_rejections_without_data_of_apartments() {
    let mut analyst = as_role("analyst").await;
    analyst.execute("select rejected_id, reason_code, replayed_at from energy.rejections").await.unwrap();
    let refused = edf_tests::refusal(&mut analyst, "select message from raw.rejected_messages").await;
    assert_eq!(refused.code, "42501");
}

#[tokio::test]
async fn an_invalid_weather_document_is_stored_with_its_reason() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let place: String =
        query_scalar("select min(weather_location_id) from raw.buildings").fetch_one(&mut *work).await.unwrap();
    let document = r#"{"hourly": {"time": ["2017-07-29T00:00"], "temperature_2m": ["warm"]}}"#;
    // Sending the same again is not an error, and it is stored once per location and purpose.
    for call in [
        "call energy.ingest_weather_forecast($1, $2, '2017-07-29Z', '2017-07-29 04:00Z')",
        "call energy.ingest_weather_forecast($1, $2, '2017-07-30Z', '2017-07-30 04:00Z')",
        "call energy.ingest_weather_observations($1, $2, '2017-07-30 04:00Z')",
    ] {
        query(call).bind(document).bind(&place).execute(&mut *work).await.unwrap();
    }
    let codes: Vec<String> =
        query_scalar("select reason_code from raw.rejected_messages where source = 'weather' and message = $1")
            .bind(document)
            .fetch_all(&mut *work)
            .await
            .unwrap();
    assert_eq!(codes, ["wrong_type", "wrong_type"]);
}

#[tokio::test]
async fn a_message_above_one_mebibyte_is_rejected_and_its_start_is_stored() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let huge = message("1234.5").replace("electricity_kwh_total", &"x".repeat(3 << 20));
    ingest(&mut work, &[huge, message("1234.5")], RECEIVED_AT).await;
    let (code, kept): (String, i32) =
        query_as("select reason_code, length(message) from raw.rejected_messages order by rejected_id desc limit 1")
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!((code.as_str(), kept), ("too_large", 1 << 20));
    assert_eq!(raw_values(&mut work).await, [1234.5]);
}

#[tokio::test]
async fn readings_of_unknown_sensor_types_are_stored() {
    let mut pipeline = as_role("pipeline").await;
    let mut work = pipeline.begin().await.unwrap();
    let hostile = "x'; drop table raw.meter_readings; --";
    ingest(&mut work, &[message("-7").replace("electricity_kwh_total", hostile)], RECEIVED_AT).await;
    let value: f64 =
        query_scalar("select value from raw.meter_readings join raw.sensors using (sensor_id) where sensor_type = $1")
            .bind(hostile)
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!(value, -7.0);
}

#[tokio::test]
async fn a_rejected_message_is_stored_once_and_can_be_fixed_and_replayed() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let bad = message("1234.5").replace("homes-1-4", "homes-of-nobody");
    work.execute("set local role pipeline").await.unwrap();
    ingest(&mut work, &[bad.clone(), bad.clone()], RECEIVED_AT).await;
    ingest(&mut work, std::slice::from_ref(&bad), "2017-07-29 06:00Z").await;
    let kept = "select array_agg(rejected_id) from raw.rejected_messages where message = $1 and replayed_at is null";
    let ids: Vec<i64> = query_scalar(kept).bind(&bad).fetch_one(&mut *work).await.unwrap();
    assert_eq!(ids.len(), 1);

    work.execute("call energy.replay_rejected()").await.unwrap();
    let again: Vec<i64> = query_scalar(kept).bind(&bad).fetch_one(&mut *work).await.unwrap();
    assert_eq!(again, ids, "nothing was fixed yet");
    query("call energy.replay_rejected($1, $2)").bind(&ids).bind(message("1234.5")).execute(&mut *work).await.unwrap();
    let open: Option<Vec<i64>> = query_scalar(kept).bind(&bad).fetch_one(&mut *work).await.unwrap();
    assert_eq!((open, raw_values(&mut work).await), (None, vec![1234.5]));
}

#[tokio::test]
async fn copied_lines_are_ingested_whatever_bytes_they_contain() {
    let mut pipeline = as_role("pipeline").await;
    pipeline.execute("select pg_advisory_lock(hashtext('the inbox of the tests'))").await.unwrap();
    pipeline.execute("set client_encoding = latin1").await.unwrap();
    let good = message("4321.5").replace('\n', " ").replace("04:30:00Z", "04:31:00Z").replace("home-1\"", "home-2\"");
    let named = good.replace(r#""value""#, r#""room_name": "Küche", "value""#);
    let mut lines = format!("{good}\n{named}\n").into_bytes();
    lines.extend(b"{\"building_id\": \"\xff\xfe\"}\n");
    let mut copy = pipeline
        .copy_in_raw(r"copy raw.meter_inbox (message) from stdin with (format csv, delimiter e'\x01', quote e'\x02')")
        .await
        .unwrap();
    copy.send(lines).await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 3);
    pipeline.execute("reset client_encoding").await.unwrap();
    pipeline.execute("call energy.ingest_meter_inbox(2)").await.unwrap();

    // It commits after each batch, so what it ingested is deleted here and not rolled back.
    let mut postgres = as_role("postgres").await;
    let taken: Vec<(String, String)> = query_as(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and value = 4321.5
         returning room_name, received_at::text",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let left: i64 = query_scalar("select count(*) from raw.meter_inbox").fetch_one(&mut postgres).await.unwrap();
    let rejected: Vec<String> = query_scalar(
        r#"delete from raw.rejected_messages where reason_code = 'bad_encoding'
               and message like '{"building_id"%' returning message"#,
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    postgres.execute("delete from raw.sensors where room_name = 'Küche'").await.unwrap();
    assert!(taken.iter().all(|(_, received_at)| *received_at == taken[0].1), "one COPY is one batch: {taken:?}");
    let rooms: BTreeSet<String> = taken.into_iter().map(|(room, _)| room).collect();
    assert_eq!(rooms, [String::new(), "Küche".to_owned()].into());
    assert_eq!((left, rejected.len()), (0, 1));
}
