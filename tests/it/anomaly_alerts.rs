//! From what detectors say of days to alerts: one for a fault, as many as the budget allows, and none that flaps.

use crate::block::{alerts, block, events, raise, says};
use crate::storage::{run, texts};
use crate::tower::{add_tower, make_days, say};
use edf_tests::{as_role, configure, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, query_as, query_scalar};

async fn number(postgres: &mut PgConnection, sql: &str) -> f64 {
    query_scalar(AssertSqlSafe(sql)).fetch_one(postgres).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[tokio::test]
async fn a_fault_that_goes_on_is_one_alert_that_grows_and_raising_again_changes_nothing() {
    let (_database, mut postgres) = block().await;
    assert_eq!(raise(&mut postgres).await, 0, "quiet days raise nothing");
    says(&mut postgres, "flat-3", 10, "stuck_valve", 0.9).await;
    assert_eq!(raise(&mut postgres).await, 1);
    assert_eq!(raise(&mut postgres).await, 0);
    assert_eq!(alerts(&mut postgres).await, ["block/flat-3#2026-03-10 Unseen days 1 10-10"]);
    for day in [11, 12, 14] {
        says(&mut postgres, "flat-3", day, "stuck_valve", 0.8).await;
        assert_eq!(raise(&mut postgres).await, 1);
        assert_eq!(raise(&mut postgres).await, 0);
    }
    assert_eq!(alerts(&mut postgres).await, ["block/flat-3#2026-03-10 Unseen days 4 10-14"]);
    let history = events(&mut postgres, "block/flat-3#2026-03-10").await;
    assert_eq!(history, ["opened", "extended", "extended", "extended"]);
    let (score, severity, detectors, evidence, version): (f64, String, Vec<String>, String, String) = query_as(
        "select anomaly_score, severity, detectors, evidence #>> '{stuck_valve,room}', model_version
         from energy.anomaly_alerts",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    // 0.75 is the precision of the configuration, an alarm of score 0.9 speaks with 0.95 of it.
    assert!((score - 0.75 * 0.95).abs() < 1e-6, "{score}");
    assert_eq!((severity.as_str(), detectors[0].as_str(), evidence.as_str()), ("critical", "stuck_valve", "bath"));
    assert!(version.starts_with("configuration "), "{version}");
}

#[tokio::test]
async fn a_day_that_nobody_knows_ends_no_run_and_quiet_days_do() {
    let (_database, mut postgres) = block().await;
    says(&mut postgres, "flat-1", 2, "stuck_valve", 0.9).await;
    says(&mut postgres, "flat-2", 2, "stuck_valve", 0.9).await;
    run(
        &mut postgres,
        "delete from energy.anomaly_scores where apartment_id = 'flat-1'
             and local_date between '2026-03-03' and '2026-03-14'",
    )
    .await;
    says(&mut postgres, "flat-1", 15, "stuck_valve", 0.9).await;
    says(&mut postgres, "flat-2", 15, "stuck_valve", 0.9).await;
    raise(&mut postgres).await;
    assert_eq!(
        alerts(&mut postgres).await,
        [
            "block/flat-1#2026-03-02 Unseen days 2 02-15",
            "block/flat-2#2026-03-02 Unseen days 1 02-02",
            "block/flat-2#2026-03-15 Unseen days 1 15-15"
        ]
    );
}

#[tokio::test]
async fn what_most_flats_have_on_a_day_is_one_alert_of_the_building() {
    let (_database, mut postgres) = block().await;
    for flat in 1..=6 {
        says(&mut postgres, &format!("flat-{flat}"), 10, "silent_sensor", 0.9).await;
    }
    // One of them has a fault of its own beside.
    says(&mut postgres, "flat-2", 10, "stuck_valve", 1.0).await;
    raise(&mut postgres).await;
    assert_eq!(
        alerts(&mut postgres).await,
        ["block/#2026-03-10 Unseen days 1 10-10", "block/flat-2#2026-03-10 Unseen days 1 10-10"]
    );
    let (apartments, of): (String, String) = query_as(
        "select evidence #>> '{silent_sensor,apartments}', evidence #>> '{silent_sensor,of_apartments}'
         from energy.anomaly_alerts where apartment_id = ''",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!((apartments.as_str(), of.as_str()), ("6", "10"));
    // Fewer than the share are faults of flats; late data make it one of the building, and those of flats go.
    for flat in 1..=4 {
        says(&mut postgres, &format!("flat-{flat}"), 20, "open_window", 1.0).await;
    }
    raise(&mut postgres).await;
    assert_eq!(
        texts(
            &mut postgres,
            "select apartment_id from energy.anomaly_alerts where first_date = '2026-03-20' order by 1"
        )
        .await
        .len(),
        4
    );
    says(&mut postgres, "flat-5", 20, "open_window", 1.0).await;
    raise(&mut postgres).await;
    let open = "select alert_id from energy.anomaly_alerts where first_date = '2026-03-20' and withdrawn_at is null";
    assert_eq!(texts(&mut postgres, open).await, ["block/#2026-03-20"]);
}

#[tokio::test]
async fn while_a_new_building_settles_its_flats_are_listed_and_raise_nothing() {
    let (_database, mut postgres) = block().await;
    run(&mut postgres, "update raw.buildings set commissioned_on = '2026-02-01' where building_id = 'block'").await;
    says(&mut postgres, "flat-3", 10, "stuck_valve", 0.9).await;
    says(&mut postgres, "flat-4", 10, "impossible_value", 0.9).await;
    raise(&mut postgres).await;
    assert_eq!(alerts(&mut postgres).await, ["block/flat-4#2026-03-10 Unseen days 1 10-10"]);
    let listed =
        "select concat_ws(' ', apartment_id, standing, is_alert) from energy.anomaly_list order by apartment_id";
    assert_eq!(texts(&mut postgres, listed).await, ["flat-3 settling f", "flat-4 alert t"]);
    // Sixty days after it was commissioned they do.
    run(&mut postgres, "update raw.buildings set commissioned_on = '2026-01-01' where building_id = 'block'").await;
    raise(&mut postgres).await;
    assert_eq!(alerts(&mut postgres).await.len(), 2);
}

#[tokio::test]
async fn late_data_lower_and_withdraw_what_nobody_has_looked_at_without_flapping() {
    let (_database, mut postgres) = block().await;
    let id = "block/flat-3#2026-03-10";
    says(&mut postgres, "flat-3", 10, "stuck_valve", 1.0).await;
    raise(&mut postgres).await;
    let threshold = number(&mut postgres, "select threshold from energy.anomaly_alerts").await;
    // Between keep_share of the threshold and the threshold it stays, however often that changes.
    let alarm = |probability: f64| (probability / 0.75 - 0.5) / 0.5;
    configure(&mut postgres, "anomaly_alerts,min_threshold", "0.7").await;
    run(&mut postgres, "update energy.anomaly_alerts set threshold = 0.7").await;
    assert!(threshold < 0.7);
    for (late, withdrawn, event) in [
        (alarm(0.72), false, "rescored"),
        (alarm(0.65), false, "rescored"),
        (alarm(0.58), false, "rescored"),
        (alarm(0.5), true, "withdrawn"),
        (alarm(0.65), true, "rescored"),
        (alarm(0.58), true, "rescored"),
        (alarm(0.72), false, "returned"),
        (alarm(0.58), false, "rescored"),
    ] {
        says(&mut postgres, "flat-3", 10, "stuck_valve", late).await;
        raise(&mut postgres).await;
        let is_withdrawn: bool = query_scalar("select withdrawn_at is not null from energy.anomaly_alerts")
            .fetch_one(&mut postgres)
            .await
            .unwrap();
        assert_eq!(is_withdrawn, withdrawn, "{late}");
        assert_eq!(events(&mut postgres, id).await.last().unwrap(), event, "{late}");
        assert_eq!(raise(&mut postgres).await, 0, "{late}");
    }
    // What somebody looks into is lowered, and stays.
    run(
        &mut postgres,
        "update energy.anomaly_alerts set status = 'Investigating', taken_by = 'tina', taken_at = energy.clock()",
    )
    .await;
    says(&mut postgres, "flat-3", 10, "stuck_valve", 0.0).await;
    raise(&mut postgres).await;
    assert_eq!(alerts(&mut postgres).await, [format!("{id} Investigating days 1 10-10")]);
    assert_eq!(number(&mut postgres, "select anomaly_score from energy.anomaly_alerts").await, 0.0);
}

#[tokio::test]
async fn a_resolved_alert_is_not_raised_again_for_its_run_and_a_new_run_is_a_new_alert() {
    let (_database, mut postgres) = block().await;
    says(&mut postgres, "flat-3", 5, "stuck_valve", 0.9).await;
    raise(&mut postgres).await;
    run(
        &mut postgres,
        "update energy.anomaly_alerts set status = 'Resolved-True Positive', resolved_by = 'tina',
             resolved_at = energy.clock()",
    )
    .await;
    // It goes on for two days, twice with a pause, and late data change the first day: nothing is raised.
    for (day, score) in [(6, 0.9), (9, 1.0), (13, 0.9), (5, 1.0)] {
        says(&mut postgres, "flat-3", day, "stuck_valve", score).await;
        assert_eq!(raise(&mut postgres).await, 0, "{day}");
    }
    assert_eq!(alerts(&mut postgres).await, ["block/flat-3#2026-03-05 Resolved-True Positive days 1 05-05"]);
    // Five quiet days later it is another fault.
    says(&mut postgres, "flat-3", 19, "stuck_valve", 0.9).await;
    assert_eq!(raise(&mut postgres).await, 1);
    assert_eq!(
        alerts(&mut postgres).await,
        ["block/flat-3#2026-03-05 Resolved-True Positive days 1 05-05", "block/flat-3#2026-03-19 Unseen days 1 19-19"]
    );
}

#[tokio::test]
async fn the_budget_sets_the_threshold_and_what_lies_below_is_listed() {
    let (_database, mut postgres) = block().await;
    // Of twelve flats and four weeks 17 in a hundred a week are eight alerts and a bit: nine runs of the ten fit.
    configure(&mut postgres, "anomaly_alerts,budget", "17").await;
    for flat in 1..=10 {
        says(&mut postgres, &format!("flat-{flat}"), flat, "stuck_valve", 0.5 + 0.04 * f64::from(flat)).await;
        // The second day of a run costs nothing.
        says(&mut postgres, &format!("flat-{flat}"), flat + 1, "stuck_valve", 0.5 + 0.04 * f64::from(flat)).await;
    }
    says(&mut postgres, "flat-10", 27, "open_window", 0.5).await;
    raise(&mut postgres).await;
    let (threshold, allowed, apartments, weeks): (f64, i32, i64, f64) =
        query_as("select threshold, allowed, apartments, weeks from energy.anomaly_threshold()")
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!((allowed, apartments), (8, 12));
    assert!((weeks - 27.0 / 7.0).abs() < 1e-9, "{weeks}");
    let raised = number(&mut postgres, "select count(*)::float8 from energy.anomaly_alerts").await;
    assert!(raised == 8.0, "{raised} with {threshold}");
    // The two weakest and the open window are listed, and could be looked at.
    let below = "select apartment_id || ' ' || standing from energy.anomaly_list where not is_alert
                 order by apartment_id collate \"C\"";
    assert_eq!(
        texts(&mut postgres, below).await,
        ["flat-1 below_threshold", "flat-10 below_threshold", "flat-2 below_threshold"]
    );
    // With more to spend the threshold falls to the least that is worth an alert.
    configure(&mut postgres, "anomaly_alerts,budget", "100").await;
    raise(&mut postgres).await;
    assert_eq!(number(&mut postgres, "select threshold from energy.anomaly_threshold()").await, 0.3);
    assert_eq!(alerts(&mut postgres).await.len(), 11);
    let kept = "select count(distinct threshold)::float8 from energy.anomaly_thresholds";
    assert_eq!(number(&mut postgres, kept).await, 2.0);
}

#[tokio::test]
async fn families_count_once_and_learnt_weights_take_the_place_of_precisions() {
    let (_database, mut postgres) = block().await;
    let score = "select anomaly_score from energy.combined_anomaly_scores(array['block'], '2026-03-10', '2026-03-10')";
    says(&mut postgres, "flat-3", 10, "isolation_forest", 1.0).await;
    let one = number(&mut postgres, score).await;
    says(&mut postgres, "flat-3", 10, "local_outlier_factor", 1.0).await;
    assert_eq!(number(&mut postgres, score).await, one, "both read the same features");
    says(&mut postgres, "flat-3", 10, "stuck_valve", 1.0).await;
    let both = number(&mut postgres, score).await;
    assert!((both - (1.0 - (1.0 - one) * (1.0 - 0.75))).abs() < 1e-6, "{both}");
    configure(&mut postgres, "anomaly_alerts,detectors", r#"{"stuck_valve": {"precision": 0.9}}"#).await;
    assert!((number(&mut postgres, score).await - (1.0 - (1.0 - one) * 0.1)).abs() < 1e-6);
    // Of all buildings; then of its archetype, of which the newest count.
    for (archetype, at, weight, expected) in [
        ("", "2026-03-01", 1.0, 1.0 - 2.0),
        ("flats", "2026-03-02", 3.0, 3.0 - 2.0),
        ("houses", "2026-03-03", 9.0, 3.0 - 2.0),
        ("flats", "2026-03-04", 4.0, 4.0 - 2.0),
    ] {
        run(
            &mut postgres,
            &format!(
                "insert into energy.anomaly_weights values
                     ('{archetype}', '(intercept)', '{at}', -2, 30, 20),
                         ('{archetype}', 'stuck_valve', '{at}', {weight}, 30, 20)"
            ),
        )
        .await;
        let found = number(&mut postgres, score).await;
        assert!((found - 1.0 / (1.0 + f64::exp(-expected))).abs() < 1e-5, "{archetype}: {found}");
    }
    let version =
        "select model_version from energy.combined_anomaly_scores(array['block'], '2026-03-10', '2026-03-10')";
    assert!(texts(&mut postgres, version).await[0].ends_with("weights of 2026-03-04"));
}

#[tokio::test]
async fn the_job_that_scores_raises_an_alert_of_a_stuck_valve_and_late_readings_withdraw_it() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    let job = "set local role pipeline; call energy.score_anomalies(); reset role";
    let read = "select concat_ws(' ', alert_id, severity, evidence #>> '{stuck_valve,room}', withdrawn_at is not null)
                from energy.anomaly_alerts where building_id = 'a-test-tower'";
    say(&mut work, "f1", "living", "room_temperature", "2017-01-18 16:00", "2017-01-19 10:00", "26").await;
    make_days(&mut work).await;
    run(&mut work, job).await;
    assert_eq!(texts(&mut work, read).await, ["a-test-tower/f1#2017-01-19 critical living f"]);
    // The readings were wrong.
    say(&mut work, "f1", "living", "room_temperature", "2017-01-18 16:00", "2017-01-19 10:00", "21").await;
    make_days(&mut work).await;
    run(&mut work, job).await;
    assert_eq!(texts(&mut work, read).await, ["a-test-tower/f1#2017-01-19 critical living t"]);
    assert_eq!(events(&mut work, "a-test-tower/f1#2017-01-19").await, ["opened", "withdrawn"]);
}

#[tokio::test]
async fn keys_of_ids_with_any_characters_are_keys_of_one_alert() {
    let (_database, mut postgres) = block().await;
    let id = "select energy.anomaly_alert_id($1, $2, '2026-03-10')";
    let mut keys = std::collections::BTreeSet::new();
    let names = ["a", "a/b", "b", "a#2026-03-10", "a%2Fb", "%", "", "ä b"];
    for building in names {
        for apartment in names {
            let key: String = query_scalar(id).bind(building).bind(apartment).fetch_one(&mut postgres).await.unwrap();
            assert!(key.matches('#').count() == 1 && key.ends_with("#2026-03-10"), "{key}");
            keys.insert(key);
        }
    }
    assert_eq!(keys.len(), names.len() * names.len());
    assert!(keys.contains("a%2Fb/a%232026-03-10#2026-03-10"), "{keys:?}");
}

#[tokio::test]
async fn the_history_of_alerts_is_append_only_for_everybody() {
    let (_database, mut postgres) = block().await;
    says(&mut postgres, "flat-3", 10, "stuck_valve", 0.9).await;
    raise(&mut postgres).await;
    for role in ["postgres", "edf_owner"] {
        for statement in [
            "update energy.anomaly_alert_events set notes = 'x'",
            "delete from energy.anomaly_alert_events",
            "truncate energy.anomaly_alert_events",
        ] {
            run(&mut postgres, &format!("set role {role}")).await;
            let refused = refusal(&mut postgres, statement).await;
            assert_eq!(refused.code, "55000", "{role}: {statement}");
            assert!(!refused.hint.is_empty());
        }
        run(&mut postgres, "reset role").await;
    }
    run(&mut postgres, "set session_replication_role = replica").await;
    assert_eq!(refusal(&mut postgres, "delete from energy.anomaly_alert_events").await.code, "55000");
    run(&mut postgres, "reset session_replication_role").await;
    for role in ["pipeline", "analyst", "dashboard", "technician", "operator"] {
        run(&mut postgres, &format!("set role {role}")).await;
        for statement in [
            "insert into energy.anomaly_alert_events
                 (alert_id, building_id, at, event, to_status, anomaly_score, last_date, made_by, role)
             values ('x', 'x', now(), 'opened', 'Unseen', 0, '2026-03-01', 'x', 'x')",
            "update energy.anomaly_alerts set status = 'Unseen'",
            "delete from energy.anomaly_alerts",
            "insert into energy.anomaly_weights values ('', 'stuck_valve', now(), 1, 1, 1)",
        ] {
            assert_eq!(refusal(&mut postgres, statement).await.code, "42501", "{role}: {statement}");
        }
        run(&mut postgres, "reset role").await;
    }
}

#[tokio::test]
async fn alerts_are_found_by_apartment_and_status_and_by_building_newest_first_through_an_index() {
    let (_database, mut postgres) = block().await;
    run(
        &mut postgres,
        "insert into energy.anomaly_alerts (alert_id, building_id, apartment_id, first_date, last_date, run_until, days,
             anomaly_score, threshold, severity, detectors, model_version, opened_at, opened_by, updated_at)
         select energy.anomaly_alert_id('b' || b, 'a' || a, '2026-01-01'::date + n), 'b' || b, 'a' || a, d, d, d, 1,
             0.5, 0.3,
             'warning', '{stuck_valve}', 'configuration 1', now(), 'test', now()
         from generate_series(1, 40) as b cross join generate_series(1, 20) as a cross join generate_series(1, 20) as n
         cross join lateral (select '2026-01-01'::date + n as d) as dates;
         analyze energy.anomaly_alerts",
    )
    .await;
    for (query, index) in [
        (
            "select * from energy.anomaly_alerts where building_id = 'b7' and apartment_id = 'a3'
                 and status = 'Unseen'",
            "anomaly_alerts_by_apartment",
        ),
        (
            "select * from energy.anomaly_alerts where building_id = 'b7' order by last_date desc limit 10",
            "anomaly_alerts_newest_first",
        ),
    ] {
        let plan = texts(&mut postgres, &format!("explain {query}")).await.join("\n");
        assert!(plan.contains(index) && !plan.contains("Seq Scan") && !plan.contains("Sort"), "{plan}");
    }
}

#[tokio::test]
async fn retention_drops_days_scores_and_past_thresholds_but_no_alert_event_or_weight() {
    let (_database, mut postgres) = block().await;
    says(&mut postgres, "flat-3", 10, "stuck_valve", 0.9).await;
    raise(&mut postgres).await;
    run(
        &mut postgres,
        "insert into energy.anomaly_days (building_id, local_date, scored_at, config_id)
         select 'block', '2026-02-27'::date + n, '2026-03-28', 1 from generate_series(1, 28) as n;
         insert into energy.anomaly_thresholds (made_at, threshold, allowed, apartments, weeks, config_id)
         values ('2026-03-28', 0.5, 8, 12, 4, 1), ('2026-03-28', 0.4, 8, 12, 4, 1);
         insert into energy.anomaly_weights values ('', '(prior)', '2026-03-28', 1, 30, 20)",
    )
    .await;
    let left = "
        select 'days ' || count(*) from energy.anomaly_days union all
        select 'scores ' || count(distinct local_date) from energy.anomaly_scores union all
        select 'findings ' || count(*) from energy.anomaly_findings union all
        select 'threshold ' || threshold from energy.anomaly_thresholds where allowed = 8 union all
        select 'alerts ' || count(*) from energy.anomaly_alerts union all
        select 'events ' || count(*) from energy.anomaly_alert_events union all
        select 'weights ' || count(*) from energy.anomaly_weights";
    let kept =
        ["days 18", "scores 18", "findings 1", "threshold 0.5", "threshold 0.4", "alerts 1", "events 1", "weights 1"];
    let dropped = ["days 0", "scores 0", "findings 0", "threshold 0.4", "alerts 1", "events 1", "weights 1"];
    // 400 days after 10 March 2026; more than three years after all of it.
    for (clock, expected) in [("2027-04-14 12:00Z", &kept[..]), ("2029-04-10 12:00Z", &dropped[..])] {
        run(&mut postgres, &format!("set energy.clock = '{clock}'")).await;
        run(&mut postgres, "call energy.apply_retention()").await;
        assert_eq!(texts(&mut postgres, left).await, expected, "{clock}");
    }
    let runs = "select distinct status from energy.job_runs where job_name = 'apply_retention'";
    assert_eq!(texts(&mut postgres, runs).await, ["succeeded"]);
}
