//! Long responses: a truncated one reports it, keyset pagination is complete, and a chart reads only the rows it shows.

use crate::storage::run;
use crate::street::{BUILDINGS, street};
use edf_tests::Api;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, query_scalar};

/// Has access to every building.
const READER: (&str, &str) = ("reader", "resident");
/// Issues and the revision of one, of 72 hours each.
const ROWS: usize = BUILDINGS.len() * (24 + 1) * 72;

async fn header(api: &Api, path: &str, prefer: &str, name: &str) -> (u16, String) {
    let answer = api.get(path, READER.0, READER.1).header("prefer", prefer).send().await.unwrap();
    (answer.status().as_u16(), answer.headers()[name].to_str().unwrap().to_owned())
}

/// The filter for rows after a given row in the order of these columns.
fn after(row: &Value, key: &[&str]) -> String {
    let (first, rest) = key.split_first().unwrap();
    let at = row[*first]
        .as_str()
        .map_or_else(|| row[*first].to_string(), |text| format!("%22{}%22", text.replace('+', "%2B")));
    if rest.is_empty() {
        return format!("{first}.gt.{at}");
    }
    format!("{first}.gt.{at},and({first}.eq.{at},or({}))", after(row, rest))
}

#[tokio::test]
async fn a_truncated_response_reports_it_and_keyset_pagination_is_complete() {
    let (_database, api, mut postgres) = street().await;
    run(&mut postgres, "insert into energy.building_access select 'reader', building_id from raw.buildings").await;
    assert_eq!(api.rows("forecast_history", READER.0, READER.1).await.len(), 10_000);
    assert_eq!(header(&api, "forecast_history", "", "content-range").await, (200, "0-9999/*".to_owned()));
    assert_eq!(header(&api, "forecast_history", "", "x-max-rows").await.1, "10000");
    let counted = header(&api, "forecast_history", "count=exact", "content-range").await;
    assert_eq!(counted, (206, format!("0-9999/{ROWS}")));
    let whole = header(&api, "forecasts", "count=exact", "content-range").await;
    assert_eq!(whole, (200, format!("0-{}/{}", BUILDINGS.len() * 65 - 1, BUILDINGS.len() * 65)));
    let configuration = std::fs::read_to_string("../config/postgrest.conf").unwrap();
    assert!(configuration.contains("\ndb-max-rows = 10000\n"), "as in api.check_token");

    let key = ["building_id", "issued_at", "valid_at", "revision"];
    let page = format!("forecast_history?order={}&limit=1000", key.join(","));
    let mut rows = api.rows(&page, READER.0, READER.1).await;
    let mut newest = rows.len();
    while newest == 1000 {
        let next = format!("{page}&or=({})", after(rows.last().unwrap(), &key));
        let more = api.rows(&next, READER.0, READER.1).await;
        newest = more.len();
        rows.extend(more);
    }
    let keys: Vec<[String; 4]> = rows.iter().map(|row| key.map(|name| row[name].to_string())).collect();
    assert_eq!(keys.len(), ROWS);
    assert!(keys.is_sorted_by(|a, b| a < b), "each once, in order");
}

#[tokio::test]
async fn estimated_counts_are_rejected() {
    let (_database, api, _postgres) = street().await;
    for prefer in ["count=planned", "return=minimal, count=estimated"] {
        let answer = api.get("forecasts", "utility", "supplier").header("prefer", prefer).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{prefer}");
        assert_eq!(answer.json::<Value>().await.unwrap()["hint"], "Send Prefer: count=exact.");
    }
}

/// Number of rows of energy.forecasts that an API query reads, and the maximum of one sequential scan.
async fn read(postgres: &mut PgConnection, query: &str) -> (f64, f64) {
    let explain = format!("explain (analyze, timing off, format json) {query}");
    let plan: Value = query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *postgres).await.unwrap();
    let (mut all, mut scanned) = (0.0, 0.0_f64);
    let mut nodes = vec![&plan[0]["Plan"]];
    while let Some(node) = nodes.pop() {
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
        let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
        if node["Relation Name"].as_str().is_some_and(|name| name.starts_with("forecasts")) {
            let rows = (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
            all += rows;
            if node["Node Type"] == "Seq Scan" {
                scanned = scanned.max(rows);
            }
        }
    }
    (all, scanned)
}

#[tokio::test]
async fn a_chart_reads_only_the_rows_it_shows() {
    let (_database, _api, mut postgres) = street().await;
    // A year of 20 buildings, by month.
    run(
        &mut postgres,
        "insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
         select 'b' || n, 'b', time_zone, region, latitude, longitude, weather_location_id
         from raw.buildings cross join generate_series(1, 20) as n where building_id = 'tall';
         insert into raw.apartments
         select 'b' || n, 'flat-' || m from generate_series(1, 20) as n cross join generate_series(1, 5) as m;
         insert into energy.building_access select 'large', 'b' || n from generate_series(1, 20) as n;
         insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper)
         select 'b' || n, issued_at, issued_at + (lead - 1) * interval '1 hour', lead, 2, 1, 3
         from generate_series('2025-03-15 05:00Z'::timestamptz, '2026-03-15 05:00Z', '1 day') as issued_at
         cross join generate_series(1, 20) as n cross join generate_series(1, 72) as lead",
    )
    .await;
    run(&mut postgres, "call energy.make_partitions()").await;
    run(&mut postgres, "analyze").await;
    run(
        &mut postgres,
        r#"set energy.clock = '2026-03-15 12:00Z'; set request.jwt.claims = '{"sub": "large"}'; set role supplier"#,
    )
    .await;
    let chart = "select * from api.forecasts where building_id = 'b7' and valid_at < '2026-03-17 12:00Z'";
    // Each hour has forecasts of at most three issues.
    let (all, scanned) = read(&mut postgres, chart).await;
    assert!(all <= 3.0 * 48.0 && scanned == 0.0, "{all} rows read, {scanned} of them sequentially");
    let of_all = "select * from api.forecasts";
    let (all, scanned) = read(&mut postgres, of_all).await;
    assert!(all <= 20.0 * 3.0 * 72.0 && scanned == 0.0, "{all} rows read, {scanned} of them sequentially");
    let (all, _) = read(&mut postgres, "select * from api.portfolio_forecasts").await;
    assert!(all <= 20.0 * 3.0 * 72.0, "{all} rows read");
    let said = "select * from api.forecast_history where building_id = 'b7' and valid_at = '2025-09-01 12:00Z'";
    let (all, scanned) = read(&mut postgres, said).await;
    assert!(all <= 3.0 && scanned == 0.0, "{all} rows read, {scanned} of them sequentially");
}
