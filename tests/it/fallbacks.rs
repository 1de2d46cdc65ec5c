//! Fallbacks: how a building is forecast if its model, meter or weather fails, and what readers see.

use crate::jobs::{BUILDING, issuing, turn};
use crate::slots::told;
use edf_tests::{as_role, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres, Transaction, query, query_as, query_scalar, raw_sql};

const SLOT: &str = "2017-07-29 05:00Z";

/// A transaction in which nothing is issued yet.
async fn work(postgres: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        "delete from energy.forecasts; delete from energy.forecast_slots; delete from energy.job_runs",
    ))
    .await
    .unwrap();
    work
}

/// Executes the statement with triggers disabled, then issues the slot: hours, source, least and greatest quality,
/// reasons.
async fn after(work: &mut PgConnection, statement: &str) -> (i64, String, f64, f64, String) {
    let statement = format!(
        "set local session_replication_role = replica; {statement}; set local session_replication_role = origin"
    );
    work.execute(raw_sql(AssertSqlSafe(statement))).await.unwrap();
    work.execute(issuing(Some(SLOT))).await.unwrap();
    let (hours, source, least, most, reasons, _) = told(work, BUILDING, SLOT).await;
    (hours, source.unwrap_or_default(), least.unwrap_or(-1.0), most.unwrap_or(-1.0), reasons.unwrap_or_default())
}

fn is(found: &(i64, String, f64, f64, String), source: &str, least: f64, most: f64, reasons: &str) {
    assert_eq!((found.0, found.1.as_str(), found.4.as_str()), (72, source, reasons));
    assert!((found.2 - least).abs() < 1e-9 && (found.3 - most).abs() < 1e-9, "{found:?}");
}

/// For the forecasts of [`BUILDING`]: mean, mean width of the interval, and mean of the previous week.
async fn level(work: &mut PgConnection) -> (f64, f64, f64) {
    query_as(
        "select avg(yhat), avg(yhat_upper - yhat_lower),
             (select avg(consumption_kwh) from energy.building_hours
             where building_id = $1 and hour_at >= $2::text::timestamptz - interval '21 days'
                 and hour_at < $2::text::timestamptz - interval '7 days')
         from energy.forecasts where building_id = $1 and issued_at = $2::text::timestamptz",
    )
    .bind(BUILDING)
    .bind(SLOT)
    .fetch_one(work)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_corrupted_model_or_an_unknown_format_is_replaced_by_a_fallback_and_reported() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    // A newer format with a valid checksum.
    let newer = "update edf.models set artifact = head || sha256(head)
        from (select model_id, overlay(substring(artifact for length(artifact) - 32) placing '\\x6300' from 5) as head
        from edf.models) as cut
        where cut.model_id = models.model_id and subject = 'homes-1-4'";
    for (statement, reason, code) in [
        ("update edf.models set artifact = '\\x00' where subject = 'homes-1-4'", "model_damaged", "XX001"),
        (newer, "model_format", "0A000"),
    ] {
        let mut work = work(&mut postgres).await;
        let found = after(&mut work, statement).await;
        is(&found, "profile", 0.5, 0.5, &format!("{{{reason},no_archetype}}"));
        let (mean, width, usual) = level(&mut work).await;
        assert!((0.6..1.6).contains(&(mean / usual)) && width > 0.2 * mean, "{mean} {width} {usual}");
        let failed: Vec<(String, String)> = query_as(
            "select sqlstate, coalesce(hint, '') from energy.job_runs where building_id = $1 and status = 'failed'",
        )
        .bind(BUILDING)
        .fetch_all(&mut *work)
        .await
        .unwrap();
        assert!(failed.len() == 1 && failed[0].0 == code && !failed[0].1.is_empty(), "{failed:?}");
        let slot: (String, String, String) =
            query_as("select status, source, sqlstate from energy.forecast_slots where building_id = $1")
                .bind(BUILDING)
                .fetch_one(&mut *work)
                .await
                .unwrap();
        assert_eq!(slot, ("issued".to_owned(), "profile".to_owned(), code.to_owned()));
    }
}

