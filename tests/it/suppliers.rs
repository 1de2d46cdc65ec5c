//! Forecasts for suppliers and residents: the time range, the buildings, and what sums reveal.

use crate::storage::run;
use crate::street::{ACCESS, BUILDINGS, grant, street};
use edf_tests::Api;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::query_scalar;
use std::collections::{BTreeMap, BTreeSet};

/// Minimum number of apartments of a building visible to a supplier, as deployed.
const LEAST: i64 = 5;
/// Hours from the clock to the end of the newest issue.
const HOURS: usize = 65;

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name} of {row}"))
}

fn buildings(rows: &[Value]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["building_id"].as_str().unwrap()).collect()
}

fn size(building: &str) -> i64 {
    BUILDINGS.iter().find(|(name, _)| *name == building).unwrap().1
}

/// A column of the rows, in order.
fn column<'a>(rows: &'a [Value], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str().unwrap()).collect()
}

#[tokio::test]
async fn forecasts_start_with_the_current_hour_of_the_newest_issue() {
    let (_database, api, _postgres) = street().await;
    let first = api.rows("forecasts?building_id=eq.tall&limit=3", "utility", "supplier").await;
    let next = ["2026-03-15T12:00:00+00:00", "2026-03-15T13:00:00+00:00", "2026-03-15T14:00:00+00:00"];
    assert_eq!(column(&first, "valid_at"), next);
    let row = &first[0];
    assert_eq!(
        (&row["issued_at"], &row["revision"], &row["lead_hours"], &row["source"], &row["quality"], &row["confidence"]),
        (&json!("2026-03-15T05:00:00+00:00"), &json!(1), &json!(8), &json!("profile"), &json!(0.5), &json!(0.9))
    );
    assert_eq!(row["quantile_levels"], json!([0.05, 0.5, 0.95]));
    assert_eq!(row["quantile_values"], json!([row["demand_lower_kwh"], row["demand_kwh"], row["demand_upper_kwh"]]));

    let all = api.rows("forecasts", "utility", "supplier").await;
    assert_eq!(all.len(), 3 * HOURS);
    let keys: Vec<_> = all.iter().map(|row| (row["building_id"].as_str(), row["valid_at"].as_str())).collect();
    assert!(keys.is_sorted(), "ordered by building and hour by default");
    assert!(all.iter().all(|row| row["issued_at"] == first[0]["issued_at"]));
    assert_eq!(
        api.rows("forecasts?valid_at=lt.2026-03-15T12:00:00Z", "utility", "supplier").await,
        Vec::<Value>::new()
    );
}

#[tokio::test]
async fn the_history_has_every_issue_and_revision_with_its_time() {
    let (_database, api, _postgres) = street().await;
    let hour = "forecast_history?building_id=eq.tall&valid_at=eq.2026-03-15T12:00:00Z";
    let said = api.rows(hour, "utility", "supplier").await;
    let what = |row: &Value| {
        (
            row["issued_at"].as_str().unwrap()[..13].to_owned(),
            row["revision"].as_i64().unwrap(),
            row["lead_hours"].as_i64().unwrap(),
        )
    };
    let expected =
        [("2026-03-13T05", 0, 56), ("2026-03-14T05", 0, 32), ("2026-03-15T05", 0, 8), ("2026-03-15T05", 1, 8)];
    assert_eq!(
        said.iter().map(what).collect::<Vec<_>>(),
        expected.map(|(at, revision, lead)| (at.to_owned(), revision, lead))
    );
    assert_eq!(said[2]["superseded_at"], said[3]["published_at"]);
    assert_eq!(
        (number(&said[2], "demand_kwh") - number(&said[3], "demand_kwh"), &said[3]["superseded_at"]),
        (1.0, &Value::Null)
    );
    let old = api.rows("forecast_history?issued_at=eq.2026-02-20T05:00:00Z", "utility", "supplier").await;
    assert_eq!((old.len(), buildings(&old)), (3 * 72, ["broad", "tall", "wide"].into()));
}

