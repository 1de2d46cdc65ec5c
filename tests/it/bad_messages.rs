//! Malformed messages of meters and weather services, over every ingestion path: one rejection each with its reason,
//! and no other effect.

use edf_tests::{api_url, as_role, refusal, token};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar};

const RECEIVED_AT: &str = "2017-07-29 05:00Z";

/// A message in one line; unknown fields are ignored, so `door` can tag messages by the test.
fn good(door: &str) -> String {
    let reading = format!(r#"{{"sensor_type": "test_{door}", "room_name": "hall", "value": 12.5}}"#);
    let place = r#""building_id": "homes-9-13", "apartment_id": "home-9""#;
    format!(r#"{{"door": "{door}", "timestamp_str": "2017-07-29T04:32:00Z", {place}, "readings": [{reading}]}}"#)
}

/// A sensor type that would do harm if it were pasted into a statement.
fn hostile(door: &str) -> String {
    format!("x'; drop table raw.meter_readings; -- $$ %s {{}} {door}")
}

/// (message, expected code) for every field and kind of error.
fn meter_cases(door: &str) -> Vec<(String, &'static str)> {
    let good = good(door);
    let mut cases = Vec::new();
    for field in ["timestamp_str", "building_id", "apartment_id", "readings", "sensor_type", "room_name", "value"] {
        let (name, value) = match field {
            "timestamp_str" => (field, r#""2017-07-29T04:32:00Z""#.to_owned()),
            "building_id" => (field, r#""homes-9-13""#.to_owned()),
            "apartment_id" => (field, r#""home-9""#.to_owned()),
            "sensor_type" => (field, format!(r#""test_{door}""#)),
            "room_name" => (field, r#""hall""#.to_owned()),
            "value" => (field, "12.5".to_owned()),
            _ => (field, good[good.find('[').unwrap()..=good.find(']').unwrap()].to_owned()),
        };
        let pair = format!(r#""{name}": {value}"#);
        let with = |text: &str| good.replace(&pair, &format!(r#""{name}": {text}"#));
        let other_type = if field == "value" { r#""12.5""# } else { "12.5" };
        for wrong in [other_type, "true", "{}", if field == "readings" { "\"\"" } else { "[]" }] {
            cases.push((with(wrong), "wrong_type"));
        }
        cases.push((good.replace(&pair, &format!("{pair}, {pair}")), "duplicate_field"));
        if !["apartment_id", "room_name"].contains(&field) {
            cases.push((good.replace(&pair, r#""x": 0"#), "missing_field"));
            cases.push((with("null"), "missing_field"));
        }
        if ["building_id", "apartment_id", "sensor_type", "room_name"].contains(&field) {
            cases.push((with("\"\""), "wrong_type"));
            cases.push((with(r#""a\u0000b""#), "wrong_type"));
            cases.push((with(&format!("\"{}\"", "x".repeat(1_000_000))), "too_long"));
        }
    }
    let time = |text: &str| good.replace("2017-07-29T04:32:00Z", text);
    for bad in [
        "",
        "now",
        "2017-07-29",
        "2017-07-29T04:32:00",
        "2017-02-29T04:32:00Z",
        "2017-07-29T25:00:00Z",
        "1501302720",
        "NaN",
    ] {
        cases.push((time(bad), "bad_timestamp"));
    }
    for far in ["9999-12-31T23:59:59Z", "2017-07-30T19:32:01+14:00", "2020-02-29T00:00:00Z"] {
        cases.push((time(far), "far_future"));
    }
    for far in ["0001-01-01T00:00:00Z", "1996-02-29T00:00:00Z", "1999-12-31T23:59:59Z"] {
        cases.push((time(far), "far_past"));
    }
    let value = |text: &str| good.replace(&format!("test_{door}"), "electricity_kwh_total").replace("12.5", text);
    for impossible in ["-1", "1e300", "-1e300", "1000000001"] {
        cases.push((value(impossible), "impossible_value"));
    }
    cases.push((good.replace("12.5", "-1e13"), "impossible_value"));
    cases.push((value("1e999"), "not_finite"));
    cases.push((value("NaN"), "not_json"));
    cases.push((value("-Infinity"), "not_json"));
    cases.push((good[..60].to_owned(), "not_json"));
    cases.push((format!(r#"["{door}"]"#), "wrong_type"));
    cases.push((format!(r#""{door}""#), "wrong_type"));
    cases.push((good.replace("homes-9-13", "homes-of-nobody"), "unknown_building"));
    cases.push((good.replace("home-9\"", "home-99\""), "unknown_apartment"));
    cases
}

/// Each case is stored once with its code; stored rows are removed where the ingestion path commits.
async fn each_is_kept(connection: &mut PgConnection, cases: &[(String, &str)]) {
    let mut wrong = Vec::new();
    for (message, code) in cases {
        let kept: Vec<(String, String)> = query_as(
            "delete from raw.rejected_messages where source = 'meter' and message = $1 and replayed_at is null
             returning reason_code, reason",
        )
        .bind(message)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        if !matches!(kept.as_slice(), [(found, reason)] if found == code && !reason.is_empty()) {
            wrong.push(format!("expected {code}: {kept:?} {}", message.chars().take(400).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The values stored through this path, which are then removed.
async fn taken(connection: &mut PgConnection, door: &str) -> Vec<f64> {
    let types = [format!("test_{door}"), hostile(door)];
    let values = query_scalar(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and building_id = 'homes-9-13'
             and sensor_type = any ($1) returning value",
    )
    .bind(&types[..])
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    query("delete from raw.sensors where building_id = 'homes-9-13' and sensor_type = any ($1)")
        .bind(&types[..])
        .execute(connection)
        .await
        .unwrap();
    values
}

async fn send(body: String) -> (StatusCode, Value) {
    let claims = json!({ "sub": "gateway-of-bad-messages", "role": "gateway", "aud": "edf-api",
                         "exp": chrono::Utc::now().timestamp() + 3600 });
    let request = Client::new()
        .post(api_url("rpc/ingest_meter_messages"))
        .bearer_auth(token(&claims))
        .header("content-type", "application/json")
        .body(body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn errors_in_messages_have_a_code_when_sent_by_call() {
    let cases = meter_cases("call");
    let mut messages: Vec<&str> = cases.iter().map(|(message, _)| message.as_str()).collect();
    let good = good("call");
    messages.insert(40, &good);
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    query("call energy.ingest_meter_messages($1::text[], $2::timestamptz)")
        .bind(&messages)
        .bind(RECEIVED_AT)
        .execute(&mut *work)
        .await
        .unwrap();
    each_is_kept(&mut work, &cases).await;
    assert_eq!(taken(&mut work, "call").await, [12.5]);
}

#[tokio::test]
async fn errors_in_messages_have_a_code_when_sent_over_http() {
    let mut postgres = as_role("postgres").await;
    query("insert into energy.building_access values ('gateway-of-bad-messages', 'homes-9-13') on conflict do nothing")
        .execute(&mut postgres)
        .await
        .unwrap();
    // An array can only contain valid JSON, and PostgREST rejects an escaped NUL.
    let cases: Vec<_> = meter_cases("http")
        .into_iter()
        .filter(|(message, code)| *code != "not_json" && !message.contains(r"\u0000"))
        .collect();
    let messages: Vec<_> =
        cases.iter().map(|(message, _)| message.as_str()).chain([&*good("http")]).map(str::to_owned).collect();
    let (status, counts) = send(format!(r#"{{"messages": [{}]}}"#, messages.join(","))).await;
    let values = taken(&mut postgres, "http").await;
    assert_eq!(status, StatusCode::OK, "{counts}");
    assert_eq!(counts["messages_rejected"], cases.len());
    each_is_kept(&mut postgres, &cases).await;
    assert_eq!(values, [12.5]);
}

/// Copies lines as described in docs/data.md and ingests them; one test at a time uses the inbox.
async fn copy(lines: Vec<u8>) -> Result<(), sqlx::Error> {
    let mut pipeline = as_role("pipeline").await;
    pipeline.execute("select pg_advisory_lock(hashtext('the inbox of the tests'))").await.unwrap();
    pipeline.execute("set client_encoding = latin1").await.unwrap();
    let mut copy = pipeline
        .copy_in_raw(r"copy raw.meter_inbox (message) from stdin with (format csv, delimiter e'\x01', quote e'\x02')")
        .await
        .unwrap();
    copy.send(lines).await?;
    copy.finish().await?;
    pipeline.execute("reset client_encoding").await.unwrap();
    pipeline.execute("call energy.ingest_meter_inbox(50)").await.unwrap();
    Ok(())
}

#[tokio::test]
async fn errors_in_lines_have_a_code_when_copied() {
    // A line counts as received when it was copied, regardless of the pipeline's clock: only the year 9999 is in the
    // future.
    let mut cases = meter_cases("copy");
    cases.retain(|(message, code)| *code != "far_future" || message.contains("9999"));
    let mut lines: Vec<u8> = cases.iter().flat_map(|(message, _)| [message.as_bytes(), b"\n"].concat()).collect();
    lines.extend(good("copy").replace("test_copy", &hostile("copy")).bytes());
    lines.extend(b"\n{\"door\": \"copy\", \"building_id\": \"\xff\xfe\xc3(\"}\n");
    lines.extend(good("copy").bytes());
    copy(lines).await.unwrap();

    let mut postgres = as_role("postgres").await;
    let values = taken(&mut postgres, "copy").await;
    each_is_kept(&mut postgres, &cases).await;
    each_is_kept(&mut postgres, &[("{\"door\": \"copy\", \"building_id\": \"ÿþÃ(\"}".to_owned(), "bad_encoding")])
        .await;
    assert_eq!(values, [12.5, 12.5]);
}

#[tokio::test]
async fn a_nul_byte_rejects_the_whole_copy_or_call() {
    let lines = [good("nul").as_bytes(), b"\n\0\n"].concat();
    let error = copy(lines).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("22021"));
    let mut pipeline = as_role("pipeline").await;
    let error = query("call energy.ingest_meter_messages($1::text[])")
        .bind(&[good("nul"), "\0".to_owned()][..])
        .execute(&mut pipeline)
        .await
        .unwrap_err();
    assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("22021"));
    // jsonb cannot store a NUL, even an escaped one; text can store the escaped form.
    let array = format!("call energy.ingest_meter_messages('[{}]'::jsonb)", good("nul").replace("hall", r"\u0000"));
    assert_eq!(refusal(&mut pipeline, &array).await.code, "22P05");
    for nul in ["\0", r"\u0000"] {
        let (status, _) = send(format!("{{\"messages\": [{}, \"{nul}\"]}}", good("nul"))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    assert!(taken(&mut as_role("postgres").await, "nul").await.is_empty());
}

#[tokio::test]
async fn invalid_utf8_is_a_bad_request() {
    let claims =
        json!({ "sub": "somebody", "role": "gateway", "aud": "edf-api", "exp": chrono::Utc::now().timestamp() + 3600 });
    let request = Client::new()
        .post(api_url("rpc/ingest_meter_messages"))
        .bearer_auth(token(&claims))
        .header("content-type", "application/json")
        .body(b"{\"messages\": [\"\xff\xfe\"]}".to_vec());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_message_of_a_hundred_megabytes_is_one_rejection_on_every_path() {
    let huge_of = |door: &str, megabytes: usize| good(door).replace("hall", &"x".repeat(megabytes << 20));
    let huge = |door: &str| huge_of(door, 100);
    let mut postgres = as_role("postgres").await;
    query("insert into energy.building_access values ('gateway-of-bad-messages', 'homes-9-13') on conflict do nothing")
        .execute(&mut postgres)
        .await
        .unwrap();
    query("call energy.ingest_meter_messages($1::text[], $2::timestamptz)")
        .bind(&[huge("huge_call"), good("huge_call")][..])
        .bind(RECEIVED_AT)
        .execute(&mut postgres)
        .await
        .unwrap();
    copy([huge("huge_copy").as_bytes(), b"\n", good("huge_copy").as_bytes()].concat()).await.unwrap();
    // Smaller than the others: on a busy machine it would exceed a gateway's statement timeout.
    let (status, _) = send(format!("{{\"messages\": [{}, {}]}}", huge_of("huge_http", 20), good("huge_http"))).await;
    assert_eq!(status, StatusCode::OK);
    for door in ["huge_call", "huge_copy", "huge_http"] {
        let kept: Vec<(String, i32)> = query_as(
            "delete from raw.rejected_messages where reason_code = 'too_large' and message like $1
             returning reason_code, length(message)",
        )
        .bind(format!("{{\"door\": \"{door}\"%"))
        .fetch_all(&mut postgres)
        .await
        .unwrap();
        assert_eq!(kept, [("too_large".to_owned(), 1 << 20)], "{door}");
        assert_eq!(taken(&mut postgres, door).await, [12.5], "{door}");
    }
}
