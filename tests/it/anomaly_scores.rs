//! Days are scored by the job: once, again where they changed, after an outage, and whatever another building does.

use crate::house::{add_house, ingest, refresh, refresh_days, told};
use crate::jobs::TURN;
use crate::tower::{TOWER, add_tower, alarms, known, make_days, say, scored};
use edf_tests::{as_role, refusal};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};

const JOB: &str = "set local role pipeline; call energy.score_anomalies(); reset role";

/// Runs the job as who runs it.
async fn run(work: &mut PgConnection) {
    work.execute(raw_sql(JOB)).await.unwrap();
}

/// When days of the tower were scored, oldest day first.
async fn days(work: &mut PgConnection) -> Vec<(String, String)> {
    query_as(
        "select local_date::text, to_char(scored_at at time zone 'UTC', 'DD HH24:MI') from energy.anomaly_days
         where building_id = 'a-test-tower' order by 1",
    )
    .fetch_all(work)
    .await
    .unwrap()
}

/// Days of the tower that are to be scored, or will be when they are over.
async fn due(work: &mut PgConnection) -> Vec<String> {
    query_scalar("select local_date::text from energy.anomaly_days_due where building_id = 'a-test-tower' order by 1")
        .fetch_all(work)
        .await
        .unwrap()
}

async fn clock(work: &mut PgConnection, at: &'static str) {
    work.execute(AssertSqlSafe(format!("set local energy.clock = '{at}'"))).await.unwrap();
}

#[tokio::test]
async fn a_day_is_scored_once_when_it_is_over_and_again_where_it_changed() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    make_days(&mut work).await;
    // Two weeks of outage at once; the 21st is not over.
    run(&mut work).await;
    let first = days(&mut work).await;
    assert_eq!((first.len(), first[0].0.as_str(), first[12].0.as_str()), (13, "2017-01-08", "2017-01-20"));
    assert!(first.iter().all(|day| day.1 == "21 12:00"), "{first:?}");
    assert_eq!(due(&mut work).await, ["2017-01-21"]);
    assert!(alarms(&mut work).await.is_empty());

    clock(&mut work, "2017-01-21 13:00Z").await;
    make_days(&mut work).await;
    run(&mut work).await;
    assert_eq!(days(&mut work).await, first);

    // Readings that come late, of the evening of the 18th and the morning after.
    say(&mut work, "f1", "living", "room_temperature", "2017-01-18 16:00", "2017-01-19 10:00", "26").await;
    clock(&mut work, "2017-01-21 14:00Z").await;
    make_days(&mut work).await;
    assert_eq!(due(&mut work).await, ["2017-01-18", "2017-01-19", "2017-01-21"]);
    run(&mut work).await;
    assert_eq!(alarms(&mut work).await, [("f1".to_owned(), "2017-01-19".to_owned(), "stuck_valve".to_owned())]);
    assert_eq!(known(&mut work, "f1", "2017-01-19", "stuck_valve").await.2, Some(18.0));
    let again: Vec<_> = days(&mut work).await.into_iter().filter(|day| day.1 != "21 12:00").collect();
    // The newest receipt of the 19th is the same as before: what it rests on is noted as it was.
    assert_eq!(again, [("2017-01-18".to_owned(), "21 14:00".to_owned())]);

    // They were wrong.
    say(&mut work, "f1", "living", "room_temperature", "2017-01-18 16:00", "2017-01-19 10:00", "21").await;
    make_days(&mut work).await;
    run(&mut work).await;
    assert!(alarms(&mut work).await.is_empty());
    assert_eq!(known(&mut work, "f1", "2017-01-19", "stuck_valve").await, (false, 0.0, None, json!({})));

    // A day of which nothing is known any more has no scores.
    work.execute("delete from energy.apartment_days where building_id = 'a-test-tower' and local_date = '2017-01-16'")
        .await
        .unwrap();
    work.execute("insert into energy.anomaly_days_due values ('a-test-tower', '2017-01-16')").await.unwrap();
    run(&mut work).await;
    assert!(scored(&mut work, "f1", "2017-01-16", "stuck_valve").await.is_none());
    assert!(scored(&mut work, "f1", "2017-01-17", "stuck_valve").await.is_some());
}

