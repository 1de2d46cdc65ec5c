//! The weather fetcher against a misbehaving service, with its own role on the deployed database.

mod place;

use crate::server::{Reply, Server, answer, good};
use edf_tests::{as_role, refusal};
use edf_weather::{Purpose, Settings, locations};
use place::{Place, Row, fetch, location, pool, settings, settings_with_key};
use sqlx::{Connection, query, query_as, query_scalar};
use std::time::{Duration, Instant};

/// A document with these hourly temperatures from a midnight far in the future.
fn document(temperatures: &str) -> String {
    let hours = temperatures.split(',').count();
    let times: Vec<_> = (0..hours).map(|hour| format!(r#""2027-01-01T{hour:02}:00""#)).collect();
    format!(
        r#"{{"utc_offset_seconds": 0, "hourly": {{"time": [{}], "temperature_2m": [{temperatures}]}}}}"#,
        times.join(",")
    )
}

fn row(place_row: &Row) -> (&str, i32, Option<i32>, i64, Option<&str>) {
    let (_, status, tries, http_status, hours, code, _) = place_row;
    (status, *tries, *http_status, *hours, code.as_deref())
}

#[tokio::test]
async fn a_good_document_becomes_forecasts_issued_in_the_hour_of_the_fetch() {
    let place = Place::new("good", 34.25).await;
    let server = Server::start(vec![good(document("8.5,9,null"))]).await;
    let fetches = fetch(settings(&server.url), &[&place]).await;

    assert_eq!(
        server.asked(),
        ["GET /v1/forecast?latitude=34.25&longitude=-117.4&hourly=temperature_2m%2Ccloud_cover%2Cshortwave_radiation\
          &timezone=UTC&forecast_days=4 HTTP/1.1"]
    );
    let forecasts = place.forecasts().await;
    let kept: Vec<_> =
        forecasts.iter().map(|(valid_at, _, _, temperature)| (valid_at.as_str(), *temperature)).collect();
    assert_eq!(
        kept,
        [("2027-01-01 00:00", Some(8.5)), ("2027-01-01 01:00", Some(9.0))],
        "an hour without a value has no row"
    );
    let times_are_right: bool = query_scalar(
        "select bool_and(f.issued_at = date_trunc('hour', started_at)
             and f.received_at between started_at and finished_at
             and finished_at - started_at < '10 s' and abs(extract(epoch from clock_timestamp() - finished_at)) < 60)
         from raw.weather_forecasts f join raw.weather_fetches using (weather_location_id)
         where weather_location_id = $1",
    )
    .bind(&place.location.weather_location_id)
    .fetch_one(&mut as_role("analyst").await)
    .await
    .unwrap();
    assert!(times_are_right, "{fetches:?} {forecasts:?}");
    assert_eq!(row(&place.fetches().await[0]), ("succeeded", 1, Some(200), 2, None));
    place.remove().await;
}

#[tokio::test]
async fn the_same_run_twice_changes_nothing() {
    let place = Place::new("twice", 34.0).await;
    let server = Server::start(vec![good(document("1,2")), good(document("3,4"))]).await;
    let first = fetch(settings(&server.url), &[&place]).await;
    let kept = place.forecasts().await;
    let second = fetch(settings(&server.url), &[&place]).await;
    if first[0].started_at.timestamp() / 3600 == second[0].started_at.timestamp() / 3600 {
        assert_eq!(place.forecasts().await, kept);
        assert_eq!(second[0].outcome, Ok(0));
        assert_eq!(row(&place.fetches().await[1]), ("succeeded", 1, Some(200), 0, None));
    }
    place.remove().await;
}

#[tokio::test]
async fn a_temporary_failure_is_retried() {
    let place = Place::new("again", 34.0).await;
    let later =
        b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\nconnection: close\r\n\r\n{\"hourly\": ".to_vec();
    for (failure, waits) in [
        (answer("500 Internal Server Error", ""), 10),
        (Reply::Bytes(cut), 10),
        // It asks for an hour; the limit of the test's settings applies.
        (Reply::Bytes(later.to_vec()), 300),
    ] {
        let server = Server::start(vec![failure, good(document("1"))]).await;
        let began = Instant::now();
        let fetches = fetch(settings(&server.url), &[&place]).await;
        assert!(began.elapsed() >= Duration::from_millis(waits));
        assert!(fetches[0].outcome.is_ok(), "{fetches:?}");
        assert_eq!((fetches[0].tries, server.asked().len()), (2, 2));
    }
    place.remove().await;
}

#[tokio::test]
async fn a_fetch_gives_up_with_a_reason() {
    let place = Place::new("gives-up", 34.0).await;
    let elsewhere = Server::start(vec![good(document("1"))]).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {}/v1/forecast\r\ncontent-length: 0\r\n\r\n", elsewhere.url);
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"hourly\": ".to_vec();
    let why = r#"{"error": true, "reason": "Latitude must be in range"}"#;
    let cases = [
        (answer("503 Service Unavailable", ""), 3, Some(503), "server_error"),
        (answer("429 Too Many Requests", ""), 3, Some(429), "rate_limited"),
        (answer("404 Not Found", "no such page"), 1, Some(404), "refused"),
        (answer("400 Bad Request", why), 1, Some(400), "refused"),
        (Reply::Bytes(moved.into_bytes()), 1, Some(302), "redirect"),
        (Reply::Stall(Vec::new()), 3, None, "timeout"),
        (Reply::Stall(head.clone()), 3, Some(200), "timeout"),
        (Reply::Bytes(head), 3, Some(200), "interrupted"),
        (Reply::Bytes(b"220 mail.example.org ESMTP\r\n".to_vec()), 3, None, "interrupted"),
        (good(b"{\"hourly\": \"\xb0C\"}"), 1, Some(200), "not_text"),
        (good("{\"hourly\": \"\0\"}"), 1, Some(200), "not_text"),
    ];
    for (reply, tries, http_status, code) in cases {
        let server = Server::start(vec![reply]).await;
        fetch(settings(&server.url), &[&place]).await;
        let fetches = place.fetches().await;
        let last = fetches.last().unwrap();
        assert_eq!(row(last), ("failed", tries, http_status, 0, Some(code)), "{last:?}");
        assert!(last.6.as_ref().is_some_and(|reason| !reason.is_empty() && !reason.contains(&server.url)), "{last:?}");
        assert_eq!(server.asked().len(), tries as usize, "{code}");
        assert!(http_status != Some(400) || last.6.as_ref().unwrap().contains("Latitude must be"), "{last:?}");
    }
    assert!(elsewhere.asked().is_empty(), "a redirect was followed");

    let nobody = Server::start(vec![]).await.url.clone();
    fetch(settings(&nobody), &[&place]).await;
    assert_eq!(row(place.fetches().await.last().unwrap()), ("failed", 3, None, 0, Some("unreachable")));
    assert!(place.forecasts().await.is_empty());
    place.remove().await;
}

#[tokio::test]
async fn an_endless_response_is_cut_off() {
    let place = Place::new("endless", 34.0).await;
    let server = Server::start(vec![Reply::Flood(50 << 20)]).await;
    fetch(settings(&server.url), &[&place]).await;
    assert_eq!(row(&place.fetches().await[0]), ("failed", 1, Some(200), 0, Some("too_large")));
    // Bytes above the limit are in socket buffers.
    assert!(server.sent() < 25 << 20, "{} bytes were read", server.sent());
    place.remove().await;
}

#[tokio::test]
async fn an_invalid_document_is_stored_with_its_reason() {
    let place = Place::new("garbage", 34.0).await;
    let whole = document("1,2").replace('{', "{\"test\": \"garbage\", ");
    let cases = [
        ("<html>garbage: please log in</html>".to_owned(), "not_json"),
        (whole[..whole.len() - 5].to_owned(), "not_json"),
        (whole.replace("[1,2]", "[NaN,2]"), "not_json"),
        (whole.replace("[1,2]", r#"["warm",2]"#), "wrong_type"),
        (whole.replace("[1,2]", "null"), "empty"),
        (whole.replace("[1,2]", "[1]"), "wrong_type"),
        (whole.replace("[1,2]", "[null,null]"), "empty"),
        (whole.replace("hourly", "daily"), "missing_field"),
        (whole.replace("2027-01-01T01:00", "tomorrow"), "bad_timestamp"),
    ];
    for (at, (sent, code)) in cases.iter().enumerate() {
        let server = Server::start(vec![good(sent)]).await;
        fetch(settings(&server.url), &[&place]).await;
        assert_eq!(row(&place.fetches().await[at]), ("failed", 1, Some(200), 0, Some(*code)), "{sent}");
        let kept = place.rejected().await;
        assert_eq!((kept.len(), &kept[at]), (at + 1, &((*code).to_owned(), sent.clone())));
    }
    assert!(place.forecasts().await.is_empty());
    place.remove().await;
}

#[tokio::test]
async fn a_location_deleted_meanwhile_is_a_failed_fetch() {
    let gone = Place { location: location("gone", 34.0) };
    let server = Server::start(vec![good(document("1"))]).await;
    fetch(settings(&server.url), &[&gone]).await;
    assert_eq!(row(&gone.fetches().await[0]), ("failed", 1, Some(200), 0, Some("unknown_location")));
    assert_eq!(gone.rejected().await, [("unknown_location".to_owned(), document("1"))]);
    gone.remove().await;
}

#[tokio::test]
async fn a_database_error_is_a_failed_fetch() {
    let place = Place::new("refused", 34.0).await;
    let server = Server::start(vec![good(document("1"))]).await;
    // Another session is about to write the same hour for any hour of issue; the one that waits for it is cancelled.
    let mut other = as_role("postgres").await;
    let mut work = other.begin().await.unwrap();
    query(
        "insert into raw.weather_forecasts (weather_location_id, issued_at, valid_at, received_at)
         select $1, date_trunc('hour', now()) + n * interval '1 hour', '2027-01-01Z', now()
         from generate_series(0, 1) as n",
    )
    .bind(&place.location.weather_location_id)
    .execute(&mut *work)
    .await
    .unwrap();
    let cancel = async {
        let mut postgres = as_role("postgres").await;
        let cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity
                      where usename = 'weather' and $1 = any (pg_blocking_pids(pid))";
        let blocker: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut *work).await.unwrap();
        while query_scalar::<_, i64>(cancel).bind(blocker).fetch_one(&mut postgres).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let places = [&place];
    tokio::join!(fetch(settings(&server.url), &places), cancel);
    work.rollback().await.unwrap();
    let kept = place.fetches().await;
    assert_eq!(row(&kept[0]), ("failed", 1, Some(200), 0, Some("ingest_error")));
    assert!(kept[0].6.as_ref().unwrap().starts_with("SQLSTATE 57014"), "{kept:?}");
    place.remove().await;
}

#[tokio::test]
async fn one_failed_location_does_not_affect_the_others() {
    let (bad, well) = (Place::new("bad", 1.5).await, Place::new("well", 2.5).await);
    let server = Server::start_with(|line| {
        if line.contains("latitude=1.5") { Reply::Stall(Vec::new()) } else { good(document("1,2")) }
    })
    .await;
    fetch(settings(&server.url), &[&bad, &well]).await;
    assert_eq!(row(&bad.fetches().await[0]), ("failed", 3, None, 0, Some("timeout")));
    assert_eq!(row(&well.fetches().await[0]), ("succeeded", 1, Some(200), 2, None));
    bad.remove().await;
    well.remove().await;
}

#[tokio::test]
async fn past_hours_become_observations_if_enabled() {
    let place = Place::new("observed", 34.0).await;
    let sent = document("1,2,3").replace("2027-01-01T00:00", "2026-01-01T00:00");
    let server = Server::start(vec![good(sent)]).await;
    fetch(Settings { past_days: 2, ..settings(&server.url) }, &[&place]).await;
    let mut asked = server.asked();
    asked.sort();
    assert!(
        asked[0].contains("timezone=UTC&forecast_days=4 ") && asked[1].contains("&past_days=2&forecast_days=1 "),
        "{asked:?}"
    );
    let observed: Vec<(bool, f64)> = query_as(
        "select valid_at = '2026-01-01Z', temperature_c from raw.weather_observations where weather_location_id = $1",
    )
    .bind(&place.location.weather_location_id)
    .fetch_all(&mut as_role("analyst").await)
    .await
    .unwrap();
    assert_eq!(observed, [(true, 1.0)], "the hours ahead are no observation");
    let mut purposes: Vec<_> = place.fetches().await.into_iter().map(|fetch| (fetch.0, fetch.4)).collect();
    purposes.sort();
    assert_eq!(purposes, [("forecast".to_owned(), 3), ("observations".to_owned(), 1)]);
    place.remove().await;
}

#[tokio::test]
async fn the_key_is_sent_and_never_stored() {
    let place = Place::new("key", 34.0).await;
    let echo = |line: &str| format!("<html>garbage: you asked {line}</html>");
    let refusing = Server::start_with(move |line| {
        answer("400 Bad Request", format!(r#"{{"error": true, "reason": "bad key in {line}"}}"#))
    })
    .await;
    let echoing = Server::start_with(move |line| good(echo(line))).await;
    let nobody = Server::start(vec![]).await.url.clone();
    for url in [&refusing.url, &echoing.url, &nobody] {
        let settings = settings_with_key(url, "s3cret/key");
        assert!(!format!("{settings:?}").contains("s3cret"));
        let fetches = fetch(settings, &[&place]).await;
        assert!(!format!("{fetches:?}").contains("s3cret"), "{fetches:?}");
    }
    assert!(refusing.asked()[0].contains("&apikey=s3cret%2Fkey "), "{:?}", refusing.asked());
    let kept = format!("{:?} {:?}", place.fetches().await, place.rejected().await);
    assert!(kept.contains("apikey=***") && !kept.contains("s3cret"), "{kept}");
    place.remove().await;
}

#[tokio::test]
async fn a_pass_fetches_every_location_in_the_database() {
    let place = Place::new("listed", 12.5).await;
    assert!(locations(&pool()).await.unwrap().contains(&place.location));
    assert_eq!(edf_weather::Service::new(settings("http://localhost")).unwrap().purposes(), [Purpose::Forecast]);
    place.remove().await;
}

#[tokio::test]
async fn the_weather_role_may_only_ingest_weather_and_record_its_fetches() {
    let mut weather = as_role("weather").await;
    for statement in [
        "insert into raw.weather_forecasts values ('x', now(), now(), now(), 1, 1, 1)",
        "insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
         values ('weather', now(), 'x', 'x', 'x')",
        "insert into raw.weather_locations values ('x', 0, 0)",
        "update raw.weather_fetches set status = 'succeeded'",
        "delete from raw.weather_fetches",
        "select * from raw.weather_fetches",
        "select * from raw.meter_readings",
        "select * from energy.building_access",
        "call energy.ingest_meter_messages(array['{}'])",
        "call energy.issue_forecasts()",
        "select energy.read_weather_document('{}', now())",
        "select energy.take_weather_document('{}', 'x', now(), now())",
        "call energy.replay_rejected()",
        "select * from edf.models",
    ] {
        assert_eq!(refusal(&mut weather, statement).await.code, "42501", "{statement}");
    }
}
