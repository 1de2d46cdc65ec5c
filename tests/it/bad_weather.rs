//! Malformed weather documents: one rejection each with its reason, location and run, which can be fixed and replayed.

use edf_tests::{as_role, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar};

const GOOD: &str = r#"{"utc_offset_seconds": 7200, "hourly": {"time": ["2017-07-29T02:00", "2017-07-29T03:00"],
    "temperature_2m": [18.5, null], "cloud_cover": [0, 100], "shortwave_radiation": [0, 1.5]}}"#;

/// (replaced text, replacement, expected code) for every field and kind of error.
const CASES: [(&str, &str, &str); 49] = [
    (GOOD, "", "not_json"),
    (GOOD, "not found", "not_json"),
    (GOOD, "[]", "wrong_type"),
    (GOOD, "null", "wrong_type"),
    ("7200", "\"+02:00\"", "wrong_type"),
    ("7200", "true", "wrong_type"),
    ("7200", "1e300", "wrong_type"),
    ("7200", "-86401", "wrong_type"),
    ("7200", "7200, \"utc_offset_seconds\": 7200", "duplicate_field"),
    ("7200", "19800", "off_hour"),
    ("2017-07-29T02:00", "2017-07-29T02:15", "off_hour"),
    ("\"utc_offset_seconds\": 7200", "\"timezone\": \"Europe/Zurich\"", "missing_field"),
    ("\"hourly\": {", "\"hourly_units\": {\"temperature_2m\": \"°Ré\"}, \"hourly\": {", "unknown_unit"),
    ("\"hourly\": {", "\"hourly_units\": {\"time\": \"unixtime\"}, \"hourly\": {", "unknown_unit"),
    ("\"hourly\": {", "\"hourly_units\": [\"°C\"], \"hourly\": {", "wrong_type"),
    ("18.5", "9.96921e36", "impossible_value"),
    ("hourly", "daily", "missing_field"),
    ("\"hourly\": {", "\"hourly\": null, \"x\": {", "missing_field"),
    ("\"hourly\": {", "\"hourly\": [], \"x\": {", "wrong_type"),
    ("\"hourly\": {", "\"hourly\": \"\", \"x\": {", "wrong_type"),
    ("\"hourly\": {", "\"hourly\": {}, \"hourly\": {", "duplicate_field"),
    ("\"time\"", "\"times\"", "missing_field"),
    ("\"time\": [", "\"time\": null, \"x\": [", "missing_field"),
    ("\"time\": [", "\"time\": \"\", \"x\": [", "wrong_type"),
    ("[\"2017-07-29T02:00\", \"2017-07-29T03:00\"]", "[]", "empty"),
    ("\"2017-07-29T02:00\"", "null", "wrong_type"),
    ("\"2017-07-29T02:00\"", "1501293600", "wrong_type"),
    ("2017-07-29T02:00", "2017-02-29T02:00", "bad_timestamp"),
    ("2017-07-29T02:00", "2017-07-29T02:00+02:00", "bad_timestamp"),
    ("2017-07-29T02:00", "2017-07-29T25:00", "bad_timestamp"),
    ("2017-07-29T02:00", "NaN", "bad_timestamp"),
    ("2017-07-29T02:00", "262000-07-29T02:00", "bad_timestamp"),
    ("2017-07-29T02:00", "9999-12-31T23:00", "far_future"),
    ("2017-07-29T02:00", "2020-02-29T02:00", "far_future"),
    ("2017-07-29T02:00", "1896-02-29T02:00", "far_past"),
    ("2017-07-29T02:00", "0000-01-01T00:00", "far_past"),
    ("18.5", "\"18.5\"", "wrong_type"),
    ("18.5", "[]", "wrong_type"),
    ("18.5", "NaN", "not_json"),
    ("18.5", "-Infinity", "not_json"),
    ("18.5", "1e999", "not_finite"),
    ("18.5", "1e300", "impossible_value"),
    ("18.5", "-273.2", "impossible_value"),
    ("[18.5, null]", "[18.5]", "wrong_type"),
    ("[18.5, null]", "18.5", "wrong_type"),
    ("[0, 100]", "[0, 101]", "impossible_value"),
    ("[0, 1.5]", "[0, -999]", "impossible_value"),
    ("[0, 1.5]", "[0, 1.5], \"temperature_2m\": [1, 2]", "duplicate_field"),
    ("[18.5, null], \"cloud_cover\": [0, 100], \"shortwave_radiation\": [0, 1.5]", "[null, null]", "empty"),
];