#[tokio::test]
async fn a_late_day_changes_the_runs_of_the_days_after_it() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    say(&mut work, "f1", "living", "room_temperature", "2017-01-17", "2017-01-21", "26").await;
    make_days(&mut work).await;
    run(&mut work).await;
    assert_eq!(known(&mut work, "f1", "2017-01-20", "stuck_valve").await.2, Some(96.0));
    // An hour of the 18th, after all, was cool.
    say(&mut work, "f1", "living", "room_temperature", "2017-01-18 11:00", "2017-01-18 12:00", "21").await;
    make_days(&mut work).await;
    assert_eq!(due(&mut work).await, ["2017-01-18", "2017-01-21"]);
    run(&mut work).await;
    assert_eq!(known(&mut work, "f1", "2017-01-17", "stuck_valve").await.2, Some(24.0));
    assert_eq!(known(&mut work, "f1", "2017-01-20", "stuck_valve").await.2, Some(60.0));
}

#[tokio::test]
async fn weather_that_comes_late_scores_its_day_again() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    work.execute(
        "create temp table late on commit drop as select * from raw.weather_observations
         where weather_location_id = 'a-test-hill' and valid_at >= '2017-01-20 00:00 Europe/Zurich'",
    )
    .await
    .unwrap();
    work.execute(
        "delete from raw.weather_observations
         where weather_location_id = 'a-test-hill' and valid_at >= '2017-01-20 00:00 Europe/Zurich'",
    )
    .await
    .unwrap();
    make_days(&mut work).await;
    run(&mut work).await;
    assert!(scored(&mut work, "f1", "2017-01-20", "no_heat").await.is_none());
    work.execute("insert into raw.weather_observations select * from late").await.unwrap();
    clock(&mut work, "2017-01-21 15:00Z").await;
    run(&mut work).await;
    assert!(scored(&mut work, "f1", "2017-01-20", "no_heat").await.is_some());
    let again: Vec<_> = days(&mut work).await.into_iter().filter(|day| day.1 != "21 12:00").collect();
    assert_eq!(again, [("2017-01-20".to_owned(), "21 15:00".to_owned())]);
}

#[tokio::test]
async fn days_of_longer_ago_than_the_catch_up_are_left() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    make_days(&mut work).await;
    clock(&mut work, "2017-01-30 12:00Z").await;
    run(&mut work).await;
    let scored = days(&mut work).await;
    assert_eq!((scored.len(), scored[0].0.as_str(), scored[5].0.as_str()), (6, "2017-01-16", "2017-01-21"));
    assert!(due(&mut work).await.is_empty());
}

#[tokio::test]
async fn a_building_that_fails_stops_no_other_and_says_by_which_rule() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    work.execute(raw_sql(
        "create function energy.rule_a_test(building_ids text[], from_date date, to_date date, settings jsonb)
         returns table (building_id text, apartment_id text, local_date date, score double precision,
             hours double precision, evidence jsonb)
         language plpgsql as $$
         begin
             if 'a-test-tower' = any (building_ids) then
                 raise exception 'no such luck' using errcode = 'data_exception', hint = 'Look again.';
             end if;
         end $$;
         grant execute on function energy.rule_a_test(text[], date, date, jsonb) to pipeline;
         insert into energy.anomaly_rules values ('a_test', 'A test.', 'rule_a_test', 'apartment', '{}');
         insert into energy.anomaly_days_due values ('homes-1-4', '2017-01-15')",
    ))
    .await
    .unwrap();
    make_days(&mut work).await;
    run(&mut work).await;
    let failed: (String, String, String) = query_as(
        "select sqlstate, message, hint from energy.job_runs
         where job_name = 'score_anomalies' and building_id = $1 and status = 'failed'",
    )
    .bind(TOWER)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(failed, ("22000".to_owned(), "rule \"a_test\": no such luck".to_owned(), "Look again.".to_owned()));
    assert!(days(&mut work).await.is_empty());
    assert_eq!(due(&mut work).await.len(), 14);
    let other: i64 = query_scalar(
        "select count(*) from energy.anomaly_days where building_id = 'homes-1-4' and local_date = '2017-01-15'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(other, 1);
    // It is tried again.
    work.execute("delete from energy.anomaly_rules where rule = 'a_test'").await.unwrap();
    run(&mut work).await;
    assert_eq!(due(&mut work).await, ["2017-01-21"]);
}

