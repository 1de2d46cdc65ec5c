//! No measurement is lost: what retention dropped is never recomputed from nothing.

use crate::house::{
    DAY, add_house, evenings, ingest, learn, learn_from_a_day, message, refresh, refresh_days, sensed, told,
};
use edf_tests::{Throwaway, as_role, dump_and_restore};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar, raw_sql};

/// Known data of the house: hours with a value and their energy, of apartments, of the building, and days. Gaps are
/// redistributed when a profile is learned, and other hours of the building are then scaled up: for the building and
/// days only measured values count.
const KNOWN: &str = "
    select array[count(consumption_kwh), coalesce(sum(consumption_kwh), 0)]
    from energy.apartment_hours where building_id = 'a-test-house'
    union all
    select array[count(consumption_kwh), coalesce(sum(consumption_kwh) filter (where quality < 'estimated'), 0)]
    from energy.apartment_hours where building_id = 'a-test-house'
    union all
    select array[count(consumption_kwh), coalesce(sum(consumption_kwh) filter (where quality < 'estimated'), 0)]
    from energy.building_hours where building_id = 'a-test-house'
    union all
    select array[count(consumption_kwh), coalesce(sum(consumption_kwh) filter (where quality < 'estimated'), 0)]
    from energy.apartment_days where building_id = 'a-test-house'
    union all
    select array[count(value), coalesce(sum(value) filter (where quality < 'estimated'), 0)]
    from energy.measure_hours where building_id = 'a-test-house' and measures = 'heating'
    union all
    select array[count(value), coalesce(sum(value), 0)]
    from energy.measure_hours where building_id = 'a-test-house' and measures = 'room_temperature'
    union all
    select array[count(room_temperature_c), coalesce(sum(comfort_hours), 0)]
    from energy.apartment_days where building_id = 'a-test-house'";

async fn add_house_of_one_flat(work: &mut PgConnection) {
    add_house(work).await;
    let others = "update raw.apartments set valid_to = '2017-01-01'
                  where building_id = 'a-test-house' and apartment_id <> 'flat-1'";
    work.execute(others).await.unwrap();
}

async fn known(connection: &mut PgConnection) -> Vec<Vec<f64>> {
    query_scalar(KNOWN).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn a_new_profile_does_not_redistribute_a_gap_whose_readings_were_dropped() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house_of_one_flat(&mut work).await;
    ingest(&mut work, &evenings(20, 3, 1), 10 * DAY).await;
    refresh(&mut work).await;
    let before = known(&mut work).await;
    assert_eq!(before[0][0], 480.0);
    // As retention would later.
    work.execute(raw_sql(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and building_id = 'a-test-house' and read_at < '2017-07-20';
         insert into energy.dropped_rows values ('raw.meter_readings', '2017-07-20')
         on conflict (table_name) do update set dropped_before = excluded.dropped_before",
    ))
    .await
    .unwrap();
    learn_from_a_day(&mut work).await;
    learn(&mut work, 12 * DAY).await;
    let learnt: i64 = query_scalar("select count(*) from energy.gap_profiles where building_id = 'a-test-house'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!((learnt, known(&mut work).await), (1, before));
}

/// Hours of the house in May from a source other than readings.
async fn load_may(work: &mut PgConnection) {
    work.execute(raw_sql(
        "insert into energy.building_hours (building_id, hour_at, consumption_kwh, apartments_reporting,
             apartments_expected, coverage_share, quality, received_at)
         select 'a-test-house', hour_at, 2, 1, 1, 1, 'measured', hour_at + interval '1 hour'
         from generate_series('2017-05-01'::timestamptz, '2017-05-31 23:00Z', '1 hour') as hour_at",
    ))
    .await
    .unwrap();
}

#[tokio::test]
async fn hours_loaded_without_meters_are_kept_by_refreshes_and_rebuilds() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house_of_one_flat(&mut work).await;
    load_may(&mut work).await;
    let may = "select count(consumption_kwh) from energy.building_hours
               where building_id = 'a-test-house' and hour_at < '2017-06-01Z'";
    let may = async |work: &mut PgConnection| query_scalar::<_, i64>(may).fetch_one(work).await.unwrap();
    // Its topology is new, so all readings of its meters are due, and there are none.
    refresh(&mut work).await;
    assert_eq!(may(&mut work).await, 744);
    // Then meters are added and withdrawn, and the topology changes.
    ingest(&mut work, &evenings(20, 3, 1), 10 * DAY).await;
    refresh(&mut work).await;
    let metered = known(&mut work).await;
    assert!(metered[2][0] > 744.0, "{metered:?}");
    work.execute("call energy.refresh_building_hours('-infinity')").await.unwrap();
    assert_eq!(known(&mut work).await, metered);
    work.execute(raw_sql(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and building_id = 'a-test-house';
         delete from energy.sensor_spans using raw.sensors
         where sensors.sensor_id = sensor_spans.sensor_id and building_id = 'a-test-house';
         insert into energy.buildings_due values ('a-test-house') on conflict do nothing",
    ))
    .await
    .unwrap();
    refresh(&mut work).await;
    let left = known(&mut work).await;
    assert_eq!((may(&mut work).await, left[2][0], left[0][0]), (744, 744.0, 0.0), "only what readings had said goes");
}