async fn place(connection: &mut PgConnection) -> String {
    query_scalar(
        "select weather_location_id from raw.weather_locations where weather_location_id not like 'weather-test-%'
         limit 1",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

async fn forecast(connection: &mut PgConnection, document: &str, place: &str) -> (i64, Option<String>, Option<String>) {
    query_as("call energy.ingest_weather_forecast($1, $2, '2017-07-29 00:01Z', '2017-07-29 05:00Z')")
        .bind(document)
        .bind(place)
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn errors_in_documents_have_a_code() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let place = place(&mut work).await;
    work.execute("set local role weather").await.unwrap();
    for (from, to, code) in CASES {
        let document = GOOD.replace(from, to);
        let (hours, found, reason) = forecast(&mut work, &document, &place).await;
        assert_eq!((hours, found.as_deref()), (0, Some(code)), "{from} -> {to}: {reason:?}");
    }
    // Two hours, and the one before them, whose radiation is in the first label.
    assert_eq!(forecast(&mut work, GOOD, &place).await, (3, None, None));
    assert_eq!(forecast(&mut work, GOOD, &place).await, (0, None, None), "the same run twice changes nothing");
    assert_eq!(forecast(&mut work, GOOD, "nowhere").await.1.as_deref(), Some("unknown_location"));

    work.execute("reset role").await.unwrap();
    for (from, to, code) in CASES {
        let kept: Vec<(String, String, bool)> = query_as(
            "select reason_code, reason, issued_at = '2017-07-29 00:01Z' from raw.rejected_messages
             where source = 'weather' and message = $1 and weather_location_id = $2",
        )
        .bind(GOOD.replace(from, to))
        .bind(&place)
        .fetch_all(&mut *work)
        .await
        .unwrap();
        let [(found, reason, true)] = kept.as_slice() else {
            panic!("expected one rejection: {from} -> {to} {kept:?}")
        };
        assert!(found == code && !reason.is_empty(), "{from} -> {to}: {kept:?}");
    }
}

#[tokio::test]
async fn a_document_of_a_hundred_megabytes_is_one_rejection_and_a_nul_is_an_error() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let place = place(&mut work).await;
    let huge = GOOD.replace("18.5", &" ".repeat(100 << 20));
    assert_eq!(forecast(&mut work, &huge, &place).await.1.as_deref(), Some("too_large"));
    let kept: i32 = query_scalar(
        "select length(message) from raw.rejected_messages where source = 'weather' and reason_code = 'too_large'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(kept, 1 << 20);
    assert_eq!(refusal(&mut work, "call energy.ingest_weather_forecast('{}', 'x', null)").await.code, "22023");
    work.rollback().await.unwrap();
    let nul =
        query("call energy.ingest_weather_observations($1, 'x')").bind("\0").execute(&mut postgres).await.unwrap_err();
    assert_eq!(nul.as_database_error().and_then(|error| error.code()).as_deref(), Some("22021"));
}

#[tokio::test]
async fn an_analyst_lists_fixes_and_replays_rejections() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let place = place(&mut work).await;
    let broken = GOOD.replace("18.5", "\"warm\"");
    forecast(&mut work, &broken, &place).await;
    query("call energy.ingest_weather_observations($1, $2, '2017-07-29 05:00Z')")
        .bind(&broken)
        .bind(&place)
        .execute(&mut *work)
        .await
        .unwrap();

    work.execute("set local role analyst").await.unwrap();
    let open: Vec<(i64, bool)> = query_as(
        "select rejected_id, issued_at is null from energy.rejections
         where source = 'weather' and message = $1 and weather_location_id = $2 and replayed_at is null order by 1",
    )
    .bind(&broken)
    .bind(&place)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(open.iter().map(|(_, observed)| *observed).collect::<Vec<_>>(), [false, true]);
    let ids: Vec<i64> = open.iter().map(|(id, _)| *id).collect();
    query("call energy.replay_rejected($1)").bind(&ids).execute(&mut *work).await.unwrap();
    let still: i64 =
        query_scalar("select count(*) from energy.rejections where rejected_id = any ($1) and replayed_at is null")
            .bind(&ids)
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!(still, 2, "nothing was fixed yet");
    for id in &ids {
        query("call energy.replay_rejected(array[$1], $2)").bind(id).bind(GOOD).execute(&mut *work).await.unwrap();
    }
    let replayed: Vec<(String, String)> = query_as(
        "select replayed_by, fixed_message from energy.rejections
         where rejected_id = any ($1) and replayed_at is not null",
    )
    .bind(&ids)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(replayed, vec![("postgres".to_owned(), GOOD.to_owned()); 2]);
    let kept: (i64, bool) = query_as(
        "select (select count(*) from raw.weather_forecasts
         where weather_location_id = $1 and issued_at = '2017-07-29 00:01Z'),
                exists (select from raw.weather_observations
                where weather_location_id = $1 and valid_at = '2017-07-29 00:00Z')",
    )
    .bind(&place)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(kept, (3, true));
}
