//! Tenancy: which buildings a sender may write, on every ingestion path, and when a rejected message is replayed.

use crate::house::{add_house, message};
use edf_tests::{api_url, as_role, refusal, token};
use reqwest::{Client, StatusCode};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar, raw_sql};

/// A gateway with access to another house.
const GATEWAY: &str = "gateway-of-another-house";

/// Sends as `sender`; returns the number of accepted readings.
async fn send(work: &mut PgConnection, sender: Option<&str>, message: &str) -> i64 {
    query_scalar("select readings_taken from energy.take_meter_messages($1::text[], '2017-07-20 00:00Z', $2)")
        .bind(&[message][..])
        .bind(sender)
        .fetch_one(work)
        .await
        .unwrap()
}

/// (reason, sender) of the house's open rejections.
async fn open(work: &mut PgConnection) -> Vec<(String, Option<String>)> {
    query_as(
        "select reason_code, sender from raw.rejected_messages
         where message like '%a-test-house%' and replayed_at is null order by rejected_id",
    )
    .fetch_all(work)
    .await
    .unwrap()
}

async fn values(work: &mut PgConnection) -> Vec<f64> {
    query_scalar(
        "select value from raw.meter_readings join raw.sensors using (sensor_id)
         where building_id = 'a-test-house' order by 1",
    )
    .fetch_all(work)
    .await
    .unwrap()
}

fn kept(reason: &str, sender: &str) -> (String, Option<String>) {
    (reason.to_owned(), Some(sender.to_owned()))
}

#[tokio::test]
async fn a_replay_does_not_accept_messages_about_buildings_of_others() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    work.execute("set local role pipeline").await.unwrap();
    assert_eq!(send(&mut work, Some(GATEWAY), &message(10, 1, 5.0)).await, 0);
    let rejected: i64 =
        query_scalar("select min(rejected_id) from raw.rejected_messages where message like '%a-test-house%'")
            .fetch_one(&mut *work)
            .await
            .unwrap();
    for role in ["analyst", "pipeline"] {
        work.execute(sqlx::AssertSqlSafe(format!("set local role {role}"))).await.unwrap();
        work.execute("call energy.replay_rejected()").await.unwrap();
        work.execute("select energy.take_rejected(array_agg(rejected_id)) from energy.rejections").await.unwrap();
        // Nor with a corrected text about the same building.
        query("select energy.take_rejected(array[$1], $2)")
            .bind(rejected)
            .bind(message(20, 1, 6.0))
            .execute(&mut *work)
            .await
            .unwrap();
        work.execute("reset role").await.unwrap();
        assert_eq!(open(&mut work).await.first(), Some(&kept("not_allowed", GATEWAY)), "{role}");
    }
    assert!(values(&mut work).await.is_empty());

    work.execute(raw_sql(
        "reset role; insert into energy.building_access
         values ('gateway-of-another-house', 'a-test-house'); set local role analyst",
    ))
    .await
    .unwrap();
    work.execute(raw_sql("call energy.replay_rejected(); reset role")).await.unwrap();
    assert!(open(&mut work).await.is_empty());
    assert_eq!(values(&mut work).await, [5.0, 6.0]);
}

#[tokio::test]
async fn rejected_messages_of_unknown_buildings_keep_their_senders_permissions() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    // Serialises the tests that use this house: it is added first and then hidden for a while.
    add_house(&mut work).await;
    work.execute("update raw.apartments set building_id = 'homes-1-4' where building_id = 'a-test-house'")
        .await
        .unwrap();
    work.execute("update raw.buildings set building_id = 'a-test-house-to-be' where building_id = 'a-test-house'")
        .await
        .unwrap();
    assert_eq!(send(&mut work, Some(GATEWAY), &message(10, 1, 5.0)).await, 0);
    assert_eq!(open(&mut work).await, [kept("unknown_building", GATEWAY)]);
    work.execute("update raw.buildings set building_id = 'a-test-house' where building_id = 'a-test-house-to-be'")
        .await
        .unwrap();
    work.execute("update raw.apartments set building_id = 'a-test-house' where apartment_id like 'flat-%'")
        .await
        .unwrap();
    work.execute("call energy.replay_rejected()").await.unwrap();
    assert!(values(&mut work).await.is_empty());
    assert_eq!(open(&mut work).await, [kept("unknown_building", GATEWAY), kept("not_allowed", GATEWAY)]);
    // The same text sent by the pipeline itself is a separate rejection.
    assert_eq!(send(&mut work, None, &message(10, 1, 5.0)).await, 1);
}

