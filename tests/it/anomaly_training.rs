//! Models of anomalies: trained by the queue once a month, approved by people or by the rule, and judging days beside
//! rules.

use crate::block::block;
use crate::storage::{run, texts};
use edf_tests::{Throwaway, configure, refusal, refusals};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

/// Usual days of a building's flats between two dates: energy by degree days and by flat, rooms near their setpoint.
async fn days(postgres: &mut PgConnection, building: &str, from: &str, to: &str) {
    run(
        postgres,
        &format!(
            "select setseed(0.4);
             insert into energy.apartment_features
                 (building_id, apartment_id, local_date, hours_in_day, coverage_share, comfort_hours,
                 quality, is_day_off, energy_measures, daily_energy_kwh, hdd, hdd_inertia, sun_kwh_m2, setpoint_c,
                     like_days_known,
                 energy_to_like_days, energy_to_neighbours, energy_ratio_7d, avg_temp_diff, temp_diff_roll_std_3d,
                     gap_hours, most_over_c,
                 most_under_c, steepest_fall_c, room_to_neighbours_c, room_temperature_c, weather_in_range)
             select building_id, apartment_id, local_date, 24, 1, 24, 'measured', extract(isodow from local_date) > 5,
                 'heating',
                 greatest(0, size * (2 + 0.8 * hdd) + 1.5 * (random() + random() + random() - 1.5)), hdd, hdd,
                     2 + random(), 20 + floor(2 * random()), 40,
                 0.8 + 0.4 * random(), 0.7 + 0.6 * random(), 0.8 + 0.4 * random(), random() - 0.5, 0.3 * random(),
                     floor(3 * random()),
                 0.5 + random(), 0.5 + random(), 0.3 + 0.4 * random(), random() - 0.5, 21, true
             from raw.apartments
             cross join lateral (select 0.7 + 0.1 * right(apartment_id, 1)::integer as size) as sizes
             cross join generate_series('{from}'::timestamptz, '{to}', '1 day') as at
             cross join lateral (select at::date as local_date,
                 12 + 8 * cos((extract(doy from at) - 15) / 58.1) + 4 * random() as hdd) as weather
             where building_id = '{building}'"
        ),
    )
    .await;
}

/// The block with ten months of days, and an annex of the same archetype with two, one of its flats with ten days.
async fn taught() -> (Throwaway, PgConnection) {
    let (database, mut postgres) = block().await;
    run(
        &mut postgres,
        "insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id,
             archetype)
         values ('annex', 'Annex', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here', 'flats');
         insert into raw.apartments (building_id, apartment_id) select 'annex', 'flat-' || n
         from generate_series(1, 4) as n",
    )
    .await;
    days(&mut postgres, "block", "2025-06-01", "2026-06-10").await;
    days(&mut postgres, "annex", "2026-02-01", "2026-06-10").await;
    run(
        &mut postgres,
        "delete from energy.apartment_features where building_id = 'annex' and apartment_id = 'flat-4'
             and local_date < '2026-03-18'",
    )
    .await;
    (database, postgres)
}

async fn job(postgres: &mut PgConnection, name: &str) {
    run(postgres, "set role pipeline").await;
    run(postgres, &format!("call energy.run_job('{name}')")).await;
    run(postgres, "reset role").await;
}

async fn clock(postgres: &mut PgConnection, at: &str) {
    run(postgres, &format!("set energy.clock = '{at}'")).await;
}

const MODELS: &str = "select subject || ' ' || status from edf.models order by subject, model_id";

