//! Failed requests to the API: the compiled program counts them from PostgREST's log in the database.

use crate::monitoring::{check, two_buildings};
use crate::storage::{run, texts};
use edf_tests::{Throwaway, as_role, environment, postgrest, refusal, token_of};
use serde_json::json;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// A PostgREST in front of a database with its log piped to edf-api-log: the process, and its URL.
async fn api(database: &Throwaway) -> (Child, String) {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("edf-api-log");
    assert!(program.exists(), "{}: build it with cargo build --release -p edf-api-log", program.display());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (socket, server) = (environment("EDF_TEST_SOCKET"), environment("EDF_TEST_PORT"));
    let child = Command::new("bash")
        .args(["-c", "exec \"$POSTGREST\" ../config/postgrest.conf > >(\"$API_LOG\" >/dev/null) 2>&1"])
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("EDF_API_LOG_EVERY", "100ms")])
        .envs([("POSTGREST", postgrest()), ("API_LOG", program)])
        .env("PGRST_DB_URI", format!("host='{socket}' port={server} dbname={} user=authenticator", database.name))
        .envs([("PGRST_JWT_SECRET", environment("EDF_TEST_JWT_SECRET")), ("PGRST_SERVER_PORT", port.to_string())])
        .envs([("PGHOST", &socket), ("PGPORT", &server), ("PGDATABASE", &database.name)])
        .env("PGUSER", "api_log")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    for _ in 0..200 {
        let read = reqwest::Client::new()
            .get(format!("{url}/forecasts?building_id=eq.north"))
            .bearer_auth(token_of("a", "supplier"));
        if read.send().await.is_ok_and(|answer| answer.status() == 200) {
            return (child, url);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("PostgREST does not answer");
}

#[tokio::test]
async fn failed_requests_are_counted_and_many_server_errors_raise_an_alert() {
    let (database, mut postgres) = two_buildings().await;
    run(
        &mut postgres,
        "create function api.fails() returns void language plpgsql as $$ begin raise exception 'out of order'
             using errcode = 'XX000'; end $$;
         grant execute on function api.fails() to supplier",
    )
    .await;
    let (mut server, url) = api(&database).await;
    // Requests during its start, before it had a connection.
    tokio::time::sleep(Duration::from_millis(500)).await;
    run(&mut postgres, "delete from energy.api_errors").await;
    let client = reqwest::Client::new();
    let status = async |path: &str| {
        let sent =
            client.post(format!("{url}/{path}")).bearer_auth(token_of("a", "supplier")).json(&json!({})).send().await;
        sent.unwrap().status().as_u16()
    };
    assert_eq!(reqwest::get(format!("{url}/forecasts?building_id=eq.north")).await.unwrap().status(), 401);
    for _ in 0..11 {
        assert_eq!(status("rpc/fails").await, 500);
    }
    for path in ["wp-admin/x", "rpc/no_such"] {
        assert_eq!(status(path).await, 404);
    }
    let wrong = client
        .get(format!("{url}/forecasts?valid_at=secret"))
        .bearer_auth(token_of("a", "supplier"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);

    let counted = "select concat_ws(' ', method, path, role, status, requests) from (
        select method, path, role, status, sum(requests) as requests from energy.api_errors
        where not (status = 401) group by 1, 2, 3, 4) as sums order by 1";
    for _ in 0..100 {
        if texts(&mut postgres, counted).await.len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        texts(&mut postgres, counted).await,
        ["GET /forecasts supplier 400 1", "POST /rpc/fails supplier 500 11", "POST other supplier 404 2"]
    );
    // Without a valid token there is no role.
    let anonymous = "select distinct concat_ws(' ', path, role = '') from energy.api_errors where status = 401";
    assert_eq!(texts(&mut postgres, anonymous).await, ["/forecasts t"]);

    assert_eq!(check(&mut postgres).await, ["api_errors warning api"]);
    let said = texts(&mut postgres, "select message from energy.alerts").await;
    assert_eq!(said, ["11 requests failed within 15 minutes: 11 /rpc/fails with 500"]);
    run(&mut postgres, "update energy.api_errors set minute = minute - interval '20 minutes'").await;
    assert_eq!(check(&mut postgres).await, Vec::<String>::new());

    // Counts from an outage of the database are written when it is back, including the end of the log.
    run(
        &mut postgres,
        "delete from energy.api_errors; revoke execute on function energy.record_api_errors(jsonb) from api_log",
    )
    .await;
    assert_eq!(status("rpc/fails").await, 500);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(texts(&mut postgres, counted).await, Vec::<String>::new());
    assert_eq!(status("rpc/fails").await, 500);
    run(&mut postgres, "grant execute on function energy.record_api_errors(jsonb) to api_log").await;
    server.kill().await.unwrap();
    for _ in 0..100 {
        if !texts(&mut postgres, counted).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(texts(&mut postgres, counted).await, ["POST /rpc/fails supplier 500 2"]);
}

#[tokio::test]
async fn the_api_log_role_may_only_record_failed_requests() {
    let mut log = as_role("api_log").await;
    for statement in [
        "select * from energy.api_errors",
        "delete from energy.api_errors",
        "select * from raw.buildings",
        "select * from energy.alerts",
        "select * from api.forecasts",
        "call energy.check_alerts()",
    ] {
        assert_eq!(refusal(&mut log, statement).await.code, "42501", "{statement}");
    }
}
