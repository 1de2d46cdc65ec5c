//! Topology over time: sensors and apartments are added, renamed, replaced and removed, and sums include what was valid
//! at the time.

use crate::hours::{HOURS, rebuilt};
use crate::house::{DAY, add_house, demand, ingest, learn, learn_from_a_day, refresh, refresh_days, sensor, told};
use edf_tests::{Throwaway, as_role, connect, dump_and_restore, refusal};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar, raw_sql};

const REGISTER: &str = "electricity_kwh_total";

/// One kWh per hour, reported hourly from one hour to another.
fn hourly(from: i64, to: i64, apartment: Option<&str>, room: Option<&str>, start: f64) -> Vec<String> {
    (from..=to).map(|hour| told(hour * 60, apartment, REGISTER, room, start + hour as f64)).collect()
}

/// The house with the given apartments, before any reading.
async fn add_flats(work: &mut PgConnection, flats: &[&str]) {
    add_house(work).await;
    work.execute("delete from raw.apartments where building_id = 'a-test-house'").await.unwrap();
    for flat in flats {
        sqlx::query("insert into raw.apartments (building_id, apartment_id) values ('a-test-house', $1)")
            .bind(flat)
            .execute(&mut *work)
            .await
            .unwrap();
    }
}

async fn is_as_rebuilt(work: &mut PgConnection) {
    refresh_days(work).await;
    let kept: Vec<String> = query_scalar(HOURS).fetch_one(&mut *work).await.unwrap();
    let fresh = rebuilt(work).await;
    let differ: Vec<_> = kept.iter().zip(&fresh).filter(|(kept, fresh)| kept != fresh).take(3).collect();
    assert!(kept == fresh, "{} and {} hours, {differ:#?}", kept.len(), fresh.len());
}

