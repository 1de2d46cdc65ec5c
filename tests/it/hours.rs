//! From readings to hours and days: in any order of arrival they equal those of a full rebuild, bit for bit.
//!
//! Each test has its own building, rolled back at the end.

use crate::house::{DAY, add_house, ingest, learn, learn_from_a_day, message, refresh, refresh_days, sensed, told};
use chrono::{DateTime, Utc};
use edf_tests::as_role;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query_as, query_scalar, raw_sql};

/// All hours and days of the house.
pub const HOURS: &str = "
    select array_agg(hours::text order by hours::text) from (
        select to_jsonb(h) as hours from energy.apartment_hours as h where building_id = 'a-test-house'
        union all
        select to_jsonb(h) from energy.building_hours as h where building_id = 'a-test-house'
        union all
        select to_jsonb(m) from energy.measure_hours as m where building_id = 'a-test-house'
        union all
        select to_jsonb(d) from energy.apartment_days as d where building_id = 'a-test-house'
    ) as hours";

/// The same from a rebuild from the readings.
pub async fn rebuilt(work: &mut PgConnection) -> Vec<String> {
    work.execute(raw_sql(
        "delete from energy.sensor_spans using raw.sensors
         where sensors.sensor_id = sensor_spans.sensor_id and building_id = 'a-test-house';
         delete from energy.apartment_hours where building_id = 'a-test-house';
         delete from energy.building_hours where building_id = 'a-test-house';
         delete from energy.measure_hours where building_id = 'a-test-house';
         delete from energy.building_spans where building_id = 'a-test-house';
         delete from energy.building_heard where building_id = 'a-test-house';
         delete from energy.apartment_days where building_id = 'a-test-house';
         delete from energy.days_due;
         call energy.refresh_building_hours('2017-07-10', '2017-07-11');
         call energy.refresh_apartment_days()",
    ))
    .await
    .unwrap();
    query_scalar(HOURS).fetch_one(work).await.unwrap()
}

/// Four days of changes of three electricity registers, three of heat and water and six gauges: silences, jitter, a
/// replacement, corrections, and sensors that start on a later day.
fn readings(rng: &mut impl Rng) -> Vec<String> {
    let mut messages = Vec::new();
    for (apartment, sensor_type, latest) in [
        (1, "electricity_kwh_total", 600),
        (2, "electricity_kwh_total", 600),
        (3, "electricity_kwh_total", 600),
        (1, "heating_energy_kwh", 600),
        (2, "heating_energy_kwh", 3 * DAY),
        (1, "hot_water_litres", 3 * DAY),
    ] {
        let (mut minute, mut value) = (rng.random_range(0..latest), 100.0_f64);
        while minute < 4 * 24 * 60 {
            messages.push(sensed(minute, apartment, sensor_type, value));
            if rng.random_bool(0.05) {
                messages.push(sensed(minute, apartment, sensor_type, value + 0.125));
            }
            minute += if rng.random_bool(0.06) { rng.random_range(60..2000) } else { rng.random_range(5..40) };
            value += match rng.random_range(0..20) {
                0 => -0.125,
                1 => -value,
                2..6 => 0.0,
                _ => f64::from(rng.random_range(0..16_u8)) / 16.0,
            };
        }
    }
    for (apartment, sensor_type, room, latest) in [
        (1, "room_temperature_c", None, 900),
        (1, "setpoint_c", None, 900),
        (2, "room_temperature_c", None, 3 * DAY),
        (3, "setpoint_c", None, 900),
        (1, "room_temp_c", Some("hall"), 900),
        (1, "setpoint_temp_c", Some("hall"), 3 * DAY),
    ] {
        let (mut minute, flat) = (rng.random_range(0..latest), format!("flat-{apartment}"));
        while minute < 4 * 24 * 60 {
            let value = 18.0 + f64::from(rng.random_range(0..32_u8)) / 8.0;
            messages.push(told(minute, Some(&flat), sensor_type, room, value));
            minute += rng.random_range(20..700);
        }
    }
    messages
}

