//! Meter messages over HTTP, from a gateway with access to its own buildings.

use crate::storage::run;
use crate::street::street;
use chrono::DateTime;
use edf_tests::{api_url, as_role, configure, token};
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
async fn a_gateway_can_only_write_its_own_buildings() {
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
        "delete from raw.rejected_messages where message like '%777.5%' or message like '%778.5%'
             or message like '%not a message%'
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
    let not_yours = |index: usize, building: &str| {
        let reason = format!("building {building} is not yours");
        json!({ "index": index, "reason_code": "not_allowed", "reason": reason })
    };
    let (status, answer) = sent;
    assert_eq!((status, &answer["messages"], &answer["readings_taken"]), (StatusCode::OK, &json!(3), &json!(1)));
    assert_eq!((&answer["messages_rejected"], &answer["rejected"][0]), (&json!(2), &not_yours(1, "homes-1-4")));
    assert_eq!(
        (&answer["rejected"][1]["index"], &answer["rejected"][1]["reason_code"]),
        (&json!(2), &json!("wrong_type"))
    );
    assert!(answer["rejected"][1]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
    assert_eq!((&again.1["readings_taken"], &again.1["rejected"]), (&json!(0), &answer["rejected"]));
    let rejected = json!([not_yours(0, BUILDING)]);
    assert_eq!(stranger.1, json!({ "messages": 1, "readings_taken": 0, "messages_rejected": 1, "rejected": rejected }));
    assert_eq!(values, [777.5]);
    let mut codes = codes;
    codes.sort();
    assert_eq!(codes, ["not_allowed", "not_allowed", "wrong_type"]);
}

#[tokio::test]
async fn a_body_without_an_array_is_a_bad_request_and_other_roles_may_not_send() {
    let (status, error) = send("gateway", GATEWAY, &json!({ "messages": {} })).await;
    assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("22023")));
    for role in ["supplier", "resident"] {
        let (status, _) = send(role, GATEWAY, &json!({ "messages": [message(BUILDING, 779.5)] })).await;
        assert!(status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND, "{role}: {status}");
    }
}

#[tokio::test]
async fn stored_rejections_per_sender_are_limited_and_all_are_answered() {
    let (database, api, mut postgres) = street().await;
    configure(&mut postgres, "quality,max_rejected_mb", "1").await;
    run(&mut postgres, "insert into energy.building_access values ('full', 'tall'), ('other', 'tall')").await;
    let kept = async |postgres: &mut sqlx::postgres::PgConnection, sender: &str| -> (i64, i64) {
        sqlx::query_as(
            "select count(*), coalesce(sum(octet_length(message)), 0)::bigint from raw.rejected_messages
             where sender = $1",
        )
        .bind(sender)
        .fetch_one(postgres)
        .await
        .unwrap()
    };
    let send = async |sender: &str, count: usize, from: usize| -> Value {
        let bad = |n: usize| json!({ "building_id": "tall", "n": from + n, "x": "y".repeat(2000) });
        let body = json!({ "messages": (0..count).map(bad).collect::<Vec<_>>() });
        let answer = api.post("rpc/ingest_meter_messages", sender, "gateway").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    };
    for batch in 0..4 {
        let answer = send("full", 300, batch * 300).await;
        assert_eq!((&answer["messages_rejected"], answer["rejected"].as_array().unwrap().len()), (&json!(300), 100));
    }
    let (count, bytes) = kept(&mut postgres, "full").await;
    assert!((900_000..=1_000_000).contains(&bytes) && count < 500, "{count} {bytes}");
    // Stored duplicates do not count towards the limit, and other senders have their own.
    send("full", 300, 0).await;
    assert_eq!(kept(&mut postgres, "full").await, (count, bytes));
    send("other", 10, 0).await;
    assert_eq!(kept(&mut postgres, "other").await.0, 10);
    // Valid messages are still accepted.
    let good = json!({ "messages": [{
        "timestamp_str": "2026-03-15T11:45:00Z", "building_id": "tall", "apartment_id": "flat-1",
        "readings": [{ "sensor_type": "electricity_kwh_total", "value": 1.0 }],
    }] });
    let answer = api.post("rpc/ingest_meter_messages", "full", "gateway").json(&good).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["readings_taken"], 1);
    // Every rejection is counted, and the limit is reset on the next day.
    let counted: i64 = query_scalar("select sum(messages_rejected)::bigint from raw.ingestions where sender = 'full'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!(counted, 1500);
    run(&mut postgres, "update energy.rejected_volumes set day = day - 1").await;
    send("full", 10, 5000).await;
    assert_eq!(kept(&mut postgres, "full").await.0, count + 10);
    // The pipeline's own ingestion has no limit.
    run(
        &mut postgres,
        "select energy.take_meter_messages(array(select jsonb_build_object('building_id', 'tall', 'n', n, 'x',
             repeat('y', 2000))::text
                                                 from generate_series(1, 700) as n))",
    )
    .await;
    let all: i64 = query_scalar("select count(*) from raw.rejected_messages where sender is null")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!(all, 700);
    drop(database);
}

