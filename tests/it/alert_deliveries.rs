//! Delivery of alerts: the compiled sender against a receiver that fails in every way before it accepts.

use crate::monitoring::{FAULTS, check, two_buildings};
use crate::server::{Reply, Server, answer, good};
use crate::storage::{run, texts};
use edf_tests::{Throwaway, as_role, connect, environment, refusal};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::query_scalar;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// The sender's binary, in the directory of this one.
fn program() -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().with_file_name("edf-alerts");
    assert!(path.exists(), "{}: build it with cargo build --release -p edf-alerts", path.display());
    path
}

/// The sender as role `alerts`, with short waits; killed on drop.
fn sender(database: &Throwaway, receivers: &Value, poll: &str) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .envs([("PGHOST", environment("EDF_TEST_SOCKET")), ("PGPORT", environment("EDF_TEST_PORT"))])
        .envs([("PGUSER", "alerts"), ("PGDATABASE", &database.name)])
        .env("EDF_ALERTS_RECEIVERS", receivers.to_string())
        .envs([("EDF_ALERTS_EXTERNAL_URL", "https://example.org/edf"), ("EDF_ALERTS_POLL", poll)])
        .env("EDF_ALERTS_LONGEST_WAIT", "200ms")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

fn start(database: &Throwaway, receivers: &Value, poll: &str) -> Child {
    sender(database, receivers, poll).spawn().unwrap()
}

/// Two buildings whose alerts go to these receivers.
async fn told(receivers: Value) -> (Throwaway, PgConnection) {
    let (database, mut postgres) = two_buildings().await;
    let config = format!(
        "call energy.load_config(jsonb_set(energy.current_config(), '{{monitoring,receivers}}', '{receivers}'))"
    );
    run(&mut postgres, &config).await;
    (database, postgres)
}