#[tokio::test]
async fn each_is_trained_once_a_month_its_archetype_first_and_waits_for_a_person_or_meets_the_rule() {
    let (_database, mut postgres) = taught().await;
    job(&mut postgres, "train_anomaly_models").await;
    let all = [
        "expected_energy:archetype:flats",
        "expected_energy:block",
        "isolation_forest:archetype:flats",
        "isolation_forest:block",
        "local_outlier_factor:archetype:flats",
        "local_outlier_factor:block",
    ];
    let of = |status: &str| all.map(|subject| format!("{subject} {status}"));
    assert_eq!(texts(&mut postgres, MODELS).await, of("pending"));
    let order = "select coalesce(building_id, archetype) || ' ' || state from energy.training_runs order by started_at";
    let order = texts(&mut postgres, order).await;
    assert_eq!(order, [["flats registered"; 3], ["block registered"; 3]].concat());
    let run_row: (String, i64, String) = query_as(
        "select status, rows_written, message from energy.job_runs
         where job_name = 'train_anomaly_models' and building_id is null
           and archetype is null",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!((run_row.0.as_str(), run_row.1), ("succeeded", 6), "{}", run_row.2);
    assert!(run_row.2.starts_with("6 of 6 done, 6 registered, 0 failed"), "{}", run_row.2);
    // Held-out days: few are alarms, and expected energy errs by about its noise.
    let scores: Vec<(String, i64, f64, Option<f64>)> = query_as(
        "select strategy, n, 100 - coverage_pct, rmse_kwh from energy.model_scores
         join energy.trainings using (model_id)
         where building_id = 'block' order by 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert_eq!(scores.len(), 3);
    for (strategy, days, alarms, rmse) in &scores {
        assert!(*days == 280 && *alarms < 4.0, "{scores:?}");
        assert_eq!(rmse.is_some_and(|rmse| rmse < 1.2), strategy == "expected_energy", "{scores:?}");
    }

    // They wait for a decision: nothing more is trained, and nothing judges days.
    job(&mut postgres, "train_anomaly_models").await;
    assert_eq!(texts(&mut postgres, MODELS).await.len(), 6);
    let served = "select building_id from energy.anomaly_models_of('expected_energy', array['block', 'annex', 'villa'])
                  order by 1";
    assert!(texts(&mut postgres, served).await.is_empty());
    job(&mut postgres, "gate_models").await;
    assert_eq!(texts(&mut postgres, MODELS).await, of("pending"), "without a rule a person decides");
    configure(&mut postgres, "governance,auto_approve_anomalies", r#"{"max_alarm_pct": 4}"#).await;
    job(&mut postgres, "gate_models").await;
    assert_eq!(texts(&mut postgres, MODELS).await, of("approved"));
    let why = "select reason from edf.model_events where event = 'approved' order by event_id limit 1";
    let why = texts(&mut postgres, why).await;
    assert!(
        why[0].starts_with("rule governance.auto_approve_anomalies of configuration ")
            && why[0].contains(" days that were held out are alarms; at most 4 % are asked"),
        "{why:?}"
    );
    assert_eq!(texts(&mut postgres, served).await, ["annex", "block"]);

    // A month later, and not before, each again; by the rule at once, the archetype's being the prior of the
    // building's.
    clock(&mut postgres, "2026-04-27 11:00Z").await;
    job(&mut postgres, "train_anomaly_models").await;
    assert_eq!(texts(&mut postgres, MODELS).await.len(), 6);
    clock(&mut postgres, "2026-04-27 13:00Z").await;
    job(&mut postgres, "train_anomaly_models").await;
    assert_eq!(texts(&mut postgres, MODELS).await.len(), 12);
    let prior: bool = query_scalar(
        "select (recipe ->> 'prior_model_id')::bigint = (
             select model_id from edf.models where subject = 'expected_energy:archetype:flats' and status = 'approved')
         from energy.trainings join edf.models using (model_id)
         where subject = 'expected_energy:block' and status = 'approved'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(prior);
}

#[tokio::test]
async fn a_building_that_cannot_be_trained_stops_no_other_and_a_model_that_cries_wolf_is_rejected() {
    let (_database, mut postgres) = taught().await;
    run(
        &mut postgres,
        "insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id,
             archetype)
         values ('blind', 'Blind', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here', 'blinds');
         insert into raw.apartments (building_id, apartment_id) select 'blind', 'flat-' || n
         from generate_series(1, 2) as n",
    )
    .await;
    days(&mut postgres, "blind", "2025-06-01", "2026-03-27").await;
    // It has a meter of heat and nothing else.
    run(
        &mut postgres,
        "update energy.apartment_features set (energy_to_like_days, energy_to_neighbours, avg_temp_diff,
             temp_diff_roll_std_3d, gap_hours,
             most_over_c, most_under_c, steepest_fall_c, room_to_neighbours_c)
                 = (null, null, null, null, null, null, null, null, null)
         where building_id = 'blind';
         update energy.apartment_features set (energy_to_like_days, energy_to_neighbours, gap_hours) = (5, 5, 24)
         where building_id = 'block' and apartment_id < 'flat-3' and local_date > '2026-03-01'",
    )
    .await;
    job(&mut postgres, "train_anomaly_models").await;
    let failed: Vec<(String, String, String, String)> = query_as(
        "select building_id, status, sqlstate, message from energy.job_runs
         where job_name = 'train_anomaly_models' and building_id is not null and status <> 'succeeded'
         order by job_run_id",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed.iter().all(|row| row.0 == "blind" && row.2 == "22000" && row.3.contains("are known in 1 features")),
        "{failed:?}"
    );
    let models = texts(&mut postgres, MODELS).await;
    assert!(models.iter().any(|model| model.starts_with("expected_energy:blind ")), "{models:?}");
    assert!(models.contains(&"isolation_forest:block rejected".to_owned()), "{models:?}");
    let why = "select message from energy.training_runs where detector = 'isolation_forest' and building_id = 'block'";
    assert!(
        texts(&mut postgres, why).await[0]
            .contains("of the days that were held out are alarms, at most 5 % are let pass")
    );
    // Asked for by name the annex says why not, and the villa's archetype too.
    let plan = "select distinct coalesce(building_id, archetype) || ': ' || problem
                from energy.plan_anomaly_trainings(array['annex', 'nowhere']) order by 1";
    assert_eq!(
        texts(&mut postgres, plan).await,
        [
            "annex: building \"annex\" has no apartment of which 182 days are known, 55 are the most",
            "nowhere: there is no building \"nowhere\""
        ]
    );
    let plan = "select distinct archetype || ': ' || problem from energy.plan_anomaly_trainings(null, array['houses'])
                where archetype is not null";
    assert_eq!(
        texts(&mut postgres, plan).await,
        ["houses: archetype \"houses\" has 0 apartments of which 30 days are known, four are needed"]
    );
}

/// Days of flats that something was heard of, so that they are known.
async fn heard(postgres: &mut PgConnection) {
    run(
        postgres,
        "insert into energy.apartment_days (building_id, apartment_id, local_date, hours_in_day, consumption_hours,
             comfort_hours,
             coverage_share, quality, received_at)
         select building_id, apartment_id, local_date, 24, 24, 24, 1, 'measured', local_date + interval '30 hours'
         from energy.apartment_features where local_date between '2026-03-24' and '2026-03-27'
         on conflict do nothing",
    )
    .await;
}

#[tokio::test]
async fn rules_alone_judge_the_first_month_then_the_archetypes_model_and_then_that_of_the_building() {
    let (_database, mut postgres) = taught().await;
    configure(&mut postgres, "governance,auto_approve_anomalies", r#"{"max_alarm_pct": 4}"#).await;
    job(&mut postgres, "train_anomaly_models").await;
    heard(&mut postgres).await;
    run(
        &mut postgres,
        "update energy.apartment_features set daily_energy_kwh = 3 * daily_energy_kwh, energy_to_like_days = 3,
             energy_to_neighbours = 3,
             energy_ratio_7d = 3, most_over_c = 6, gap_hours = 24, avg_temp_diff = -5, room_to_neighbours_c = 5
         where building_id in ('block', 'annex') and apartment_id = 'flat-3' and local_date = '2026-03-26';
         update energy.apartment_features set daily_energy_kwh = 3 * daily_energy_kwh, weather_in_range = false
         where building_id = 'block' and apartment_id = 'flat-5' and local_date = '2026-03-26';
         update energy.apartment_features set daily_energy_kwh = null
         where building_id = 'block' and apartment_id = 'flat-6' and local_date = '2026-03-26'",
    )
    .await;
    let score = "select energy.score_days_of(array['block', 'annex', 'villa'], '2026-03-24', '2026-03-27')";
    run(&mut postgres, "set role pipeline").await;
    assert!(query_scalar::<_, i64>(score).fetch_one(&mut postgres).await.unwrap() > 0);
    assert_eq!(query_scalar::<_, i64>(score).fetch_one(&mut postgres).await.unwrap(), 0, "again nothing changes");
    run(&mut postgres, "reset role").await;
    let judged = "select distinct detector || ' ' || subject || ' ' || count(distinct apartment_id)
                  from energy.anomaly_scores
                  join edf.models using (model_id) where local_date = '2026-03-27'
                  group by building_id, detector, subject order by 1";
    assert_eq!(
        texts(&mut postgres, judged).await,
        [
            // The fourth flat of the annex has been known for ten days.
            "expected_energy expected_energy:archetype:flats 3",
            "expected_energy expected_energy:block 10",
            "isolation_forest isolation_forest:archetype:flats 3",
            "isolation_forest isolation_forest:block 10",
            "local_outlier_factor local_outlier_factor:archetype:flats 3",
            "local_outlier_factor local_outlier_factor:block 10",
        ]
    );
    let odd = "select building_id || ' ' || apartment_id || ' ' || detector from energy.anomaly_scores
               where is_alarm and model_id is not null and local_date = '2026-03-26'
                   and apartment_id in ('flat-3', 'flat-5') order by 1";
    assert_eq!(
        texts(&mut postgres, odd).await,
        [
            "annex flat-3 expected_energy",
            "annex flat-3 isolation_forest",
            "annex flat-3 local_outlier_factor",
            "block flat-3 expected_energy",
            "block flat-3 isolation_forest",
            "block flat-3 local_outlier_factor",
        ]
    );
    let evidence =
        "select evidence from energy.anomaly_scores where building_id = 'block' and apartment_id = $1 and detector = $2
                    and local_date = '2026-03-26'";
    let found = async |postgres: &mut PgConnection, flat: &str, detector: &str| -> Option<Value> {
        query_scalar(evidence).bind(flat).bind(detector).fetch_optional(postgres).await.unwrap()
    };
    let expected = found(&mut postgres, "flat-3", "expected_energy").await.unwrap();
    let kwh = |name: &str| expected[name].as_f64().unwrap_or_else(|| panic!("{name}: {expected}"));
    assert!(kwh("lower_kwh") < kwh("expected_kwh") && kwh("expected_kwh") < kwh("upper_kwh"), "{expected}");
    assert!(kwh("upper_kwh") < kwh("daily_energy_kwh"), "{expected}");
    let forest = found(&mut postgres, "flat-3", "isolation_forest").await.unwrap();
    let names: Vec<_> =
        forest.as_object().unwrap().keys().filter(|name| !name.starts_with("usual_")).cloned().collect();
    assert_eq!(names.len(), 3, "{forest}");
    assert!(names.iter().all(|name| forest[format!("usual_{name}")].is_number()), "{forest}");
    // A day that is colder than what was learnt is no alarm of expected energy; one that is not measured has no score
    // of it.
    assert_eq!(found(&mut postgres, "flat-5", "expected_energy").await.unwrap()["weather_in_range"], false);
    assert!(found(&mut postgres, "flat-6", "expected_energy").await.is_none());
    assert!(found(&mut postgres, "flat-6", "isolation_forest").await.is_some());

    // The rarer the day, the more strongly a model speaks; at its threshold as strongly as a rule at its own.
    let strengths = "select strengths from energy.combined_anomaly_scores(array['block'], '2026-03-26', '2026-03-26')
                     where apartment_id = 'flat-3'";
    for (score, strength) in [(0.99, 0.75), (0.9999, 0.875), (0.99999, 0.9116)] {
        run(
            &mut postgres,
            &format!(
                "update energy.anomaly_scores set score = {score}
                 where model_id is not null and apartment_id = 'flat-3'"
            ),
        )
        .await;
        let found: Value = query_scalar(strengths).fetch_one(&mut postgres).await.unwrap();
        assert!((found["expected_energy"].as_f64().unwrap() - strength).abs() < 1e-3, "{score}: {found}");
    }

    // Off: no scores of models are left.
    configure(&mut postgres, "anomalies,models", r#"{"enabled": false}"#).await;
    run(&mut postgres, "select energy.score_days_of(array['block', 'annex'], '2026-03-24', '2026-03-27')").await;
    let left = "select detector from energy.anomaly_scores where model_id is not null";
    assert!(texts(&mut postgres, left).await.is_empty());
}

#[tokio::test]
async fn what_analysts_read_of_models_names_no_apartment_and_a_fault_that_was_confirmed_teaches_nothing() {
    let (_database, mut postgres) = taught().await;
    run(
        &mut postgres,
        "insert into energy.anomaly_alerts (alert_id, building_id, apartment_id, first_date, last_date, run_until,
             days, anomaly_score,
             threshold, severity, detectors, model_version, opened_at, opened_by, updated_at, status, resolved_at,
                 resolved_by)
         select 'block/flat-2#2026-01-05', 'block', 'flat-2', '2026-01-05', '2026-01-10', '2026-01-14', 6, 0.9, 0.3,
             'warning', '{stuck_valve}',
             'x', now(), 'x', now(), 'Resolved-True Positive', now(), 'tina'",
    )
    .await;
    run(&mut postgres, "call energy.train_anomaly_models(array['block'])").await;
    let rows: i64 = query_scalar("select training_rows from edf.models where subject = 'isolation_forest:block'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    // 300 days of ten flats, but for ten.
    assert_eq!(rows, 3000 - 10);
    let named: Vec<String> = texts(
        &mut postgres,
        "select subject from edf.models join energy.trainings using (model_id)
         where position('flat-2'::bytea in artifact) > 0 or recipe::text ~ 'flat-' or metrics::text ~ 'flat-'
         union all
         select step from energy.training_steps where details::text ~ 'flat-'",
    )
    .await;
    assert!(named.is_empty(), "{named:?}");
    run(&mut postgres, "set role analyst").await;
    for statement in [
        "select model_key from raw.apartments",
        "select * from energy.apartment_features",
        "select * from energy.days_by_model('expected_energy', array['block'], '2026-03-24', '2026-03-27')",
        "select energy.auto_approve_anomaly_model(1)",
    ] {
        assert_eq!(refusal(&mut postgres, statement).await.code, "42501", "{statement}");
    }
    run(&mut postgres, "select * from energy.plan_anomaly_trainings()").await;
    run(&mut postgres, "reset role; set role dashboard").await;
    assert_eq!(refusal(&mut postgres, "select * from energy.apartment_features").await.code, "42501");
    postgres.execute(AssertSqlSafe("reset role")).await.unwrap();
}

#[tokio::test]
async fn a_model_of_anomalies_is_no_challenger_has_no_stress_test_and_a_card_of_its_own() {
    let (_database, mut postgres) = block().await;
    run(
        &mut postgres,
        "select setseed(0.2);
         create table public.vectors as
         select n as key, random() as a, random() as b, random() as c from generate_series(1, 300) as n;
         select edf.train_anomaly_model('isolation_forest:block', 'select * from public.vectors', 'isolation_forest')
         from generate_series(1, 2);
         select edf.train('block', 'select at, 1 + extract(hour from at) from generate_series(
             ''2026-01-01''::timestamptz, ''2026-03-01'', ''1 hour'') as at', 'seasonal_naive');
         insert into energy.trainings (model_id, config_id, building_id, known_at, recipe)
         select model_id, energy.current_config_id(), 'block', energy.clock(), '{}' from edf.models;
         insert into energy.model_scores (model_id, strategy, lead_day, n, coverage_pct)
         select model_id, strategy, 0, 280, 99 from edf.models",
    )
    .await;
    let ids: Vec<(i64, String)> =
        query_as("select model_id, strategy from edf.models order by 1").fetch_all(&mut postgres).await.unwrap();
    let (champion, pending, forecasts) = (ids[0].0, ids[1].0, ids[2].0);
    assert_eq!((ids[1].1.as_str(), ids[2].1.as_str()), ("isolation_forest", "seasonal_naive"));
    run(&mut postgres, &format!("select edf.approve_model({champion}, 'a test')")).await;

    let refused = refusal(&mut postgres, &format!("select energy.start_challenge({pending})")).await;
    assert_eq!(refused.code, "0A000");
    assert_eq!(
        refused.message,
        format!(
            "model {pending} of \"isolation_forest:block\" is an anomaly model (strategy isolation_forest) and does \
             not forecast"
        )
    );
    refusals(
        &mut postgres,
        &[
            ("42704", "select energy.start_challenge(987654321)"),
            ("42704", "select energy.start_challenge(null)"),
            ("0A000", &format!("select energy.stress_test({pending})")),
            ("0A000", &format!("select energy.record_stress_test({pending})")),
            // And the reverse.
            ("0A000", &format!("select energy.evaluate_anomaly_model({forecasts})")),
            ("42704", "select energy.evaluate_anomaly_model(987654321)"),
        ],
    )
    .await;
    // 99 % coverage is no share of alarms where the model forecasts.
    configure(&mut postgres, "governance,auto_approve_anomalies", r#"{"max_alarm_pct": 4}"#).await;
    let approved = |model: i64| format!("select coalesce(energy.auto_approve_anomaly_model({model}), 'pending')");
    assert_eq!(texts(&mut postgres, &approved(forecasts)).await, ["pending"]);

    // One that an earlier version let begin ends.
    run(
        &mut postgres,
        &format!(
            "insert into energy.challenges (model_id, champion_id, first_at, days, started_by)
             values ({pending}, {champion}, energy.clock(), 28, 'a test')"
        ),
    )
    .await;
    run(&mut postgres, "call energy.issue_shadow_forecasts()").await;
    let ended = "select state || ': ' || outcome from energy.challenges";
    let expected = format!("cancelled: model {pending} is an anomaly model and does not forecast");
    assert_eq!(texts(&mut postgres, ended).await, [expected]);

    let card: String = query_scalar(AssertSqlSafe(format!("select energy.model_card({pending})")))
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    for part in
        ["| finds | unusual days of apartments of \"block\" |", "| this model | all | 280 |", "3 features: a, b, c."]
    {
        assert!(card.contains(part), "{part}\n{card}");
    }
    assert!(!card.contains("forecast") && !card.contains("demand"), "{card}");
    assert!(texts(&mut postgres, &approved(pending)).await[0].starts_with("rule governance.auto_approve_anomalies"));
}

#[tokio::test]
async fn a_fault_of_the_building_or_one_that_was_repaired_leaves_nothing_in_the_sums_of_later_days() {
    let (_database, mut postgres) = taught().await;
    configure(&mut postgres, "governance,auto_approve_anomalies", r#"{"max_alarm_pct": 5}"#).await;
    clock(&mut postgres, "2026-03-20 12:00Z").await;
    job(&mut postgres, "train_anomaly_models").await;
    clock(&mut postgres, "2026-03-28 12:00Z").await;
    // The boiler fails for three days, and after it every day is usual, though a little low.
    run(
        &mut postgres,
        "insert into energy.apartment_days (building_id, apartment_id, local_date, hours_in_day, consumption_hours,
             comfort_hours,
             coverage_share, quality, received_at)
         select building_id, apartment_id, local_date, 24, 24, 24, 1, 'measured', local_date + interval '30 hours'
         from energy.apartment_features where building_id = 'block'
             and local_date between '2026-03-20' and '2026-03-27';
         create table public.usual as
         select apartment_id, local_date, (0.7 + 0.1 * right(apartment_id, 1)::integer) * (2 + 0.8 * hdd) - 0.2 as kwh
         from energy.apartment_features where building_id = 'block'
             and local_date between '2026-03-20' and '2026-03-27';
         create function public.fail(flats text) returns void language sql as $$
             update energy.apartment_features as days
             set daily_energy_kwh = case when days.apartment_id ~ flats
                 and days.local_date between '2026-03-22' and '2026-03-24'
                 then 0 else kwh end
             from public.usual
             where days.building_id = 'block' and usual.apartment_id = days.apartment_id
                 and usual.local_date = days.local_date $$",
    )
    .await;
    let score = "select energy.score_days_of(array['block'], '2026-03-20', '2026-03-27')";
    let alarms = "select to_char(local_date, 'DD') || ' ' || count(*) from energy.anomaly_scores
                  where detector = 'expected_energy' and is_alarm and local_date between '2026-03-22' and '2026-03-27'
                  group by local_date order by 1";
    run(&mut postgres, &format!("select public.fail('flat'); {score}")).await;
    assert_eq!(texts(&mut postgres, alarms).await, ["22 10", "23 10", "24 10"]);
    let faults = "select to_char(local_date, 'DD') from energy.building_fault_days(array['block'], '2026-03-20',
                      '2026-03-27') order by 1";
    assert_eq!(texts(&mut postgres, faults).await, ["22", "23", "24"]);
    // Again, and day by day, the scores are the same.
    assert_eq!(query_scalar::<_, i64>(score).fetch_one(&mut postgres).await.unwrap(), 0);
    let day: i64 = query_scalar("select energy.score_days_of(array['block'], '2026-03-25', '2026-03-25')")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!(day, 0);

    // Of one flat alone the sums last, until a technician has confirmed the fault.
    run(&mut postgres, &format!("select public.fail('flat-3'); {score}")).await;
    let lasting = texts(&mut postgres, alarms).await;
    assert_eq!(lasting[..4], ["22 1", "23 1", "24 1", "25 1"]);
    assert!(texts(&mut postgres, faults).await.is_empty());
    run(
        &mut postgres,
        "insert into energy.anomaly_alerts (alert_id, building_id, apartment_id, first_date, last_date, run_until,
             days, anomaly_score,
             threshold, severity, detectors, model_version, opened_at, opened_by, updated_at, status, resolved_at,
                 resolved_by)
         select 'block/flat-3#2026-03-22', 'block', 'flat-3', '2026-03-22', '2026-03-23', '2026-03-24', 3, 0.9, 0.3,
             'warning',
             '{expected_energy}', 'x', now(), 'x', now(), 'Resolved-True Positive', now(), 'tina'",
    )
    .await;
    run(&mut postgres, score).await;
    assert_eq!(texts(&mut postgres, alarms).await, ["22 1", "23 1", "24 1"]);

    // A gateway that loses its sensors explains no energy.
    run(
        &mut postgres,
        "update energy.anomaly_alerts set status = 'Resolved-False Positive';
         insert into energy.anomaly_scores
             (building_id, apartment_id, local_date, detector, score, is_alarm, config_id, known_at)
         select building_id, apartment_id, '2026-03-24', 'silent_sensor', 0.9, true, 1, now() from raw.apartments
         where building_id = 'block'
         on conflict (building_id, apartment_id, local_date, detector) do update set score = 0.9, is_alarm = true",
    )
    .await;
    assert!(texts(&mut postgres, faults).await.is_empty());
    let shared = "select detector || ' ' || alarms || ' ' || day_alarms || ' of ' || apartments
                  from energy.shared_anomalies(array['block'], '2026-03-20', '2026-03-27')";
    assert_eq!(texts(&mut postgres, shared).await, ["silent_sensor 10 10 of 10"]);
}
