//! Operations over HTTP: alerts and model decisions, recorded with the person of the token.

use chrono::Utc;
use edf_tests::{api_url, as_role, seed_demand, token};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

async fn send(method: Method, path: &str, role: &str, person: &str, body: Value) -> (StatusCode, Value) {
    let exp = Utc::now().timestamp() + 600;
    let bearer = token(&json!({"sub": person, "role": role, "aud": "edf-api", "exp": exp}));
    let request = Client::new().request(method.clone(), api_url(path)).bearer_auth(bearer);
    let request = if method == Method::GET { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

async fn operator(person: &str, path: &str, body: Value) -> (StatusCode, Value) {
    send(Method::POST, path, "operator", person, body).await
}

async fn get(path: &str) -> Value {
    let (status, body) = send(Method::GET, path, "operator", "alice@example.org", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

/// Pending models of a new subject, trained by the analyst, and the subject.
async fn pending(models: usize) -> (PgConnection, String, Vec<i64>) {
    let subject = format!("operations-{}", Utc::now().timestamp_micros());
    let mut analyst = as_role("analyst").await;
    analyst.execute("set search_path = pg_temp, public").await.unwrap();
    seed_demand(&mut analyst).await;
    let mut ids = Vec::new();
    for _ in 0..models {
        let train = "select edf.train($1, 'select at, demand_kwh, temperature_c from hourly', 'seasonal_naive')";
        ids.push(query_scalar(train).bind(&subject).fetch_one(&mut analyst).await.unwrap());
    }
    (analyst, subject, ids)
}

#[tokio::test]
async fn model_decisions_record_the_person() {
    let (mut analyst, subject, models) = pending(3).await;
    let waiting = get(&format!("models?subject=eq.{subject}&status=eq.pending&order=model_id")).await;
    assert_eq!(waiting.as_array().unwrap().len(), 3, "{waiting}");
    assert_eq!((&waiting[0]["trained_by"], &waiting[0]["problem"]), (&json!("analyst"), &Value::Null));

    let decide = |path: &'static str, model: i64, reason: &'static str| {
        operator("alice@example.org", path, json!({"model_id": model, "reason": reason}))
    };
    let (status, approved) = decide("rpc/approve_model", models[0], "first").await;
    assert_eq!((status, &approved["status"]), (StatusCode::OK, &json!("approved")), "{approved}");
    assert_eq!(decide("rpc/approve_model", models[1], "better").await.0, StatusCode::OK);
    assert_eq!(decide("rpc/reject_model", models[2], "no better").await.0, StatusCode::OK);
    let (status, again) = decide("rpc/approve_model", models[2], "after all").await;
    assert_eq!(status, StatusCode::CONFLICT, "{again}");
    assert!(!again["message"].as_str().unwrap().is_empty() && !again["hint"].is_null(), "{again}");
    let (status, back) = operator("bob", "rpc/rollback_model", json!({"subject": subject, "reason": "worse"})).await;
    assert_eq!((status, &back["model_id"]), (StatusCode::OK, &json!(models[0])), "{back}");
    let nothing_before = json!({"subject": subject, "reason": "worse still"});
    assert_eq!(operator("bob", "rpc/rollback_model", nothing_before).await.0, StatusCode::CONFLICT);

    let events: Vec<(String, String, Option<String>, Option<String>)> = query_as(
        "select event, happened_by, person, reason from edf.model_events
         where model_id = any ($1) and event <> 'trained' order by event_id",
    )
    .bind(&models)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    let said = |event: &str| events.iter().filter(|found| found.0 == event).cloned().collect::<Vec<_>>();
    let by = |event: &str, person: &str, reason: &str| {
        (event.to_owned(), "operator".to_owned(), Some(person.to_owned()), Some(reason.to_owned()))
    };
    let alice = "alice@example.org";
    assert_eq!(said("approved"), [by("approved", alice, "first"), by("approved", alice, "better")]);
    assert_eq!(said("rejected"), [by("rejected", alice, "no better")]);
    assert_eq!(said("restored")[0].2.as_deref(), Some("bob"));
    let seen = get(&format!("models?model_id=eq.{}", models[2])).await;
    assert_eq!((&seen[0]["decided_by"], &seen[0]["reason"]), (&json!(alice), &json!("no better")));
}

#[tokio::test]
async fn invalid_decisions_are_rejected_and_other_roles_may_not_decide() {
    let (_analyst, _, models) = pending(1).await;
    let model = models[0];
    let cases = [
        ("rpc/approve_model", json!({}), StatusCode::BAD_REQUEST, "model_id is missing"),
        ("rpc/approve_model", json!({"model_id": model}), StatusCode::BAD_REQUEST, "reason is missing"),
        ("rpc/approve_model", json!({"model_id": model, "reason": " "}), StatusCode::BAD_REQUEST, "reason is missing"),
        ("rpc/reject_model", json!({"model_id": -1, "reason": "x"}), StatusCode::NOT_FOUND, "there is no model -1"),
        ("rpc/approve_model", json!({"model_id": "x", "reason": "x"}), StatusCode::BAD_REQUEST, ""),
        ("rpc/rollback_model", json!({"subject": "nobody", "reason": "x"}), StatusCode::CONFLICT, "no model of"),
        ("rpc/acknowledge_alert", json!({}), StatusCode::BAD_REQUEST, "alert_id is missing"),
        ("rpc/acknowledge_alert", json!({"alert_id": -1}), StatusCode::NOT_FOUND, "there is no alert -1"),
    ];
    for (path, body, code, says) in cases {
        let (status, answer) = operator("alice", path, body.clone()).await;
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(status == code && message.contains(says), "{path} {body}: {status} {answer}");
    }
    for role in ["supplier", "resident", "gateway"] {
        for path in ["models", "alerts"] {
            let (status, answer) = send(Method::GET, path, role, "alice", Value::Null).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{role} {path}: {answer}");
        }
        let decision = json!({"model_id": model, "reason": "mine"});
        let (status, _) = send(Method::POST, "rpc/approve_model", role, "alice", decision).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{role}");
    }
}

#[tokio::test]
async fn an_open_alert_can_be_acknowledged_and_a_resolved_one_cannot() {
    let mut postgres = as_role("postgres").await;
    let alert = |subject: &'static str, resolved: &'static str| {
        AssertSqlSafe(format!(
            "insert into energy.alerts (rule, severity, subject, message, opened_at, seen_at, resolved_at)
             values ('operations_test', 'info', '{subject}', 'a test', energy.clock(), energy.clock(), {resolved})
             returning alert_id"
        ))
    };
    let open: i64 = query_scalar(alert("open", "null")).fetch_one(&mut postgres).await.unwrap();
    let over: i64 = query_scalar(alert("over", "energy.clock()")).fetch_one(&mut postgres).await.unwrap();
    let acknowledge =
        |alert: i64| operator("carol", "rpc/acknowledge_alert", json!({"alert_id": alert, "note": "seen"}));
    assert_eq!(acknowledge(open).await.0, StatusCode::NO_CONTENT);
    let (status, answer) = acknowledge(over).await;
    assert!(status == StatusCode::CONFLICT && answer["message"].as_str().unwrap().contains("resolved"), "{answer}");
    let seen = get("alerts?rule=eq.operations_test&resolved_at=is.null").await;
    assert_eq!((&seen[0]["acknowledged_by"], &seen[0]["note"]), (&json!("carol"), &json!("seen")), "{seen}");
    postgres.execute("delete from energy.alerts where rule = 'operations_test'").await.unwrap();
}