/// Waits for a condition in the database.
async fn until(postgres: &mut PgConnection, condition: &str) {
    let began = Instant::now();
    let sql = format!("select {condition}");
    while !query_scalar::<_, bool>(sqlx::AssertSqlSafe(sql.clone())).fetch_one(&mut *postgres).await.unwrap() {
        let rows = texts(postgres, "select deliveries::text from energy.alert_deliveries as deliveries").await;
        assert!(began.elapsed() < Duration::from_secs(30), "{condition}: {rows:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ALL_DELIVERED: &str = "count(*) > 0 and count(delivered_at) = count(*) from energy.alert_deliveries";

fn bodies(server: &Server) -> Vec<Value> {
    let body = |request: &String| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    server.requests().iter().map(body).collect()
}

/// Status of the message, and of its alerts.
fn statuses(messages: &[Value]) -> Vec<String> {
    messages
        .iter()
        .map(|message| {
            let alerts: Vec<_> = message["alerts"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
            format!("{} {alerts:?}", message["status"]).replace("String(", "").replace([')', '"'], "")
        })
        .collect()
}

#[tokio::test]
async fn a_receiver_gets_all_alerts_in_order_once_it_accepts() {
    let (database, mut postgres) = told(json!({"operations": {}})).await;
    // A port without a listener, for now.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _sender = start(&database, &json!({"operations": {"url": format!("http://{address}/s3cret")}}), "1h");
    run(&mut postgres, FAULTS[0].0).await;
    check(&mut postgres).await;
    until(&mut postgres, "max(tries) >= 2 from energy.alert_deliveries").await;
    let reasons = texts(&mut postgres, "select reason from energy.alert_deliveries").await;
    assert!(reasons[0].contains("onnection refused") && !reasons[0].contains("s3cret"), "{reasons:?}");
    // Resolved before it was delivered.
    run(&mut postgres, FAULTS[0].2).await;
    check(&mut postgres).await;

    let cut = Reply::Bytes(b"HTTP/1.1 200 OK".to_vec());
    let mut replies = vec![answer("500 Internal Server Error", ""), cut, answer("404 Not Found", "")].into_iter();
    let listener = TcpListener::bind(address).await.unwrap();
    let server = Server::listen(listener, move |_| replies.next().unwrap_or_else(|| good("")));
    until(&mut postgres, ALL_DELIVERED).await;
    assert_eq!(
        statuses(&bodies(&server)),
        ["firing [firing]", "firing [firing]", "firing [firing]", "firing [firing]", "resolved [resolved]"]
    );
    let rows = texts(
        &mut postgres,
        "select concat_ws(' ', status, http_status, reason, tries > 4) from energy.alert_deliveries
         order by delivery_id",
    )
    .await;
    assert_eq!(rows, ["firing 200 t", "resolved 200 f"]);
}

#[tokio::test]
async fn messages_have_the_format_of_alertmanager() {
    let (database, mut postgres) = told(json!({"operations": {}})).await;
    let server = Server::start(vec![good("")]).await;
    let receivers = json!({"operations": {"url": format!("{}/hook?x=1", server.url), "token": "a-token"}});
    let _sender = start(&database, &receivers, "1h");
    // Two alerts of one rule at the same time: one message.
    for (fault, _, _) in [FAULTS[0], FAULTS[1]] {
        run(&mut postgres, &fault.replace(" where building_id = 'north'", "")).await;
    }
    check(&mut postgres).await;
    until(&mut postgres, ALL_DELIVERED).await;
    assert_eq!(server.asked(), ["POST /hook?x=1 HTTP/1.1"; 2]);
    for header in ["authorization: Bearer a-token", "content-type: application/json", "user-agent: edf-alerts/"] {
        assert!(server.requests().iter().all(|request| request.contains(header)), "{header}");
    }
    let mut messages = bodies(&server);
    messages.sort_by_key(|message| message["groupKey"].to_string());
    let alert = |building: &str, fingerprint: &Value| {
        json!({
            "status": "firing",
            "labels": {"alertname": "meters_late", "severity": "warning", "subject": building, "service": "edf"},
            "annotations": {
                "summary": format!("meters of {building}: the newest are of 2026-03-15 05:00 UTC"),
                "description": "No meter of a building has reported for monitoring.meters_late. Check its gateway; \
                 forecasts continue from older readings, with lower confidence.",
            },
            "startsAt": "2026-03-15T12:00:00.000Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://example.org/edf", "fingerprint": fingerprint,
        })
    };
    let mut first = messages[0].clone();
    first["alerts"].as_array_mut().unwrap().sort_by_key(|one| one["labels"]["subject"].to_string());
    let prints = [first["alerts"][0]["fingerprint"].clone(), first["alerts"][1]["fingerprint"].clone()];
    assert!(prints[0] != prints[1] && prints.iter().all(|one| one.as_str().unwrap().len() == 16), "{prints:?}");
    let expected = json!({
        "version": "4", "groupKey": "{}:{alertname=\"meters_late\"}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "operations", "groupLabels": {"alertname": "meters_late"},
        "commonLabels": {"alertname": "meters_late", "severity": "warning", "service": "edf"},
        "commonAnnotations": {"description": alert("", &Value::Null)["annotations"]["description"]},
        "externalURL": "https://example.org/edf",
        "alerts": [alert("north", &prints[0]), alert("south", &prints[1])],
    });
    assert_eq!(first, expected);

    // The same alert, resolved.
    run(&mut postgres, &FAULTS[0].2.replace(" where building_id = 'north'", "")).await;
    check(&mut postgres).await;
    until(&mut postgres, ALL_DELIVERED).await;
    let over = bodies(&server).pop().unwrap();
    assert_eq!(
        (&over["status"], &over["alerts"][0]["endsAt"]),
        (&json!("resolved"), &json!("2026-03-15T12:00:00.000Z"))
    );
    assert!(prints.contains(&over["alerts"][0]["fingerprint"]));
}

#[tokio::test]
async fn a_killed_sender_loses_no_alert_and_two_senders_send_none_twice() {
    let (database, mut postgres) = told(json!({"operations": {}})).await;
    let mut replies = vec![Reply::Stall(Vec::new())].into_iter();
    let server = Server::start_with(move |_| replies.next().unwrap_or_else(|| good(""))).await;
    let receivers = json!({"operations": {"url": server.url}});
    run(&mut postgres, FAULTS[0].0).await;
    check(&mut postgres).await;
    let mut first = start(&database, &receivers, "1h");
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // While one sends, another has nothing to do.
    let beside = sender(&database, &receivers, "1h").arg("--once").status().await.unwrap();
    assert!(beside.success());
    assert_eq!(server.requests().len(), 1);

    first.kill().await.unwrap();
    until(
        &mut postgres,
        "count(*) = 0 from pg_stat_activity where usename = 'alerts' and datname = current_database()",
    )
    .await;
    let _again = start(&database, &receivers, "1h");
    until(&mut postgres, ALL_DELIVERED).await;
    let messages = bodies(&server);
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0], messages[1]);
}

#[tokio::test]
async fn receivers_are_selected_by_severity_and_a_dead_one_does_not_block_others() {
    let (database, mut postgres) =
        told(json!({"operations": {}, "night": {"min_severity": "critical"}, "dead": {}})).await;
    let (operations, night) = (Server::start(vec![good("")]).await, Server::start(vec![good("")]).await);
    let stalls = Server::start(vec![Reply::Stall(Vec::new())]).await;
    let receivers = json!({
        "operations": {"url": operations.url}, "night": {"url": night.url}, "dead": {"url": stalls.url}});
    let _sender = start(&database, &receivers, "100ms");
    for (fault, _, _) in [FAULTS[0], FAULTS[1]] {
        run(&mut postgres, fault).await;
    }
    check(&mut postgres).await;
    let told = "count(*) = 3 from energy.alert_deliveries where delivered_at is not null";
    until(&mut postgres, told).await;
    assert_eq!((operations.requests().len(), night.requests().len()), (2, 1));
    assert_eq!(bodies(&night)[0]["groupLabels"]["alertname"], "weather_late");

    // Without a notification it polls.
    let again = "update energy.alert_deliveries set delivered_at = null, next_try_at = now() where receiver = 'night'";
    run(&mut postgres, again).await;
    until(&mut postgres, told).await;
    assert_eq!(night.requests().len(), 2);

    // A delivery that is pending for long raises an alert, which is resolved when the receiver is removed.
    run(&mut postgres, "update energy.alert_deliveries set created_at = created_at - interval '16 minutes'").await;
    assert!(check(&mut postgres).await.contains(&"alerts_undelivered critical dead".to_owned()));
    run(
        &mut postgres,
        "call energy.load_config(jsonb_set(energy.current_config(), '{monitoring,receivers}', '{\"operations\": {}}'))",
    )
    .await;
    assert!(!check(&mut postgres).await.contains(&"alerts_undelivered critical dead".to_owned()));
}

#[tokio::test]
async fn an_open_alert_is_repeated_until_it_is_acknowledged() {
    let receivers = json!({"day": {}, "night": {"repeat_every": "4 hours"}, "once": {"repeat_every": null}});
    let (database, mut postgres) = told(receivers).await;
    let server = Server::start(vec![good("")]).await;
    let at = json!({"url": server.url});
    let _sender = start(&database, &json!({"day": at, "night": at, "once": at}), "1h");
    let later = "update energy.alert_deliveries set delivered_at = delivered_at - interval '5 hours'";
    let told_so_far = "select concat_ws(' ', receiver, string_agg(status, ' ' order by delivery_id))
                       from energy.alert_deliveries group by receiver order by receiver";
    run(&mut postgres, FAULTS[0].0).await;
    for _ in 0..2 {
        check(&mut postgres).await;
        until(&mut postgres, ALL_DELIVERED).await;
    }
    assert_eq!(texts(&mut postgres, told_so_far).await, ["day firing", "night firing", "once firing"]);

    run(&mut postgres, later).await;
    check(&mut postgres).await;
    until(&mut postgres, ALL_DELIVERED).await;
    assert_eq!(texts(&mut postgres, told_so_far).await, ["day firing", "night firing firing", "once firing"]);

    let acknowledge = "do $$ declare open bigint := (select alert_id from energy.alerts);
                       begin call energy.acknowledge_alert(open); end $$";
    run(&mut postgres, acknowledge).await;
    run(&mut postgres, later).await;
    check(&mut postgres).await;
    run(&mut postgres, FAULTS[0].2).await;
    check(&mut postgres).await;
    until(&mut postgres, ALL_DELIVERED).await;
    let expected = ["day firing resolved", "night firing firing resolved", "once firing resolved"];
    assert_eq!(texts(&mut postgres, told_so_far).await, expected);
    assert_eq!(bodies(&server).len(), 7);
}

#[tokio::test]
async fn alerts_of_a_rule_are_grouped_into_few_messages() {
    let (database, mut postgres) = told(json!({"operations": {}})).await;
    run(
        &mut postgres,
        "insert into energy.alerts (rule, severity, subject, message, opened_at, seen_at)
         select 'meters_late', 'warning', 'b' || n, 'late', now(), now() from generate_series(1, 250) as n;
         select energy.queue_alert_deliveries(alerts, 'firing') from energy.alerts",
    )
    .await;
    let server = Server::start(vec![good("")]).await;
    let receivers = json!({"operations": {"url": server.url}});
    let done = sender(&database, &receivers, "1h").arg("--once").status().await.unwrap();
    assert!(done.success());
    let sizes: Vec<_> = bodies(&server).iter().map(|message| message["alerts"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    // With --once, failed deliveries are left for the next run, and the exit status reports them.
    run(&mut postgres, "update energy.alert_deliveries set delivered_at = null, next_try_at = now()").await;
    let refuses = Server::start(vec![answer("503 Service Unavailable", "")]).await;
    let receivers = json!({"operations": {"url": refuses.url}});
    let done = sender(&database, &receivers, "1h").arg("--once").status().await.unwrap();
    assert_eq!((done.code(), refuses.requests().len()), (Some(1), 3));
}

#[tokio::test]
async fn the_alerts_role_may_only_claim_and_record_deliveries() {
    let mut alerts = as_role("alerts").await;
    for statement in [
        "select * from energy.alerts",
        "select * from energy.alert_deliveries",
        "update energy.alert_deliveries set delivered_at = now()",
        "delete from energy.alert_deliveries",
        "insert into energy.alerts (rule, severity, subject, message, opened_at, seen_at)
         values ('x', 'info', 'x', 'x', now(), now())",
        "call energy.check_alerts()",
        "call energy.acknowledge_alert(1)",
        "select energy.alert_message('{1}', '')",
        "select energy.current_config()",
        "select * from raw.buildings",
        "select * from edf.models",
    ] {
        assert_eq!(refusal(&mut alerts, statement).await.code, "42501", "{statement}");
    }
    let nothing: Option<String> =
        query_scalar("select message::text from energy.claim_alerts('nobody')").fetch_one(&mut alerts).await.unwrap();
    assert_eq!(nothing, None);
    let (database, _postgres) = told(json!({})).await;
    for role in ["pipeline", "analyst", "dashboard"] {
        let mut other = connect(role, &database.name).await;
        assert_eq!(
            refusal(&mut other, "select * from energy.claim_alerts('operations')").await.code,
            "42501",
            "{role}"
        );
    }
}
