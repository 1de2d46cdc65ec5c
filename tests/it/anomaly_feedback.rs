//! Technicians over HTTP: the ranked list of their buildings, what they decide, and what becomes of it.

use crate::block::{alerts, block, raise, says};
use crate::storage::{run, texts};
use edf_tests::{Api, Throwaway};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Row, query, query_as};

/// The block with alerts of three flats and a day that is only listed, an API in front; tina looks after it, and theo
/// after the villa.
async fn served() -> (Throwaway, Api, PgConnection) {
    let (database, mut postgres) = block().await;
    run(
        &mut postgres,
        "insert into energy.building_access values ('tina', 'block'), ('theo', 'villa'), ('operator', 'block')",
    )
    .await;
    for (flat, detector, score) in [
        ("flat-1", "stuck_valve", 0.9),
        ("flat-2", "silent_sensor", 0.8),
        ("flat-3", "stuck_valve", 0.6),
        ("flat-4", "stuck_valve", 0.2),
        ("flat-5", "stuck_valve", 0.55),
    ] {
        says(&mut postgres, flat, 20, detector, score).await;
    }
    run(&mut postgres, "update energy.anomaly_scores set score = 1 where apartment_id = 'flat-4' and score > 0").await;
    raise(&mut postgres).await;
    let api = Api::of(&database).await;
    (database, api, postgres)
}

