//! The life cycle of a building from its design to its own model: stages, archetypes from metadata, and plans without
//! data.
//!
//! Each test uses a copy of the deployed database: 120 days of real homes up to its clock, 2017-07-29 05:00Z.

use crate::archetypes::{add, add_hours};
use crate::storage::{run, texts};
use edf_tests::{connect, deployment, refusal, refusals};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

const REVIEW: &str = "call energy.review_life_cycle()";

/// Reviews the life cycle at a time of the pipeline's clock; returns the stage of a building.
async fn stage_at(session: &mut PgConnection, clock: &str, building: &str) -> String {
    run(session, &format!("set energy.clock = '{clock}'; {REVIEW}")).await;
    let sql = format!("select stage from energy.building_stages where building_id = '{building}'");
    query_scalar(AssertSqlSafe(sql)).fetch_one(session).await.unwrap()
}

/// Quick approved models of homes-1-4 and of archetype homes, trained in April.
async fn two_models(postgres: &mut PgConnection) {
    run(
        postgres,
        "select edf.approve_model(edf.train(
             subject,
             'select hour_at, consumption_kwh from energy.building_hours
              where building_id = ''homes-1-4'' and hour_at < ''2017-05-01'' order by 1',
             'seasonal_naive', features => '{\"time_zone\": \"Etc/GMT+8\"}'), 'a test')
         from unnest('{homes-1-4,archetype:homes}'::text[]) as subject;
         insert into energy.trainings (model_id, config_id, building_id, archetype, known_at)
         select model_id, energy.current_config_id(), case subject when 'homes-1-4' then subject end,
             case when subject <> 'homes-1-4' then 'homes' end, '2017-05-01'
         from edf.models where status = 'approved'",
    )
    .await;
}

/// Daily forecasts of homes-1-4, served by one source and in shadow by the other, with these errors.
fn forecasts(from: &str, until: &str, source: &str, own_error: f64, archetype_error: f64) -> String {
    let (served, shadow) = if source == "model" { (own_error, archetype_error) } else { (archetype_error, own_error) };
    let of = |is_served: bool| if is_served == (source == "model") { "homes-1-4" } else { "archetype:homes" };
    let insert = |is_served: bool, error: f64| {
        let (table, more, values) = if is_served {
            ("forecasts", ", source", format!(", '{source}'"))
        } else {
            ("shadow_forecasts", "", String::new())
        };
        format!(
            "insert into energy.{table} (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower,
                 yhat_upper{more})
             select building_id, issued_at, hour_at, 1 + extract(epoch from hour_at - issued_at) / 3600, model_id,
                 consumption_kwh + {error}, consumption_kwh - 9, consumption_kwh + 9{values}
             from generate_series('{from} 05:00Z'::timestamptz, '{until} 05:00Z', '1 day') as issued_at
             join edf.models on subject = '{}' and status = 'approved'
             join energy.building_hours on building_id = 'homes-1-4' and hour_at >= issued_at
                 and hour_at < issued_at + interval '24 hours'
             where consumption_kwh is not null",
            of(is_served)
        )
    };
    format!("{}; {}", insert(true, served), insert(false, shadow))
}