#[tokio::test]
async fn a_message_that_the_database_rejects_is_reported_by_its_index() {
    let (_database, api, mut postgres) = street().await;
    // A row in the middle of a batch that the table rejects.
    run(
        &mut postgres,
        "insert into energy.building_access values ('gw', 'tall');
         alter table raw.meter_readings add constraint no_13 check (value <> 13)",
    )
    .await;
    let message = |minute: usize, value: f64| {
        json!({
            "timestamp_str": format!("2026-03-15T11:{minute:02}:00Z"), "building_id": "tall", "apartment_id": "flat-1",
            "readings": [{ "sensor_type": "room_temperature_c", "value": value }],
        })
    };
    let mut messages: Vec<Value> =
        (0..20).map(|n| message(n, if n == 13 { 13.0 } else { 20.0 + n as f64 / 10.0 })).collect();
    messages[17]["building_id"] = json!("wide");
    let answer = api.post("rpc/ingest_meter_messages", "gw", "gateway").json(&json!({ "messages": messages }));
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["readings_taken"], &answer["messages_rejected"]), (&json!(18), &json!(2)), "{answer}");
    let told: Vec<(u64, &str)> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["index"].as_u64().unwrap(), one["reason_code"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(13, "ingest_error"), (17, "not_allowed")]);
    assert!(!answer.to_string().contains("no_13"), "{answer}");
}

const DOORS: &str = "b-of-the-doors";
const INSTALLER: &str = "installer-of-the-tests";