async fn post(api: &Api, who: &str, role: &str, function: &str, body: Value) -> (u16, Value) {
    let answer = api.post(&format!("rpc/{function}"), who, role).json(&body).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

/// Kind, name, alerts, apartments, alerts per 100 of them, true and false positives, precision, precision@k, hours.
type Figures = (String, String, i64, i64, f64, i64, i64, Option<f64>, Option<f64>, Option<f64>);

const FIRST: &str = "block/flat-1#2026-03-20";

#[tokio::test]
async fn a_technician_reads_a_ranked_list_of_their_buildings_by_pages_and_as_csv() {
    let (_database, api, _postgres) = served().await;
    let rows = api.rows("anomaly_alerts?order=rank", "tina", "technician").await;
    let ids: Vec<&str> = rows.iter().map(|row| row["alert_id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "block/flat-2#2026-03-20",
            FIRST,
            "block/flat-3#2026-03-20",
            "block/flat-5#2026-03-20",
            "block/flat-4#2026-03-20"
        ]
    );
    assert_eq!(rows.iter().map(|row| row["rank"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!((&rows[3]["is_alert"], &rows[4]["is_alert"]), (&json!(true), &json!(false)));
    assert_eq!((&rows[4]["standing"], &rows[4]["opened_at"]), (&json!("below_threshold"), &Value::Null));
    let first = &rows[1];
    assert_eq!(
        first["evidence"]["stuck_valve"],
        json!({"room": "bath", "room_c": 25.1, "setpoint_c": 20, "hours": 14})
    );
    assert_eq!((&first["detectors"], &first["status"]), (&json!(["stuck_valve"]), &json!("Unseen")));
    // One by its key, # being written %23.
    let one = api.rows("anomaly_alerts?alert_id=eq.block%2Fflat-1%232026-03-20", "tina", "technician").await;
    assert_eq!(one, std::slice::from_ref(first));
    // By pages.
    let mut seen = Vec::new();
    for page in 0..3 {
        let last = 2 * page;
        let path = format!("anomaly_alerts?order=rank&limit=2&rank=gt.{last}");
        seen.extend(api.rows(&path, "tina", "technician").await);
    }
    assert_eq!(seen, rows);
    let csv = api.get("anomaly_alerts?order=rank&select=rank,alert_id,status,detectors", "tina", "technician");
    let text = csv.header("Accept", "text/csv").send().await.unwrap().text().await.unwrap();
    assert_eq!(text.lines().next().unwrap(), "rank,alert_id,status,detectors");
    assert_eq!(text.lines().nth(2).unwrap(), format!("2,{FIRST},Unseen,{{stuck_valve}}"));
    // Nobody else.
    assert!(api.rows("anomaly_alerts", "theo", "technician").await.is_empty());
    assert!(api.rows("anomaly_alert_events", "theo", "technician").await.is_empty());
    assert!(api.rows("anomaly_alerts", "nobody", "technician").await.is_empty());
    for role in ["supplier", "resident", "gateway", "operator"] {
        for path in ["anomaly_alerts", "anomaly_alert_events"] {
            assert_eq!(api.get(path, "tina", role).send().await.unwrap().status(), 403, "{role}: {path}");
        }
    }
}

#[tokio::test]
async fn an_alert_is_taken_resolved_and_resolved_otherwise_and_all_of_it_is_kept_with_who_said_it() {
    let (_database, api, mut postgres) = served().await;
    let (status, taken) = post(&api, "tina", "technician", "take_anomaly_alert", json!({"alert_id": FIRST})).await;
    assert_eq!(
        (status, &taken["status"], &taken["taken_by"]),
        (200, &json!("Investigating"), &json!("tina")),
        "{taken}"
    );
    let comment = json!({"alert_id": FIRST, "note": "nobody was at home"});
    assert_eq!(post(&api, "tina", "technician", "comment_anomaly_alert", comment).await.0, 200);
    let yes = json!({"alert_id": FIRST, "outcome": "true_positive", "note": "the valve was stuck; <b>freed</b>"});
    let (status, resolved) = post(&api, "tina", "technician", "resolve_anomaly_alert", yes).await;
    assert_eq!((status, &resolved["status"]), (200, &json!("Resolved-True Positive")), "{resolved}");
    let (status, refused) = post(&api, "tina", "technician", "take_anomaly_alert", json!({"alert_id": FIRST})).await;
    assert_eq!(status, 409, "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("resolve it again"), "{refused}");
    // A colleague says otherwise: that counts, and both are kept.
    run(&mut postgres, "insert into energy.building_access values ('tom', 'block')").await;
    let no = json!({"alert_id": FIRST, "outcome": "false_positive", "note": "it was sunny"});
    assert_eq!(post(&api, "tom", "technician", "resolve_anomaly_alert", no).await.0, 200);
    let now: (String, String, String, String) =
        query_as("select status, resolved_by, taken_by, feedback_notes from energy.anomaly_alerts where alert_id = $1")
            .bind(FIRST)
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!(now, ("Resolved-False Positive".into(), "tom".into(), "tina".into(), "it was sunny".into()));
    let path = "anomaly_alert_events?order=event_id&alert_id=eq.block%2Fflat-1%232026-03-20";
    let history: Vec<(String, String, String, Value)> = api
        .rows(path, "tina", "technician")
        .await
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            (text("event"), text("to_status"), text("made_by"), row["notes"].clone())
        })
        .collect();
    assert_eq!(
        history,
        [
            ("opened".to_owned(), "Unseen".to_owned(), "postgres".to_owned(), Value::Null),
            ("taken".to_owned(), "Investigating".to_owned(), "tina".to_owned(), Value::Null),
            ("commented".to_owned(), "Investigating".to_owned(), "tina".to_owned(), json!("nobody was at home")),
            (
                "resolved".to_owned(),
                "Resolved-True Positive".to_owned(),
                "tina".to_owned(),
                json!("the valve was stuck; <b>freed</b>")
            ),
            ("resolved".to_owned(), "Resolved-False Positive".to_owned(), "tom".to_owned(), json!("it was sunny")),
        ]
    );
    let roles = "select distinct role from energy.anomaly_alert_events where event = 'resolved'";
    assert_eq!(texts(&mut postgres, roles).await, ["technician"]);
    // It is not raised again.
    says(&mut postgres, "flat-1", 21, "stuck_valve", 1.0).await;
    assert_eq!(raise(&mut postgres).await, 0);
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_somebody_elses_are_refused_alike() {
    let (_database, api, mut postgres) = served().await;
    let before = alerts(&mut postgres).await;
    let outcome = |id: &str| json!({"alert_id": id, "outcome": "true_positive", "note": "mine"});
    for function in ["take_anomaly_alert", "resolve_anomaly_alert", "comment_anomaly_alert"] {
        let mut body = outcome(FIRST);
        if function != "resolve_anomaly_alert" {
            body.as_object_mut().unwrap().remove("outcome");
        }
        let (status, theirs) = post(&api, "theo", "technician", function, body.clone()).await;
        body["alert_id"] = json!("block/flat-1#2026-03-19");
        let (again, none) = post(&api, "tina", "technician", function, body.clone()).await;
        assert_eq!((status, again), (404, 404), "{theirs} {none}");
        let words =
            |answer: &Value| answer["message"].as_str().unwrap().replace("2026-03-20", "").replace("2026-03-19", "");
        assert_eq!(words(&theirs), words(&none));
        assert_eq!((&theirs["code"], &theirs["hint"]), (&none["code"], &none["hint"]));
        // A listed day of somebody else is no alert either.
        body["alert_id"] = json!("block/flat-4#2026-03-20");
        assert_eq!(post(&api, "theo", "technician", function, body.clone()).await.0, 404);
        for role in ["supplier", "resident", "gateway", "operator"] {
            assert_eq!(post(&api, "tina", role, function, body.clone()).await.0, 403, "{role}: {function}");
        }
    }
    for (function, body) in [
        ("take_anomaly_alert", json!({})),
        ("take_anomaly_alert", json!({"alert_id": ""})),
        ("resolve_anomaly_alert", json!({"alert_id": FIRST})),
        ("resolve_anomaly_alert", json!({"alert_id": FIRST, "outcome": "perhaps"})),
        ("resolve_anomaly_alert", json!({"outcome": "true_positive"})),
        ("comment_anomaly_alert", json!({"alert_id": FIRST, "note": "  "})),
        ("comment_anomaly_alert", json!({"alert_id": FIRST, "note": "x".repeat(2001)})),
    ] {
        let (status, said) = post(&api, "tina", "technician", function, body.clone()).await;
        assert_eq!((status, &said["code"]), (400, &json!("22023")), "{function} {body}: {said}");
        assert!(!said["hint"].as_str().unwrap().is_empty());
    }
    assert_eq!(alerts(&mut postgres).await, before);
}

#[tokio::test]
async fn a_listed_day_becomes_an_alert_when_somebody_goes_there() {
    let (_database, api, mut postgres) = served().await;
    let id = "block/flat-4#2026-03-20";
    let (status, taken) = post(&api, "tina", "technician", "take_anomaly_alert", json!({"alert_id": id})).await;
    assert_eq!((status, &taken["status"]), (200, &json!("Investigating")), "{taken}");
    let rows = api.rows("anomaly_alerts?apartment_id=eq.flat-4", "tina", "technician").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["is_alert"], &rows[0]["alert_id"]), (&json!(true), &json!(id)));
    assert_eq!(raise(&mut postgres).await, 0);
    let opened: String = query("select opened_by from energy.anomaly_alerts where alert_id = $1")
        .bind(id)
        .fetch_one(&mut postgres)
        .await
        .unwrap()
        .get(0);
    assert_eq!(opened, "tina");
}

#[tokio::test]
async fn figures_of_a_week_say_how_good_alerts_were_by_detector_and_model() {
    let (_database, api, mut postgres) = served().await;
    for (id, outcome) in [
        ("block/flat-2#2026-03-20", "true_positive"),
        (FIRST, "true_positive"),
        ("block/flat-3#2026-03-20", "false_positive"),
    ] {
        let body = json!({"alert_id": id, "outcome": outcome});
        assert_eq!(post(&api, "tina", "technician", "resolve_anomaly_alert", body).await.0, 200);
    }
    run(&mut postgres, "update energy.anomaly_alerts set opened_at = opened_at - interval '6 hours'").await;
    edf_tests::configure(&mut postgres, "anomaly_alerts,precision_at", "2").await;
    let figures: Vec<Figures> = query_as(
        "select kind, case kind when 'model' then ''
             else name end, alerts, apartments, alerts_per_100::float8, true_positives,
             false_positives, precision, precision_at_k, median_hours_to_resolution
         from energy.anomaly_figures where week = '2026-03-23' order by kind, name",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let all = (4, 12, 400.0 / 12.0, 2, 1, Some(2.0 / 3.0), Some(1.0), Some(6.0));
    assert_eq!(figures.len(), 4, "{figures:?}");
    for (line, (kind, name, expected)) in figures.iter().zip([
        ("all", "", all),
        ("detector", "silent_sensor", (1, 12, 100.0 / 12.0, 1, 0, Some(1.0), Some(1.0), Some(6.0))),
        ("detector", "stuck_valve", (3, 12, 300.0 / 12.0, 1, 1, Some(0.5), Some(0.5), Some(6.0))),
        ("model", "", all),
    ]) {
        let (at, called, n, of, rate, yes, no, precision, at_k, hours) = line.clone();
        assert_eq!(
            (at.as_str(), called.as_str(), n, of, yes, no),
            (kind, name, expected.0, expected.1, expected.3, expected.4)
        );
        assert!((rate - expected.2).abs() < 1e-9, "{line:?}");
        assert_eq!((precision, at_k), (expected.5, expected.6), "{line:?}");
        assert!((hours.unwrap() - expected.7.unwrap()).abs() < 1e-6, "{line:?}");
    }
    // Nothing of an apartment is in them: who shows figures may read them.
    run(&mut postgres, "set role dashboard").await;
    assert_eq!(texts(&mut postgres, "select kind from energy.anomaly_figures order by 1").await.len(), 4);
}

#[tokio::test]
async fn the_page_of_a_technician_has_the_alerts_of_their_buildings_and_what_to_do_about_each() {
    let (_database, api, mut postgres) = served().await;
    run(
        &mut postgres,
        "update energy.anomaly_alerts set feedback_notes = '<script>alert(1)</script>' where alert_id like '%flat-3%'",
    )
    .await;
    let page = async |who: &str, query: &str| {
        let answer = api
            .get(&format!("rpc/dashboard{query}"), who, "technician")
            .header("Accept", "text/html")
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = page("tina", "").await;
    assert_eq!(status, 200, "{text}");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words}: {text}"));
    assert!(at("block/flat-2#2026-03-20") < at("block/flat-1#2026-03-20"));
    assert!(text.contains("stuck valve: 14\u{a0}h, room bath, room 25.1\u{a0}°C, setpoint 20\u{a0}°C"), "{text}");
    assert!(at("Below the threshold") < at("data-row=\"block/flat-4#2026-03-20\""));
    for call in ["take_anomaly_alert", "resolve_anomaly_alert"] {
        assert!(text.contains(&format!("data-call=\"{call}\"")));
    }
    assert!(!text.contains("<script>alert(1)") && text.contains("&lt;script&gt;alert(1)"));
    let (status, theirs) = page("theo", "").await;
    assert!(status == 200 && !theirs.contains("flat-") && theirs.contains("None."), "{theirs}");
    assert!(page("nobody", "").await.1.contains("You have no buildings yet"));
    assert_eq!(page("tina", "?building_id=villa").await.0, 404);
    assert_eq!(page("tina", "?building_id=block").await.0, 200);
}
