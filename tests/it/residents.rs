//! API functions for residents: the hours ahead, the best time for an appliance, self-consumption, a plan.

use crate::home::homes;
use crate::jobs::issue_forecasts;
use crate::storage::run;
use chrono::{DateTime, TimeDelta, Utc};
use edf_tests::{Api, api_url, as_role, environment, token_of};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::process::Command;

/// A flat tariff, a two-rate one that is low from 22:00 to 06:00, and an hourly one whose prices for tomorrow evening
/// are not known yet.
const TARIFFS: &str = "
    insert into raw.tariffs (tariff_id, name, kind, currency, price_per_kwh, feed_in_price_per_kwh)
    values ('flat', 'Flat', 'flat', 'CHF', 0.30, 0.10);
    insert into raw.tariffs (tariff_id, name, kind, currency, price_per_kwh, low_price_per_kwh, low_from, low_to)
    values ('night', 'Day and night', 'two_rate', 'CHF', 0.30, 0.20, '22:00', '06:00');
    insert into raw.tariffs (tariff_id, name, kind, currency) values ('market', 'By the hour', 'hourly', 'EUR');
    insert into raw.tariff_prices (tariff_id, valid_at, received_at, price_per_kwh)
    select 'market', at, '2026-03-27 12:00Z', case extract(hour from at) when 14 then -0.05 else 0.25 end
    from generate_series('2026-03-28Z'::timestamptz, '2026-03-28 22:00Z', '1 hour') as at;
    -- Refreshed since, and once more after the current time.
    insert into raw.tariff_prices values
        ('market', '2026-03-28 14:00Z', '2026-03-28 09:00Z', 0.5),
        ('market', '2026-03-28 16:00Z', '2026-03-28 09:00Z', 0.01),
        ('market', '2026-03-28 11:00Z', '2026-03-28 10:00Z', 0)";

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name} of {row}"))
}

fn is(row: &Value, name: &str, expected: f64) {
    assert!((number(row, name) - expected).abs() < 1e-6, "{name} is not {expected}: {row}");
}

async fn advice(api: &Api, who: &str, query: &str) -> Value {
    let rows = api.rows(&format!("rpc/energy_advice?{query}"), who, "resident").await;
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().unwrap()
}

/// Assigns a tariff to a building.
async fn choose(postgres: &mut sqlx::PgConnection, building: &str, tariff: &str) {
    let choose = format!(
        "delete from raw.building_tariffs where building_id = '{building}';
         insert into raw.building_tariffs values ('{building}', '{tariff}')"
    );
    run(postgres, &choose).await;
}

