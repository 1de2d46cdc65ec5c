//! Monitoring: accuracy of issued forecasts, and alerts, on two synthetic buildings.

use crate::storage::{deployed, run, texts};
use edf_tests::{Throwaway, connect, environment, refusals};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use sqlx::{Connection, PgPool, query, query_as, query_scalar};

/// Forty days of two buildings up to the clock, 2026-03-15 12:00Z; forecasts of the last ten days are half a kWh too
/// high.
const DATA: &str = "
    set energy.clock = '2026-03-15 12:00Z';
    insert into raw.weather_locations values ('here', 47, 8);
    insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
        values ('north', 'North', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here'),
            ('south', 'South', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here');
    insert into energy.building_spans select building_id, energy.clock() - interval '40 days', energy.clock()
    from raw.buildings;
    insert into energy.building_hours
        (building_id, hour_at, consumption_kwh, apartments_reporting, apartments_expected, coverage_share, quality,
            received_at)
    select building_id, hour_at, 3 + sin(extract(hour from hour_at) / 4) + 0.2 * cos(extract(day from hour_at)), 1, 1,
        1, 'measured', hour_at + interval '61 minutes'
    from raw.buildings
    cross join generate_series(energy.clock() - interval '40 days', energy.clock() - interval '1 hour',
        interval '1 hour') as hour_at;
    insert into raw.weather_forecasts
    select 'here', energy.clock() - interval '2 hours', energy.clock() + n * interval '1 hour',
        energy.clock() - interval '1 hour', 5, 50, 0
    from generate_series(0, 80) as n;
    select edf.approve_model(edf.train(
        building_id, format('select hour_at, consumption_kwh from energy.building_hours where building_id = %L',
            building_id), 'seasonal_naive'), 'a test')
    from raw.buildings;
    insert into energy.trainings (model_id, config_id, building_id, known_at)
    select model_id, energy.current_config_id(), subject, energy.clock() - interval '30 days' from edf.models;
    insert into energy.model_scores (model_id, strategy, lead_day, n, rmse_kwh, coverage_pct)
    select model_id, strategy, lead_day, 240, 0.5, 90 from edf.models cross join generate_series(1, 3) as lead_day;
    insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper,
        weather_issued_at, confidence)
    select subject, issued_at, issued_at + (lead - 1) * interval '1 hour', lead, model_id, yhat, yhat - 1, yhat + 1,
        issued_at, 1
    from edf.models
    cross join generate_series(energy.clock() - interval '10 days 7 hours', energy.clock(),
        interval '1 day') as issued_at
    cross join generate_series(1, 72) as lead
    cross join lateral (select coalesce(
        (select consumption_kwh from energy.building_hours
        where (building_id, hour_at) = (subject, issued_at + (lead - 1) * interval '1 hour')), 3) + 0.5
    ) as forecast (yhat)";

const OPEN: &str =
    "select rule || ' ' || severity || ' ' || subject from energy.alerts where resolved_at is null order by 1";

/// A throwaway database with [`DATA`].
pub async fn two_buildings() -> (Throwaway, PgConnection) {
    let (database, mut postgres) = deployed().await;
    run(&mut postgres, DATA).await;
    (database, postgres)
}

/// Scores and checks all rules; returns the open alerts.
pub async fn check(postgres: &mut PgConnection) -> Vec<String> {
    run(postgres, "call energy.score_forecasts(); call energy.check_alerts(true)").await;
    texts(postgres, OPEN).await
}

/// Date, day of lead, hours, RMSE, MAE, bias, coverage and pinball loss.
type Scored = (String, i32, i32, f64, f64, f64, f64, f64);

#[tokio::test]
async fn issued_forecasts_are_scored_by_local_day_and_lead_and_again_after_corrections() {
    let (_database, mut postgres) = two_buildings().await;
    run(&mut postgres, "call energy.score_forecasts()").await;
    let days: Vec<Scored> = query_as(
        "select local_date::text, lead_day, hours, rmse_kwh, mae_kwh, bias_kwh, coverage_pct, pinball_kwh
         from energy.accuracy_days where building_id = 'north' and local_date = '2026-03-12' order by lead_day",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert_eq!(days.len(), 3);
    for (date, _, hours, rmse, mae, bias, coverage, pinball) in &days {
        assert_eq!((date.as_str(), *hours, *coverage), ("2026-03-12", 24, 100.0));
        // Pinball losses: -0.5 at 50 %, 0.5 at 5 % and -1.5 at 95 %.
        let expected = (0.25 + 0.05 * 0.5 + 0.05 * 1.5) / 3.0;
        for (found, expected) in [(rmse, 0.5), (mae, 0.5), (bias, 0.5), (pinball, expected)] {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
    let (wape, mape): (f64, f64) = query_as(
        "select max(wape_pct) - 100 * 12 / max(actual_kwh), min(mape_pct) from energy.accuracy_days
         where building_id = 'north' and local_date = '2026-03-12'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(wape.abs() < 1e-9 && mape > 10.0, "{wape} {mape}");

    // The first local day from which it scores automatically is complete.
    let first: (String, i64) = query_as(
        "select min(local_date)::text, count(*) from energy.accuracy_days where building_id = 'north' and lead_day = 1",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(first, ("2026-03-07".to_owned(), 9));
    let again = "select energy.score_forecasts_of(array['north', 'south'], '-infinity')";
    assert!(query_scalar::<_, i64>(again).fetch_one(&mut postgres).await.unwrap() > 0);
    assert_eq!(query_scalar::<_, i64>(again).fetch_one(&mut postgres).await.unwrap(), 0);
    run(
        &mut postgres,
        "update energy.building_hours set consumption_kwh = consumption_kwh + 1
         where building_id = 'north' and hour_at = '2026-03-12 10:00Z'",
    )
    .await;
    assert_eq!(query_scalar::<_, i64>(again).fetch_one(&mut postgres).await.unwrap(), 3);

    let (days, ratio, words): (i64, f64, String) = query_as(
        "select days, rmse_ratio, (select words from energy.health) from energy.accuracy
         where building_id = 'south' and lead_day = 1",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(days == 11 && (ratio - 1.0).abs() < 1e-9, "{days} {ratio}");
    assert!(
        words.starts_with(
            "OK: 2 of 2 buildings have a fresh forecast, 2 report readings; forecasts of the next day were off by 1"
        ),
        "{words}"
    );
}

/// A fault, the alert that it raises, and its fix.
pub const FAULTS: [(&str, &str, &str); 13] = [
    (
        "update energy.building_spans set heard_at = heard_at - interval '7 hours' where building_id = 'north'",
        "meters_late warning north",
        "update energy.building_spans set heard_at = heard_at + interval '7 hours' where building_id = 'north'",
    ),
    (
        "update raw.weather_forecasts set issued_at = issued_at - interval '1 day'",
        "weather_late critical here",
        "update raw.weather_forecasts set issued_at = issued_at + interval '1 day'",
    ),
    (
        "delete from energy.forecasts where building_id = 'south' and issued_at > energy.clock() - interval '2 days'",
        "forecasts_late critical south",
        "insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower,
             yhat_upper, weather_issued_at, confidence)
         select 'south', issued_at, valid_at, lead_hours, (select model_id from edf.models where subject = 'south'),
             yhat, yhat_lower, yhat_upper, weather_issued_at, 1
         from energy.forecasts where building_id = 'north' and issued_at > energy.clock() - interval '2 days'",
    ),
    (
        "select energy.record_job_run('refresh_hours', null, energy.clock(), clock_timestamp(), 'failed',
             message => '1 buildings failed')",
        "job_failed warning refresh_hours",
        "select energy.record_job_run('refresh_hours', null, energy.clock(), clock_timestamp(), 'succeeded')",
    ),
    (
        "insert into energy.forecast_slots (building_id, slot_at, status, source, message)
         values ('north', '2026-03-15 05:00Z', 'issued', 'last_week', 'the artifact is damaged')",
        "fallback_used warning north",
        "update energy.forecast_slots set source = 'model', message = null",
    ),
    (
        "update energy.jobs set since = energy.clock() - interval '3 days', schedule = '0 3 * * *'
         where job_name = 'apply_retention'",
        "job_late critical apply_retention",
        "select energy.record_job_run('apply_retention', null, energy.clock(), clock_timestamp(), 'succeeded')",
    ),
    (
        "insert into raw.ingestions (received_at, messages, readings_taken, messages_rejected)
         values (energy.clock(), 100, 80, 20)",
        "messages_rejected warning ingestion",
        "insert into raw.ingestions (received_at, messages, readings_taken, messages_rejected)
         values (energy.clock(), 200, 200, 0)",
    ),
    (
        "update energy.model_scores set rmse_kwh = 0.3
         where model_id = (select model_id from edf.models where subject = 'north')",
        "accuracy_worse warning north",
        "update energy.model_scores set rmse_kwh = 0.5",
    ),
    (
        "update energy.forecasts set yhat_lower = yhat - 0.1 where building_id = 'south'",
        "coverage_low warning south",
        "update energy.forecasts set yhat_lower = yhat - 1 where building_id = 'south'",
    ),
    (
        "update energy.building_hours set consumption_kwh = consumption_kwh + 3
         where building_id = 'north' and hour_at > energy.clock() - interval '4 days'",
        "errors_grow warning north",
        "update energy.building_hours set consumption_kwh = consumption_kwh - 3
         where building_id = 'north' and hour_at > energy.clock() - interval '4 days'",
    ),
    (
        "update energy.forecasts set confidence = 0.4
         where building_id = 'north' and valid_at = '2026-03-16 09:00Z'
             and issued_at > energy.clock() - interval '1 day'",
        "unusual_inputs info north",
        "update energy.forecasts set confidence = 1 where building_id = 'north'",
    ),
    (
        "update energy.building_hours set consumption_kwh = null
         where building_id = 'north' and hour_at > energy.clock() - interval '26 hours'",
        "demand_late warning north",
        "update energy.building_hours set consumption_kwh = 3
         where building_id = 'north' and hour_at > energy.clock() - interval '2 hours'",
    ),
    (
        "insert into energy.forecast_slots (building_id, slot_at, status, source)
         values ('south', '2026-03-15 05:00Z', 'issued', 'design')",
        "fallback_used warning south",
        "insert into energy.building_stages (building_id, stage, since, usable_days, is_compared, reason, numbers,
             reviewed_at)
         values ('south', 'design', energy.clock(), 3, false, 'new', '{}', energy.clock())",
    ),
];

#[tokio::test]
async fn each_fault_opens_one_alert_which_is_delivered_and_resolved_with_the_fault() {
    let (database, mut postgres) = two_buildings().await;
    let options = PgConnectOptions::new_without_pgpass()
        .socket(environment("EDF_TEST_SOCKET"))
        .port(environment("EDF_TEST_PORT").parse().unwrap())
        .username("analyst")
        .database(&database.name);
    let pool = PgPool::connect_with(options).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("edf_alerts").await.unwrap();
    assert_eq!(check(&mut postgres).await, Vec::<String>::new());

    let mut told = 0;
    for (fault, alert, cure) in FAULTS {
        run(&mut postgres, fault).await;
        let open = check(&mut postgres).await;
        assert!(open.iter().any(|one| one == alert), "{fault}: {open:?}");
        assert_eq!(check(&mut postgres).await, open, "{fault}");
        let rows: i64 = query_scalar("select count(*) from energy.alerts").fetch_one(&mut postgres).await.unwrap();
        assert_eq!(rows, told + open.len() as i64, "{fault}: once while it lasts");
        let status: String = query_scalar("select status from energy.health").fetch_one(&mut postgres).await.unwrap();
        let expected = if alert.contains("critical") {
            "failing"
        } else if alert.contains("info") {
            "ok"
        } else {
            "degraded"
        };
        assert_eq!(status, expected, "{fault}");
        run(&mut postgres, cure).await;
        assert_eq!(check(&mut postgres).await, Vec::<String>::new(), "{cure}");
        told += open.len() as i64;
        for event in ["opened", "resolved"] {
            for _ in 0..open.len() {
                let message = listener.recv().await.unwrap();
                let said: serde_json::Value = serde_json::from_str(message.payload()).unwrap();
                assert_eq!(said["event"], event, "{said}");
                assert!(said["message"].as_str().is_some_and(|text| text.len() > 10), "{said}");
            }
        }
    }
    let unknown = "select rule from energy.alerts except select rule from energy.alert_rules";
    assert_eq!(texts(&mut postgres, unknown).await, Vec::<String>::new());
}

#[tokio::test]
async fn expensive_rules_are_checked_hourly_and_others_each_time() {
    let (_database, mut postgres) = two_buildings().await;
    // As the job does, every minute.
    let at = async |postgres: &mut PgConnection, time: &str| {
        let check = "call energy.score_forecasts(); call energy.check_alerts()";
        run(postgres, &format!("set energy.clock = '2026-03-15 {time}Z'; {check}")).await;
        texts(postgres, OPEN).await
    };
    assert_eq!(at(&mut postgres, "12:00").await, Vec::<String>::new());
    run(&mut postgres, FAULTS[0].0).await;
    run(&mut postgres, FAULTS[7].0).await;
    assert_eq!(at(&mut postgres, "12:05").await, ["meters_late warning north"]);
    // A second early is still the same hour; the next one starts on time.
    assert_eq!(at(&mut postgres, "12:59:59").await, ["meters_late warning north"]);
    assert_eq!(at(&mut postgres, "13:00:00").await, ["accuracy_worse warning north", "meters_late warning north"]);
    run(&mut postgres, FAULTS[0].2).await;
    run(&mut postgres, FAULTS[7].2).await;
    assert_eq!(at(&mut postgres, "13:05").await, ["accuracy_worse warning north"]);
    assert_eq!(at(&mut postgres, "14:00").await, Vec::<String>::new());

    // A building without any reading has that alert only.
    run(&mut postgres, FAULTS[11].0).await;
    assert_eq!(at(&mut postgres, "14:05").await, ["demand_late warning north"]);
    run(&mut postgres, FAULTS[0].0).await;
    assert_eq!(at(&mut postgres, "14:10").await, ["meters_late warning north"]);

    // Conditions that are not due are not computed.
    let plan = async |postgres: &mut PgConnection, rules: &str| {
        texts(postgres, &format!("explain select * from energy.alert_conditions where rule = any ('{{{rules}}}')"))
            .await
            .join("\n")
    };
    let heavy = plan(&mut postgres, "meters_late,inputs_drift,accuracy_worse").await;
    assert!(heavy.contains("building_hours") && heavy.contains("accuracy_days"), "{heavy}");
    let light = plan(&mut postgres, "meters_late,job_failed,job_late,messages_rejected,fallback_used").await;
    assert!(!light.contains("building_hours") && !light.contains("accuracy_days"), "{light}");
}

#[tokio::test]
async fn an_alert_is_acknowledged_by_name_and_concurrent_checks_open_it_once() {
    let (database, mut postgres) = two_buildings().await;
    run(&mut postgres, FAULTS[0].0).await;
    run(
        &mut postgres,
        "update energy.building_spans set heard_at = heard_at - interval '9 hours' where building_id = 'south'",
    )
    .await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let name = database.name.clone();
        sessions.push(tokio::spawn(async move {
            let mut pipeline = connect("pipeline", &name).await;
            run(&mut pipeline, "set energy.clock = '2026-03-15 12:00Z'").await;
            for _ in 0..5 {
                query("call energy.check_alerts()").execute(&mut pipeline).await.unwrap();
            }
        }));
    }
    for session in sessions {
        session.await.unwrap();
    }
    assert_eq!(texts(&mut postgres, OPEN).await, ["meters_late warning north", "meters_late warning south"]);
    let all: i64 = query_scalar("select count(*) from energy.alerts").fetch_one(&mut postgres).await.unwrap();
    assert_eq!(all, 2);

    let id: i64 = query_scalar("select alert_id from energy.alerts where subject = 'north'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    let mut analyst = connect("analyst", &database.name).await;
    query("call energy.acknowledge_alert($1, 'the gateway is being repaired')")
        .bind(id)
        .execute(&mut analyst)
        .await
        .unwrap();
    let seen: (String, String) = query_as("select acknowledged_by, note from energy.alerts where alert_id = $1")
        .bind(id)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(seen, ("analyst".to_owned(), "the gateway is being repaired".to_owned()));
    run(&mut postgres, FAULTS[0].2).await;
    run(&mut postgres, "set energy.clock = '2026-03-15 12:00Z'; call energy.check_alerts(true)").await;
    let over = format!("call energy.acknowledge_alert({id})");
    refusals(&mut analyst, &[("42704", "call energy.acknowledge_alert(-1)"), ("55000", over.as_str())]).await;
    assert!(query("update energy.alerts set resolved_at = now()").execute(&mut analyst).await.is_err());
    analyst.close().await.unwrap();
}

/// Ratios of a day's error to the expected one: log-normal around one, autocorrelated from day to day.
fn errors(rng: &mut StdRng, days: usize, from: usize, factor: f64) -> Vec<f64> {
    let (spread, carry) = (0.34_f64, 0.4_f64);
    let mut state = 0.0;
    let mut normal = || (-2.0 * rng.random::<f64>().ln()).sqrt() * (std::f64::consts::TAU * rng.random::<f64>()).cos();
    (0..days)
        .map(|day| {
            state = carry * state + (1.0 - carry * carry).sqrt() * normal();
            (spread * state - spread * spread / 2.0).exp() * if day >= from { factor } else { 1.0 }
        })
        .collect()
}

#[tokio::test]
async fn growing_errors_are_detected_within_days_with_few_false_alarms() {
    let (_database, mut postgres) = deployed().await;
    // Like energy.error_drift day by day: is the newest of 56 days an alarm?
    let alarms = "
        select coalesce(array_agg(day::integer order by day) filter (where is_alarm), '{}')
        from generate_series(56, cardinality($1::double precision[])) as day
        cross join energy.monitoring_limits as limits
        cross join lateral (
            select is_alarm from energy.page_hinkley(($1::double precision[])[day - 55:day], page_hinkley_delta,
                page_hinkley_lambda) order by n desc limit 1
        ) as newest";
    let mut rng = StdRng::seed_from_u64(1);
    let (mut false_alarms, mut delays) = (0, Vec::new());
    for _ in 0..20 {
        let quiet = errors(&mut rng, 56 + 365, usize::MAX, 1.0);
        let days: Vec<i32> = query_scalar(alarms).bind(&quiet).fetch_one(&mut postgres).await.unwrap();
        // Consecutive days are one alarm.
        false_alarms += days.iter().enumerate().filter(|(at, day)| *at == 0 || days[at - 1] + 1 < **day).count();
        let doubled = errors(&mut rng, 56 + 40, 56, 2.0);
        let days: Vec<i32> = query_scalar(alarms).bind(&doubled).fetch_one(&mut postgres).await.unwrap();
        delays.push(days.first().map_or(i32::MAX, |day| day - 56));
    }
    delays.sort_unstable();
    assert!(false_alarms <= 10, "{false_alarms} false alarms in 20 years of a building");
    assert!(delays[10] <= 10 && delays[18] <= 20, "{delays:?}");

    // Computed by hand: halves against a quarter and three quarters.
    let psi: f64 = query_scalar("select energy.population_stability('{1, 2, 3, 4}', '{1, 3, 4, 4}', 2)")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert!((psi - 0.25 * 3.0_f64.ln()).abs() < 1e-12, "{psi}");
    let same: f64 = query_scalar(
        "select energy.population_stability(a, a)
         from (select array_agg(sin(n)) as a from generate_series(1, 500) as n) as one",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(same.abs() < 1e-12, "{same}");
    let none: Option<f64> =
        query_scalar("select energy.population_stability('{1, 2}', '{}')").fetch_one(&mut postgres).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn an_unseen_combination_of_weather_raises_an_alert_in_advance() {
    let (_database, mut postgres) = two_buildings().await;
    // Cold and dark or mild and sunny, for two months; then a sunny, very cold day between two usual ones.
    run(
        &mut postgres,
        "delete from raw.weather_forecasts;
         insert into raw.weather_observations
         select 'here', at, at + interval '1 hour', mild * 20 - 8 + sin(day * 1.7) * 3, 50,
             24 * (mild * 200 + 30 + cos(day * 2.3) * 20) * greatest(0, sin((extract(hour from at) - 6) * pi() / 12)) /
                 7.6
         from generate_series('2026-01-14 00:00Z', '2026-03-15 11:00Z', interval '1 hour') as at
         cross join lateral (select extract(day from at)::integer as day,
             extract(day from at)::integer % 2 as mild) as kind;
         insert into raw.weather_forecasts
         select 'here', '2026-03-15 06:00Z', at, '2026-03-15 08:00Z',
             case when at < '2026-03-16 00:00Z' or at >= '2026-03-18 00:00Z' then 12 else -8 end, 50,
             24 * (case when at < '2026-03-17 00:00Z' and at >= '2026-03-16 00:00Z' then 30 else 230 end) *
                 greatest(0, sin((extract(hour from at) - 6) * pi() / 12)) / 7.6
         from generate_series('2026-03-15 00:00Z', '2026-03-18 23:00Z', interval '1 hour') as at",
    )
    .await;
    assert_eq!(check(&mut postgres).await, ["unusual_weather info here"]);
    let days: Vec<(String, f64)> = query_as(
        "select day_at::date::text, likeness from energy.weather_likeness('here', energy.clock(), '2026-03-16',
             '2026-03-19') order by 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let likeness: Vec<f64> = days.iter().map(|day| day.1).collect();
    assert!(likeness.len() == 3 && likeness[0] == 1.0 && likeness[1] < 0.5 && likeness[2] == 1.0, "{days:?}");
    let message: String = query_scalar("select message from energy.alerts where rule = 'unusual_weather'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert!(message.starts_with("here: 2026-03-17 with -8.0 degC and 2"), "{message}");
    // Nothing is reported about weather that was not yet known, and a repeated check changes nothing.
    let early: i64 =
        query_scalar("select count(*) from energy.weather_likeness('here', '2026-02-01', '2026-03-16', '2026-03-19')")
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!(early, 0);
    let versions = "select xmin::text from energy.weather_days order by day_at";
    let before = texts(&mut postgres, versions).await;
    run(&mut postgres, "call energy.learn_weather_days()").await;
    assert!(before.len() > 55 && texts(&mut postgres, versions).await == before, "{}", before.len());
}