#[tokio::test]
async fn hours_and_days_equal_a_rebuild_in_any_order_of_arrival_and_with_new_profiles() {
    let mut postgres = as_role("postgres").await;
    let mut profiles = 0;
    for seed in 0..40_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut work = postgres.begin().await.unwrap();
        add_house(&mut work).await;
        learn_from_a_day(&mut work).await;
        let mut messages = readings(&mut rng);
        if seed % 2 == 1 {
            messages.shuffle(&mut rng);
        }
        let mut received = 0;
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rng.random_range(1..=rest.len().min(200)));
            ingest(&mut work, batch, received).await;
            if rng.random_bool(0.7) {
                refresh(&mut work).await;
            }
            if rng.random_bool(0.3) {
                learn(&mut work, received).await;
            }
            if rng.random_bool(0.4) {
                refresh_days(&mut work).await;
            }
            (rest, received) = (later, received + 15);
        }
        refresh(&mut work).await;
        refresh_days(&mut work).await;
        profiles +=
            query_scalar::<_, i64>("select count(*) from energy.gap_profiles where building_id = 'a-test-house'")
                .fetch_one(&mut *work)
                .await
                .unwrap();
        let kept: Vec<String> = query_scalar(HOURS).fetch_one(&mut *work).await.unwrap();
        let fresh = rebuilt(&mut work).await;
        assert!(kept.len() > 200, "{} hours", kept.len());
        let differ: Vec<_> = kept.iter().zip(&fresh).filter(|(kept, fresh)| kept != fresh).take(3).collect();
        assert!(kept == fresh, "seed {seed}: {} and {} hours, {differ:#?}", kept.len(), fresh.len());
        work.rollback().await.unwrap();
    }
    assert!(profiles > 40, "{profiles} profiles were learnt");
}

/// Ranges of readings to search first: all, some days, none, and reversed bounds.
const NEAR: [(&str, &str); 7] = [
    ("", ""),
    ("2017-07-11 00:00Z", "2017-07-12 00:00Z"),
    ("2017-07-11 13:30Z", "infinity"),
    ("-infinity", "2017-07-12 09:00Z"),
    ("2000-01-01 00:00Z", "2000-01-02 00:00Z"),
    ("2030-01-01 00:00Z", "2030-01-02 00:00Z"),
    ("2017-07-12 00:00Z", "2017-07-11 00:00Z"),
];

