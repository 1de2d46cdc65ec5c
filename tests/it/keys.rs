//! API keys: shown once, exchanged for short-lived tokens, revoked immediately, and never logged.

use crate::storage::{deployed, run, texts};
use crate::street::street;
use crate::tokens::{Key, read, set_keys, until};
use edf_tests::{Api, Throwaway, assert_times_alike, configure, token_of};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A deployed street whose API exchanges keys.
async fn exchanging() -> (Throwaway, Api, PgConnection) {
    let (database, api, mut postgres) = street().await;
    set_keys(&mut postgres, &[&Key::shared()]).await;
    configure(&mut postgres, "api,exchange_lifetime", "\"10 minutes\"").await;
    // Until PostgREST has read the setting.
    for _ in 0..200 {
        if exchange(&api, "x").await.1["code"] == "PT401" {
            return (database, api, postgres);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("keys are not exchanged: {:?}", exchange(&api, "x").await);
}

async fn exchange(api: &Api, key: &str) -> (u16, Value) {
    let answer = Client::new().post(api.url("rpc/token")).json(&json!({ "api_key": key })).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn token_for(api: &Api, key: &str) -> String {
    let (status, answer) = exchange(api, key).await;
    assert_eq!(
        (status, &answer["token_type"], &answer["expires_in"]),
        (200, &json!("Bearer"), &json!(600)),
        "{answer}"
    );
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Calls a function as an operator.
async fn operate(api: &Api, function: &str, body: Value) -> (u16, Value) {
    let answer = api.post(&format!("rpc/{function}"), "olga", "operator").json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

async fn create(api: &Api, body: Value) -> (String, String) {
    let (status, made) = operate(api, "create_api_key", body).await;
    assert_eq!(status, 200, "{made}");
    (made["key_id"].as_str().unwrap().to_owned(), made["api_key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_key_gives_tokens_of_its_subject_until_it_is_revoked() {
    let (_database, api, mut postgres) = exchanging().await;
    let (key_id, key) = create(&api, json!({ "subject": "utility", "note": "control room" })).await;
    assert!(key.starts_with(&format!("{key_id}_")) && key.len() == 20 + 1 + 43, "{key}");
    let token = token_for(&api, &key).await;
    // It has the access of the subject and role.
    let rows: Vec<Value> = serde_json::from_str(&read(&api, &token).await.1).unwrap();
    assert_eq!(rows, api.rows("forecasts", "utility", "supplier").await);
    let seen: BTreeSet<&str> = rows.iter().map(|row| row["building_id"].as_str().unwrap()).collect();
    assert_eq!(seen, BTreeSet::from(["broad", "tall", "wide"]));
    let refused = Client::new().get(api.url("alerts")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    let listed = api.rows("api_keys", "olga", "operator").await;
    assert_eq!(
        (&listed[0]["key_id"], &listed[0]["subject"], &listed[0]["role"], &listed[0]["created_by"], &listed[0]["note"]),
        (&json!(key_id), &json!("utility"), &json!("supplier"), &json!("olga"), &json!("control room"))
    );
    assert!(listed[0]["last_used_at"].is_string() && listed[0]["revoked_at"].is_null(), "{listed:?}");
    // The key itself is not stored anywhere.
    let secret = &key[21..];
    let kept = texts(&mut postgres, "select keys::text from energy.api_keys as keys").await.concat();
    assert!(!kept.contains(secret) && !listed[0].to_string().contains(secret));

    let other = create(&api, json!({ "subject": "utility" })).await.1;
    let other_token = token_for(&api, &other).await;
    assert_eq!(operate(&api, "revoke_api_key", json!({ "key_id": key_id })).await.0, 204);
    // Immediately, for its tokens and for the key itself.
    let (status, body) = read(&api, &token).await;
    assert!(status == 401 && body.contains("revoked"), "{status} {body}");
    assert_eq!(exchange(&api, &key).await.0, 401);
    assert_eq!(read(&api, &other_token).await.0, 200, "another key of the subject goes on");
    let revoked =
        "select revoked_by || ' ' || (revoked_at is not null) from energy.api_keys where revoked_at is not null";
    assert_eq!(texts(&mut postgres, revoked).await, ["olga true"]);
    assert_eq!(operate(&api, "revoke_api_key", json!({ "key_id": key_id })).await.0, 204);
    assert_eq!(operate(&api, "revoke_api_key", json!({ "key_id": "edf_ffffffffffffffff" })).await.0, 404);
    assert_eq!(operate(&api, "revoke_api_key", json!({})).await.0, 404);

    // Withdrawing access removes the rows.
    run(&mut postgres, "delete from energy.building_access where subject = 'utility'").await;
    assert_eq!(read(&api, &other_token).await, (200, "[]".to_owned()));
}

#[tokio::test]
async fn invalid_keys_get_the_same_response_in_the_same_time() {
    let (_database, api, mut postgres) = exchanging().await;
    let good = create(&api, json!({ "subject": "utility" })).await.1;
    let (revoked_id, revoked) = create(&api, json!({ "subject": "utility" })).await;
    let expired = create(&api, json!({ "subject": "utility", "lifetime": "1 hour" })).await.1;
    let expired_token = token_for(&api, &expired).await;
    operate(&api, "revoke_api_key", json!({ "key_id": revoked_id })).await;
    run(
        &mut postgres,
        "update energy.api_keys set expires_at = now() - interval '1 second' where expires_at is not null",
    )
    .await;
    let wrong_secret = format!("{}_{}", &good[..20], "A".repeat(43));
    let unknown = format!("edf_0000000000000000_{}", "A".repeat(43));
    let answers: Vec<(u16, Value)> = {
        let mut answers = Vec::new();
        for key in
            [&revoked, &expired, &wrong_secret, &unknown, "", &good[..63], &format!("{good} "), "' or true --", "\0"]
        {
            answers.push(exchange(&api, key).await);
        }
        for body in [json!({}), json!({ "api_key": null })] {
            let answer = Client::new().post(api.url("rpc/token")).json(&body).send().await.unwrap();
            answers.push((answer.status().as_u16(), answer.json().await.unwrap()));
        }
        answers
    };
    for (status, answer) in &answers {
        // A text that PostgreSQL cannot store is not a key either.
        let is_no_text = *status == 400 && answer["code"] == "22P05";
        assert!(is_no_text || (*status, answer) == (401, &answers[0].1), "{status} {answer}");
    }
    assert_eq!(read(&api, &expired_token).await.0, 401, "a token does not outlive its key");
    assert_eq!(exchange(&api, &good).await.0, 200);

    // A wrong secret takes as long as an unknown key.
    let mut took: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for n in 0..150 {
        // The order alternates.
        for at in [n % 2, 1 - n % 2] {
            let asked = Instant::now();
            exchange(&api, [&wrong_secret, &unknown][at]).await;
            took[at].push(asked.elapsed());
        }
    }
    assert_times_alike("a wrong secret, an unknown key", &took);
}

#[tokio::test]
async fn without_a_token_only_key_exchange_is_possible_if_configured() {
    let (database, mut postgres) = deployed().await;
    let api = Api::of(&database).await;
    let ask = async |method: Method, path: &str| {
        let answer =
            Client::new().request(method, api.url(path)).json(&json!({ "api_key": "x" })).send().await.unwrap();
        answer.status().as_u16()
    };
    // Anonymous access is off by default.
    assert_eq!(ask(Method::POST, "rpc/token").await, 401);
    assert_eq!(ask(Method::GET, "forecasts").await, 401);
    configure(&mut postgres, "api,exchange_lifetime", "\"1 minute\"").await;
    for _ in 0..200 {
        if exchange(&api, "x").await.1["code"] == "PT401" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(exchange(&api, "x").await.1["code"], "PT401");
    set_keys(&mut postgres, &[&Key::shared()]).await;
    until(&api, &token_of("a", "supplier"), 200).await;
    for (method, path) in [
        (Method::GET, ""),
        (Method::GET, "forecasts"),
        (Method::GET, "api_keys"),
        (Method::GET, "rpc/token?api_key=x"),
        (Method::HEAD, "forecasts"),
        (Method::POST, "forecasts"),
        (Method::PATCH, "api_keys"),
        (Method::DELETE, "api_keys"),
        (Method::POST, "rpc/create_api_key"),
        (Method::POST, "rpc/revoke_api_key"),
        (Method::POST, "rpc/ingest_meter_messages"),
        (Method::POST, "rpc/check_token"),
        (Method::POST, "rpc/configure"),
        (Method::POST, "rpc/scenarios"),
    ] {
        // 400 and 404 come from PostgREST itself, for invalid bodies.
        let status = ask(method.clone(), path).await;
        assert!([400, 401, 404].contains(&status), "{method} {path}: {status}");
    }
    // Authenticated roles cannot use the exchange, and a token cannot claim the anonymous role.
    for role in ["supplier", "resident", "gateway", "operator", "technician"] {
        let answer = api.post("rpc/token", "a", role).json(&json!({ "api_key": "x" })).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{role}");
    }
    let key = Client::new().get(api.url("forecasts")).bearer_auth(token_of("a", "anonymous")).send().await.unwrap();
    assert_eq!(key.status(), StatusCode::UNAUTHORIZED);
    // When turned off, anonymous access ends and keys cannot be exchanged.
    configure(&mut postgres, "api,exchange_lifetime", "null").await;
    for _ in 0..200 {
        if exchange(&api, "x").await.1["code"] == "PGRST302" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ask(Method::POST, "rpc/token").await, 401);
    assert_eq!(exchange(&api, "x").await.1["code"], "PGRST302");
}

#[tokio::test]
async fn only_an_operator_can_create_keys_and_invalid_requests_are_rejected() {
    let (_database, api, _postgres) = exchanging().await;
    for role in ["supplier", "resident", "gateway", "technician"] {
        for function in ["create_api_key", "revoke_api_key"] {
            let asked = api.post(&format!("rpc/{function}"), "mallory", role).json(&json!({ "subject": "utility" }));
            let status = asked.send().await.unwrap().status();
            assert!(status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND, "{role}: {function}: {status}");
        }
        let asked = api.get("api_keys", "mallory", role).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::FORBIDDEN, "{role}");
    }
    for body in [
        json!({}),
        json!({ "subject": "" }),
        json!({ "subject": "x".repeat(201) }),
        json!({ "subject": "a\r\nX-Injected: 1" }),
        json!({ "subject": "a: b" }),
        json!({ "subject": "a", "role": "operator" }),
        json!({ "subject": "a", "role": "resident" }),
        json!({ "subject": "a", "role": null }),
        json!({ "subject": "a", "role": "postgres" }),
        json!({ "subject": "a", "lifetime": "-1 day" }),
        json!({ "subject": "a", "lifetime": "0" }),
        json!({ "subject": "a", "lifetime": "20 years" }),
        json!({ "subject": "a", "lifetime": "1e30 years" }),
        json!({ "subject": "a", "lifetime": "soon" }),
        json!({ "subject": "a", "note": "x".repeat(1001) }),
    ] {
        let (status, error) = operate(&api, "create_api_key", body.clone()).await;
        assert_eq!(status, 400, "{body}: {error}");
        assert!(!error.to_string().contains("insert"), "{error}");
    }
    // A subject cannot escape from its claim.
    let odd = "O'Brien\", \"role\"\\ = 'operator' -- é \u{1F50C}";
    let key = create(&api, json!({ "subject": odd, "role": "gateway" })).await.1;
    let token = token_for(&api, &key).await;
    let answer = Client::new().get(api.url("sensors")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().get("x-injected").is_none());
    let answer = Client::new().get(api.url("alerts")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn tokens_remain_valid_after_rotation_of_the_signing_key() {
    let (_database, api, mut postgres) = exchanging().await;
    let key = create(&api, json!({ "subject": "utility" })).await.1;
    let made = texts(&mut postgres, "select kid from energy.token_keys where secret is not null").await;
    let first = token_for(&api, &key).await;
    until(&api, &first, 200).await;
    // An hour later.
    run(&mut postgres, "update energy.token_keys set added_at = added_at - interval '1 hour'").await;
    run(&mut postgres, "select energy.rotate_signing_key()").await;
    // For a minute the previous key still signs, until PostgREST has read the new one.
    let second = token_for(&api, &key).await;
    assert_eq!((read(&api, &first).await.0, read(&api, &second).await.0), (200, 200));
    run(&mut postgres, "update energy.token_keys set added_at = added_at - interval '10 minutes'").await;
    let third = token_for(&api, &key).await;
    until(&api, &third, 200).await;
    assert_eq!(read(&api, &first).await.0, 200);
    // The next rotation removes the first key.
    run(&mut postgres, "select energy.rotate_signing_key()").await;
    until(&api, &first, 401).await;
    assert_eq!((read(&api, &second).await.0, read(&api, &third).await.0), (401, 200));
    let left = texts(&mut postgres, "select kid from energy.token_keys where secret is not null").await;
    assert!(left.len() == 2 && !left.contains(&made[0]), "{left:?}");
    // Tokens of other issuers are still valid.
    assert_eq!(read(&api, &token_of("a", "supplier")).await.0, 200);
}

/// The server's log from an offset.
fn log(path: &str, from: usize) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()[from..]).into_owned()
}

#[tokio::test]
async fn no_key_token_or_secret_is_logged() {
    let (database, mut postgres) = deployed().await;
    // Logs every statement with its parameters, as an operator may configure.
    for setting in ["log_statement = 'all'", "log_min_duration_statement = 0"] {
        run(&mut postgres, &format!("alter database {} set {setting}", database.name)).await;
    }
    let path = texts(&mut postgres, "select current_setting('data_directory') || '/../log/server.log'").await.remove(0);
    let from = std::fs::metadata(&path).unwrap().len() as usize;
    let api = Api::of(&database).await;
    let mut postgres = database.connect().await;
    set_keys(&mut postgres, &[&Key::shared()]).await;
    configure(&mut postgres, "api,exchange_lifetime", "\"10 minutes\"").await;
    for _ in 0..200 {
        if exchange(&api, "x").await.1["code"] == "PT401" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let key = create(&api, json!({ "subject": "the-subject-of-the-log" })).await.1;
    let token = token_for(&api, &key).await;
    until(&api, &token, 200).await;
    let wrong = format!("{}_{}", &key[..20], "B".repeat(43));
    assert_eq!(exchange(&api, &wrong).await.0, 401);
    // A request that fails in the database.
    let failed = Client::new().get(api.url("forecasts?valid_at=eq.never")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(failed.status(), StatusCode::BAD_REQUEST);
    run(&mut postgres, "select energy.rotate_signing_key()").await;
    let secrets = texts(
        &mut postgres,
        "select energy.base64url(secret) from energy.token_keys where secret is not null union all
        select encode(secret, 'hex') from energy.token_keys where secret is not null",
    )
    .await;
    assert_eq!(secrets.len(), 4);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let log = log(&path, from);
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("pgrst_call") || line.contains("set_config")).collect();
    assert!(!lines.is_empty(), "statements of the API are logged, without their parameters");
    let signature = token.rsplit('.').next().unwrap();
    for secret in
        [&key[21..], &wrong[21..], token.as_str(), signature].into_iter().chain(secrets.iter().map(String::as_str))
    {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
