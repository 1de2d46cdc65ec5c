//! nginx in front of the API, as started by docker/nginx: TLS, limits, compression, 304, and the read log.

use crate::storage::{run, texts};
use crate::street::street;
use edf_tests::{Api, Throwaway, environment, token_of};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// An nginx, stopped on drop.
struct Front {
    url: String,
    client: Client,
    process: Child,
    folder: PathBuf,
}

impl Drop for Front {
    fn drop(&mut self) {
        // The script stops nginx, which ends the log.
        if let Some(id) = self.process.id() {
            let _ = std::process::Command::new("kill").arg(id.to_string()).status();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Front {
    async fn of(database: &Throwaway, api: &Api) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("edf-front-{}-{port}", std::process::id()));
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let nginx = PathBuf::from(environment("EDF_CACHE")).join("nginx/usr/sbin/nginx");
        let log = std::env::current_exe().unwrap().parent().unwrap().with_file_name("edf-api-log");
        assert!(log.exists(), "{}: build it with cargo build --release -p edf-api-log", log.display());
        assert!(nginx.exists(), "{}: docker/install.sh nginx unpacks it", nginx.display());
        std::os::unix::fs::symlink(nginx, bin.join("nginx")).unwrap();
        std::os::unix::fs::symlink(log, bin.join("edf-api-log")).unwrap();
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("certificate.key"));
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let process = Command::new("../docker/nginx/start.sh")
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .envs([("EDF_UPSTREAM", api.url("").trim_start_matches("http://").trim_end_matches('/').to_owned())])
            .envs([("EDF_LISTEN", format!("127.0.0.1:{port}")), ("EDF_API_LOG_EVERY", "100ms".to_owned())])
            .envs([("EDF_CERTIFICATE", &certificate), ("EDF_CERTIFICATE_KEY", &key)])
            .envs([("PGHOST", environment("EDF_TEST_SOCKET")), ("PGPORT", environment("EDF_TEST_PORT"))])
            .envs([("PGDATABASE", database.name.as_str()), ("PGUSER", "api_log")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(false)
            .spawn()
            .unwrap();
        let trusted = reqwest::Certificate::from_pem(&std::fs::read(&certificate).unwrap()).unwrap();
        let client = Client::builder().add_root_certificate(trusted).build().unwrap();
        let front = Self { url: format!("https://localhost:{port}"), client, process, folder };
        for _ in 0..200 {
            if front.client.get(&front.url).send().await.is_ok() {
                return front;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nginx does not answer");
    }

    fn ask(&self, method: Method, path: &str, subject: &str, role: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/{path}", self.url)).bearer_auth(token_of(subject, role))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.ask(Method::GET, path, "utility", "supplier")
    }
}

async fn front() -> (Throwaway, Api, Front, PgConnection) {
    let (database, api, postgres) = street().await;
    let front = Front::of(&database, &api).await;
    (database, api, front, postgres)
}

#[tokio::test]
async fn responses_are_those_of_the_api_over_tls_compressed_and_private() {
    let (_database, api, front, _postgres) = front().await;
    let through = front.get("forecasts").send().await.unwrap();
    let headers: BTreeMap<String, String> =
        through.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    assert_eq!(through.json::<Vec<Value>>().await.unwrap(), api.rows("forecasts", "utility", "supplier").await);
    assert_eq!(headers["cache-control"], "private, no-cache");
    assert!(
        headers["etag"].starts_with("W/\"") && headers["strict-transport-security"].contains("max-age"),
        "{headers:?}"
    );
    assert!(!headers.contains_key("x-caller"), "{headers:?}");
    assert_eq!(headers["server"], "nginx");
    let history = front.get("forecast_history?limit=1").send().await.unwrap();
    assert_eq!(history.headers()["cache-control"], "no-store");

    let zipped = front.get("forecasts").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    let small = zipped.bytes().await.unwrap().len();
    let large = front.get("forecasts").send().await.unwrap().bytes().await.unwrap().len();
    assert!(small * 5 < large, "{small} of {large}");
    // There is no access without TLS.
    let plain = Client::new().get(front.url.replace("https", "http")).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_with_the_newest_forecasts_gets_304_without_a_read() {
    let (database, _api, front, mut postgres) = front().await;
    for path in ["forecasts?building_id=eq.tall", "portfolio_forecasts", "rpc/forecast_chart?building_id=tall"] {
        // The front accepts bursts of 40 requests of a caller, and 20 a second.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let tag = async || {
            let answer = front.get(path).header("accept", "*/*").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            answer.headers()["etag"].to_str().unwrap().to_owned()
        };
        let with = async |tag: &str, subject: &str, accept: &str| {
            let asked = front.ask(Method::GET, path, subject, "supplier").header("accept", accept);
            let answer = asked.header("if-none-match", tag).send().await.unwrap();
            let (status, same) =
                (answer.status().as_u16(), answer.headers().get("etag").is_some_and(|found| found == tag));
            (status, same, answer.text().await.unwrap().is_empty())
        };
        let first = tag().await;
        assert_eq!(first, tag().await, "{path}");
        assert_eq!(with(&first, "utility", "*/*").await, (304, true, true), "{path}");
        assert_eq!(with(&format!("\"x\", {first}"), "utility", "*/*").await.0, 304, "{path}");
        assert_eq!(with("W/\"0\"", "utility", "*/*").await.0, 200, "{path}");
        // Another caller or format has another response.
        assert_eq!(with(&first, "together", "*/*").await.0, 200, "{path}");
        if !path.starts_with("rpc") {
            assert_eq!(with(&first, "utility", "text/csv").await.0, 200, "{path}");
        }
        // A revision, a new issue, another hour, a building less and a setting each change the response.
        for change in [
            "update energy.forecasts set revision = 2, created_at = clock_timestamp()
             where building_id = 'tall' and issued_at = '2026-03-15 05:00Z'",
            "insert into energy.forecasts
                 (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper, source, quality,
                  quality_reasons)
             select building_id, '2026-03-15 11:00Z', valid_at, lead_hours, yhat, yhat_lower, yhat_upper, source,
                 quality, quality_reasons
             from energy.forecasts
             where building_id = 'wide' and issued_at = '2026-03-15 05:00Z' and valid_at >= '2026-03-15 11:00Z'
             on conflict do nothing;
             update energy.forecasts set created_at = clock_timestamp() where issued_at = '2026-03-15 11:00Z'",
            "insert into energy.refreshed_forecasts
                 (building_id, valid_at, refreshed_at, issued_at, lead_hours, yhat, yhat_lower, yhat_upper, source,
                  quality, quality_reasons)
             select building_id, valid_at,
                 (select coalesce(max(refreshed_at), '2026-03-15 12:00Z') from energy.refreshed_forecasts)
                 + interval '1 minute', issued_at, 1, yhat, yhat_lower, yhat_upper, source, quality, quality_reasons
             from energy.forecasts
             where building_id = 'tall' and issued_at = '2026-03-15 05:00Z' and valid_at = '2026-03-15 12:00Z'",
            "delete from energy.building_access where (subject, building_id) = ('utility', 'lone')",
            "call energy.load_config(jsonb_set(energy.current_config(), '{api,min_apartments}', '4'))",
        ] {
            let before = tag().await;
            run(&mut postgres, change).await;
            assert_eq!(with(&before, "utility", "*/*").await.0, 200, "{path}: {change}");
        }
        run(
            &mut postgres,
            "insert into energy.building_access values ('utility', 'lone');
             call energy.load_config(jsonb_set(energy.current_config(), '{api,min_apartments}', '5'))",
        )
        .await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Past forecasts are always read in full.
    let history = front.get("forecast_history?limit=1").send().await.unwrap();
    assert!(history.headers().get("etag").is_none());
    // A rejected token does not get a 304.
    let answer = front.get("forecasts").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let tag = answer.headers()["etag"].clone();
    let strange =
        front.client.get(format!("{}/forecasts", front.url)).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(strange.status(), StatusCode::UNAUTHORIZED);
    // Another hour has another response: the database has its own clock.
    let before = front.get("forecasts").send().await.unwrap().headers()["etag"].clone();
    run(&mut postgres, &format!("alter database {} set energy.clock = '2026-03-15 13:00Z'", database.name)).await;
    run(
        &mut postgres,
        "select pg_terminate_backend(pid) from pg_stat_activity
         where usename = 'authenticator' and datname = current_database()",
    )
    .await;
    for _ in 0..100 {
        let answer = front.get("forecasts").header("if-none-match", before.clone()).send().await.unwrap();
        if answer.status() == 200 {
            assert_ne!(answer.headers()["etag"], before);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the hour does not change the response");
}

#[tokio::test]
async fn too_large_too_frequent_and_malformed_requests_do_not_reach_the_api() {
    let (_database, _api, front, _postgres) = front().await;
    let post = |path: &str, bytes: usize, role: &str| {
        let body = format!("{{\"messages\": [{}]}}", " ".repeat(bytes));
        front.ask(Method::POST, path, "gw", role).header("content-type", "application/json").body(body)
    };
    assert_eq!(post("rpc/ingest_meter_messages", 5_000_000, "gateway").send().await.unwrap().status(), 200);
    for (path, bytes, role) in [
        ("rpc/ingest_meter_messages", 17_000_000, "gateway"),
        ("rpc/set_sensor_validity", 70_000, "gateway"),
        ("rpc/approve_model", 70_000, "operator"),
        ("rpc/token", 2_000, "operator"),
    ] {
        // nginx may close the connection while the rest is still being sent.
        if let Ok(answer) = post(path, bytes, role).send().await {
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
            let error: Value = answer.json().await.unwrap();
            assert_eq!((&error["code"], &error["message"]), (&json!("HTTP413"), &json!("the body is too large")));
        }
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
        if let Ok(answer) = front.ask(method.clone(), "forecasts", "utility", "supplier").send().await {
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
    }
    for (query, status) in [
        ("building_id=eq.%FF", 400),
        ("building_id=eq.%C3", 400),
        ("building_id=eq.%C0%80", 400),
        ("building_id=eq.%ED%A0%80", 400),
        ("building_id=eq.%F5%80%80%80", 400),
        ("building_id=eq.%C3%A9%E2%82%AC%F0%9F%94%8C", 200),
        (&format!("building_id=eq.{}", "%C3%A9".repeat(1000)), 200),
        ("building_id=eq.%0d%0aX-Injected:%201", 200),
    ] {
        let answer = front.get(&format!("forecasts?{query}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{query}");
        assert!(answer.headers().get("x-injected").is_none(), "{query}");
    }

    for (name, value, status) in [
        ("range", &b"\x92N\xc8"[..], 400),
        ("prefer", b"\xe9", 400),
        ("accept", b"text/\xff", 400),
        ("if-none-match", b"\x80", 400),
        ("content-type", b"\xc3\xa9", 400),
        // The API does not get it.
        ("x-anything", b"\x92N\xc8", 200),
        ("range", b"0-1", 200),
        ("prefer", b"count=exact", 206),
    ] {
        let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
        let answer = front.get("forecasts?limit=1").header(name, value.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{name}: {value:?}");
    }

    // A caller with too many requests is throttled, others are not.
    let statuses = async |subject: &'static str| {
        let token = token_of(subject, "supplier");
        let mut found = BTreeMap::<u16, usize>::new();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..120 {
            let request = front.client.get(format!("{}/accuracy?limit=1", front.url)).bearer_auth(&token);
            tasks.spawn(async move { request.send().await.unwrap() });
        }
        while let Some(answer) = tasks.join_next().await {
            let answer = answer.unwrap();
            if answer.status() == 429 {
                assert_eq!(answer.headers()["retry-after"], "1");
            }
            *found.entry(answer.status().as_u16()).or_default() += 1;
        }
        found
    };
    let busy = statuses("utility").await;
    assert!(busy[&429] > 0 && busy[&200] >= 30, "{busy:?}");
    let other = front.ask(Method::GET, "accuracy?limit=1", "few", "supplier").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    // Guessing keys is throttled.
    let mut guesses = BTreeMap::<u16, usize>::new();
    for _ in 0..40 {
        let guess = front.client.post(format!("{}/rpc/token", front.url)).json(&json!({ "api_key": "x" }));
        *guesses.entry(guess.send().await.unwrap().status().as_u16()).or_default() += 1;
    }
    assert!(guesses[&429] >= 10, "{guesses:?}");
}

#[tokio::test]
async fn reads_are_recorded_by_caller_and_building() {
    let (_database, _api, front, mut postgres) = front().await;
    // A subject cannot inject a line into the log.
    let odd = "a\"b\\\n{\"subject\"}\r\nSet-Cookie = 1 \u{e9}";
    sqlx::query("insert into energy.building_access values ($1, 'tall')")
        .bind(odd)
        .execute(&mut postgres)
        .await
        .unwrap();
    for (path, subject, role, status) in [
        ("forecasts?building_id=eq.tall&limit=24", "utility", "supplier", 200),
        ("forecasts?building_id=eq.tall&limit=10", "utility", "supplier", 200),
        ("forecasts?building_id=in.(tall,wide)&valid_at=eq.2026-03-15T12:00:00Z", "utility", "supplier", 200),
        ("accuracy?building_id=eq.wild", "few", "supplier", 200),
        ("portfolio_forecasts?limit=2", "together", "supplier", 200),
        ("rpc/scenarios?scenarios=3&building_ids=%7Btall%7D", "utility", "supplier", 200),
        ("forecasts?building_id=eq.alone&limit=3", odd, "resident", 200),
        ("forecasts?building_id=eq.tall&limit=3", odd, "resident", 200),
        // These are not reads.
        ("forecasts?building_id=eq.tall&valid_at=eq.never", "utility", "supplier", 400),
        ("portfolio_forecasts", "utility", "resident", 403),
        ("nowhere", "utility", "supplier", 404),
        ("", "utility", "supplier", 200),
    ] {
        let answer = front.ask(Method::GET, path, subject, role).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.headers().get("set-cookie").is_none() && answer.headers().get("x-caller").is_none());
    }
    let body = json!({ "messages": [{ "building_id": "tall" }] });
    let sent =
        front.ask(Method::POST, "rpc/ingest_meter_messages", "utility", "gateway").json(&body).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
    let kept = "select concat_ws('|', replace(subject, $$a\"b$$, 'ODD'), role, key_id, path,
            array_to_string(buildings, ','), status, sum(requests), sum(rows))
        from energy.api_reads group by subject, role, key_id, path, buildings, status order by 1";
    for _ in 0..100 {
        if texts(&mut postgres, kept).await.len() >= 7 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let odd = odd.replace("a\"b", "ODD");
    let mut expected = vec![
        format!("{odd}|resident||/forecasts|alone|200|1|0"),
        format!("{odd}|resident||/forecasts|tall|200|1|3"),
        "few|supplier||/accuracy|wild|200|1|0".to_owned(),
        "together|supplier||/portfolio_forecasts|tall,wide|200|1|2".to_owned(),
        "utility|supplier||/forecasts|tall|200|2|34".to_owned(),
        "utility|supplier||/forecasts|tall,wide|200|1|2".to_owned(),
        "utility|supplier||/rpc/scenarios|tall|200|1|3".to_owned(),
    ];
    let mut found = texts(&mut postgres, kept).await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    // Kept as long as configured.
    run(&mut postgres, "update energy.api_reads set minute = now() - interval '400 days' where subject = 'few'").await;
    run(&mut postgres, "call energy.apply_retention()").await;
    let left =
        texts(&mut postgres, "select distinct subject from energy.api_reads where subject in ('few', 'utility')").await;
    assert_eq!(left, ["utility"]);
}

#[tokio::test]
async fn client_supplied_identity_headers_are_ignored() {
    let (_database, _api, front, _postgres) = front().await;
    let forged = front
        .get("forecasts?limit=1")
        .header("x-caller", "eyJzdWJqZWN0IjoiYWRtaW4ifQ")
        .header("x-forwarded-for", "10.0.0.1")
        .header("cookie", "role=operator")
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), StatusCode::OK);
    assert!(forged.headers().get("x-caller").is_none());
}

#[tokio::test]
async fn without_the_read_log_nothing_can_be_read() {
    let (_database, _api, mut front, _postgres) = front().await;
    let script = front.process.id().unwrap().to_string();
    let log = std::process::Command::new("pgrep").args(["-P", &script, "edf-api-log"]).output().unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(std::process::Command::new("kill").args(["-KILL", log.trim()]).status().unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(10), front.process.wait()).await.unwrap().unwrap();
    assert!(!ended.success(), "{ended}");
    assert!(front.get("forecasts").send().await.is_err());
}

#[tokio::test]
async fn the_session_cookie_is_protected_against_cross_site_requests() {
    let (_database, _api, front, _postgres) = front().await;
    let client = {
        let trusted = std::fs::read(front.folder.join("certificate.pem")).unwrap();
        let trusted = reqwest::Certificate::from_pem(&trusted).unwrap();
        let policy = reqwest::redirect::Policy::none();
        Client::builder().add_root_certificate(trusted).redirect(policy).build().unwrap()
    };
    let page = format!("{}/rpc/dashboard", front.url);
    let away = client.get(&page).send().await.unwrap();
    assert_eq!((away.status().as_u16(), away.headers()["location"].to_str().unwrap()), (303, "/login"));
    let login = client.get(format!("{}/login", front.url)).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::OK);
    assert!(login.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'; style-src"));
    assert!(login.text().await.unwrap().contains("<form>"));

    let signed_in = front.ask(Method::POST, "rpc/login", "alice", "operator").json(&json!({})).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.ends_with("; HttpOnly; Secure; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let with = |request: RequestBuilder| request.header("cookie", cookie).send();
    let shown = with(client.get(&page)).await.unwrap();
    assert_eq!((shown.status(), &shown.headers()["cache-control"]), (StatusCode::OK, &"no-store".parse().unwrap()));
    assert!(shown.text().await.unwrap().contains("alice"));
    let decide = format!("{}/rpc/reject_model", front.url);
    for (kind, body, status) in [
        ("application/json", r#"{"model_id": -1, "reason": "a test"}"#, 404),
        ("application/x-www-form-urlencoded", "model_id=-1&reason=x", 401),
        ("text/plain", r#"{"model_id": -1, "reason": "a test"}"#, 401),
    ] {
        let answer = with(client.post(&decide).header("content-type", kind).body(body)).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{kind}");
    }
    // Operators also see buildings that no access is granted for: their responses have no ETag.
    let all = with(client.get(format!("{}/forecasts?limit=1", front.url))).await.unwrap();
    assert_eq!((all.status(), all.headers().contains_key("etag")), (StatusCode::OK, false));
}