#[tokio::test]
async fn the_same_message_of_two_senders_is_stored_for_each() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    work.execute("insert into energy.building_access values ('its own gateway', 'a-test-house')").await.unwrap();
    let bad = message(10, 1, 5.0).replace("flat-1", "flat-99");
    for sender in ["its own gateway", GATEWAY, GATEWAY] {
        send(&mut work, Some(sender), &bad).await;
    }
    assert_eq!(open(&mut work).await, [kept("unknown_apartment", "its own gateway"), kept("not_allowed", GATEWAY)]);
    work.execute("insert into raw.apartments values ('a-test-house', 'flat-99')").await.unwrap();
    work.execute("call energy.replay_rejected()").await.unwrap();
    assert_eq!(open(&mut work).await, [kept("not_allowed", GATEWAY)]);
    assert_eq!(values(&mut work).await, [5.0]);
}

#[tokio::test]
async fn overriding_the_sender_needs_the_pipelines_permission_and_is_recorded() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    // The second was rejected before senders were recorded.
    send(&mut work, Some(GATEWAY), &message(10, 1, 5.0)).await;
    send(&mut work, Some(""), &message(20, 1, 6.0)).await;
    {
        let mut tried = work.begin().await.unwrap();
        tried.execute("set local role analyst").await.unwrap();
        let refused = refusal(&mut tried, "call energy.replay_rejected(overrule => true)").await;
        assert_eq!(refused.code, "42501");
        assert!(refused.hint.contains("building_access"), "{refused:?}");
    }
    work.execute("set local role pipeline").await.unwrap();
    work.execute("call energy.replay_rejected(overrule => true)").await.unwrap();
    assert_eq!(values(&mut work).await, [5.0, 6.0]);
    let noted: Vec<(bool, String)> = query_as(
        "select overruled, replayed_by from raw.rejected_messages where message like '%a-test-house%'
         order by rejected_id",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(noted, [(true, "postgres".to_owned()), (true, "postgres".to_owned())]);
    let batches: Vec<(Option<String>, bool, i64)> =
        query_as("select sender, overruled, readings_taken from raw.ingestions order by ingestion_id desc limit 2")
            .fetch_all(&mut *work)
            .await
            .unwrap();
    assert_eq!(batches, [(Some(String::new()), true, 1), (Some(GATEWAY.to_owned()), true, 1)]);
}

#[tokio::test]
async fn over_http_the_sender_is_the_tokens_subject_and_is_required() {
    let claims = |subject: &str| {
        let expires = chrono::Utc::now().timestamp() + 3600;
        json!({ "sub": subject, "role": "gateway", "aud": "edf-api", "exp": expires })
    };
    let post = |subject: &str| {
        let body = json!({ "messages": [{
            "timestamp_str": "2017-07-29T04:44:00Z", "building_id": "homes-5-8", "apartment_id": "home-5",
            "readings": [{ "sensor_type": "test_of_tenants", "value": 1 }],
        }] });
        Client::new().post(api_url("rpc/ingest_meter_messages")).bearer_auth(token(&claims(subject))).json(&body).send()
    };
    assert_eq!(post("").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(post(GATEWAY).await.unwrap().status(), StatusCode::OK);
    let mut postgres = as_role("postgres").await;
    let senders: Vec<Option<String>> = query_scalar(
        "delete from raw.rejected_messages where message like '%test_of_tenants%'
             and reason_code = 'not_allowed' returning sender",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert_eq!(senders, [Some(GATEWAY.to_owned())]);
}
