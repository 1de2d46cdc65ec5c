//! Meter messages over HTTP, from a gateway that may write its own buildings.

use edf_tests::{api_url, as_role, token};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::query_scalar;

const BUILDING: &str = "homes-5-8";
const GATEWAY: &str = "gateway-of-the-tests";

async fn send(role: &str, subject: &str, body: &Value) -> (StatusCode, Value) {
    let claims =
        json!({ "sub": subject, "role": role, "aud": "edf-api", "exp": chrono::Utc::now().timestamp() + 3600 });
    let request = Client::new().post(api_url("rpc/ingest_meter_messages")).bearer_auth(token(&claims)).json(body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

fn message(building: &str, value: f64) -> Value {
    json!({ "timestamp_str": "2017-07-29T04:44:00Z", "building_id": building, "apartment_id": "home-5",
            "readings": [{ "sensor_type": "electricity_kwh_total", "value": value }] })
}

#[tokio::test]
async fn a_gateway_writes_its_own_buildings_and_no_other() {
    let mut postgres = as_role("postgres").await;
    sqlx::query("insert into energy.building_access values ($1, $2) on conflict do nothing")
        .bind(GATEWAY)
        .bind(BUILDING)
        .execute(&mut postgres)
        .await
        .unwrap();
    let body = json!({ "messages": [message(BUILDING, 777.5), message("homes-1-4", 777.5), "not a message"] });
    let sent = send("gateway", GATEWAY, &body).await;
    let again = send("gateway", GATEWAY, &body).await;
    let stranger = send("gateway", "somebody else", &json!({ "messages": [message(BUILDING, 778.5)] })).await;

    let codes: Vec<String> = query_scalar(
        "delete from raw.rejected_messages where message like '%777.5%' or message like '%778.5%' or message like '%not a message%'
         returning reason_code",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let values: Vec<f64> =
        query_scalar("delete from raw.meter_readings where read_at = '2017-07-29 04:44Z' returning value")
            .fetch_all(&mut postgres)
            .await
            .unwrap();
    assert_eq!(sent, (StatusCode::OK, json!({ "messages": 3, "readings_taken": 1, "messages_rejected": 2 })));
    assert_eq!(again.1["readings_taken"], 0);
    assert_eq!(stranger.1, json!({ "messages": 1, "readings_taken": 0, "messages_rejected": 1 }));
    assert_eq!(values, [777.5]);
    let mut codes = codes;
    codes.sort();
    assert_eq!(codes, ["not_allowed", "not_allowed", "wrong_type"]);
}

#[tokio::test]
async fn what_is_no_array_is_a_bad_request_and_nobody_else_may_send() {
    let (status, error) = send("gateway", GATEWAY, &json!({ "messages": {} })).await;
    assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("22023")));
    for role in ["supplier", "resident"] {
        let (status, _) = send(role, GATEWAY, &json!({ "messages": [message(BUILDING, 779.5)] })).await;
        assert!(status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND, "{role}: {status}");
    }
}