#[tokio::test]
async fn a_later_register_does_not_change_the_time_before_it() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a"]).await;
    ingest(&mut work, &hourly(0, 48, Some("a"), Some("main"), 100.0), 0).await;
    refresh(&mut work).await;
    // Its first reading is within an hour, which is therefore incomplete.
    let mut messages = hourly(49, 72, Some("a"), Some("main"), 100.0);
    messages.push(told(48 * 60 + 20, Some("a"), REGISTER, Some("heat pump"), 5048.5));
    messages.extend(hourly(49, 72, Some("a"), Some("heat pump"), 5000.0));
    ingest(&mut work, &messages, 15).await;
    refresh(&mut work).await;
    let expected: Vec<_> = (0..72).map(|hour| Some(if hour < 49 { 1.0 } else { 2.0 })).collect();
    assert_eq!(demand(&mut work, 0, 72).await, expected);
    work.execute("call energy.refresh_building_hours('-infinity')").await.unwrap();
    assert_eq!(demand(&mut work, 0, 72).await, expected);
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn a_renamed_register_is_one_series_once_declared() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a"]).await;
    ingest(&mut work, &hourly(0, 30, Some("a"), Some("hall"), 100.0), 0).await;
    refresh(&mut work).await;
    ingest(&mut work, &hourly(33, 72, Some("a"), Some("Hall"), 100.0), 15).await;
    refresh(&mut work).await;
    // Both are expected, and one is silent.
    assert_eq!(demand(&mut work, 40, 1).await, [None]);
    let (earlier, later) =
        (sensor(&mut work, "a", REGISTER, "hall").await, sensor(&mut work, "a", REGISTER, "Hall").await);
    let call = format!("call energy.continue_sensor({earlier}, {later})");
    work.execute("set local role analyst").await.unwrap();
    for _ in 0..2 {
        work.execute(AssertSqlSafe(&*call)).await.unwrap();
    }
    work.execute("reset role").await.unwrap();
    refresh(&mut work).await;
    // The consumption in between is covered by both.
    let hours = demand(&mut work, 0, 72).await;
    let sum: f64 = hours.iter().flatten().sum();
    assert!(hours.iter().all(Option::is_some) && (sum - 72.0).abs() < 1e-6, "{hours:?}");
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn a_replaced_meter_is_counted_from_zero() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a"]).await;
    ingest(&mut work, &hourly(0, 30, Some("a"), Some("old"), 100.0), 0).await;
    ingest(&mut work, &hourly(31, 72, Some("a"), Some("new"), -30.0), 15).await;
    let (old, new) = (sensor(&mut work, "a", REGISTER, "old").await, sensor(&mut work, "a", REGISTER, "new").await);
    let call = format!("call energy.continue_sensor({old}, {new}, '2017-07-11 06:30Z')");
    work.execute(AssertSqlSafe(call)).await.unwrap();
    refresh(&mut work).await;
    assert_eq!(demand(&mut work, 0, 72).await, [Some(1.0); 72]);
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn a_register_that_stops_is_counted_until_its_last_reading() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a"]).await;
    work.execute(raw_sql(
        "insert into energy.configs (config, checksum)
         select jsonb_set(energy.current_config(), '{quality,retired_after}', '\"3 days\"'), ''",
    ))
    .await
    .unwrap();
    let both =
        [hourly(0, 24, Some("a"), Some("main"), 100.0), hourly(0, 24, Some("a"), Some("heat pump"), 0.0)].concat();
    ingest(&mut work, &both, 0).await;
    refresh(&mut work).await;
    ingest(&mut work, &hourly(25, 96, Some("a"), Some("main"), 100.0), 15).await;
    refresh(&mut work).await;
    // It may return within three days.
    assert_eq!(demand(&mut work, 60, 2).await, [None, None]);
    ingest(&mut work, &hourly(97, 98, Some("a"), Some("main"), 100.0), 30).await;
    refresh(&mut work).await;
    let until_now: Vec<_> = (0..98).map(|hour| Some(if hour < 24 { 2.0 } else { 1.0 })).collect();
    assert_eq!(demand(&mut work, 0, 98).await, until_now);
    is_as_rebuilt(&mut work).await;
    refresh(&mut work).await;
    // It was not removed after all.
    ingest(&mut work, &hourly(98, 99, Some("a"), Some("heat pump"), 0.0), 45).await;
    refresh(&mut work).await;
    assert_eq!(demand(&mut work, 30, 60).await, [Some(2.0); 60]);
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn apartments_are_expected_while_they_are_part_of_the_building() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a", "b"]).await;
    let both = [hourly(0, 48, Some("a"), None, 100.0), hourly(0, 48, Some("b"), None, 0.0)].concat();
    ingest(&mut work, &both, 0).await;
    refresh(&mut work).await;
    assert_eq!(demand(&mut work, 0, 48).await, [Some(2.0); 48]);

    // An apartment is added: the time before its first reading is unchanged.
    work.execute("insert into raw.apartments (building_id, apartment_id) values ('a-test-house', 'c')").await.unwrap();
    refresh(&mut work).await;
    assert_eq!(demand(&mut work, 0, 48).await, [Some(2.0); 48]);
    let three = ["a", "b", "c"].map(|flat| hourly(49, 72, Some(flat), None, 100.0)).concat();
    let three = [three, hourly(48, 48, Some("c"), None, 100.0)].concat();
    ingest(&mut work, &three, 15).await;
    // The register of b is a separate one.
    let b = sensor(&mut work, "b", REGISTER, "").await;
    work.execute(AssertSqlSafe(format!(
        "update raw.sensors set replaced_at = '{{2017-07-12 00:30Z}}' where sensor_id = {b}"
    )))
    .await
    .unwrap();
    refresh(&mut work).await;
    let with_c = demand(&mut work, 0, 72).await;
    assert_eq!((&with_c[..48], &with_c[50..]), (&[Some(2.0); 48][..], &[Some(3.0); 22][..]));

    // Another apartment is removed and silent.
    work.execute("call energy.set_apartment_validity('a-test-house', 'a', null, '2017-07-13')").await.unwrap();
    let two = ["b", "c"].map(|flat| hourly(73, 96, Some(flat), None, 100.0)).concat();
    ingest(&mut work, &two, 30).await;
    refresh(&mut work).await;
    assert_eq!(demand(&mut work, 60, 36).await, [[Some(3.0); 12].as_slice(), &[Some(2.0); 24]].concat());
    let expected: Vec<i32> = query_scalar(
        "select apartments_expected from energy.building_hours
         where building_id = 'a-test-house' and extract(hour from hour_at at time zone 'UTC') = 12 order by hour_at",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(expected, [2, 2, 3, 2]);
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn two_indistinguishable_registers_in_a_message_are_rejected() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a"]).await;
    let two = told(0, Some("a"), REGISTER, None, 1500.0)
        .replace(r#""readings":["#, r#""readings":[{"sensor_type": "electricity_kwh_total", "value": 1505}, "#);
    ingest(&mut work, &[two], 0).await;
    let found: (i64, i64, String) = query_as(
        "select readings_taken, messages_rejected,
             (select reason_code from raw.rejected_messages where message like '%a-test-house%')
         from raw.ingestions order by ingestion_id desc limit 1",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(found, (0, 1, "ambiguous_sensor".to_owned()));
}

#[tokio::test]
async fn a_building_without_apartments_uses_its_own_meters() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &[]).await;
    let readings: Vec<_> =
        (0..=24).map(|hour| told(hour * 60, None, REGISTER, None, 100.0 + 25.0 * hour as f64)).collect();
    ingest(&mut work, &readings, 0).await;
    refresh(&mut work).await;
    assert_eq!(demand(&mut work, 0, 24).await, [Some(25.0); 24]);
    let quality: Vec<(i32, f64, String, i64)> = query_as(
        "select apartments_expected, coverage_share, quality::text, count(*) from energy.building_hours
         where building_id = 'a-test-house' group by 1, 2, 3",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(quality, [(0, 1.0, "measured".to_owned(), 24)]);
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn offline_solar_lowers_the_quality_of_solar_and_not_of_demand() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a"]).await;
    let solar = |hour: i64| told(hour * 60, Some("a"), "solar_kwh_total", None, hour as f64);
    let mut messages = hourly(0, 72, Some("a"), None, 100.0);
    messages.extend((0..=12).map(solar));
    ingest(&mut work, &messages, 0).await;
    ingest(&mut work, &[solar(72)], 600).await;
    refresh(&mut work).await;
    let found: Vec<(String, String, bool, bool)> = query_as(
        "select quality::text, solar_quality::text, received_at = '2017-07-20', solar_received_at > received_at
         from energy.building_hours where building_id = 'a-test-house' and hour_at >= '2017-07-10 12:00Z'
         group by 1, 2, 3, 4",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(found, [("measured".to_owned(), "estimated".to_owned(), true, true)]);
    is_as_rebuilt(&mut work).await;
}

/// Consumption of an apartment's hours from the 40th on.
async fn of_flat(work: &mut PgConnection, flat: &str) -> Vec<Option<f64>> {
    query_scalar(
        "select consumption_kwh from energy.apartment_hours
         where building_id = 'a-test-house' and apartment_id = $1 and hour_at >= '2017-07-11 16:00Z' order by hour_at",
    )
    .bind(flat)
    .fetch_all(work)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_unusually_silent_apartment_is_offline_and_not_zero() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a", "b", "c"]).await;
    let mut messages = Vec::new();
    for flat in ["a", "b", "c"] {
        messages.extend(hourly(0, if flat == "a" { 44 } else { 40 }, Some(flat), None, 100.0));
    }
    // The register of c is unchanged, and its thermometer shows that it is online.
    messages
        .extend((0..=44).map(|hour| told(hour * 60, Some("c"), "room_temperature_c", None, 20.0 + (hour % 3) as f64)));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    assert_eq!(of_flat(&mut work, "a").await, [Some(1.0); 4]);
    assert_eq!(of_flat(&mut work, "b").await, [None; 4]);
    assert_eq!(of_flat(&mut work, "c").await, [Some(0.0); 4]);
    assert_eq!(demand(&mut work, 39, 5).await, [Some(3.0), None, None, None, None]);
    is_as_rebuilt(&mut work).await;

    // It reconnects, and reports no change.
    let missed = [hourly(41, 45, Some("b"), None, 100.0), hourly(45, 45, Some("a"), None, 100.0)].concat();
    ingest(&mut work, &missed, 15).await;
    refresh(&mut work).await;
    assert_eq!(of_flat(&mut work, "b").await, [Some(1.0); 5]);
    is_as_rebuilt(&mut work).await;
}

#[tokio::test]
async fn topology_procedures_report_errors() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a", "b"]).await;
    ingest(&mut work, &[message_of("a", REGISTER), message_of("b", "solar_kwh_total"), message_of("b", REGISTER)], 0)
        .await;
    let id = [sensor(&mut work, "a", REGISTER, "").await, sensor(&mut work, "b", "solar_kwh_total", "").await];
    for (call, code) in [
        ("call energy.continue_sensor(-1, -2)".to_owned(), "42704"),
        ("call energy.continue_sensor(null, null)".to_owned(), "42704"),
        (format!("call energy.continue_sensor({}, {})", id[0], id[1]), "22023"),
        (format!("call energy.continue_sensor({0}, {0}, '2017-07-10')", id[0]), "22023"),
        (format!("call energy.set_sensor_validity({}, '2017-07-11', '2017-07-10')", id[0]), "22023"),
        ("call energy.set_sensor_validity(-1, null, null)".to_owned(), "42704"),
        ("call energy.set_apartment_validity('nowhere', 'a', null, null)".to_owned(), "42704"),
        ("call energy.set_apartment_validity('a-test-house', 'a', '2017-07-11', '2017-07-11')".to_owned(), "22023"),
        ("call energy.set_apartment_validity('a-test-house', '', null, null)".to_owned(), "23514"),
    ] {
        let mut attempt = work.begin().await.unwrap();
        let refused = refusal(&mut attempt, &call).await;
        assert_eq!(refused.code, code, "{call}: {refused:?}");
        attempt.rollback().await.unwrap();
    }
}

fn message_of(flat: &str, sensor_type: &str) -> String {
    told(0, Some(flat), sensor_type, None, 1.0)
}

/// Four days of several sensors: some start late, some end early, some have single faults.
fn said(rng: &mut impl Rng) -> Vec<String> {
    let mut messages = Vec::new();
    let rooms = [None, Some("hall"), Some("attic")];
    for (apartment, sensor_type) in [
        (Some("flat-1"), REGISTER),
        (Some("flat-1"), REGISTER),
        (Some("flat-2"), REGISTER),
        (Some("flat-2"), "solar_kwh_total"),
        (Some("flat-3"), REGISTER),
        (None, REGISTER),
        (None, "solar_kwh_total"),
        (Some("flat-1"), "room_temperature_c"),
        (Some("flat-1"), "room_temp_c"),
        (Some("flat-1"), "heating_energy_kwh"),
        (Some("flat-2"), "heating_energy_kwh"),
        (Some("flat-2"), "hot_water_litres"),
        (Some("flat-4"), "setpoint_temp_c"),
        (None, "heating_energy_kwh"),
    ] {
        let room = *rooms.choose(rng).unwrap();
        let end = if rng.random_bool(0.4) { rng.random_range(0..4 * DAY) } else { 4 * DAY };
        let mut minute = if rng.random_bool(0.4) { rng.random_range(0..3 * DAY) } else { rng.random_range(0..200) };
        let mut value = f64::from(rng.random_range(0..40_u8));
        // A register that shows zero, and continues or restarts.
        let zero_from = rng.random_range(0..4 * DAY);
        let zero_until = zero_from + rng.random_range(0..3 * DAY);
        let shows_zero = rng.random_bool(0.3);
        while minute < end {
            let wrong = rng.random_bool(0.03);
            let is_zero = shows_zero && (zero_from..zero_until).contains(&minute);
            let shown = match (is_zero, wrong) {
                (true, _) => 0.0,
                (_, true) => value * f64::from(rng.random_range(0..4_u8)),
                _ => value,
            };
            messages.push(told(minute, apartment, sensor_type, room, shown));
            minute += if rng.random_bool(0.04) { rng.random_range(60..2000) } else { rng.random_range(5..120) };
            value += f64::from(rng.random_range(0..16_u8)) / 16.0;
        }
    }
    messages
}

fn at(rng: &mut impl Rng) -> String {
    if rng.random_bool(0.3) {
        return "null".to_owned();
    }
    format!("'2017-07-10 00:00Z'::timestamptz + interval '{} minutes'", rng.random_range(-600..5 * DAY))
}

/// A random change of the topology; it may be rejected.
async fn change(work: &mut PgConnection, rng: &mut impl Rng) {
    let sensors: Vec<i64> =
        query_scalar("select sensor_id from raw.sensors where building_id = 'a-test-house' order by 1")
            .fetch_all(&mut *work)
            .await
            .unwrap();
    let (Some(one), Some(other)) = (sensors.choose(rng), sensors.choose(rng)) else { return };
    let flat = rng.random_range(1..=4);
    let (from, to) = (at(rng), at(rng));
    let newest: Option<i64> = query_scalar("select max(withdrawal_id) from raw.withdrawals where restored_at is null")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    let statement = match rng.random_range(0..8) {
        0 => format!("call energy.continue_sensor({one}, {other})"),
        1 => format!("call energy.continue_sensor({one}, {other}, {from})"),
        2 => format!("call energy.set_sensor_validity({one}, {from}, {to})"),
        3 => format!("call energy.set_apartment_validity('a-test-house', 'flat-{flat}', {from}, {to})"),
        4 => format!("call energy.withdraw_readings(array[{one}, {other}], {from}, {to}, 'it was wrong')"),
        5 => format!("call energy.restore_readings({})", newest.unwrap_or(-1)),
        6 => format!(
            "update raw.sensors set settings = '{{\"jitter_h\": {}}}' where sensor_id = {one}",
            rng.random_range(0..9)
        ),
        _ => format!("insert into raw.apartments (building_id, apartment_id) values ('a-test-house', 'flat-{flat}')"),
    };
    let mut attempt = work.begin().await.unwrap();
    match attempt.execute(AssertSqlSafe(&*statement)).await {
        Ok(_) => attempt.commit().await.unwrap(),
        Err(error) => {
            let code = error.as_database_error().unwrap().code().unwrap().into_owned();
            assert!(["22023", "42704", "55000", "22000", "23505"].contains(&&*code), "{statement}: {error}");
            attempt.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn hours_equal_a_rebuild_in_any_order_of_topology_changes() {
    let mut postgres = as_role("postgres").await;
    for seed in 0..40_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut work = postgres.begin().await.unwrap();
        add_house(&mut work).await;
        learn_from_a_day(&mut work).await;
        if seed % 4 == 0 {
            work.execute(raw_sql(
                "insert into energy.configs (config, checksum)
                 select jsonb_set(energy.current_config(), '{quality,retired_after}', '\"30 hours\"'), ''",
            ))
            .await
            .unwrap();
        }
        let mut messages = said(&mut rng);
        if seed % 2 == 1 {
            messages.shuffle(&mut rng);
        } else {
            messages.sort();
        }
        let (mut received, mut rest) = (0, messages.as_slice());
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rng.random_range(1..=rest.len().min(120)));
            ingest(&mut work, batch, received).await;
            for _ in 0..rng.random_range(0..3) {
                change(&mut work, &mut rng).await;
            }
            if rng.random_bool(0.7) {
                refresh(&mut work).await;
            }
            if rng.random_bool(0.2) {
                learn(&mut work, received).await;
            }
            if rng.random_bool(0.4) {
                refresh_days(&mut work).await;
            }
            (rest, received) = (later, received + 15);
        }
        refresh(&mut work).await;
        refresh_days(&mut work).await;
        let kept: Vec<String> =
            query_scalar::<_, Option<Vec<String>>>(HOURS).fetch_one(&mut *work).await.unwrap().unwrap_or_default();
        let fresh = rebuilt(&mut work).await;
        assert!(kept.len() > 50, "{} hours", kept.len());
        let differ: Vec<_> = kept
            .iter()
            .filter(|row| !fresh.contains(row))
            .chain(fresh.iter().filter(|row| !kept.contains(row)))
            .take(6)
            .collect();
        assert!(kept == fresh, "seed {seed}: {} and {} rows, {differ:#?}", kept.len(), fresh.len());
        work.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn hours_equal_a_rebuild_with_concurrent_changes() {
    let copy = Throwaway::empty().await;
    dump_and_restore("edf", &copy.name, &["--extension=edf", "--exclude-schema=cron"]).await;
    let mut postgres = copy.connect().await;
    let empty = "truncate raw.meter_readings, energy.hours_due, energy.building_spans, energy.building_heard,
                     energy.sensor_spans,
        energy.apartment_hours, energy.measure_hours, energy.building_hours, energy.days_due, energy.apartment_days,
            energy.buildings_due";
    postgres.execute(empty).await.unwrap();
    postgres
        .execute(AssertSqlSafe(format!("alter database {} set energy.clock = '2017-07-29 05:00Z'", copy.name)))
        .await
        .unwrap();
    let mut postgres = copy.connect().await;
    add_house(&mut postgres).await;
    for round in 0..4_u64 {
        let session = |number: u64| {
            let name = copy.name.clone();
            async move {
                let mut rng = StdRng::seed_from_u64(100 * round + number);
                let mut connection = connect("postgres", &name).await;
                let mut messages = said(&mut rng);
                messages.shuffle(&mut rng);
                for (batch, part) in messages.chunks(60).enumerate() {
                    ingest(&mut connection, part, round as i64 * 600 + batch as i64).await;
                    match rng.random_range(0..4) {
                        0 => refresh(&mut connection).await,
                        1 => change(&mut connection, &mut rng).await,
                        2 => refresh_days(&mut connection).await,
                        _ => {}
                    }
                }
            }
        };
        tokio::join!(session(1), session(2), session(3));
        refresh(&mut postgres).await;
        is_as_rebuilt(&mut postgres).await;
    }
}

#[tokio::test]
async fn an_hourly_meter_is_not_offline_within_the_hour() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_flats(&mut work, &["a", "b"]).await;
    let mut messages = Vec::new();
    for hour in 0..=40 {
        messages.extend([message_at(hour * 60, "a", hour), message_at(hour * 60 + 40, "b", hour)]);
    }
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    // The last reading of a was at 40:00, of b at 40:40.
    assert_eq!(demand(&mut work, 38, 2).await, [Some(2.0), Some(2.0)]);
}

fn message_at(minute: i64, flat: &str, value: i64) -> String {
    told(minute, Some(flat), REGISTER, None, value as f64)
}