#[tokio::test]
async fn an_hour_after_a_long_silence_is_kept_if_the_reading_before_it_was_dropped() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house_of_one_flat(&mut work).await;
    // No consumption from the second day of May to the end of June, and then one kWh per hour.
    let mut messages = vec![message(-70 * DAY, 1, 99.0), message(-69 * DAY, 1, 100.0)];
    messages.extend((0..=240).map(|hour| message(-10 * DAY + hour * 60, 1, 100.0 + hour as f64)));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    let before = known(&mut work).await;
    assert_eq!((before[0][0], before[0][1]), (1680.0, 241.0));
    work.execute(raw_sql(
        "delete from raw.meter_readings using raw.sensors
         where sensors.sensor_id = meter_readings.sensor_id and building_id = 'a-test-house' and read_at < '2017-05-10';
         insert into energy.dropped_rows values ('raw.meter_readings', '2017-05-10')
         on conflict (table_name) do update set dropped_before = excluded.dropped_before;
         call energy.refresh_building_hours('-infinity')",
    ))
    .await
    .unwrap();
    assert_eq!(known(&mut work).await, before);
}

#[tokio::test]
async fn messages_older_than_retention_are_rejected_even_after_it_is_extended() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    work.execute(
        "insert into energy.dropped_rows values ('raw.meter_readings', '2017-07-12')
         on conflict (table_name) do update set dropped_before = '2017-07-12'",
    )
    .await
    .unwrap();
    ingest(&mut work, &[message(2 * DAY - 1, 1, 1.0), message(2 * DAY, 1, 2.0)], 0).await;
    let kept: Vec<(String, f64)> = query_as(
        "select 'reading', value from raw.meter_readings join raw.sensors using (sensor_id)
         where building_id = 'a-test-house'
         union all
         select reason_code, 0 from raw.rejected_messages where message like '%a-test-house%' order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(kept, [("far_past".to_owned(), 0.0), ("reading".to_owned(), 2.0)]);
}

#[tokio::test]
async fn days_are_kept_when_their_room_hours_were_dropped() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house_of_one_flat(&mut work).await;
    let mut messages = evenings(10, 20, 1);
    messages.extend((0..240).map(|hour| told(hour * 60, Some("flat-1"), "room_temp_c", Some("hall"), 20.0)));
    messages.extend((0..240).map(|hour| sensed(hour * 60, 1, "heating_energy_kwh", hour as f64)));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    refresh_days(&mut work).await;
    let before = known(&mut work).await;
    work.execute(raw_sql(
        "delete from energy.measure_hours where building_id = 'a-test-house' and hour_at < '2017-07-15';
         insert into energy.dropped_rows values ('energy.measure_hours', '2017-07-15')
         on conflict (table_name) do update set dropped_before = excluded.dropped_before;
         insert into energy.buildings_due values ('a-test-house');
         call energy.refresh_building_hours('-infinity')",
    ))
    .await
    .unwrap();
    refresh_days(&mut work).await;
    let after = known(&mut work).await;
    assert_eq!((&after[..4], &after[6]), (&before[..4], &before[6]), "hours of electricity, and days");
    assert_eq!((before[4][0], after[4][0]), (240.0, 120.0), "what was dropped does not come back");
}