async fn post(path: &str, role: &str, body: &Value) -> (StatusCode, Value) {
    let claims =
        json!({ "sub": INSTALLER, "role": role, "aud": "edf-api", "exp": chrono::Utc::now().timestamp() + 3600 });
    let response = Client::new().post(api_url(path)).bearer_auth(token(&claims)).json(body).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

async fn sensors() -> Value {
    let claims =
        json!({ "sub": INSTALLER, "role": "gateway", "aud": "edf-api", "exp": chrono::Utc::now().timestamp() + 3600 });
    let request = Client::new().get(api_url("sensors?order=room_name")).bearer_auth(token(&claims));
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_technician_can_change_the_topology_of_its_buildings_over_http() {
    let mut postgres = as_role("postgres").await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "insert into raw.buildings select '{DOORS}', '{DOORS}', time_zone, region, latitude, longitude,
             weather_location_id
             from raw.buildings where building_id = '{BUILDING}';
         insert into energy.building_access values ('{INSTALLER}', '{DOORS}');
         insert into raw.sensors (building_id, apartment_id, sensor_type, room_name)
             values ('{DOORS}', 'a1', 'electricity_kwh_total', 'hall'),
                 ('{DOORS}', 'a1', 'electricity_kwh_total', 'cellar'),
                    ('{DOORS}', 'a1', 'room_temperature_c', 'hall');
         delete from energy.buildings_due where building_id = '{DOORS}'"
    )))
    .execute(&mut postgres)
    .await
    .unwrap();
    let sensor = json!({
        "building_id": DOORS, "sensor_type": "electricity_kwh_total", "apartment_id": "a1", "room_name": "hall",
    });
    let with = |more: Value| {
        let mut body = sensor.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };

    let apartment = json!({ "building_id": DOORS, "apartment_id": "a1", "valid_from": "2017-05-01T00:00:00Z" });
    let told = [
        post("rpc/set_apartment_validity", "gateway", &apartment).await.0,
        post(
            "rpc/continue_sensor",
            "gateway",
            &with(json!({ "later_room_name": "cellar", "replaced_at": "2017-06-01T12:00:00Z" })),
        )
        .await
        .0,
        post("rpc/set_sensor_validity", "gateway", &with(json!({ "valid_to": "2017-07-01T00:00:00+02:00" }))).await.0,
    ];
    let seen = sensors().await;
    let refused = [
        post("rpc/set_sensor_validity", "gateway", &with(json!({ "building_id": BUILDING }))).await,
        post("rpc/set_sensor_validity", "gateway", &with(json!({ "building_id": "no such building" }))).await,
        post("rpc/set_sensor_validity", "gateway", &with(json!({ "room_name": "attic" }))).await,
        post(
            "rpc/set_sensor_validity",
            "gateway",
            &with(json!({ "valid_from": "2018-01-01T00:00:00Z", "valid_to": "2017-01-01T00:00:00Z" })),
        )
        .await,
        post(
            "rpc/continue_sensor",
            "gateway",
            &with(json!({ "sensor_type": "room_temperature_c", "later_room_name": "attic" })),
        )
        .await,
        post("rpc/set_apartment_validity", "gateway", &json!({ "building_id": DOORS })).await,
        post("rpc/set_apartment_validity", "gateway", &json!({})).await,
        post(
            "rpc/set_apartment_validity",
            "gateway",
            &json!({ "building_id": BUILDING, "apartment_id": "home-5", "valid_to": "2017-01-01T00:00:00Z" }),
        )
        .await,
    ];
    let strangers = [
        post("rpc/set_apartment_validity", "supplier", &apartment).await.0,
        post("rpc/set_apartment_validity", "resident", &apartment).await.0,
    ];
    let due: i64 = query_scalar("select count(*) from energy.buildings_due where building_id = $1")
        .bind(DOORS)
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    let touched: i64 =
        query_scalar("select count(*) from raw.apartments where building_id = $1 and valid_to is not null")
            .bind(BUILDING)
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "delete from energy.building_access where subject = '{INSTALLER}';
         delete from raw.sensors where building_id = '{DOORS}';
         delete from raw.apartments where building_id = '{DOORS}';
         delete from energy.buildings_due where building_id = '{DOORS}';
         delete from raw.buildings where building_id = '{DOORS}'"
    )))
    .execute(&mut postgres)
    .await
    .unwrap();

    assert!(told.iter().all(|status| status.is_success()), "{told:?}");
    assert!(due >= 3, "{due}");
    assert_eq!(seen.as_array().unwrap().len(), 3, "{seen}");
    assert_eq!((&seen[0]["room_name"], &seen[0]["continues_room_name"]), (&json!("cellar"), &json!("hall")));
    let hall = seen
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["sensor_type"] == "electricity_kwh_total" && row["room_name"] == "hall")
        .unwrap();
    let instant = |value: &Value| DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap().to_utc().to_rfc3339();
    assert_eq!(instant(&hall["valid_to"]), "2017-06-30T22:00:00+00:00");
    let replaced: Vec<String> = hall["replaced_at"].as_array().unwrap().iter().map(instant).collect();
    assert_eq!(replaced, ["2017-06-01T12:00:00+00:00"]);
    let statuses: Vec<u16> = refused.iter().map(|(status, _)| status.as_u16()).collect();
    assert_eq!(statuses, [403, 403, 404, 400, 404, 400, 403, 403], "{refused:?}");
    for (_, error) in &refused {
        assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
    }
    // The response is the same for another technician's building and for one that does not exist.
    assert_eq!(refused[0].1["hint"], refused[1].1["hint"]);
    assert_eq!(touched, 0);
    for status in strangers {
        assert!(status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND, "{status}");
    }
}
