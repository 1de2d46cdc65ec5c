//! Invalid and malicious requests to the API: never a server error, and nothing is written.

use crate::jobs::BUILDING;
use edf_tests::{api_url, as_role, token};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::query_scalar;

const GATEWAY: &str = "gateway-of-hostile-requests";
const SUPPLIER: &str = "supplier-of-hostile-requests";
const JSON: (&str, &str) = ("content-type", "application/json");

fn claims(subject: &str, role: &str) -> Value {
    json!({ "sub": subject, "role": role, "aud": "edf-api", "exp": chrono::Utc::now().timestamp() + 3600 })
}

struct Answer {
    status: StatusCode,
    body: Value,
}

async fn ask(method: &str, path: &str, claims: &Value, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let mut request = Client::new()
        .request(Method::from_bytes(method.as_bytes()).unwrap(), api_url(path))
        .bearer_auth(token(claims))
        .body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(!status.is_server_error(), "{method} {path} {headers:?}: {status} {text}");
    Answer { status, body: serde_json::from_str(&text).unwrap_or_default() }
}

#[tokio::test]
async fn writing_to_forecasts_is_not_allowed_for_any_role_or_method() {
    let row = r#"{"building_id": "all-homes", "demand_kwh": 1}"#;
    for (role, subject) in [("supplier", SUPPLIER), ("resident", SUPPLIER), ("gateway", GATEWAY)] {
        for method in ["POST", "PATCH", "DELETE", "PUT"] {
            for (path, headers, body) in [
                ("forecasts", &[JSON][..], row),
                ("forecasts?building_id=eq.all-homes", &[JSON], row),
                ("forecasts?building_id=eq.all-homes&limit=1&order=valid_at", &[JSON], row),
                ("forecasts", &[JSON], "[]"),
                ("forecasts", &[JSON], ""),
                ("forecasts?columns=demand_kwh", &[JSON], row),
                ("forecasts?on_conflict=building_id", &[JSON, ("prefer", "resolution=merge-duplicates")], row),
                ("forecasts", &[JSON, ("prefer", "return=representation, missing=default, tx=rollback")], row),
                ("forecasts", &[("content-type", "text/csv")], "building_id,demand_kwh\nall-homes,1\n"),
                ("forecasts", &[("content-type", "application/x-www-form-urlencoded")], "demand_kwh=1"),
            ] {
                let answer = ask(method, path, &claims(subject, role), headers, body).await;
                // Before it asks the database, PostgREST rejects a PUT without a key, and invalid bodies and columns.
                let is_read =
                    answer.status == StatusCode::METHOD_NOT_ALLOWED || answer.status == StatusCode::BAD_REQUEST;
                assert!(is_read, "{role}: {method} {path} {headers:?} {body}: {}", answer.status);
                if answer.body["code"] == "PT405" {
                    let hint = answer.body["hint"].as_str().unwrap();
                    assert!(hint.starts_with("Use GET to read;"), "{hint}");
                }
            }
            let plain = ask(method, "forecasts?building_id=eq.all-homes", &claims(subject, role), &[JSON], row).await;
            assert_eq!(plain.status, StatusCode::METHOD_NOT_ALLOWED, "{role}: {method}");
        }
    }
}

#[tokio::test]
async fn a_body_without_messages_is_a_bad_request_with_a_hint() {
    for body in [
        r#"[{"building_id": "b"}]"#,
        "{}",
        "",
        "null",
        "[]",
        "7",
        r#""messages""#,
        r#"{"message": []}"#,
        r#"{"Messages": []}"#,
        r#"{"messages": null}"#,
        r#"{"messages": {}}"#,
        r#"{"messages": "[]"}"#,
        r#"{"messages": 1e400}"#,
    ] {
        let answer = ask("POST", "rpc/ingest_meter_messages", &claims(GATEWAY, "gateway"), &[JSON], body).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::BAD_REQUEST, &json!("22023")), "{body}");
        assert_eq!(answer.body["hint"], r#"Send {"messages": [...]}."#, "{body}");
    }
    for body in ["{", "[", "{\"messages\": [}", "\u{feff}{\"messages\": []}", "messages=[]", "\0"] {
        let answer = ask("POST", "rpc/ingest_meter_messages", &claims(GATEWAY, "gateway"), &[JSON], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
    }
}