#[tokio::test]
async fn a_supplier_sees_buildings_with_enough_apartments_and_a_resident_its_own() {
    let (_database, api, mut postgres) = street().await;
    for (subject, granted) in ACCESS {
        let shown: BTreeSet<&str> = granted.iter().copied().filter(|building| size(building) >= LEAST).collect();
        for path in ["forecasts", "refresh_history", "accuracy"] {
            let rows = api.rows(path, subject, "supplier").await;
            // It was smaller on some of the scored days.
            let expected: BTreeSet<&str> =
                shown.iter().copied().filter(|one| path != "accuracy" || *one != "grown").collect();
            assert_eq!(buildings(&rows), expected, "{subject}: {path}");
            let rows = api.rows(path, subject, "resident").await;
            assert_eq!(buildings(&rows), granted.iter().copied().collect(), "{subject}: {path} of residents");
        }
        let refused = api.get("portfolio_forecasts", subject, "resident").send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
    // Forecasts from the time when a building was smaller stay hidden.
    let grown = api
        .rows("forecast_history?building_id=eq.grown&select=issued_at&order=issued_at&limit=1", "changing", "supplier")
        .await;
    assert_eq!(grown, [json!({ "issued_at": "2026-03-11T05:00:00+00:00" })]);
    assert_eq!(api.rows("forecast_history?building_id=eq.shrunk", "changing", "supplier").await, Vec::<Value>::new());
    assert_eq!(api.rows("forecast_history?building_id=eq.shrunk&limit=9", "changing", "resident").await.len(), 9);

    run(
        &mut postgres,
        "call energy.load_config(jsonb_set(energy.current_config(), '{api}', '{\"min_apartments\": 1}'))",
    )
    .await;
    let all = api.rows("forecasts", "utility", "supplier").await;
    assert_eq!(buildings(&all).len(), 6, "the configuration counts at once");
}

#[tokio::test]
async fn a_sum_minus_the_visible_buildings_is_empty_or_has_enough_apartments() {
    let (_database, api, mut postgres) = street().await;
    // Every subset of the buildings.
    let mut subjects: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for choice in 1_u32..1 << BUILDINGS.len() {
        let chosen: Vec<&str> =
            (0..BUILDINGS.len()).filter(|at| choice >> at & 1 == 1).map(|at| BUILDINGS[at].0).collect();
        subjects.insert(chosen.join("+"), chosen);
    }
    let all = subjects.iter().map(|(subject, granted)| (subject.as_str(), granted.as_slice()));
    grant(&mut postgres, all).await;
    for (subject, granted) in &subjects {
        let sums = api.rows("portfolio_forecasts?limit=1", subject, "supplier").await;
        let shown = api.rows("forecasts?valid_at=eq.2026-03-15T12:00:00Z", subject, "supplier").await;
        let hidden: i64 = granted.iter().map(|building| size(building)).filter(|size| *size < LEAST).sum();
        let of_hidden =
            if hidden < LEAST { 0 } else { granted.iter().filter(|building| size(building) < LEAST).count() };
        let in_sum = shown.len() + of_hidden;
        assert_eq!(sums.is_empty(), in_sum == 0, "{subject}: {granted:?}");
        let Some(sum) = sums.first() else { continue };
        let counts =
            (sum["buildings"].as_u64().unwrap() as usize, sum["buildings_left_out"].as_u64().unwrap() as usize);
        assert_eq!(counts, (in_sum, granted.len() - in_sum), "{subject}: {granted:?}");
        let rest = number(sum, "demand_kwh") - shown.iter().map(|row| number(row, "demand_kwh")).sum::<f64>();
        // At noon each building's forecast is its number of apartments in the fixture plus 1.5 kWh.
        let expected = if of_hidden == 0 { 0.0 } else { hidden as f64 + 1.5 * of_hidden as f64 };
        assert!((rest - expected).abs() < 1e-9, "{subject}: {rest} of {granted:?}");
    }
    // Its forecast was made when it was small; it has grown since.
    run(&mut postgres, "update raw.apartments set valid_from = '2026-03-15 08:00Z' where valid_from is not null").await;
    for path in ["forecasts", "portfolio_forecasts"] {
        assert_eq!(api.rows(path, "grown", "supplier").await, Vec::<Value>::new(), "{path}");
    }
    // A building without a forecast does not add its apartments to another one.
    run(&mut postgres, "delete from energy.forecasts where building_id = 'small-3'").await;
    assert_eq!(api.rows("portfolio_forecasts", "hidden", "supplier").await, Vec::<Value>::new());
}

/// Distances of the bounds below and above the sum of forecasts, and the method.
async fn interval(api: &Api, subject: &str, lead: u32) -> (f64, f64, String, Option<u64>) {
    let rows = api.rows(&format!("portfolio_forecasts?lead_hours=eq.{lead}"), subject, "supplier").await;
    let row = &rows[0];
    let median = number(row, "demand_kwh");
    assert_eq!(row["quantile_values"], json!([row["demand_lower_kwh"], row["demand_kwh"], row["demand_upper_kwh"]]));
    (
        median - number(row, "demand_lower_kwh"),
        number(row, "demand_upper_kwh") - median,
        row["interval_method"].as_str().unwrap().to_owned(),
        row["interval_days"].as_u64(),
    )
}

#[tokio::test]
async fn the_width_of_a_sums_interval_depends_on_the_correlation_of_errors() {
    let (_database, api, mut postgres) = street().await;
    for (lead, scored) in [(10, 24), (30, 23), (60, 22)] {
        // Half intervals of 2 and 1.75 kWh with perfectly correlated errors.
        let (below, above, method, days) = interval(&api, "together", lead).await;
        assert!((below - 3.75).abs() < 1e-9 && (above - 3.75).abs() < 1e-9, "{lead}: {below} {above}");
        assert_eq!((method.as_str(), days), ("joint_errors", Some(scored)), "{lead}");
        // 2 and 1.5 kWh with errors of opposite sign: a seventh remains.
        let (below, above, ..) = interval(&api, "apart", lead).await;
        assert!((below - 0.5).abs() < 1e-9 && (above - 0.5).abs() < 1e-9, "{lead}: {below} {above}");
    }
    // A repeated run changes nothing.
    assert_eq!(
        query_scalar::<_, i64>("select energy.score_portfolios('-infinity')").fetch_one(&mut postgres).await.unwrap(),
        0
    );

    run(
        &mut postgres,
        "delete from energy.portfolio_errors where valid_at < '2026-03-03'; select energy.learn_portfolio_spreads()",
    )
    .await;
    let (below, above, method, days) = interval(&api, "apart", 10).await;
    assert_eq!((below, above, method.as_str(), days), (3.5, 3.5, "sum_of_bounds", None), "13 days are too few");
    run(
        &mut postgres,
        "delete from energy.building_access where subject = 'apart'; select energy.score_portfolios('-infinity')",
    )
    .await;
    let left: i64 = query_scalar("select count(*) from energy.portfolio_errors where subject = 'apart'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn accuracy_is_that_of_issued_forecasts() {
    let (_database, api, mut postgres) = street().await;
    let rows = api.rows("accuracy?building_id=eq.tall", "utility", "supplier").await;
    assert_eq!(rows.iter().map(|row| row["lead_day"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    for row in &rows {
        let same: Vec<f64> = query_scalar(
            "select unnest(array[hours, mae_kwh, rmse_kwh, bias_kwh, coverage_pct])
             from energy.accuracy where building_id = 'tall' and lead_day = $1",
        )
        .bind(row["lead_day"].as_i64().unwrap() as i32)
        .fetch_all(&mut postgres)
        .await
        .unwrap();
        let served = ["hours", "mae_kwh", "rmse_kwh", "bias_kwh", "coverage_pct"].map(|name| number(row, name));
        assert_eq!(served.as_slice(), same.as_slice());
        // Two kWh in two hours of ten, a tenth of that in the others, all inside the interval.
        assert!((served[1] - 0.56).abs() < 0.02 && served[4] == 100.0, "{row}");
        assert_eq!(row["promised_rmse_kwh"], Value::Null);
    }
}

#[tokio::test]
async fn a_forecast_chart_shows_visible_buildings_only() {
    let (_database, api, _postgres) = street().await;
    let picture = async |query: &str| {
        let request = api.get(&format!("rpc/forecast_chart?{query}"), "utility", "supplier");
        let answer = request.header("Accept", "image/svg+xml").send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status(), kind, answer.text().await.unwrap())
    };
    let (status, kind, svg) = picture("building_id=tall&hours=24").await;
    assert!(status == StatusCode::OK && kind.starts_with("image/svg+xml"), "{status} {kind} {svg}");
    // Zurich is one hour ahead of UTC.
    for says in ["<svg ", "<polygon", ">tall</title>", "Forecast of Sun 15 Mar 13:00 to Mon 16 Mar 13:00"] {
        assert!(svg.contains(says), "{says}: {svg}");
    }
    for other in ["building_id=lone", "building_id=nobody", "building_id=tall&hours=-1", "hours=5"] {
        let (status, _, svg) = picture(other).await;
        assert!(status == StatusCode::OK && svg.contains("No forecast."), "{other}: {status} {svg}");
    }
    let (status, _, error) = picture("building_id=tall&width=9").await;
    assert!(status == StatusCode::BAD_REQUEST && error.contains("200 to 4000"), "{status} {error}");
}

#[tokio::test]
async fn quantiles_of_any_level_cover_the_visible_hours_and_buildings() {
    let (_database, api, _postgres) = street().await;
    let path = "rpc/forecast_quantiles?levels={0.9,0.05,0.5,0.95,0.25,0.9}";
    let rows = api.rows(path, "utility", "supplier").await;
    let shown = api.rows("forecasts", "utility", "supplier").await;
    for name in ["building_id", "valid_at", "issued_at"] {
        assert_eq!(column(&rows, name), column(&shown, name));
    }
    assert_eq!(rows[0]["quantile_levels"], json!([0.05, 0.25, 0.5, 0.9, 0.95]));
    for (row, forecast) in rows.iter().zip(&shown) {
        let at: Vec<f64> = row["quantile_values"].as_array().unwrap().iter().map(|kwh| kwh.as_f64().unwrap()).collect();
        let [lower, middle, upper] =
            ["demand_lower_kwh", "demand_kwh", "demand_upper_kwh"].map(|name| number(forecast, name));
        assert_eq!([at[0], at[2], at[4]], [lower, middle, upper], "{row} {forecast}");
        // Half-normal distributions: 0.6745 and 1.2816 in units of 1.6449.
        let expected = [middle - (middle - lower) * 0.6745 / 1.6449, middle + (upper - middle) * 1.2816 / 1.6449];
        assert!((at[1] - expected[0]).abs() < 1e-3 && (at[3] - expected[1]).abs() < 1e-3, "{row} {forecast}");
    }
    let some = api.rows("rpc/forecast_quantiles?levels={0.5}&building_ids={tall,lone}&limit=5", "utility", "supplier");
    let some = some.await;
    assert_eq!((buildings(&some), some.len()), (BTreeSet::from(["tall"]), 5));
    // Residents see their own buildings of any size, and no others.
    let own = api.rows("rpc/forecast_quantiles?levels={0.5}", "alone", "resident").await;
    assert_eq!((buildings(&own), own.len()), (BTreeSet::from(["small-2"]), HOURS));
    assert_eq!(api.rows("rpc/forecast_quantiles?levels={0.5}", "nobody", "supplier").await, Vec::<Value>::new());
    for levels in ["", "levels={}", "levels={0.001}", "levels={0.5,NULL}", "levels={0.5,NaN}", "levels={{0.1},{0.2}}"] {
        let refused = api.get(&format!("rpc/forecast_quantiles?{levels}"), "nobody", "supplier").send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{levels}");
        let error: Value = refused.json().await.unwrap();
        assert_eq!(error["code"], "22023", "{error}");
    }
}

#[tokio::test]
async fn scenarios_only_cover_visible_buildings_and_keep_the_correlation_of_errors() {
    let (_database, api, _postgres) = street().await;
    let all = api.rows("rpc/scenarios?scenarios=150&seed=3", "utility", "supplier").await;
    assert_eq!(buildings(&all), BTreeSet::from(["broad", "tall", "wide"]));
    assert_eq!(all.len(), 150 * 3);
    let path = |building: &str| {
        let rows = all.iter().filter(move |row| row["building_id"] == building);
        rows.map(|row| {
            row["demand_kwh"].as_array().unwrap().iter().map(|kwh| kwh.as_f64().unwrap()).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
    };
    assert!(path("tall").iter().all(|path| path.len() == HOURS));
    // The errors of tall and wide are equal, those of broad opposite.
    let together = |a: &str, b: &str| {
        let (a, b) = (path(a), path(b));
        let mean = |paths: &[Vec<f64>]| paths.iter().map(|path| path[9]).sum::<f64>() / paths.len() as f64;
        let (mean_a, mean_b) = (mean(&a), mean(&b));
        a.iter().zip(&b).map(|(a, b)| (a[9] - mean_a) * (b[9] - mean_b)).sum::<f64>()
    };
    assert!(together("tall", "wide") > 0.0 && together("tall", "broad") < 0.0);
    let one = api.rows("rpc/scenarios?building_ids={tall,lone}", "utility", "supplier").await;
    assert_eq!((buildings(&one), one.len()), (BTreeSet::from(["tall"]), 20));
    assert_eq!(api.rows("rpc/scenarios", "nobody", "supplier").await, Vec::<Value>::new());
    for count in ["0", "201", "-1"] {
        let refused = api.get(&format!("rpc/scenarios?scenarios={count}"), "utility", "supplier").send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{count}");
    }
    let resident = api.get("rpc/scenarios", "utility", "resident").send().await.unwrap();
    assert_eq!(resident.status(), StatusCode::FORBIDDEN);
}