#[tokio::test]
async fn the_search_range_of_readings_changes_no_hour() {
    let mut postgres = as_role("postgres").await;
    for seed in 0..6_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut work = postgres.begin().await.unwrap();
        add_house(&mut work).await;
        let mut messages = readings(&mut rng);
        // Before and after a silence of weeks, and a new register that starts with zeros.
        messages.extend([
            message(-50 * DAY, 1, 3.0),
            message(-9 * DAY, 2, 0.0),
            message(-8 * DAY, 2, 0.0),
            message(20 * DAY, 3, 900.0),
        ]);
        ingest(&mut work, &messages, 11 * DAY).await;
        refresh(&mut work).await;
        let mut all = Vec::new();
        for (from, to) in NEAR {
            query_scalar::<_, String>(
                "select set_config('energy.near_from', $1, true) || set_config('energy.near_to', $2, true)",
            )
            .bind(from)
            .bind(to)
            .fetch_one(&mut *work)
            .await
            .unwrap();
            // Planned again with the bounds known to the planner.
            let found: Vec<String> = query_scalar(
                "select array_agg(days::text order by sensor_id, day_at) || (
                     select array_agg(days::text order by apartment_id, local_date) from (
                         select * from processed.int_apartment_days
                         where building_id = 'a-test-house'
                             and local_date between '2017-07-01' and '2017-07-31') as days)
                 from (
                     select * from processed.int_sensor_days
                     where building_id = 'a-test-house' and day_at between '2017-07-01' and '2017-07-31') as days",
            )
            .persistent(false)
            .fetch_one(&mut *work)
            .await
            .unwrap();
            all.push(found);
        }
        assert!(all[0].len() > 100, "{}", all[0].len());
        for (found, near) in all.iter().zip(NEAR) {
            assert!(found == &all[0], "seed {seed}, near {near:?}");
        }
        work.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn an_apartments_hours_add_up_to_the_registers_difference() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let readings = [(0, 100.0), (50, 100.4), (65, 101.0), (400, 103.0), (1500, 109.0), (3000, 109.0), (4320, 120.0)];
    let messages: Vec<_> = readings.iter().map(|(minute, value)| message(*minute, 1, *value)).collect();
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    let (sum, hours): (f64, i64) = query_as(
        "select sum(consumption_kwh), count(*) from energy.apartment_hours
         where building_id = 'a-test-house' and apartment_id = 'flat-1'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!((sum - 20.0).abs() < 1e-9, "{sum}");
    assert_eq!(hours, 72);
    let of_quality: Vec<(String, i64)> = query_as(
        "select quality::text, count(*) from energy.apartment_hours where building_id = 'a-test-house'
         group by 1 order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    // 400 min to 1500 min and 3000 min to 4320 min are offline, and are spread as gaps of more than twelve hours.
    assert_eq!(of_quality.iter().map(|(_, n)| n).sum::<i64>(), 72);
    assert!(of_quality.iter().any(|(quality, _)| quality == "estimated"), "{of_quality:?}");
}

#[tokio::test]
async fn a_refresh_only_changes_days_affected_by_a_late_reading() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let rising: Vec<_> = (0..=240).map(|hour| message(hour * 60, 1, hour as f64)).collect();
    ingest(&mut work, &rising, 0).await;
    refresh(&mut work).await;
    let untouched =
        "select count(*) from energy.apartment_hours where building_id = 'a-test-house' and consumption_kwh = 1";
    let before: i64 = query_scalar(untouched).fetch_one(&mut *work).await.unwrap();
    // Rows that the refresh rewrites would lose this value.
    work.execute("update energy.apartment_hours set consumption_kwh = -1 where building_id = 'a-test-house'")
        .await
        .unwrap();
    ingest(&mut work, &[message(5 * 1440 + 630, 1, 130.5)], 60).await;
    refresh(&mut work).await;
    let written: Vec<(DateTime<Utc>, i64)> = query_as(
        "select date_trunc('day', hour_at, 'UTC'), count(*) from energy.apartment_hours
         where building_id = 'a-test-house' and consumption_kwh <> -1 group by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!((before, written), (240, vec![("2017-07-15T00:00:00Z".parse().unwrap(), 24)]));
}

#[tokio::test]
async fn a_silent_meter_is_unchanged_while_its_building_is_online_and_then_offline() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let mut messages: Vec<_> = (0..=12).map(|hour| message(hour * 60, 1, hour as f64)).collect();
    messages.push(message(0, 2, 50.0));
    messages.push(message(60, 2, 51.0));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    let found: Vec<(Option<f64>, String)> = query_as(
        "select consumption_kwh, quality::text from energy.apartment_hours
         where building_id = 'a-test-house' and apartment_id = 'flat-2' order by hour_at",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(found.len(), 12);
    assert_eq!(found[0], (Some(1.0), "measured".to_owned()));
    assert!(found[1..7].iter().all(|hour| *hour == (Some(0.0), "measured".to_owned())), "{found:?}");
    assert!(found[7..].iter().all(|hour| *hour == (None, "missing".to_owned())), "{found:?}");
}

#[tokio::test]
async fn hours_whose_readings_may_have_been_dropped_are_not_recomputed() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let rising: Vec<_> = (0..=240).map(|hour| message(hour * 60, 1, hour as f64)).collect();
    ingest(&mut work, &rising, 0).await;
    refresh(&mut work).await;
    // Readings are kept for 43 days before 29 July, and a month more for the reading before an hour: hours from 17 July
    // on may be recomputed.
    work.execute(raw_sql(
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             '\"43 days\"'));
         delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and building_id = 'a-test-house' and read_at < '2017-07-18';
         update energy.apartment_hours set consumption_kwh = -1 where building_id = 'a-test-house'",
    ))
    .await
    .unwrap();
    ingest(&mut work, &[message(30, 1, 0.25)], 60).await;
    refresh(&mut work).await;
    work.execute("call energy.refresh_building_hours('2017-07-10', '2017-07-20')").await.unwrap();
    let kept: Vec<(DateTime<Utc>, i64)> = query_as(
        "select date_trunc('day', hour_at, 'UTC'), count(*) from energy.apartment_hours
         where building_id = 'a-test-house' and consumption_kwh = -1 group by 1 order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let expected: Vec<(DateTime<Utc>, i64)> =
        (10..17).map(|day| (format!("2017-07-{day}T00:00:00Z").parse().unwrap(), 24)).collect();
    assert_eq!(kept, expected);
}