#[tokio::test]
async fn no_message_from_a_gateway_causes_a_server_error() {
    sqlx::query("insert into energy.building_access values ($1, 'homes-9-13') on conflict do nothing")
        .bind(GATEWAY)
        .execute(&mut as_role("postgres").await)
        .await
        .unwrap();
    let good = r#"{"timestamp_str": "2017-07-29T04:33:00Z", "building_id": "homes-9-13", "apartment_id": "home-9",
        "readings": [{"sensor_type": "test_hostile", "value": 1}]}"#;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let mut messages: Vec<String> = [
        "null",
        "true",
        "0",
        "-0",
        "1e308",
        "1e-400",
        "\"\"",
        "\"\\u0007\"",
        "[]",
        "{}",
        "[[]]",
        r#"{"": ""}"#,
        r#"{"readings": []}"#,
        r#"{"readings": [{}]}"#,
        r#"{"readings": [[]]}"#,
        r#"{"building_id": null}"#,
    ]
    .map(str::to_owned)
    .into();
    for value in
        ["1e309", "-1e309", "1e-320", "0.1e1", "123456789012345678901234567890", "-0.0", "\"1\"", "null", "[1]"]
    {
        messages.push(good.replace("\"value\": 1", &format!("\"value\": {value}")));
    }
    for text in [
        "'; drop table raw.sensors; --",
        "%s%n",
        "../../etc/passwd",
        "\\\\",
        "𝔘𝔫𝔦",
        "a\\tb",
        "\u{202e}",
        "{}",
        "\\u0001",
        "NaN",
    ] {
        messages.push(good.replace("homes-9-13", text));
        messages.push(good.replace("home-9\"", &format!("{text}\"")));
        messages.push(good.replace("2017-07-29T04:33:00Z", text));
    }
    for time in [
        "9999-12-31T23:59:60Z",
        "-0001-01-01T00:00:00Z",
        "+262143-01-01T00:00:00Z",
        "2017-07-29T24:00:00Z",
        "2017-07-29T04:33:00+99:99",
        "294276-12-31T23:59:59Z",
        "2017-W30-6",
        "infinity",
        "epoch",
    ] {
        messages.push(good.replace("2017-07-29T04:33:00Z", time));
    }
    let body = format!(r#"{{"messages": [{}]}}"#, messages.join(","));
    let answer = ask("POST", "rpc/ingest_meter_messages", &claims(GATEWAY, "gateway"), &[JSON], body).await;
    assert_eq!((answer.status, &answer.body["messages"]), (StatusCode::OK, &json!(messages.len())), "{}", answer.body);
    for body in [
        format!(r#"{{"messages": {}}}"#, deep(100)),
        format!(r#"{{"messages": {}}}"#, deep(20_000)),
        format!(r#"{{"messages": [{good}], "messages": [{good}]}}"#),
        format!(r#"{{"messages": [{}]}}"#, vec!["0"; 50_000].join(",")),
        r#"{"messages": ["\ud800"]}"#.to_owned(),
    ] {
        ask("POST", "rpc/ingest_meter_messages", &claims(GATEWAY, "gateway"), &[JSON], body).await;
    }
    let mut postgres = as_role("postgres").await;
    sqlx::query(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and sensor_type = 'test_hostile'",
    )
    .execute(&mut postgres)
    .await
    .unwrap();
    sqlx::query("delete from raw.rejected_messages where sender = $1")
        .bind(GATEWAY)
        .execute(&mut postgres)
        .await
        .unwrap();
    sqlx::query("delete from raw.sensors where sensor_type = 'test_hostile'").execute(&mut postgres).await.unwrap();
}

#[tokio::test]
async fn no_request_for_forecasts_causes_a_server_error() {
    let long = "x".repeat(6000);
    let paths = [
        "forecasts?limit=-1",
        "forecasts?limit=x",
        "forecasts?limit=99999999999999999999",
        "forecasts?offset=-1",
        "forecasts?offset=9223372036854775808",
        "forecasts?limit=0",
        "forecasts?order=nothing",
        "forecasts?order=valid_at.up",
        "forecasts?select=nothing",
        "forecasts?select=demand_kwh::json",
        "forecasts?select=valid_at::regclass",
        "forecasts?select=building_id::int",
        "forecasts?select=*,buildings(*)",
        "forecasts?select=count()",
        "forecasts?select=demand_kwh.sum()",
        "forecasts?select=",
        "forecasts?select=a:demand_kwh,a:valid_at",
        "forecasts?building_id=in.()",
        "forecasts?building_id=in.(",
        "forecasts?building_id=x",
        "forecasts?building_id=eq",
        "forecasts?building_id=is.x",
        "forecasts?building_id=is.true",
        "forecasts?building_id=match.(",
        "forecasts?building_id=match.(a%2B)%2B%24",
        "forecasts?building_id=fts.x",
        "forecasts?building_id=like.*%5C",
        "forecasts?building_id=cs.{}",
        "forecasts?building_id=not.not.eq.x",
        "forecasts?building_id=eq.%00",
        "forecasts?building_id=eq(any).{a,",
        "forecasts?demand_kwh=gt.NaN",
        "forecasts?demand_kwh=eq.1e999",
        "forecasts?demand_kwh=eq.x",
        "forecasts?demand_kwh=fts.x",
        "forecasts?demand_kwh=sl.(1,2)",
        "forecasts?valid_at=eq.infinity",
        "forecasts?valid_at=gt.999999999-01-01",
        "forecasts?valid_at=eq.now",
        "forecasts?valid_at=eq.2017-02-30",
        "forecasts?valid_at=eq.2017-07-29T05:00:00%2B99:00",
        "forecasts?valid_at=eq.",
        "forecasts?nothing=eq.1",
        "forecasts?or=()",
        "forecasts?or=(a.eq.1",
        "forecasts?and=(or(building_id.eq.x,not.and(demand_kwh.gt.1)))",
        "forecasts?demand_kwh->x=eq.1",
        "forecasts?select=demand_kwh->>x",
        "rpc/nothing",
        "rpc/",
        "rpc/check_token",
        "rpc/ingest_meter_messages",
        "rpc/ingest_meter_messages?messages=[]",
        "rpc/ingest_meter_messages?messages={",
        "nothing",
        "pg_class",
        "forecasts/1",
        "forecasts?columns=x",
    ];
    for role in ["supplier", "gateway"] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "TRACE", "PROPFIND", "DELETE"] {
            for path in paths {
                ask(method, path, &claims(SUPPLIER, role), &[], "").await;
            }
        }
    }
    for view in ["forecast_history", "portfolio_forecasts", "accuracy"] {
        for path in paths.iter().filter(|path| path.starts_with("forecasts?")) {
            ask("GET", &path.replacen("forecasts", view, 1), &claims(SUPPLIER, "supplier"), &[], "").await;
        }
    }
    ask("GET", &format!("forecasts?building_id=eq.{long}"), &claims(SUPPLIER, "supplier"), &[], "").await;
    ask(
        "GET",
        &format!("forecasts?building_id=in.({})", vec!["x"; 2000].join(",")),
        &claims(SUPPLIER, "supplier"),
        &[],
        "",
    )
    .await;
    for header in [
        ("range", "x"),
        ("range", "5-1"),
        ("range", "-1"),
        ("range", "0-99999999999999999999"),
        ("range-unit", "pages"),
        ("accept", "x/y"),
        ("accept", "text/csv"),
        ("accept", "application/vnd.pgrst.object+json"),
        ("accept", "application/vnd.pgrst.plan+json; options=analyze"),
        ("accept", "application/octet-stream"),
        ("accept", "application/geo+json"),
        ("accept", ";;;"),
        ("prefer", "count=exact"),
        ("prefer", "count=x"),
        ("prefer", "timezone=Asia/Kolkata"),
        ("prefer", "timezone=Mars/Olympus"),
        ("prefer", "handling=strict, timezone=Mars/Olympus"),
        ("prefer", "handling=strict, x=y"),
        ("prefer", "tx=rollback"),
        ("prefer", "max-affected=0"),
        ("accept-profile", "energy"),
        ("accept-profile", ""),
        ("content-profile", "raw"),
        ("cookie", "a=b; ;="),
        ("x-forwarded-for", "'"),
        ("if-none-match", "*"),
        ("accept-encoding", "nothing"),
    ] {
        for (method, path) in
            [("GET", "forecasts"), ("POST", "rpc/ingest_meter_messages"), ("GET", ""), ("OPTIONS", "forecasts")]
        {
            ask(method, path, &claims(SUPPLIER, "gateway"), &[header], "").await;
            ask(method, path, &claims(SUPPLIER, "supplier"), &[header], "").await;
        }
    }
}

#[tokio::test]
async fn errors_name_the_bad_parameter_without_the_query() {
    for (view, time, number, whole) in [
        ("forecasts", "valid_at", "demand_kwh", "lead_hours"),
        ("forecast_history", "issued_at", "quality", "revision"),
        ("portfolio_forecasts", "valid_at", "demand_kwh", "buildings"),
        ("accuracy", "", "rmse_kwh", "lead_day"),
    ] {
        let mut cases = vec![
            (format!("{number}=gt.much"), "22P02", "\"much\""),
            (format!("{number}=gt.1e999"), "22003", "\"1e999\""),
            (format!("{whole}=eq.99999999999"), "22003", "\"99999999999\""),
            (format!("{whole}=eq.1.5"), "22P02", "\"1.5\""),
            (format!("{number}=like.1*"), "42883", "operator does not exist"),
            ("nothing=eq.1".to_owned(), "42703", "nothing"),
            ("order=nothing".to_owned(), "42703", "nothing"),
            ("select=nothing".to_owned(), "42703", "nothing"),
            (format!("select={number}::nothing"), "42704", "\"nothing\""),
            (format!("{number}=over.1"), "PGRST100", "over.1"),
            (format!("or=({number}.eq.1"), "PGRST100", "logic tree"),
            ("offset=9223372036854775808".to_owned(), "22003", "9223372036854775808"),
            ("limit=-1".to_owned(), "PGRST103", "not satisfiable"),
            ("select=*,buildings(*)".to_owned(), "PGRST200", "relationship"),
        ];
        if !time.is_empty() {
            cases.push((format!("{time}=gt.soon"), "22007", "\"soon\""));
            cases.push((format!("{time}=gt.999999999-01-01"), "22008", "\"999999999-01-01\""));
            cases.push((format!("{time}=lt.2017-02-30"), "22008", "\"2017-02-30\""));
        }
        for (query, code, named) in cases {
            let answer = ask("GET", &format!("{view}?{query}"), &claims(SUPPLIER, "supplier"), &[], "").await;
            assert!(answer.status.is_client_error(), "{view}?{query}: {}", answer.status);
            assert_eq!(answer.body["code"], code, "{view}?{query}: {}", answer.body);
            let text = answer.body.to_string().to_lowercase();
            assert!(answer.body["message"].as_str().unwrap().contains(named), "{view}?{query}: {}", answer.body);
            for of_the_query in ["select ", "energy.", " join ", "yhat", "building_access"] {
                assert!(!text.contains(of_the_query), "{view}?{query}: {}", answer.body);
            }
        }
        // Times far in the future or past and negative values give no rows, and no error.
        for empty in
            [format!("{number}=lt.-1e300"), format!("{whole}=lt.-2147483648"), format!("{whole}=gt.2147483646")]
        {
            let answer = ask("GET", &format!("{view}?{empty}"), &claims(SUPPLIER, "supplier"), &[], "").await;
            assert_eq!((answer.status, answer.body), (StatusCode::OK, json!([])), "{view}?{empty}");
        }
    }
    for far in ["forecasts?valid_at=gt.9999-12-31", "forecast_history?issued_at=lt.4000-01-01%20BC"] {
        let answer = ask("GET", far, &claims(SUPPLIER, "supplier"), &[], "").await;
        assert_eq!((answer.status, answer.body), (StatusCode::OK, json!([])), "{far}");
    }
}

#[tokio::test]
async fn no_token_causes_a_server_error() {
    let whole = claims(SUPPLIER, "supplier");
    let with = |name: &str, value: Value| {
        let mut claims = whole.clone();
        claims[name] = value;
        claims
    };
    let mut odd = vec![json!({}), json!([]), json!("x"), json!(null)];
    for name in ["sub", "role", "aud", "exp", "iat", "nbf"] {
        for value in [
            json!(null),
            json!(""),
            json!("x"),
            json!(0),
            json!(-1),
            json!(1e300),
            json!([]),
            json!(["edf-api"]),
            json!({}),
            json!(true),
            json!("a\u{0}b"),
        ] {
            odd.push(with(name, value));
        }
    }
    for role in
        ["nobody-of-that-name", "none", "postgres", "public", "pg_read_all_data", "supplier; drop table x", "Supplier"]
    {
        odd.push(with("role", json!(role)));
    }
    odd.push(with("more", json!("x".repeat(20_000))));
    for claims in &odd {
        ask("GET", "forecasts?limit=1", claims, &[], "").await;
        ask("POST", "rpc/ingest_meter_messages", claims, &[JSON], r#"{"messages": []}"#).await;
    }
}

#[tokio::test]
async fn a_preferred_time_zone_changes_no_reading_and_no_response() {
    let mut postgres = as_role("postgres").await;
    sqlx::query(
        "insert into energy.building_access select $1, building_id
         from unnest(array['homes-9-13', $2]) as building_id on conflict do nothing",
    )
    .bind(GATEWAY)
    .bind(BUILDING)
    .execute(&mut postgres)
    .await
    .unwrap();
    let message = r#"{"messages": [{"timestamp_str": "2017-07-29T04:34:00Z", "building_id": "homes-9-13",
        "apartment_id": "home-9", "readings": [{"sensor_type": "test_zones", "value": 1}]}]}"#;
    let mut taken = Vec::new();
    for zone in ["Asia/Kolkata", "America/Havana", "UTC"] {
        let prefer = format!("timezone={zone}");
        let answer = ask(
            "POST",
            "rpc/ingest_meter_messages",
            &claims(GATEWAY, "gateway"),
            &[JSON, ("prefer", &prefer)],
            message,
        )
        .await;
        taken.push(answer.body["readings_taken"].clone());
    }
    let read_at: Vec<String> = query_scalar(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and sensor_type = 'test_zones'
         returning to_char(read_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    sqlx::query("delete from raw.sensors where sensor_type = 'test_zones'").execute(&mut postgres).await.unwrap();
    assert_eq!(taken, [json!(1), json!(0), json!(0)]);
    assert_eq!(read_at, ["2017-07-29 04:34"]);
}
