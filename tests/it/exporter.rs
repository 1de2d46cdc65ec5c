//! Monitoring with Prometheus and Grafana: Debian's exporter with the project's queries, and the queries of the
//! dashboard.

use crate::monitoring::{FAULTS, check, two_buildings};
use crate::storage::run;
use edf_tests::{Throwaway, as_role, connect, environment};
use sqlx::{AssertSqlSafe, Column, Executor, Row, query};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Starts the exporter on a database as role dashboard; returns the process and the URL of its metrics.
fn exporter(database: &Throwaway) -> (Child, String) {
    let program = PathBuf::from(environment("EDF_CACHE")).join("monitoring/usr/bin/prometheus-postgres-exporter");
    assert!(program.exists(), "{}: docker/install.sh monitoring brings it", program.display());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source = format!(
        "host={} port={} user=dashboard dbname={}",
        environment("EDF_TEST_SOCKET"),
        environment("EDF_TEST_PORT"),
        database.name
    );
    let child = Command::new(program)
        .args(["--disable-default-metrics", "--disable-settings-metrics"])
        .args(["--no-collector.database", "--no-collector.bgwriter"])
        .arg("--extend.query-path=../config/monitoring/queries.yaml")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .env_clear()
        .env("DATA_SOURCE_NAME", source)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (child, format!("http://127.0.0.1:{port}/metrics"))
}

/// All metrics, once the exporter is up.
async fn metrics(url: &str) -> String {
    for _ in 0..200 {
        if let Ok(answer) = reqwest::get(url).await {
            return answer.text().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the exporter does not answer");
}

/// The value of the series with this name and these labels.
fn value(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let mut found = metrics.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    });
    let line = found.next().unwrap_or_else(|| panic!("no {name} {labels:?} in {metrics}"));
    assert_eq!(found.next(), None, "{name} {labels:?}");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_exporter_reads_every_query_as_the_dashboard_role() {
    let (database, mut postgres) = two_buildings().await;
    run(&mut postgres, &format!("alter database {} set energy.clock = '2026-03-15 12:00Z'", database.name)).await;
    for (fault, _, _) in [FAULTS[0], FAULTS[1]] {
        run(&mut postgres, fault).await;
    }
    check(&mut postgres).await;
    run(&mut postgres, "select energy.queue_trainings('{north}', reason => 'a test')").await;
    run(&mut postgres, "call energy.run_job('watch_jobs')").await;
    let (_exporter, url) = exporter(&database);
    let metrics = metrics(&url).await;
    assert_eq!(value(&metrics, "pg_up", &[]), 1.0);
    assert_eq!(value(&metrics, "pg_exporter_last_scrape_error", &[]), 0.0, "{metrics}");
    assert_eq!(value(&metrics, "pg_exporter_user_queries_load_error", &[]), 0.0);
    for (name, labels, expected) in [
        ("edf_health_buildings", &[][..], 2.0),
        ("edf_health_buildings_heard", &[], 1.0),
        ("edf_health_buildings_with_forecast", &[], 2.0),
        ("edf_health_is_failing", &[], 1.0),
        ("edf_health_newest_forecast_timestamp_seconds", &[], 1_773_550_800.0),
        ("edf_freshness_subjects", &["what=\"meters\""], 2.0),
        ("edf_freshness_late_subjects", &["what=\"meters\""], 1.0),
        ("edf_freshness_max_age_seconds", &["what=\"meters\""], 25_200.0),
        ("edf_freshness_late_subjects", &["what=\"weather\""], 1.0),
        ("edf_alerts_open", &["rule=\"meters_late\"", "severity=\"warning\""], 1.0),
        ("edf_alerts_open", &["rule=\"weather_late\"", "severity=\"critical\""], 1.0),
        ("edf_alerts_open", &["rule=\"accuracy_worse\""], 0.0),
        ("edf_alerts_acknowledged", &["rule=\"meters_late\""], 0.0),
        ("edf_job_is_late", &["job_name=\"issue_forecasts\""], 0.0),
        ("edf_job_has_failed", &["job_name=\"watch_jobs\""], 0.0),
        ("edf_job_is_scheduled", &["job_name=\"check_alerts\""], 1.0),
        ("edf_accuracy_buildings", &["lead_day=\"1\""], 2.0),
        ("edf_accuracy_median_rmse_ratio", &["lead_day=\"1\""], 1.0),
        ("edf_accuracy_coverage_pct", &["lead_day=\"3\""], 100.0),
        ("edf_queue_waiting", &["queue=\"trainings\""], 1.0),
        ("edf_queue_waiting", &["queue=\"readings\""], 0.0),
        ("edf_models_models", &["status=\"approved\""], 2.0),
    ] {
        let found = value(&metrics, name, labels);
        assert!((found - expected).abs() < 1e-6, "{name} {labels:?}: {found}");
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let succeeded = value(&metrics, "edf_job_last_success_timestamp_seconds", &["job_name=\"watch_jobs\""]);
    assert!((now - succeeded).abs() < 60.0, "{succeeded}");
    assert!(value(&metrics, "edf_health_wape_pct", &[]) > 5.0);
}

#[tokio::test]
async fn every_panel_of_the_dashboard_can_be_read_by_the_dashboard_role() {
    let text = std::fs::read_to_string("../config/monitoring/grafana/dashboard.json").unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut sql: Vec<(String, String)> = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let target = &panel["targets"][0];
        sql.push((target["format"].as_str().unwrap().to_owned(), target["rawSql"].as_str().unwrap().to_owned()));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        sql.push(("variable".to_owned(), variable["query"].as_str().unwrap().to_owned()));
    }
    assert!(sql.len() > 10, "{}", sql.len());

    let (database, mut postgres) = two_buildings().await;
    run(&mut postgres, &format!("alter database {} set energy.clock = '2026-03-15 12:00Z'", database.name)).await;
    run(&mut postgres, FAULTS[0].0).await;
    run(
        &mut postgres,
        "insert into energy.api_errors select minute, 'GET', '/', '', 500, 1
         from generate_series('2026-03-10'::timestamptz, '2026-03-11', '1 hour') as minute",
    )
    .await;
    check(&mut postgres).await;
    let mut dashboard = connect("dashboard", &database.name).await;
    for (format, sql) in sql {
        // Expands macros and variables like Grafana.
        let mut written = sql.replace("$building", "north");
        while let Some((before, rest)) = written.split_once("$__timeFilter(") {
            let (column, after) = rest.split_once(')').unwrap();
            written = format!("{before}{column} BETWEEN '2026-03-01T00:00:00Z' AND '2026-03-18T00:00:00Z'{after}");
        }
        let rows = query(AssertSqlSafe(written.clone())).fetch_all(&mut dashboard).await;
        let rows = rows.unwrap_or_else(|error| panic!("{written}: {error}"));
        if format == "time_series" {
            assert!(rows.len() > 10 && rows[0].column(0).name() == "time", "{written}: {}", rows.len());
        }
        if format == "variable" {
            assert_eq!(rows.len(), 2, "{written}");
        }
    }
    // And in no other database.
    let mut dashboard = as_role("dashboard").await;
    assert!(dashboard.execute("insert into energy.alert_rules (rule) values ('x')").await.is_err());
}