#[tokio::test]
async fn no_energy_is_lost_as_a_database_ages() {
    let aged = Throwaway::empty().await;
    dump_and_restore("edf", &aged.name, &["--extension=edf", "--exclude-schema=cron"]).await;
    let mut postgres = aged.connect().await;
    // The homes of the demo are not needed and would take long.
    postgres
        .execute(raw_sql(
            "truncate raw.meter_readings, energy.hours_due, energy.building_spans, energy.building_heard,
                 energy.sensor_spans,
                energy.apartment_hours, energy.measure_hours, energy.building_hours, energy.days_due,
                    energy.apartment_days, energy.buildings_due;
             set energy.clock = '2017-07-20 00:00Z'",
        ))
        .await
        .unwrap();
    postgres.execute("call energy.make_partitions()").await.unwrap();
    add_house(&mut postgres).await;
    learn_from_a_day(&mut postgres).await;
    // Most of three months: days with a gap, a long silence, and a register that starts late.
    let mut rng = StdRng::seed_from_u64(7);
    let mut messages = Vec::new();
    for apartment in 1..=3 {
        let (mut minute, mut value) = (-80 * DAY + if apartment == 3 { 20 * DAY } else { 0 }, 10.0);
        while minute < 9 * DAY {
            messages.push(message(minute, apartment, value));
            minute += match rng.random_range(0..60) {
                0 => rng.random_range(600..3000),
                1 if apartment == 2 => 33 * DAY,
                _ => 60,
            };
            value += f64::from(rng.random_range(0..16_u8)) / 16.0;
        }
    }
    // Heat that is counted continuously, and a room with its setpoint.
    let mut heat = 500.0;
    for hour in (-80 * 24..9 * 24).filter(|_| rng.random_bool(0.9)).collect::<Vec<i64>>() {
        heat += f64::from(rng.random_range(0..8_u8)) / 8.0;
        let room = 19.0 + f64::from(rng.random_range(0..16_u8)) / 8.0;
        messages.push(sensed(hour * 60, 1, "heating_energy_kwh", heat));
        messages.push(told(hour * 60, Some("flat-1"), "room_temp_c", Some("hall"), room));
        messages.push(told(hour * 60, Some("flat-1"), "setpoint_temp_c", Some("hall"), 21.0));
    }
    ingest(&mut postgres, &messages, 0).await;
    refresh(&mut postgres).await;
    postgres.execute("call energy.refresh_apartment_days()").await.unwrap();
    let mut before = known(&mut postgres).await;
    assert!(before[0][0] > 4000.0 && before[3][0] > 150.0, "{before:?}");
    assert!(before[4][0] > 1900.0 && before[5][0] > 2000.0 && before[6][0] > 85.0, "{before:?}");
    let routines = [
        "call energy.refresh_building_hours()",
        "call energy.refresh_building_hours('-infinity')",
        "call energy.refresh_building_hours('2017-05-01', '2017-06-01')",
        "call energy.refresh_apartment_days()",
        "call energy.learn_gap_profiles()",
        "call energy.apply_retention()",
        "call energy.make_partitions()",
        "call energy.replay_rejected()",
        // Longer and shorter retention: dropped data stays dropped.
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             '\"40 days\"'))",
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             '\"2 years\"'))",
        "call energy.load_config(jsonb_set(energy.current_config(), '{storage,tables,raw.meter_readings,keep}',
             'null'))",
        // Settings of a sensor and changes of topology: all of its building is recomputed.
        "update raw.sensors set settings = settings ||
             jsonb_build_object('sample_minutes', 20 - coalesce((settings ->> 'sample_minutes')::int, 15) % 7)",
        // Late readings.
        "call energy.ingest_meter_messages(array['{\"timestamp_str\": \"2017-05-02T00:00:00Z\",
             \"building_id\": \"a-test-house\", \"apartment_id\": \"flat-1\",
             \"readings\": [{\"sensor_type\": \"room_temperature_c\", \"value\": 20}]}'])",
    ];
    let mut dropped = 0_i64;
    for seed in 0..6_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..12 {
            let days = rng.random_range(0..20_i64);
            let routine = *routines.choose(&mut rng).unwrap();
            let age =
                format!("select set_config('energy.clock', (energy.clock() + interval '{days} days')::text, false)");
            if rng.random_bool(0.2) {
                postgres.execute(AssertSqlSafe(age)).await.unwrap();
            }
            postgres.execute(routine).await.unwrap_or_else(|error| panic!("{routine}: {error}"));
            let after = known(&mut postgres).await;
            for (was, is) in before.iter().zip(&after) {
                // A redistributed gap may differ in the last bits.
                let lost = was[0] > is[0] || is[1] < was[1] - 1e-6;
                assert!(!lost, "seed {seed}: after {routine} {after:?}, before {before:?}");
            }
            before = after;
        }
        dropped = query_scalar(
            "select count(*) from energy.apartment_hours where hour_at < energy.dropped_before('raw.meter_readings')",
        )
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    }
    assert!(dropped > 500, "retention has dropped the readings of {dropped} stored hours");
}