#[tokio::test]
async fn a_building_is_shown_for_48_hours_from_the_current_one_in_local_time() {
    let (_database, api, mut postgres) = homes().await;
    let hours = api.rows("rpc/my_building", "anna", "resident").await;
    assert_eq!(hours.len(), 48);
    let noon = &hours[3];
    assert_eq!(
        (&hours[0]["valid_at"], &noon["local_time"], &noon["issued_at"]),
        (&json!("2026-03-28T09:00:00+00:00"), &json!("2026-03-28T13:00:00"), &json!("2026-03-28T05:00:00+00:00"))
    );
    for (name, expected) in [
        ("demand_kwh", 1.0),
        ("demand_lower_kwh", 0.8),
        ("demand_upper_kwh", 1.3),
        ("solar_kwh", 3.0),
        ("solar_lower_kwh", 1.2),
        ("solar_upper_kwh", 3.6),
        ("surplus_kwh", 2.0),
        ("solar_share", 1.0),
    ] {
        is(noon, name, expected);
    }
    assert_eq!((&noon["price_per_kwh"], &noon["co2_g_per_kwh"]), (&Value::Null, &Value::Null));
    let night = &hours[12];
    is(night, "solar_upper_kwh", 0.0);
    is(night, "solar_share", 0.0);
    // 01:00 UTC is 03:00 local time already.
    let clocks: Vec<_> = hours[15..17].iter().map(|hour| hour["local_time"].as_str().unwrap()).collect();
    assert_eq!(clocks, ["2026-03-29T01:00:00", "2026-03-29T03:00:00"]);
    // Refreshed hours and newer issues are shown as soon as they exist.
    run(
        &mut postgres,
        "insert into energy.refreshed_forecasts
             (building_id, valid_at, refreshed_at, issued_at, lead_hours, yhat, yhat_lower, yhat_upper, source, quality,
              quality_reasons)
         values ('roof', '2026-03-28 09:00Z', '2026-03-28 09:15Z', '2026-03-28 05:00Z', 1, 0.5, 0.4, 0.6, 'model', 1,
                 '{}')",
    )
    .await;
    let refreshed = &api.rows("rpc/my_building", "anna", "resident").await[0];
    is(refreshed, "demand_kwh", 0.5);
    is(refreshed, "demand_upper_kwh", 0.6);
    assert_eq!(refreshed["refreshed_at"], "2026-03-28T09:15:00+00:00");
    run(
        &mut postgres,
        "insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper)
         values ('roof', '2026-03-28 09:00Z', '2026-03-28 12:00Z', 4, 2, 1, 3)",
    )
    .await;
    let newer = &api.rows("rpc/my_building?building_id=roof", "anna", "resident").await[3];
    is(newer, "demand_kwh", 2.0);
    is(newer, "surplus_kwh", 1.0);
    let without = &api.rows("rpc/my_building", "ben", "resident").await[3];
    is(without, "demand_kwh", 1.0);
    for name in ["solar_kwh", "surplus_kwh", "solar_share", "solar_issued_at"] {
        assert_eq!(without[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn forecasts_issued_by_the_pipeline_are_shown_and_used_for_advice() {
    issue_forecasts().await;
    let mut postgres = as_role("postgres").await;
    run(
        &mut postgres,
        "insert into energy.building_access values ('resident of the pipeline', 'homes-1-4') on conflict do nothing",
    )
    .await;
    let ask = async |path: &str| -> Vec<Value> {
        let token = token_of("resident of the pipeline", "resident");
        let answer = reqwest::Client::new().get(api_url(path)).bearer_auth(token).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let hours = ask("rpc/my_building").await;
    let with_sun = hours.iter().filter(|hour| number(hour, "solar_kwh") > 0.1).count();
    let dark = hours.iter().filter(|hour| number(hour, "solar_upper_kwh") == 0.0).count();
    assert!(hours.len() == 48 && with_sun >= 20 && dark >= 14, "{with_sun} hours of sun, {dark} dark");
    assert!(hours.iter().all(|hour| number(hour, "demand_kwh") > 0.0 && hour["solar_issued_at"].is_string()));
    // It is 22:00 in California: the best time is when the sun is up.
    let best = &ask("rpc/energy_advice?energy_kwh=4&duration_hours=2").await[0];
    assert!(number(best, "solar_share") > 0.3 && number(best, "now_solar_share") < 0.05, "{best}");
    assert_eq!(
        (&best["decided_by"], &best["certainty"].as_f64().map(|chance| chance > 0.9)),
        (&json!("solar"), &Some(true))
    );
}

#[tokio::test]
async fn without_a_tariff_the_run_is_moved_to_the_highest_solar_generation() {
    let (_database, api, mut postgres) = homes().await;
    let asked = "energy_kwh=2&duration_hours=2&deadline=2026-03-28T22:00";
    let best = advice(&api, "anna", asked).await;
    assert_eq!((&best["decided_by"], &best["certainty_method"]), (&json!("solar"), &json!("scenarios")), "{best}");
    // Two kWh are left at noon and one before; a start at 12:00 local time is 11:00 to 13:00 UTC.
    assert!(["2026-03-28T11:00:00", "2026-03-28T12:00:00"].contains(&best["start_local"].as_str().unwrap()), "{best}");
    assert!(number(&best, "solar_share") > 0.8 && number(&best, "solar_share") <= 1.0, "{best}");
    assert!(number(&best, "solar_share") > number(&best, "now_solar_share"), "{best}");
    assert!(number(&best, "certainty") > 0.5, "{best}");
    let words = best["advice"].as_str().unwrap();
    for says in ["Start at 1", " today; it ends at 1", "of its electricity comes from your roof", "The chance that"] {
        assert!(words.contains(says), "{words}");
    }
    // Without past issues, quantiles at equal levels of both forecasts are used.
    run(&mut postgres, "delete from energy.solar_forecasts where issued_at < '2026-03-15Z'").await;
    let again = advice(&api, "anna", asked).await;
    assert_eq!(again["certainty_method"], "quantiles");
    assert_eq!(again["start_local"], "2026-03-28T12:00:00", "{again}");
    assert!((number(&again, "solar_share") - number(&best, "solar_share")).abs() < 0.15, "{again}\n{best}");
}

#[tokio::test]
async fn share_and_cost_are_means_over_pairs_of_quantile_levels() {
    let (_database, api, mut postgres) = homes().await;
    run(&mut postgres, "delete from energy.solar_forecasts where issued_at < '2026-03-28 05:00Z'").await;
    run(&mut postgres, TARIFFS).await;
    choose(&mut postgres, "roof", "flat").await;
    let best = advice(&api, "anna", "energy_kwh=1.5&duration_hours=1&deadline=16:00").await;
    assert_eq!(
        (&best["decided_by"], &best["start_local"], &best["currency"]),
        (&json!("cost"), &json!("2026-03-28T12:00:00"), &json!("CHF"))
    );
    let at = |quantiles: [f64; 3], level: f64| {
        let [low, middle, high] = quantiles;
        if level <= 0.5 {
            low + (middle - low) * (level - 0.05) / 0.45
        } else {
            middle + (high - middle) * (level - 0.5) / 0.45
        }
    };
    // Part of 1.5 kW that this generation covers after the building's own demand.
    let covered = |solar: f64| -> f64 {
        let levels = || (0..10).map(|n| 0.05 + f64::from(n) / 10.0);
        let of_pair = |demand: f64, roof: f64| {
            (at([0.4 * solar, solar, 1.2 * solar], roof) - at([0.8, 1.0, 1.3], demand)).clamp(0.0, 1.5)
        };
        levels().flat_map(|demand| levels().map(move |roof| of_pair(demand, roof))).sum::<f64>() / 100.0
    };
    let roof = |hour: f64| 3.0 * (std::f64::consts::PI * (hour - 12.0) / 12.0).cos();
    // An hour later is cheaper by less than one hundredth.
    let best_hour = covered(roof(11.0));
    assert!(covered(roof(12.0)) > best_hour);
    is(&best, "solar_share", best_hour / 1.5);
    is(&best, "cost", 0.3 * (1.5 - best_hour) + 0.1 * best_hour);
    // Now: forty minutes of the hour from 09:00, and twenty of the next.
    let now = covered(roof(9.0)) * 2.0 / 3.0 + covered(roof(10.0)) / 3.0;
    is(&best, "now_cost", 0.3 * (1.5 - now) + 0.1 * now);
    is(&best, "saving", number(&best, "now_cost") - number(&best, "cost"));
    // More sun at noon is at least as good at every pair of levels.
    is(&best, "certainty", 1.0);
}

#[tokio::test]
async fn low_rate_hours_span_midnight_in_local_time_and_clock_changes() {
    let (_database, api, mut postgres) = homes().await;
    run(&mut postgres, TARIFFS).await;
    choose(&mut postgres, "plain", "night").await;
    let best = advice(&api, "ben", "energy_kwh=2&duration_hours=1&deadline=2026-03-29T08:00").await;
    assert_eq!((&best["start_local"], &best["decided_by"]), (&json!("2026-03-28T22:00:00"), &json!("cost")));
    is(&best, "cost", 0.4);
    is(&best, "saving", 0.2);
    assert_eq!(
        (&best["solar_share"], &best["certainty_method"], &best["certainty"]),
        (&Value::Null, &Value::Null, &json!(1))
    );
    assert_eq!(
        best["advice"],
        "Start at 22:00 today; it ends at 23:00. It then costs about 0.40 CHF, instead of 0.60 CHF now."
    );
    // The low rate is from 21:00 to 05:00 UTC before the clock change, and until 04:00 after it.
    let hours = api.rows("rpc/my_building", "ben", "resident").await;
    let low: Vec<_> = hours
        .iter()
        .filter(|hour| number(hour, "price_per_kwh") < 0.25)
        .map(|hour| hour["valid_at"].as_str().unwrap()[8..13].to_owned())
        .collect();
    assert_eq!(
        low,
        [
            "28T21", "28T22", "28T23", "29T00", "29T01", "29T02", "29T03", "29T20", "29T21", "29T22", "29T23", "30T00",
            "30T01", "30T02", "30T03"
        ]
    );
    // A skipped local time counts as one hour later: 02:30 is 03:30, which is 01:30 UTC.
    let late = advice(&api, "ben", "energy_kwh=2&duration_hours=15&deadline=2026-03-29T02:30").await;
    assert_eq!(late["end_at"], "2026-03-29T01:00:00+00:00", "{late}");
    run(&mut postgres, "update raw.tariffs set low_on_weekends = true where tariff_id = 'night'").await;
    let weekend = advice(&api, "ben", "energy_kwh=2&duration_hours=1").await;
    assert_eq!(
        weekend["advice"],
        "It makes no difference when you start: all times up to your deadline are equivalent."
    );
    assert_eq!(weekend["start_at"], "2026-03-28T09:20:00+00:00");
    // A new contract from noon on.
    run(&mut postgres, "insert into raw.building_tariffs values ('plain', 'flat', '2026-03-28 12:00Z')").await;
    let prices: Vec<_> = api.rows("rpc/my_building", "ben", "resident").await[2..4]
        .iter()
        .map(|hour| number(hour, "price_per_kwh"))
        .collect();
    assert_eq!(prices, [0.2, 0.3]);
}

#[tokio::test]
async fn hourly_prices_are_the_newest_known_and_starts_without_a_price_are_skipped() {
    let (_database, api, mut postgres) = homes().await;
    run(&mut postgres, TARIFFS).await;
    choose(&mut postgres, "plain", "market").await;
    let best = advice(&api, "ben", "energy_kwh=1&duration_hours=1&deadline=2026-03-30T10:00").await;
    assert_eq!((&best["start_at"], &best["currency"]), (&json!("2026-03-28T16:00:00+00:00"), &json!("EUR")), "{best}");
    is(&best, "cost", 0.01);
    is(&best, "now_cost", 0.25);
    let hours = api.rows("rpc/my_building", "ben", "resident").await;
    is(&hours[2], "price_per_kwh", 0.25);
    assert_eq!(hours[30]["price_per_kwh"], Value::Null);
    // After the last price, costs are unknown.
    let plan = api.get("rpc/energy_plan", "ben", "resident").send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&plan["hours"][47]["price_per_kwh"], &plan["run"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn without_roof_and_tariff_co2_decides_and_without_data_the_advice_says_so() {
    let (_database, api, mut postgres) = homes().await;
    let asked = "energy_kwh=1&duration_hours=1&deadline=18:00";
    for who in ["ben", "cleo"] {
        let nothing = advice(&api, who, asked).await;
        assert_eq!((&nothing["decided_by"], &nothing["start_at"]), (&Value::Null, &json!("2026-03-28T09:20:00+00:00")));
        assert!(nothing["advice"].as_str().unwrap().starts_with("No start time is known to be better"), "{nothing}");
    }
    run(
        &mut postgres,
        "insert into raw.carbon_intensity
         select region, at, '2026-03-28 08:00Z', case extract(hour from at) when 13 then 40 else 240 end
         from unnest(array['CH-ZH', 'DE']) as region,
             generate_series('2026-03-28Z'::timestamptz, '2026-03-28 23:00Z', '1 hour') as at;
         update raw.carbon_intensity set g_per_kwh = 0 where region = 'DE'",
    )
    .await;
    let best = advice(&api, "cleo", asked).await;
    assert_eq!((&best["decided_by"], &best["start_local"]), (&json!("co2"), &json!("2026-03-28T14:00:00")));
    is(&best, "co2_g", 40.0);
    is(&best, "now_co2_g", 240.0);
    assert_eq!(
        best["advice"],
        "Start at 14:00 today; it ends at 15:00. It then causes about 40 g of CO2, instead of 240 g now."
    );
    // Solar electricity causes no CO2.
    let roof = advice(&api, "anna", asked).await;
    assert!(number(&roof, "co2_g") < number(&roof, "now_co2_g"), "{roof}");
    assert!(roof["advice"].as_str().unwrap().contains("g less CO2 than now."), "{roof}");
}

#[tokio::test]
async fn self_consumption_uses_hours_with_both_values_by_local_day_and_week() {
    let (_database, api, mut postgres) = homes().await;
    run(
        &mut postgres,
        "delete from energy.building_hours where building_id = 'roof';
         insert into energy.building_hours
             (building_id, hour_at, consumption_kwh, solar_kwh, apartments_reporting, apartments_expected,
              coverage_share, quality)
         select 'roof', at, 1, case extract(hour from at) when 11 then 3 when 12 then 0.5 else 0 end, 1, 1, 1,
             'measured'
         from generate_series('2026-03-20 23:00Z'::timestamptz, '2026-03-31 21:00Z', '1 hour') as at;
         update energy.building_hours set consumption_kwh = null where hour_at = '2026-03-22 11:00Z'",
    )
    .await;
    let days = api.rows("rpc/my_self_consumption?days=3", "anna", "resident").await;
    let starts: Vec<_> = days.iter().map(|day| day["starts_on"].as_str().unwrap()).collect();
    assert_eq!(starts, ["2026-03-26", "2026-03-27", "2026-03-28"]);
    let whole = &days[0];
    for (name, expected) in [
        ("generated_kwh", 3.5),
        ("used_kwh", 1.5),
        ("demand_kwh", 24.0),
        ("used_share", 1.5 / 3.5),
        ("solar_share", 1.5 / 24.0),
        ("hours", 24.0),
    ] {
        is(whole, name, expected);
    }
    // Today so far, without any generation yet.
    assert_eq!((&days[2]["hours"], &days[2]["used_share"]), (&json!(11), &Value::Null));
    let weeks = api.rows("rpc/my_self_consumption?period=week&days=7", "anna", "resident").await;
    let of_weeks: Vec<_> =
        weeks.iter().map(|week| (week["starts_on"].as_str().unwrap(), number(week, "hours"))).collect();
    assert_eq!(of_weeks, [("2026-03-16", 47.0), ("2026-03-23", 131.0)]);
    // The week before has one hour less, which had 3 kWh.
    is(&weeks[0], "generated_kwh", 4.0);
    assert_eq!(api.rows("rpc/my_self_consumption", "cleo", "resident").await, Vec::<Value>::new());
    // The clocks go forward: the day has one hour less.
    run(
        &mut postgres,
        r#"set energy.clock = '2026-03-31 08:00Z'; set request.jwt.claims = '{"sub": "anna"}'; set role resident"#,
    )
    .await;
    let hours: Vec<i64> = sqlx::query_scalar("select hours from api.my_self_consumption(days => 4) order by starts_on")
        .fetch_all(&mut postgres)
        .await
        .unwrap();
    assert_eq!(hours, [24, 23, 24, 10]);
}

#[tokio::test]
async fn the_plan_is_valid_against_its_schema_and_a_modified_one_is_not() {
    let (database, api, mut postgres) = homes().await;
    run(&mut postgres, TARIFFS).await;
    choose(&mut postgres, "roof", "flat").await;
    let mut plans = Vec::new();
    for (who, query) in [
        ("anna", "?energy_kwh=1.2&duration_hours=2&deadline=18:00"),
        ("anna", ""),
        ("ben", "?energy_kwh=1&duration_hours=1"),
        ("cleo", ""),
    ] {
        let answer = api.get(&format!("rpc/energy_plan{query}"), who, "resident").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        plans.push(answer.json::<Value>().await.unwrap());
    }
    assert_eq!((&plans[0]["run"]["decided_by"], &plans[1]["run"]), (&json!("cost"), &Value::Null));
    is(&plans[0]["hours"][3]["solar_kwh"], "expected", 3.0);
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/..";
    let judge = |plan: &Value| {
        let path = std::env::temp_dir().join(format!("{}.plan.json", database.name));
        std::fs::write(&path, plan.to_string()).unwrap();
        let output = Command::new(format!("{}/venv/bin/check-jsonschema", environment("EDF_CACHE")))
            .args(["--schemafile", &format!("{root}/docs/energy_plan.schema.json"), path.to_str().unwrap()])
            .output()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for plan in &plans {
        let (fits, says) = judge(plan);
        assert!(fits, "{says}\n{plan}");
    }
    let mut broken = plans[0].clone();
    broken["hours"][3]["surplus_kwh"] = json!(-1);
    assert!(!judge(&broken).0);
    broken = plans[0].clone();
    broken["run"].as_object_mut().unwrap().remove("cost");
    assert!(!judge(&broken).0);
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_a_hint() {
    let (_database, api, _postgres) = homes().await;
    let run_of = "energy_kwh=1&duration_hours=1&deadline";
    let ours: Vec<String> = [
        "energy_advice",
        "energy_advice?energy_kwh=1",
        "energy_advice?duration_hours=1",
        "energy_plan?duration_hours=1",
        "energy_plan?deadline=18:00",
        "energy_advice?energy_kwh=0&duration_hours=1",
        "energy_advice?energy_kwh=-1&duration_hours=1",
        "energy_advice?energy_kwh=NaN&duration_hours=1",
        "energy_advice?energy_kwh=Infinity&duration_hours=1",
        "energy_advice?energy_kwh=1e300&duration_hours=1",
        "energy_advice?energy_kwh=1e-300&duration_hours=1",
        "energy_advice?energy_kwh=1&duration_hours=0",
        "energy_advice?energy_kwh=1&duration_hours=-Infinity",
        "energy_advice?energy_kwh=1&duration_hours=25",
        "energy_advice?energy_kwh=1&duration_hours=NaN",
        "my_self_consumption?days=0",
        "my_self_consumption?days=-5",
        "my_self_consumption?days=2147483647",
        "my_self_consumption?period=year",
        "my_self_consumption?period=",
        "my_self_consumption?period=day'%20or%201=1",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(
        [
            "",
            "now",
            "infinity",
            "tomorrow",
            "25:00",
            "18:61",
            "24:00:00",
            "2026-02-30T18:00",
            "2026-03-28",
            "2026-03-28T18:00%2B99:00",
            "2026-03-28T18:00+02:00",
            "2020-01-01T18:00",
            "9999-12-31T18:00",
            "2026-03-30T13:00",
            "2026-03-28T10:30",
            "18:00%3Bdrop table raw.tariffs",
            "18:00' or '1'='1",
            &"9".repeat(5000),
        ]
        .map(|deadline| format!("energy_advice?{run_of}={deadline}")),
    )
    .collect();
    for path in &ours {
        let answer = api.get(&format!("rpc/{path}"), "anna", "resident").send().await.unwrap();
        let status = answer.status();
        let error: Value = answer.json().await.unwrap();
        assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("22023")), "{path}: {error}");
        assert!(!error["hint"].as_str().unwrap_or_default().is_empty(), "{path}: {error}");
        let said = error.to_string();
        assert!(said.len() < 600 && !said.contains("select ") && !said.contains("energy."), "{path}: {said}");
    }
    // Errors of PostgREST and PostgreSQL themselves.
    for (path, status, code) in [
        ("energy_advice?energy_kwh=much&duration_hours=1", 400, "22P02"),
        ("energy_advice?energy_kwh=1e999&duration_hours=1", 400, "22003"),
        ("my_self_consumption?days=2.5", 400, "22P02"),
        ("my_self_consumption?days=99999999999", 400, "22003"),
        ("energy_advice?kwh=1", 404, "PGRST202"),
    ] {
        let answer = api.get(&format!("rpc/{path}"), "anna", "resident").send().await.unwrap();
        let found = answer.status().as_u16();
        let error: Value = answer.json().await.unwrap();
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{path}: {error}");
    }
    // The same by POST.
    let answer =
        api.post("rpc/energy_advice", "anna", "resident").json(&json!({ "energy_kwh": -1 })).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "22023");
}

#[tokio::test]
async fn the_best_start_is_always_in_time_and_no_worse_than_now() {
    let (_database, api, mut postgres) = homes().await;
    run(&mut postgres, TARIFFS).await;
    run(
        &mut postgres,
        "insert into raw.carbon_intensity
         select 'CH-ZH', at, '2026-03-28 08:00Z', 100 + 50 * sin(extract(epoch from at) / 9000)
         from generate_series('2026-03-28Z'::timestamptz, '2026-03-30 12:00Z', '1 hour') as at",
    )
    .await;
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let now: DateTime<Utc> = "2026-03-28T09:20:00Z".parse().unwrap();
    for tariff in ["none", "flat", "night", "market"] {
        for (who, building) in [("anna", "roof"), ("ben", "plain")] {
            if tariff != "none" {
                choose(&mut postgres, building, tariff).await;
            }
            for _ in 0..8 {
                let energy = 10_f64.powf(random.random_range(-3.0..3.0));
                let minutes = random.random_range(15..1440);
                let deadline = now + TimeDelta::minutes(random.random_range(minutes..=2860));
                let query = format!(
                    "energy_kwh={energy}&duration_hours={}&deadline={}",
                    f64::from(minutes as i32) / 60.0,
                    deadline.format("%Y-%m-%dT%H:%M:%SZ")
                );
                let found = advice(&api, who, &query).await;
                let at = |name: &str| found[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
                let (start, end) = (at("start_at"), at("end_at"));
                let case = format!("seed {seed}: {who}, {tariff}: {query}: {found}");
                assert!(start >= now && end <= deadline + TimeDelta::seconds(1), "{case}");
                assert!(start == now || start.timestamp() % 3600 == 0, "{case}");
                assert!(((end - start) - TimeDelta::minutes(minutes)).num_seconds().abs() <= 1, "{case}");
                for name in ["solar_share", "now_solar_share", "certainty"] {
                    assert!(found[name].as_f64().is_none_or(|share| (0.0..=1.0 + 1e-9).contains(&share)), "{case}");
                }
                let better = |name: &str, least: f64| found[name].as_f64().is_some_and(|by| by >= least);
                match found["decided_by"].as_str().unwrap() {
                    "cost" => assert!(better("saving", -0.01), "{case}"),
                    "solar" => {
                        assert!(number(&found, "solar_share") >= number(&found, "now_solar_share") - 0.01, "{case}");
                    }
                    _ => assert!(number(&found, "co2_g") <= number(&found, "now_co2_g") + 0.01, "{case}"),
                }
                assert!(found["advice"].as_str().unwrap().ends_with('.'), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn residents_only_see_their_own_buildings() {
    let (_database, api, _postgres) = homes().await;
    let run_of = "&energy_kwh=1&duration_hours=1";
    let paths = ["my_building", "energy_advice", "my_self_consumption", "energy_plan"];
    for path in paths {
        let ask = async |building: &str, who: &str, role: &str| {
            let query = if path == "energy_advice" { run_of } else { "" };
            let answer = api.get(&format!("rpc/{path}?{building}{query}"), who, role).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        // One that exists, and one that does not.
        let mut told = Vec::new();
        for building in ["neighbour", "nowhereee"] {
            let (status, text) = ask(&format!("building_id={building}"), "anna", "resident").await;
            assert_eq!(status, 403, "{path}: {text}");
            told.push(text.replace(building, "{b}"));
        }
        assert_eq!(told[0], told[1], "{path}");
        assert_eq!(ask("building_id=roof", "dora", "resident").await.0, 200, "{path}");
        let (status, text) = ask("", "dora", "resident").await;
        assert!(status == 400 && text.contains("you have 2 buildings") && text.contains("building_id=plain"), "{text}");
        let (status, text) = ask("", "nobody", "resident").await;
        assert!(status == 404 && text.contains("Ask the operator of this service"), "{path}: {status} {text}");
        for role in ["supplier", "gateway", "operator"] {
            assert_eq!(ask("building_id=roof", "anna", role).await.0, 403, "{path} as {role}");
        }
    }
}