#[tokio::test]
async fn without_a_model_own_hours_are_used_and_without_hours_a_plan() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    // Without the plan the mean is used.
    let unplanned = "alter function energy.design_forecast(text, timestamptz, energy.place_inputs, double precision[])
                         rename to gone";
    for (kept, source, quality) in [
        ("60 days", "profile", 0.5),
        ("5 hours", "design", 0.3),
        ("5 hours", "recent_mean", 0.2),
        ("0 hours", "design", 0.3),
    ] {
        let mut work = work(&mut postgres).await;
        if source == "recent_mean" {
            work.execute(unplanned).await.unwrap();
        }
        let statement = format!(
            "update edf.models set status = 'retired' where subject = 'homes-1-4' and status = 'approved';
             delete from energy.building_hours
             where building_id = 'homes-1-4' and hour_at < '2017-07-29 04:00Z'::timestamptz - interval '{kept}'"
        );
        let found = after(&mut work, &statement).await;
        let gap = if source == "profile" { 1.0 } else { 0.8 };
        let reasons =
            if source == "profile" { "{no_model,no_archetype}" } else { "{recent_gap,no_model,no_archetype}" };
        is(&found, source, quality * gap, quality * gap, reasons);
        let whole: bool = query_scalar(
            "select bool_and(model_id is null and yhat_lower <= yhat
                 and yhat <= yhat_upper and yhat_upper > yhat_lower)
             from energy.forecasts where building_id = $1",
        )
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap();
        assert!(whole, "{source}");
        // A missing model is not a failure.
        let failed: i64 = query_scalar("select count(*) from energy.job_runs where building_id = $1")
            .bind(BUILDING)
            .fetch_one(&mut *work)
            .await
            .unwrap();
        assert_eq!(failed, 0);
    }
    let mut work = work(&mut postgres).await;
    work.execute(unplanned).await.unwrap();
    let found = after(
        &mut work,
        "update edf.models set status = 'retired'
         where subject = 'homes-1-4' and status = 'approved';
         delete from energy.building_hours where building_id = 'homes-1-4'",
    )
    .await;
    assert_eq!(found.0, 0);
    let failed: (String, String) = query_as("select sqlstate, message from energy.job_runs where building_id = $1")
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert!(failed.0 == "42704" && failed.1.contains("neither building"), "{failed:?}");
}

#[tokio::test]
async fn forecasts_from_own_hours_have_valid_intervals() {
    let mut postgres = as_role("postgres").await;
    for source in ["profile", "last_week"] {
        let (hours, covered, width): (i64, f64, f64) = query_as(
            "select count(*), avg((consumption_kwh between yhat_lower and yhat_upper)::integer)::double precision,
                 avg((yhat_upper - yhat_lower) / yhat)
             from generate_series('2017-06-25 05:00Z'::timestamptz, '2017-07-22 05:00Z', '3 days') as issue_at
             cross join (select building_id, time_zone, weather_location_id from raw.buildings
             where building_id ~ '^(all-)?homes') as buildings
             cross join lateral energy.inputs_of_place(weather_location_id, building_id, time_zone, issue_at,
                 '72 hours', false) as inputs
             cross join lateral energy.demand_of(array[buildings.building_id], issue_at, issue_at,
                 inputs.times) as demand
             cross join lateral energy.forecast_by($1, buildings.building_id, issue_at, '72 hours', inputs,
                 demand.target, demand.received_at) as ahead
             join energy.building_hours as hours on hours.building_id = buildings.building_id
                 and hour_at = ahead.valid_at and quality = 'measured'",
        )
        .bind(source)
        .fetch_one(&mut postgres)
        .await
        .unwrap();
        println!("{source}: {covered} of {hours} hours covered, {width} wide");
        assert!(hours > 3000 && covered > 0.85 && width < 3.0, "{source}: {covered} of {hours}, {width}");
    }
    // The hours equal those of the previous week.
    let most: f64 = query_scalar(
        "select max(abs(ahead.yhat - consumption_kwh))
         from energy.inputs_of_place('fontana-ca', 'homes-1-4', 'Etc/GMT+8', '2017-07-20 05:00Z', '48 hours',
             false) as inputs
         cross join lateral energy.demand_of('{homes-1-4}', '2017-07-20 05:00Z', '2017-07-20 05:00Z',
             inputs.times) as demand
         cross join lateral energy.forecast_by('last_week', 'homes-1-4', '2017-07-20 05:00Z', '48 hours', inputs,
             demand.target, demand.received_at) as ahead
         join energy.building_hours as hours on hours.building_id = 'homes-1-4'
             and hour_at = ahead.valid_at - interval '7 days' and quality = 'measured'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(most < 1e-6, "{most}");
}

#[tokio::test]
async fn a_flat_or_silent_meter_lowers_the_quality_and_is_ignored() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    for value in [0.0, 40.0] {
        let mut work = work(&mut postgres).await;
        let flat = format!(
            "update energy.building_hours set consumption_kwh = {value}
             where building_id = 'homes-1-4' and hour_at >= '2017-07-27 12:00Z'"
        );
        is(&after(&mut work, &flat).await, "model", 0.6, 0.6, "{meter_flat}");
        let (mean, _, usual) = level(&mut work).await;
        assert!((0.6..1.6).contains(&(mean / usual)), "of {value}: {mean}, usually {usual}");
    }
    let mut first = work(&mut postgres).await;
    let silent = "delete from energy.building_hours where building_id = 'homes-1-4' and hour_at >= '2017-07-28 00:00Z'";
    is(&after(&mut first, silent).await, "model", 0.8, 0.8, "{recent_gap}");
    drop(first);
    // A building that is empty for weeks keeps its quality.
    let mut second = work(&mut postgres).await;
    let empty = "update energy.building_hours set consumption_kwh = 0
                 where building_id = 'homes-1-4' and hour_at >= '2017-06-20Z'";
    is(&after(&mut second, empty).await, "model", 1.0, 1.0, "{}");
    let (mean, _, _) = level(&mut second).await;
    assert!(mean < 3.0, "{mean}");
}