#[tokio::test]
async fn what_a_tablet_sends_becomes_a_score_and_a_replaced_meter_no_alarm() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let flat = Some("flat-1");
    let mut messages = Vec::new();
    for hour in 0..240 {
        let (minute, hours) = (hour * 60, hour as f64);
        // The meter of heat is replaced after a hundred hours by one that starts at zero.
        let heat = if hour < 100 { 500.0 + 0.5 * hours } else { 0.5 * (hours - 100.0) };
        messages.push(told(minute, flat, "heating_energy_kwh", None, heat));
        messages.push(told(minute, flat, "hot_water_litres", None, 9000.0 + 3.0 * hours));
        messages.push(told(minute, flat, "room_temp_c", Some("living_room"), 24.5 + 0.5 * (hours / 3.0).sin()));
        messages.push(told(minute, flat, "setpoint_temp_c", Some("living_room"), 25.0));
    }
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    refresh_days(&mut work).await;
    run(&mut work).await;
    let day: (String, f64, f64, f64, Option<f64>, i32) = query_as(
        "select energy_measures, daily_energy_kwh, hot_water_l, hot_water_night_min_l, room_max_c, gap_hours
         from features.fct_apartment_days
         where building_id = 'a-test-house' and apartment_id = 'flat-1' and local_date = '2017-07-17'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(day.0, "heating");
    assert!(
        (day.1 - 12.0).abs() < 0.2 && (day.2 - 72.0).abs() < 0.5 && (day.3 - 3.0).abs() < 0.2 && day.5 == 0,
        "{day:?}"
    );
    let scores: Vec<(String, serde_json::Value)> = query_as(
        "select detector, evidence from energy.anomaly_scores
         where building_id = 'a-test-house' and local_date = '2017-07-17' and is_alarm order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let alarms: Vec<_> = scores.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(alarms, ["heat_in_summer", "hot_water_at_night"], "{scores:?}");
    assert_eq!(scores[1].1["hot_water_l"], 72);
    // Nothing is impossible on the day of the replacement, and what is not measured is no leak.
    let impossible: i64 = query_scalar(
        "select count(*) from energy.anomaly_scores
         where building_id = 'a-test-house' and is_alarm and detector not in ('heat_in_summer', 'hot_water_at_night')",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(impossible, 0);
}

#[tokio::test]
async fn the_rule_of_the_documentation_works_as_it_stands_there() {
    let text = std::fs::read_to_string(format!("{}/../docs/anomalies.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let example = text
        .split("```sql\n")
        .filter_map(|part| part.split("```").next())
        .find(|block| block.contains("rule_damp_room"))
        .unwrap()
        .to_owned();
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    work.execute("set local role edf_owner").await.unwrap();
    work.execute(raw_sql(AssertSqlSafe(example))).await.unwrap();
    work.execute("reset role").await.unwrap();
    work.execute(
        "insert into energy.measure_hours
         select 'a-test-tower', flat, 'bath', 'humidity', hour_at,
             case when flat = 'f1' and hour_at between '2017-01-17' and '2017-01-19' then 82
                 else 55 end, 'measured', hour_at
         from unnest(array['f1', 'f2']) as flat
         cross join generate_series('2017-01-08 00:00Z'::timestamptz, '2017-01-21 11:00Z', '1 hour') as hour_at",
    )
    .await
    .unwrap();
    make_days(&mut work).await;
    run(&mut work).await;
    assert_eq!(alarms(&mut work).await, [("f1".to_owned(), "2017-01-18".to_owned(), "damp_room".to_owned())]);
    let (_, _, hours, evidence) = known(&mut work, "f1", "2017-01-18", "damp_room").await;
    assert_eq!((hours, evidence), (Some(47.0), json!({"room": "bath", "humidity_pct": 82})));
    assert_eq!(known(&mut work, "f2", "2017-01-18", "damp_room").await.1, 0.0);
    assert!(scored(&mut work, "f3", "2017-01-18", "damp_room").await.is_none());
}

#[tokio::test]
async fn a_configuration_says_of_rules_what_they_have_and_an_older_one_says_nothing() {
    let mut postgres = as_role("postgres").await;
    let mistakes = async |postgres: &mut PgConnection, rules: &str| -> Vec<(String, String)> {
        query_as(
            "select path, message from energy.config_errors(jsonb_set(energy.current_config(), '{anomalies,rules}',
                 $1::text::jsonb))",
        )
        .bind(rules)
        .fetch_all(postgres)
        .await
        .unwrap()
    };
    assert!(
        mistakes(&mut postgres, r#"{"stuck_valve": {"hours": 20, "over_c": 3.5, "enabled": false}}"#).await.is_empty()
    );
    for (rules, path) in [
        (r#"{"stuck_valv": {"hours": 20}}"#, "anomalies.rules.stuck_valv"),
        (r#"{"stuck_valve": {"over": 20}}"#, "anomalies.rules.stuck_valve"),
        (r#"{"stuck_valve": {"over_c": "much"}}"#, "anomalies.rules.stuck_valve.over_c"),
        (r#"{"stuck_valve": {"hours": 2000}}"#, "anomalies.rules.stuck_valve.hours"),
        (r#"{"stuck_valve": {"severity": "bad"}}"#, "anomalies.rules.stuck_valve.severity"),
    ] {
        let found = mistakes(&mut postgres, rules).await;
        assert!(found.len() == 1 && found[0].0.starts_with(path), "{rules}: {found:?}");
    }
    let mut work = postgres.begin().await.unwrap();
    work.execute(
        "insert into energy.anomaly_rules values ('a_test', 'A test.', 'rule_a_test', 'apartment', '{\"share\": 0.5}')",
    )
    .await
    .unwrap();
    let found = mistakes(&mut work, r#"{"a_test": {"share": "half", "hours": 3, "other": 1}}"#).await;
    let mut paths: Vec<_> = found.iter().map(|mistake| mistake.0.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["anomalies.rules.a_test.other", "anomalies.rules.a_test.share"], "{found:?}");

    // What was loaded before there were anomalies is loaded still: the job is off, and rules have their defaults.
    work.execute("call energy.load_config((energy.current_config() - 'anomalies') #- '{schedules,score_anomalies}')")
        .await
        .unwrap();
    let schedule: Option<String> = query_scalar("select schedule from energy.jobs where job_name = 'score_anomalies'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(schedule, None);
    let same: bool = query_scalar(
        "select bool_and(energy.rule_settings(rule) @> defaults)
             and (select catch_up from energy.anomaly_limits) = '14 days' from energy.anomaly_rules",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(same);
}

/// The file of the repository says the same as the code.
#[tokio::test]
async fn the_default_configuration_names_the_defaults_of_each_rule() {
    let different: Vec<String> = query_scalar(
        "select rule from energy.anomaly_rules
         where defaults is distinct from (select config #> array['anomalies', 'rules', rule] from energy.configs
         order by config_id limit 1)
           and rule !~ '^a_test'",
    )
    .fetch_all(&mut as_role("postgres").await)
    .await
    .unwrap();
    assert!(different.is_empty(), "{different:?}");
}

#[tokio::test]
async fn scoring_is_a_job_and_analysts_read_scores_without_rooms() {
    let _turn = TURN.lock().await;
    let mut pipeline = as_role("pipeline").await;
    pipeline.execute("call energy.run_job('score_anomalies')").await.unwrap();
    let status: String = query_scalar(
        "select status from energy.job_runs where job_name = 'score_anomalies' and building_id is null
         order by job_run_id desc limit 1",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(status, "succeeded");
    let again: i64 =
        query_scalar("select count(*) from energy.anomaly_days_to_score()").fetch_one(&mut pipeline).await.unwrap();
    assert_eq!(again, 0);

    let mut analyst = as_role("analyst").await;
    query(
        "select building_id, apartment, local_date, detector, score, is_alarm, hours, status
           from energy.pseudonymous_anomaly_scores('2017-07-01', '2017-07-29') limit 1",
    )
    .execute(&mut analyst)
    .await
    .unwrap();
    for statement in [
        "select evidence from energy.anomaly_scores",
        "select score from energy.anomaly_scores",
        "delete from energy.anomaly_scores",
        "call energy.score_anomalies()",
        "insert into energy.anomaly_rules values ('x', 'x', 'x', 'apartment')",
    ] {
        assert_eq!(refusal(&mut analyst, statement).await.code, "42501", "{statement}");
    }
    let refused =
        refusal(&mut pipeline, "select energy.score_days_of(array['homes-1-4'], '2017-07-02', '2017-07-01')").await;
    assert_eq!(refused.code, "22023");
}