#[tokio::test]
async fn a_building_switches_to_its_own_model_and_back_with_an_event_each() {
    let (copy, mut postgres) = deployment().await;
    run(
        &mut postgres,
        r#"call energy.load_config(energy.current_config()
               || '{"life_cycle": {"archetype_after_days": 28, "own_after_days": 60, "margin_pct": 2}}')"#,
    )
    .await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    assert_eq!(stage_at(&mut pipeline, "2017-04-15 05:00Z", "homes-1-4").await, "design");
    assert_eq!(stage_at(&mut pipeline, "2017-05-10 05:00Z", "homes-1-4").await, "archetype");
    // Old enough, but without a model.
    assert_eq!(stage_at(&mut pipeline, "2017-06-05 05:00Z", "homes-1-4").await, "archetype");
    two_models(&mut postgres).await;
    assert_eq!(stage_at(&mut pipeline, "2017-06-06 05:00Z", "homes-1-4").await, "archetype");
    // Seven days are too few to decide; after twenty days its own model is clearly better.
    run(&mut postgres, &forecasts("2017-06-01", "2017-06-07", "archetype", 0.5, 1.0)).await;
    assert_eq!(stage_at(&mut pipeline, "2017-06-09 05:00Z", "homes-1-4").await, "archetype");
    run(&mut postgres, &forecasts("2017-06-08", "2017-06-20", "archetype", 0.5, 1.0)).await;
    assert_eq!(stage_at(&mut pipeline, "2017-06-22 05:00Z", "homes-1-4").await, "own");
    // Slightly worse is not enough to switch back; 50 % worse is.
    run(&mut postgres, &forecasts("2017-06-25", "2017-07-08", "model", 1.01, 1.0)).await;
    let keep = "delete from energy.forecasts where issued_at < '2017-06-24';
                delete from energy.shadow_forecasts where issued_at < '2017-06-24'";
    run(&mut postgres, keep).await;
    assert_eq!(stage_at(&mut pipeline, "2017-07-10 05:00Z", "homes-1-4").await, "own");
    run(&mut postgres, "update energy.forecasts set yhat = yhat + 0.5").await;
    assert_eq!(stage_at(&mut pipeline, "2017-07-11 05:00Z", "homes-1-4").await, "archetype");
    // It recovers; then its model is rolled back.
    run(&mut postgres, "update energy.forecasts set yhat = yhat - 1.2").await;
    assert_eq!(stage_at(&mut pipeline, "2017-07-12 05:00Z", "homes-1-4").await, "own");
    run(
        &mut postgres,
        "set session_replication_role = replica;
         update edf.models set status = 'retired' where subject = 'homes-1-4';
         reset session_replication_role",
    )
    .await;
    assert_eq!(stage_at(&mut pipeline, "2017-07-13 05:00Z", "homes-1-4").await, "archetype");

    let switches = "select concat_ws(' ', coalesce(from_value, '-'), to_value, to_char(at, 'MM-DD'), made_by)
                    from energy.life_cycle_events
                    where building_id = 'homes-1-4' and event = 'stage' order by event_id";
    let expected = [
        "- design 04-15 pipeline",
        "design archetype 05-10 pipeline",
        "archetype own 06-22 pipeline",
        "own archetype 07-11 pipeline",
        "archetype own 07-12 pipeline",
        "own archetype 07-13 pipeline",
    ];
    assert_eq!(texts(&mut pipeline, switches).await, expected);
    let why: (String, f64, f64, i64) = query_as(
        "select reason, (numbers ->> 'improvement_pct')::float8, (numbers ->> 'compared_days')::float8,
             (numbers ->> 'own_model')::bigint
         from energy.life_cycle_events where building_id = 'homes-1-4' and to_value = 'own' order by event_id limit 1",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert!(why.0.starts_with("RMSE of its own model 50.0 % below") && (why.1 - 50.0).abs() < 0.01, "{why:?}");
    assert!(why.2 >= 14.0 && why.3 > 0, "{why:?}");
    // A repeated review changes nothing, and events cannot be rewritten.
    let before = texts(
        &mut pipeline,
        "select md5(string_agg(e::text, ',' order by event_id)) from energy.life_cycle_events as e",
    )
    .await;
    run(&mut pipeline, REVIEW).await;
    let after = texts(
        &mut pipeline,
        "select md5(string_agg(e::text, ',' order by event_id)) from energy.life_cycle_events as e",
    )
    .await;
    assert_eq!(before, after);
    refusals(
        &mut postgres,
        &[
            ("55000", "update energy.life_cycle_events set reason = 'another'"),
            ("55000", "delete from energy.life_cycle_events"),
            ("55000", "truncate energy.life_cycle_events"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_stage_selects_the_served_model_and_the_other_forecasts_in_shadow() {
    let (copy, mut postgres) = deployment().await;
    two_models(&mut postgres).await;
    run(
        &mut postgres,
        "call energy.load_config(energy.current_config() || '{\"life_cycle\": {\"own_after_days\": 60}}')",
    )
    .await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    // It had its own model from the start and keeps it until there is a comparison.
    assert_eq!(stage_at(&mut pipeline, "2017-07-20 05:00Z", "homes-1-4").await, "own");
    run(&mut pipeline, "call energy.issue_forecasts('2017-07-20 05:00Z')").await;
    let served = "select distinct source || ' ' || subject from energy.forecasts join edf.models using (model_id)
                  where building_id = 'homes-1-4' and issued_at = $1::text::timestamptz";
    let who = |slot: &'static str| query_scalar::<_, String>(served).bind(slot);
    assert_eq!(who("2017-07-20 05:00Z").fetch_all(&mut pipeline).await.unwrap(), ["model homes-1-4"]);
    run(&mut pipeline, "call energy.issue_shadow_forecasts()").await;
    let shadow = "select distinct subject || ' ' || count(*) over () from energy.shadow_forecasts
                  join edf.models using (model_id) where building_id = 'homes-1-4'";
    assert_eq!(texts(&mut pipeline, shadow).await, ["archetype:homes 72"]);
    run(&mut pipeline, "call energy.issue_shadow_forecasts()").await;
    assert_eq!(texts(&mut pipeline, shadow).await, ["archetype:homes 72"]);
    // The other way round; the building's own earlier forecasts are not repeated.
    run(&mut postgres, "update energy.building_stages set stage = 'archetype'").await;
    run(&mut pipeline, "set energy.clock = '2017-07-21 05:00Z'; ").await;
    run(&mut pipeline, "call energy.issue_forecasts('2017-07-21 05:00Z')").await;
    assert_eq!(who("2017-07-21 05:00Z").fetch_all(&mut pipeline).await.unwrap(), ["archetype archetype:homes"]);
    run(&mut pipeline, "call energy.issue_shadow_forecasts()").await;
    assert_eq!(texts(&mut pipeline, shadow).await, ["archetype:homes 144", "homes-1-4 144"]);
    // Models trained later have read the actuals and make no shadow forecasts for that time.
    run(
        &mut postgres,
        "delete from energy.shadow_forecasts; update energy.trainings set known_at = '2017-07-20 06:00Z'",
    )
    .await;
    run(&mut pipeline, "call energy.issue_shadow_forecasts()").await;
    assert_eq!(texts(&mut pipeline, shadow).await, ["homes-1-4 72"]);
}

/// Hours, mean of the forecast, mean ratio of upper to lower bound, quality, reasons and source.
type Plan = (i64, f64, f64, f64, String, String);

async fn plan(session: &mut PgConnection, building: &str) -> Plan {
    query_as(
        "select count(*), avg(yhat), avg(yhat_upper / yhat_lower), min(quality), max(quality_reasons::text), max(source)
         from energy.forecasts where building_id = $1 and issued_at = '2017-07-29 05:00Z'",
    )
    .bind(building)
    .fetch_one(session)
    .await
    .unwrap_or_else(|error| panic!("{building}: {error}"))
}

#[tokio::test]
async fn an_unbuilt_building_gets_a_plan_with_wide_intervals_and_a_reason() {
    let (copy, mut postgres) = deployment().await;
    for (building, archetype, apartments) in [
        ("new-12", "homes", 12),
        ("new-4", "homes", 4),
        ("castle", "castles", 4),
        ("thirsty", "homes", 4),
        ("area", "homes", 1),
    ] {
        add(&mut postgres, building, archetype, "Etc/GMT+8", apartments).await;
    }
    run(&mut postgres, "call energy.refresh_building_hours()").await;
    add_hours(&mut postgres, "thirsty", 3, 3.0).await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    // Without any learned profile: the usual consumption of households.
    run(&mut pipeline, "call energy.issue_forecasts('2017-07-29 05:00Z')").await;
    let general = plan(&mut pipeline, "new-12").await;
    let expected = 12.0 * 3000.0 / 8760.0;
    assert!((general.1 / expected - 1.0).abs() < 0.1 && general.2 > 30.0, "{general:?}");
    run(&mut postgres, "delete from energy.forecasts; delete from energy.forecast_slots").await;
    run(
        &mut postgres,
        "update raw.buildings set floor_area_m2 = 100 * (select count(*) from raw.apartments
         where apartments.building_id = buildings.building_id)
                        where building_id in ('homes-1-4', 'homes-5-8', 'homes-9-13');
                        update raw.buildings set floor_area_m2 = 800 where building_id = 'area'",
    )
    .await;
    run(&mut pipeline, REVIEW).await;
    run(&mut pipeline, "call energy.issue_forecasts('2017-07-29 05:00Z')").await;
    let (twelve, four) = (plan(&mut pipeline, "new-12").await, plan(&mut pipeline, "new-4").await);
    assert_eq!((twelve.0, twelve.4.as_str(), twelve.5.as_str()), (72, "{recent_gap}", "design"), "{twelve:?}");
    assert!((twelve.3 - 0.3 * 0.8).abs() < 1e-9, "{twelve:?}");
    assert!((twelve.1 / four.1 - 3.0).abs() < 1e-9, "{twelve:?} {four:?}");
    let (usual, low, high): (f64, f64, f64) = query_as(
        "select avg(consumption_kwh / apartments_expected),
             percentile_cont(0.05) within group (order by consumption_kwh / apartments_expected),
             percentile_cont(0.95) within group (order by consumption_kwh / apartments_expected)
         from energy.building_hours where building_id ~ '^homes' and hour_at >= energy.clock() - interval '28 days'",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert!((0.6..1.5).contains(&(four.1 / 4.0 / usual)), "{four:?}, usually {usual}");
    // The spread of the others' demand is smaller than the intervals.
    assert!(four.2 > 4.0 && high / low < 20.0, "{four:?} {low} {high}");
    // One hundred m2 correspond to one of their apartments; an archetype without buildings uses the profile of all.
    let area = plan(&mut pipeline, "area").await;
    assert!((0.7..1.4).contains(&(area.1 / (2.0 * four.1))) && area.5 == "design", "{area:?} {four:?}");
    let castle = plan(&mut pipeline, "castle").await;
    assert!((0.6..1.5).contains(&(castle.1 / four.1)) && castle.5 == "design", "{castle:?}");
    // Three days of triple demand move the level part of the way.
    let thirsty = plan(&mut pipeline, "thirsty").await;
    assert!(thirsty.5 == "design" && thirsty.1 > 1.1 * four.1 && thirsty.1 < 2.99 * four.1, "{thirsty:?} {four:?}");
    // The profile has nights and days, without a model or weather.
    let shape: f64 = query_scalar("select max(yhat) / min(yhat) from energy.forecasts where building_id = 'new-4'")
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    assert!(shape > 1.5, "{shape}");
    run(
        &mut postgres,
        "delete from energy.forecasts; delete from energy.forecast_slots;
         delete from raw.weather_forecasts; delete from raw.weather_observations",
    )
    .await;
    run(&mut pipeline, "call energy.issue_forecasts('2017-07-29 05:00Z')").await;
    let dark = plan(&mut pipeline, "new-4").await;
    assert!(
        (dark.0, dark.5.as_str()) == (72, "design") && dark.3 < 0.3 && dark.4 == "{weather_missing,recent_gap}",
        "{dark:?}"
    );
}

#[tokio::test]
async fn intervals_of_plans_cover_held_out_buildings() {
    let (copy, mut postgres) = deployment().await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    let (mut hours, mut inside) = (0, 0.0);
    for left_out in ["homes-1-4", "homes-5-8", "homes-9-13", "homes-14-17"] {
        run(
            &mut postgres,
            &format!(
                "delete from energy.design_profiles;
                 update raw.buildings set archetype = 'homes' where building_id ~ '^homes';
                 update raw.buildings set archetype = 'other'
                 where building_id = '{left_out}'"
            ),
        )
        .await;
        run(
            &mut postgres,
            "insert into energy.design_profiles select *
             from energy.learn_design_profile('homes', 'apartment', '2017-07-01 05:00Z',
                 energy.design_members('homes', '2017-07-01 05:00Z'))",
        )
        .await;
        run(&mut postgres, "update raw.buildings set archetype = 'homes'").await;
        let found: (i64, f64) = query_as(
            "select count(*), sum((consumption_kwh between yhat_lower and yhat_upper)::integer)::float8
             from generate_series('2017-07-02 05:00Z'::timestamptz, '2017-07-23 05:00Z', '3 days') as issue_at
             join raw.buildings on building_id = $1
             cross join lateral energy.inputs_of_place(weather_location_id, building_id, time_zone, issue_at,
                 '72 hours', false) as inputs
             cross join lateral energy.design_forecast(building_id, issue_at, inputs,
                 array_fill(null::float8, array[cardinality((inputs).times)])) as ahead
             join energy.building_hours as hours on hours.building_id = buildings.building_id
                 and hour_at = ahead.valid_at and consumption_kwh is not null",
        )
        .bind(left_out)
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
        hours += found.0;
        inside += found.1;
    }
    let share = inside / hours as f64;
    println!("{share} of {hours} hours inside");
    assert!(hours > 2000 && (0.8..0.99).contains(&share), "{share} of {hours}");
}

#[tokio::test]
async fn archetypes_are_assigned_by_rules_in_order_and_suggested_with_reasons() {
    let (copy, mut postgres) = deployment().await;
    run(
        &mut postgres,
        "insert into energy.archetype_rules (priority, archetype, year_built, floor_area_m2, apartments, insulation,
             heating_system) values
             (10, 'electric house', null, null, '[1,2]', null, '{heat_pump,electric}'),
             (20, 'old block', '[,1978)', '[500,)', '[3,)', '{none,partial}', null),
             (30, 'block', null, null, '[3,)', null, null)",
    )
    .await;
    for (building, apartments, metadata) in [
        ("house", 1, r#"{"year_built": 1960, "heating_system": "heat_pump"}"#),
        ("old", 8, r#"{"year_built": 1960, "floor_area_m2": 700, "insulation": "partial", "heating_system": "gas"}"#),
        ("renovated", 8, r#"{"year_built": 1960, "floor_area_m2": 700, "insulation": "full"}"#),
        ("unknown", 8, "{}"),
        ("bare", 0, "{}"),
    ] {
        add(&mut postgres, building, "to be assigned", "Etc/GMT+8", apartments).await;
        let mut analyst = connect("analyst", &copy.name).await;
        run(
            &mut analyst,
            &format!(
                "call energy.describe_building('{building}', '{metadata}');
                 call energy.describe_building('{building}', '{{\"archetype\": null}}')"
            ),
        )
        .await;
    }
    let mut pipeline = connect("pipeline", &copy.name).await;
    run(&mut pipeline, REVIEW).await;
    let assigned = "select building_id || ' ' || archetype from raw.buildings where building_id !~ 'homes' order by 1";
    assert_eq!(
        texts(&mut pipeline, assigned).await,
        ["bare building", "house electric house", "old old block", "renovated block", "unknown block"]
    );
    let events = "select building_id || ': ' || reason || ' ' || made_by from energy.life_cycle_events
                  where event = 'archetype' order by building_id";
    let events = texts(&mut pipeline, events).await;
    assert_eq!(events[0], "bare: no rule of energy.archetype_rules fits pipeline");
    assert!(events[2] == "old: rule 20 of energy.archetype_rules pipeline" && events.len() == 5, "{events:?}");
    // A building keeps its archetype, whatever the rules.
    run(&mut postgres, "delete from energy.archetype_rules").await;
    run(&mut pipeline, REVIEW).await;
    assert_eq!(texts(&mut pipeline, assigned).await[2], "old old block");

    let mut analyst = connect("analyst", &copy.name).await;
    let suggested = |building: &str| {
        format!(
            "select archetype || ' ' || round(distance::numeric, 2) || ' of ' || buildings || ', ' || reasons
             from energy.suggest_archetype('{building}')"
        )
    };
    let found = texts(&mut analyst, &suggested("renovated")).await;
    assert!(found[0].starts_with("block 0.00 of 1, apartments: 0.00"), "{found:?}");
    let old = found.iter().find(|row| row.starts_with("old block")).unwrap();
    assert!(old.contains("year built: 0.00") && old.contains("insulation: 0.50"), "{found:?}");
    // If hours are known, the daily profile counts.
    let found = texts(&mut analyst, &suggested("homes-1-4")).await;
    assert!(found[0].starts_with("homes") && found[0].contains("shape of the day: 0."), "{found:?}");
    refusals(
        &mut analyst,
        &[
            ("42704", "select * from energy.suggest_archetype('nowhere')"),
            ("42704", "call energy.describe_building('nowhere', '{}')"),
            ("22023", "call energy.describe_building('old', '{\"colour\": \"red\"}')"),
            ("22023", "call energy.describe_building('old', '[]')"),
            ("22023", "call energy.describe_building('old', null)"),
            ("22023", "call energy.describe_building('old', '{\"insulation\": \"much\"}')"),
            ("22023", "call energy.describe_building('old', '{\"floor_area_m2\": -1}')"),
            ("22023", "call energy.describe_building('old', '{\"commissioned_on\": \"some day\"}')"),
        ],
    )
    .await;
    // NULL resets a value, omitted arguments are unchanged.
    run(
        &mut analyst,
        "call energy.describe_building('old', '{\"insulation\": null, \"commissioned_on\": \"2017-08-01\"}')",
    )
    .await;
    let kept = "select concat_ws(' ', year_built, coalesce(insulation, '-'), commissioned_on) from raw.buildings
                where building_id = 'old'";
    assert_eq!(texts(&mut analyst, kept).await, ["1960 - 2017-08-01"]);
}

#[tokio::test]
async fn a_review_records_failures_runs_once_at_a_time_and_respects_permissions() {
    let (copy, mut postgres) = deployment().await;
    run(
        &mut postgres,
        "set session_replication_role = replica;
         update raw.buildings set time_zone = 'Nowhere', commissioned_on = '2017-05-01'
         where building_id = 'homes-5-8'; reset session_replication_role",
    )
    .await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    run(&mut pipeline, REVIEW).await;
    let stages = "select building_id || ' ' || stage from energy.building_stages order by 1";
    let reviewed = ["all-homes archetype", "homes-1-4 archetype", "homes-14-17 archetype", "homes-9-13 archetype"];
    assert_eq!(texts(&mut pipeline, stages).await, reviewed);
    let failed: (String, String) = query_as(
        "select building_id, sqlstate from energy.job_runs where status = 'failed' and building_id is not null",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(failed, ("homes-5-8".to_owned(), "22023".to_owned()));
    // Demand before the commissioning does not count.
    run(
        &mut postgres,
        "update raw.buildings set time_zone = 'Etc/GMT+8', commissioned_on = '2017-07-25'
         where building_id = 'homes-5-8'",
    )
    .await;
    let mut other = connect("pipeline", &copy.name).await;
    run(&mut pipeline, "begin").await;
    run(&mut pipeline, REVIEW).await;
    run(&mut other, REVIEW).await;
    run(&mut pipeline, "commit").await;
    let skipped = "select status || ' ' || message from energy.job_runs where job_name = 'review_life_cycle'
                   order by job_run_id desc limit 1";
    assert_eq!(texts(&mut other, skipped).await, ["skipped another run is in progress"]);
    let events =
        "select count(*)::text from energy.life_cycle_events where building_id = 'homes-5-8' and to_value = 'design'";
    assert_eq!(texts(&mut other, events).await, ["1"]);
    // As a job, its run is recorded from its start.
    run(&mut other, "call energy.run_job('review_life_cycle')").await;
    let runs = "select status from energy.job_runs where job_name = 'review_life_cycle' and backend_pid is not null";
    assert_eq!(texts(&mut other, runs).await, ["succeeded"]);

    let event = "insert into energy.life_cycle_events (building_id, at, event, to_value, reason, made_by)
                 values ('homes-5-8', now(), 'stage', 'own', 'mine', 'me')";
    for role in ["analyst", "pipeline", "dashboard"] {
        let mut session = connect(role, &copy.name).await;
        run(&mut session, "set default_transaction_read_only = off").await;
        for statement in
            [event, "update energy.building_stages set stage = 'own'", "delete from energy.design_profiles"]
        {
            assert_eq!(refusal(&mut session, statement).await.code, "42501", "{role}: {statement}");
        }
        run(
            &mut session,
            "select * from energy.life_cycle_events, energy.building_stages, energy.archetype_rules,
                 energy.design_profiles limit 1",
        )
        .await;
    }
    let mut dashboard = connect("dashboard", &copy.name).await;
    run(&mut dashboard, "set default_transaction_read_only = off").await;
    assert_eq!(refusal(&mut dashboard, "call energy.describe_building('homes-5-8', '{}')").await.code, "42501");
    assert_eq!(refusal(&mut dashboard, "call energy.review_life_cycle()").await.code, "42501");
    let mut analyst = connect("analyst", &copy.name).await;
    assert_eq!(refusal(&mut analyst, "select energy.review_buildings('{homes-5-8}')").await.code, "42501");
    run(&mut analyst, "select energy.judge_stage('homes-5-8')").await;
    for role in ["supplier", "resident", "gateway"] {
        postgres.execute(AssertSqlSafe(format!("set role {role}"))).await.unwrap();
        for statement in
            ["select * from energy.life_cycle_events", "select * from energy.suggest_archetype('homes-5-8')"]
        {
            assert_eq!(refusal(&mut postgres, statement).await.code, "42501", "{role}: {statement}");
        }
        postgres.execute("reset role").await.unwrap();
    }
}

#[tokio::test]
async fn a_design_profile_recovers_the_demand_and_its_level_is_the_posterior_mean() {
    let (copy, mut postgres) = deployment().await;
    // Three buildings of two, three and four apartments: 1 kWh at night, 2 from 07:00, 50 % more on Sundays and
    // Independence Day, and 0.1 for each degree below 25.
    run(
        &mut postgres,
        "call energy.load_config(jsonb_set(jsonb_set(energy.current_config(),
             '{features,heating_base_c}', '25'), '{features,cooling_base_c}', '60'))",
    )
    .await;
    for (building, apartments) in [("two", 2), ("three", 3), ("four", 4)] {
        add(&mut postgres, building, "made", "Etc/GMT+8", apartments).await;
        let hours = format!(
            "insert into energy.building_hours
             select '{building}', valid_at, {apartments} * (
                     case when extract(hour from valid_at at time zone 'Etc/GMT+8') >= 7 then 2 else 1 end
                     + case when extract(isodow from valid_at at time zone 'Etc/GMT+8') = 7
                         or (valid_at at time zone 'Etc/GMT+8')::date = '2017-07-04' then 0.5
                             else 0 end + 0.1 * greatest(0, 25 - mean)),
                 0, {apartments}, {apartments}, 1, 'measured', valid_at + interval '1 hour'
             from (select valid_at, avg(temperature_c) over (order by valid_at rows 23 preceding) as mean
             from raw.weather_observations) as weather
             where valid_at >= energy.clock() - interval '34 days' and valid_at < energy.clock()"
        );
        run(&mut postgres, &hours).await;
    }
    let mut pipeline = connect("pipeline", &copy.name).await;
    run(&mut pipeline, REVIEW).await;
    let (night, day, sunday, heating, warmest, lower, upper): (f64, f64, f64, f64, f64, f64, f64) = query_as(
        "select base_kwh[3], base_kwh[13], base_kwh[48 + 13], heating_kwh[13],
             (select max(slope) from unnest(cooling_kwh) as slope), lower_ratio, upper_ratio
         from energy.design_profiles where archetype = 'made' and size_unit = 'apartment'",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    for (found, made) in
        [(night, 1.0), (day, 2.0), (sunday, 2.5), (heating, 0.1), (warmest, 0.0), (lower, 1.0), (upper, 1.0)]
    {
        assert!((found - made).abs() < 0.02, "{night} {day} {sunday} {heating} {warmest} {lower} {upper}");
    }
    let levels: Vec<f64> = query_scalar(
        "select energy.shrunken_level(measured, 100, days, between_variance, 0.7)
         from (values (200.0, 7.0, 0.1), (200.0, 28.0, 0.1), (200.0, 7.0, 0.0), (0.0, 7.0, 0.1),
             (null, 0.0, 0.1)) as cases (measured, days, between_variance)",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    for (level, expected) in levels.iter().zip([2f64.powf(0.5), 2f64.powf(0.8), 1.0, 1.0, 1.0]) {
        assert!((level - expected).abs() < 1e-9, "{levels:?}");
    }
}