#[tokio::test]
async fn stale_or_missing_weather_lowers_the_quality_and_climatology_is_used() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut first = work(&mut postgres).await;
    let stale = "insert into energy.configs (config, checksum)
                 select jsonb_set(energy.current_config(), '{inference,weather_stale_after}', '\"1 hour\"'), ''";
    is(&after(&mut first, stale).await, "model", 0.9, 0.9, "{weather_stale}");
    drop(first);
    let mut second = work(&mut postgres).await;
    // A location that never had a forecast is not waited for.
    is(&after(&mut second, "delete from raw.weather_forecasts").await, "model", 0.6, 0.6, "{weather_missing}");
    let (mean, _, usual) = level(&mut second).await;
    assert!((0.6..1.6).contains(&(mean / usual)), "{mean} {usual}");
    let (hours, coldest, warmest, darkest, brightest): (i64, f64, f64, f64, f64) = query_as(
        "select count(*), min(temperature_c), max(temperature_c), min(ghi_w_m2), max(ghi_w_m2)
         from energy.weather_climatology('fontana-ca', $1::text::timestamptz, $1::text::timestamptz,
             $1::text::timestamptz + interval '72 hours')",
    )
    .bind(SLOT)
    .fetch_one(&mut *second)
    .await
    .unwrap();
    assert!(
        hours == 72
            && coldest > 10.0
            && warmest < 40.0
            && warmest - coldest > 5.0
            && darkest < 1.0
            && brightest > 500.0,
        "{coldest} {warmest} {darkest} {brightest}"
    );
    // Data received later does not count.
    let known = "select md5(string_agg(c::text, ',' order by valid_at))
                 from energy.weather_climatology('fontana-ca', '2017-07-15 05:00Z', '2017-07-15 05:00Z',
                     '2017-07-18 05:00Z') as c";
    let before: String = query_scalar(known).fetch_one(&mut *second).await.unwrap();
    second
        .execute("update raw.weather_observations set temperature_c = 99 where received_at > '2017-07-15 05:00Z'")
        .await
        .unwrap();
    assert_eq!(query_scalar::<_, String>(known).fetch_one(&mut *second).await.unwrap(), before);
    drop(second);
    // Neither forecast nor observation: the model reads missing values.
    let mut third = work(&mut postgres).await;
    is(
        &after(&mut third, "delete from raw.weather_forecasts; delete from raw.weather_observations").await,
        "model",
        0.6,
        0.6,
        "{weather_missing}",
    );
    drop(third);
    // If the calendar cannot be read, the hours of each building are used.
    let mut fourth = work(&mut postgres).await;
    fourth.execute("alter view processed.int_building_calendar rename to gone").await.unwrap();
    let found = after(&mut fourth, "select").await;
    assert_eq!((found.0, found.1.as_str()), (72, "profile"));
    let failed: i64 = query("select from energy.job_runs where building_id = 'homes-5-8' and sqlstate = '42P01'")
        .execute(&mut *fourth)
        .await
        .unwrap()
        .rows_affected() as i64;
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn the_archetypes_model_precedes_own_hours_and_every_source_has_its_factor() {
    let mut analyst = as_role("analyst").await;
    let factors: Vec<f64> = query_scalar(
        "select energy.quality_factor(source)
         from unnest('{model,archetype,profile,last_week,design,recent_mean}'::text[]) as source",
    )
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert!(factors[0] == 1.0 && factors.windows(2).all(|pair| pair[0] > pair[1]), "{factors:?}");
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = work(&mut postgres).await;
    let quick = "call energy.load_config(energy.current_config() || jsonb_build_object(
        'training',
            '{\"strategy\": \"seasonal_naive\", \"parameters\": {}, \"archetype_history\": \"35 days\"}'::jsonb))";
    work.execute(quick).await.unwrap();
    work.execute("select edf.approve_model(energy.train_archetype('homes'), 'a test')").await.unwrap();
    is(
        &after(
            &mut work,
            "update edf.models set status = 'retired' where subject = 'homes-1-4' and status = 'approved'",
        )
        .await,
        "archetype",
        0.8,
        0.8,
        "{no_model}",
    );
    let by: Option<String> = query_scalar("select max(archetype) from energy.forecasts where building_id = $1")
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(by.as_deref(), Some("homes"));
    assert_eq!(refusal(&mut work, "select energy.model_of_building('homes-1-4', false)").await.code, "42704");
}

