//! The API over HTTP, through the real PostgREST.

use crate::jobs::{BUILDING, issue_forecasts};
use chrono::{DateTime, FixedOffset, Utc};
use edf_tests::{api_url, as_role, token};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A supplier with access to [`BUILDING`].
const SUPPLIER: &str = "supplier-of-the-tests";

fn claims(subject: &str) -> Value {
    json!({ "sub": subject, "role": "supplier", "aud": "edf-api", "exp": Utc::now().timestamp() + 3600 })
}

/// The claims of a supplier without the given one.
fn claims_without(name: &str) -> Value {
    let mut claims = claims(SUPPLIER);
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn get(path: &str, claims: &Value) -> RequestBuilder {
    Client::new().get(api_url(path)).bearer_auth(token(claims))
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

async fn rows(request: RequestBuilder) -> Vec<Value> {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_request_without_a_token_is_rejected() {
    let response = Client::new().get(api_url("forecasts")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_without_audience_expiry_or_subject_is_rejected() {
    for name in ["aud", "exp", "sub"] {
        assert_eq!(status(get("forecasts", &claims_without(name))).await, StatusCode::UNAUTHORIZED, "no {name}");
    }
}

#[tokio::test]
async fn an_expired_token_or_one_for_another_audience_is_rejected() {
    let mut expired = claims(SUPPLIER);
    expired["exp"] = json!(Utc::now().timestamp() - 3600);
    assert_eq!(status(get("forecasts", &expired)).await, StatusCode::UNAUTHORIZED);
    let mut elsewhere = claims(SUPPLIER);
    elsewhere["aud"] = json!("another-api");
    assert_eq!(status(get("forecasts", &elsewhere)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_with_an_invalid_signature_is_rejected() {
    let token = token(&claims(SUPPLIER));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = Client::new().get(api_url("forecasts")).bearer_auth(format!("{signed}.c29tZWJvZHkgZWxzZQ"));
    assert_eq!(status(forged).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_cannot_name_a_role_of_the_database() {
    for role in ["postgres", "pipeline", "analyst", "edf_owner"] {
        let mut claims = claims(SUPPLIER);
        claims["role"] = json!(role);
        let status = status(get("forecasts", &claims)).await;
        assert!(status.is_client_error(), "{role}: {status}");
    }
}

#[tokio::test]
async fn the_72_hours_of_an_issue_are_served_unchanged_to_authorised_callers() {
    issue_forecasts().await;
    sqlx::query("insert into energy.building_access select $1, unnest($2::text[]) on conflict do nothing")
        .bind(SUPPLIER)
        .bind(&[BUILDING, "all-homes"][..])
        .execute(&mut as_role("postgres").await)
        .await
        .unwrap();
    // Four apartments are too few for a supplier, fifteen are not.
    let mut resident = claims(SUPPLIER);
    resident["role"] = json!("resident");
    for (claims, building, source) in [(&resident, BUILDING, "model"), (&claims(SUPPLIER), "all-homes", "profile")] {
        let asked = format!("forecasts?building_id=eq.{building}&issued_at=eq.2017-07-29T05:00:00Z");
        let all = rows(get(&asked, claims)).await;
        assert_eq!(all.len(), 72);
        for row in &all {
            for time in ["valid_at", "issued_at"] {
                let text = row[time].as_str().unwrap();
                DateTime::<FixedOffset>::parse_from_rfc3339(text)
                    .unwrap_or_else(|_| panic!("{time} without offset: {text}"));
            }
            let number = |name: &str| row[name].as_f64().unwrap();
            assert_eq!((row["building_id"].as_str(), row["source"].as_str()), (Some(building), Some(source)));
            if source == "model" {
                assert!((0.0..=1.0).contains(&number("confidence")));
                assert_eq!((number("quality"), row["quality_reasons"].as_array().unwrap().len()), (1.0, 0));
            }
            assert!(number("demand_lower_kwh") <= number("demand_kwh"));
            assert!(number("demand_kwh") <= number("demand_upper_kwh"));
        }
    }
    let seen = rows(get("forecasts?select=building_id", &claims(SUPPLIER))).await;
    assert!(seen.iter().all(|row| row["building_id"] == "all-homes"), "{BUILDING} counts in sums only");
}

#[tokio::test]
async fn another_supplier_gets_no_rows() {
    issue_forecasts().await;
    assert_eq!(rows(get("forecasts", &claims("somebody else"))).await, Vec::<Value>::new());
    let asked = format!("forecasts?building_id=eq.{BUILDING}");
    assert_eq!(rows(get(&asked, &claims("somebody else"))).await, Vec::<Value>::new());
}

#[tokio::test]
async fn only_schema_api_is_exposed() {
    for path in
        ["building_hours", "building_access", "meter_readings", "model_events", "rpc/issue_forecasts", "rpc/train"]
    {
        assert_eq!(status(get(path, &claims(SUPPLIER))).await, StatusCode::NOT_FOUND, "{path}");
    }
    for schema in ["energy", "raw", "edf", "pg_catalog"] {
        let request = get("building_hours", &claims(SUPPLIER)).header("Accept-Profile", schema);
        assert_eq!(status(request).await, StatusCode::NOT_ACCEPTABLE, "{schema}");
    }
}

#[tokio::test]
async fn a_supplier_may_not_write() {
    let row = json!({ "building_id": BUILDING, "valid_at": "2017-07-29T05:00:00Z" });
    let request = Client::new().post(api_url("forecasts")).bearer_auth(token(&claims(SUPPLIER))).json(&row);
    let status = status(request).await;
    assert!(!status.is_success(), "{status}");
}

#[tokio::test]
async fn the_api_describes_itself_with_units() {
    let response = get("", &claims(SUPPLIER)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let description = response.text().await.unwrap();
    assert!(description.contains("Forecasts from the current hour on"), "{description}");
    assert!(description.contains("in kWh per hour"), "{description}");
}
