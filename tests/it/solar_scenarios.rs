//! Joint scenarios of demand and solar generation of the same buildings.

use crate::home::homes;
use crate::storage::run;
use edf_tests::{Api, configure};
use reqwest::StatusCode;
use serde_json::Value;

/// Demand is high where solar generation is below its forecast; a second building has no roof.
const DATA: &str = "
    update energy.building_hours as hours
    set solar_kwh = yhat * (1 - 2 * (consumption_kwh - 1)), solar_received_at = received_at
    from energy.solar_forecasts as roofs
    where roofs.building_id = hours.building_id and valid_at = hour_at and roofs.lead_hours <= 24;
    insert into energy.building_hours
        (building_id, hour_at, consumption_kwh, apartments_reporting, apartments_expected, coverage_share, quality,
         received_at)
    select 'plain', hour_at, consumption_kwh, 1, 1, 1, 'measured', received_at
    from energy.building_hours where building_id = 'roof'";

/// An hour in all scenarios of a building.
fn hour(rows: &[Value], building: &str, name: &str, at: usize) -> Vec<f64> {
    let own = rows.iter().filter(|row| row["building_id"] == building);
    own.map(|row| row[name][at].as_f64().unwrap_or_else(|| panic!("{name} of {row}"))).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

async fn scenarios(api: &Api, query: &str) -> Vec<Value> {
    api.rows(&format!("rpc/scenarios?scenarios=150&{query}"), "dora", "supplier").await
}

#[tokio::test]
async fn demand_and_solar_generation_have_the_dependence_of_their_errors() {
    let (_database, api, mut postgres) = homes().await;
    configure(&mut postgres, "api,min_apartments", "1").await;
    run(&mut postgres, DATA).await;
    let both = scenarios(&api, "solar=true").await;
    assert_eq!(both.len(), 2 * 150);
    // The current hour is 09:00; index 3 is noon, 10 is evening, 15 is midnight.
    let (noon, evening, midnight) = (3, 10, 15);
    let (demand, solar) = (hour(&both, "roof", "demand_kwh", noon), hour(&both, "roof", "solar_kwh", noon));
    let together = correlation(&demand, &solar);
    assert!(together < -0.9, "{together}");
    // Tomorrow's generation is correlated with today's: all hours of an issue have the same error.
    assert!(correlation(&solar, &hour(&both, "roof", "solar_kwh", noon + 2)) > 0.9);
    // The marginal distribution of the hour is its forecast: 3 kWh, 90 % between 1.2 and 3.6.
    let share = |bound: f64| solar.iter().filter(|kwh| **kwh <= bound).count() as f64 / 150.0;
    assert!((share(1.2) - 0.05).abs() < 0.04 && (share(3.0) - 0.5).abs() < 0.04 && (share(3.6) - 0.95).abs() < 0.04);
    for at in [evening, midnight] {
        assert!(hour(&both, "roof", "solar_kwh", at).iter().all(|kwh| *kwh == 0.0), "no solar generation at night");
    }
    for row in &both {
        let hours = row["demand_kwh"].as_array().unwrap().len();
        match row["building_id"].as_str().unwrap() {
            "roof" => assert_eq!(row["solar_kwh"].as_array().unwrap().len(), hours),
            other => assert_eq!((other, &row["solar_kwh"]), ("plain", &Value::Null)),
        }
        assert!(row["origins"].as_i64().unwrap() >= 30, "{row}");
    }
    // The dependence between buildings is unchanged.
    assert!(correlation(&demand, &hour(&both, "plain", "demand_kwh", noon)) > 0.9);

    let without = scenarios(&api, "").await;
    assert!(without.len() == 300 && without.iter().all(|row| row["solar_kwh"].is_null()));
    assert_eq!(
        scenarios(&api, "solar=true&seed=5").await,
        scenarios(&api, "solar=true&seed=5").await,
        "the same seed gives the same draws"
    );
}

#[tokio::test]
async fn solar_generation_without_residuals_is_rejected_and_demand_is_unchanged() {
    let (_database, api, mut postgres) = homes().await;
    configure(&mut postgres, "api,min_apartments", "1").await;
    run(&mut postgres, DATA).await;
    run(&mut postgres, "update energy.building_hours set solar_kwh = null").await;
    let refused = api.get("rpc/scenarios?solar=true", "dora", "supplier").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let error: Value = refused.json().await.unwrap();
    assert!(
        error["message"].as_str().unwrap().contains("no residual of series \"solar generation of roof\""),
        "{error}"
    );
    assert_eq!(scenarios(&api, "").await.len(), 300);
}