#[tokio::test]
async fn an_unseen_combination_of_sun_and_cold_lowers_the_confidence() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = work(&mut postgres).await;
    // The issued confidence, and the model's own, by UTC day.
    let told = "
        select issued.valid_at::date::text, min(issued.confidence), min(own.confidence)
        from raw.buildings
        cross join lateral energy.inputs_of_place(weather_location_id, buildings.building_id, time_zone,
            '2017-07-29 05:00Z', '72 hours', false) as inputs
        cross join lateral energy.demand_of(array[buildings.building_id], '2017-07-29 05:00Z', '2017-07-29 05:00Z',
            inputs.times) as demand
        cross join lateral energy.forecast_by('model', buildings.building_id, '2017-07-29 05:00Z', '72 hours', inputs,
            demand.target, demand.received_at) as own
        join energy.forecasts as issued on issued.building_id = buildings.building_id
            and issued.valid_at = own.valid_at and issued.issued_at = '2017-07-29 05:00Z'
        where buildings.building_id = 'homes-1-4'
        group by 1 order by 1";
    work.execute("set local timezone = 'UTC'").await.unwrap();
    let found = after(&mut work, "call energy.learn_weather_days()").await;
    is(&found, "model", 1.0, 1.0, "{}");
    let usual: Vec<(String, f64, f64)> = query_as(told).fetch_all(&mut *work).await.unwrap();
    assert!(usual.len() == 4 && usual.iter().all(|(_, issued, own)| issued == own && *own > 0.9), "{usual:?}");

    // Every hour as cold as some nights in April, with June sun.
    work.execute(raw_sql("delete from energy.forecasts; delete from energy.forecast_slots")).await.unwrap();
    after(
        &mut work,
        "update raw.weather_forecasts set temperature_c = 9.5, ghi_w_m2 = least(ghi_w_m2 * 1.3, 1000)
         where issued_at = '2017-07-29 00:00Z' and valid_at >= '2017-07-29 05:00Z'",
    )
    .await;
    let cold: Vec<(String, f64, f64)> = query_as(told).fetch_all(&mut *work).await.unwrap();
    for (day, issued, own) in &cold[1..3] {
        assert!(*issued < 0.7 && *own > 0.9, "{day}: {issued} {own}");
    }
    // For a day that the run covers partly, only the model's confidence is available.
    assert_eq!(cold[3].1, cold[3].2, "{cold:?}");
}
