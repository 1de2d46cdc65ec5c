//! Measures of apartments besides electricity: heat, hot water, rooms, and others from the configuration, as hours and
//! days with the same rules.

use crate::house::{
    DAY, add_house, demand, ingest, learn, learn_from_a_day, refresh, refresh_days, sensed, sensor, told,
};
use edf_tests::{Api, Throwaway, as_role, dump_and_restore};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};

/// A tablet's message as it is sent, and a later one.
const LINES: &str = include_str!("tablet.jsonl");

/// A copy of the database with the message's building, on the day after.
async fn with_building() -> (Throwaway, PgConnection) {
    let copy = Throwaway::empty().await;
    dump_and_restore("edf", &copy.name, &["--extension=edf", "--exclude-schema=cron"]).await;
    let set = format!("alter database {} set energy.clock = '2024-10-28 06:00Z'", copy.name);
    copy.connect().await.execute(AssertSqlSafe(set)).await.unwrap();
    let mut postgres = copy.connect().await;
    postgres
        .execute(raw_sql(
            "insert into raw.buildings select 'bldg_A123', 'A', 'Europe/Zurich', region, latitude, longitude,
                 weather_location_id
             from raw.buildings limit 1;
             insert into raw.apartments (building_id, apartment_id) values ('bldg_A123', 'apt_404');
             insert into energy.building_access values ('tablet', 'bldg_A123')",
        ))
        .await
        .unwrap();
    (copy, postgres)
}

/// Resets the database to before the messages.
const FORGET: &str = "
    reset role;
    delete from energy.sensor_spans using raw.sensors
    where sensors.sensor_id = sensor_spans.sensor_id and building_id = 'bldg_A123';
    delete from raw.meter_readings using raw.sensors
    where sensors.sensor_id = meter_readings.sensor_id and building_id = 'bldg_A123';
    delete from raw.sensors where building_id = 'bldg_A123';
    delete from energy.measure_hours where building_id = 'bldg_A123';
    delete from energy.apartment_days where building_id = 'bldg_A123';
    delete from energy.building_spans where building_id = 'bldg_A123';
    delete from energy.building_heard where building_id = 'bldg_A123';
    delete from energy.days_due where building_id = 'bldg_A123'";

/// Every measured hour and day of the building, as text.
async fn measured(postgres: &mut PgConnection) -> Vec<String> {
    query_scalar(
        "select concat_ws(' ', to_char(hour_at at time zone 'UTC', 'HH24'), measures, nullif(room_name, ''),
             round(value::numeric, 3), quality)
         from energy.measure_hours where building_id = 'bldg_A123' and apartment_id = 'apt_404'
         union all
         select concat_ws(' ', local_date, room_temperature_c, setpoint_c, setpoint_difference_c)
         from energy.apartment_days where building_id = 'bldg_A123' and apartment_id = 'apt_404'
         order by 1",
    )
    .fetch_all(postgres)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_tablets_message_becomes_hours_and_days_on_every_ingestion_path() {
    let expected = [
        "10 heating missing",
        "10 hot_water missing",
        "10 room_temperature living_room 21.500 interpolated",
        "10 setpoint living_room 22.000 interpolated",
        "11 heating 1.000 measured",
        "11 hot_water 0.000 measured",
        "11 room_temperature living_room 21.500 measured",
        "11 setpoint living_room 22.000 measured",
        "2024-10-27 21.5 22 -0.5",
    ];
    let lines: Vec<&str> = LINES.lines().collect();
    let documents: Value = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    let (copy, mut postgres) = with_building().await;
    for door in ["text", "json", "rows", "lines", "file", "http"] {
        postgres.execute(raw_sql(FORGET)).await.unwrap();
        let at = "'2024-10-27 12:01Z'";
        // Each with the role it is for.
        postgres.execute("set role pipeline").await.unwrap();
        match door {
            "text" => {
                let call = format!("call energy.ingest_meter_messages($1::text[], {at})");
                query(AssertSqlSafe(call)).bind(&lines[..]).execute(&mut postgres).await.unwrap();
            }
            "json" => {
                let call = format!("call energy.ingest_meter_messages($1::jsonb, {at})");
                query(AssertSqlSafe(call)).bind(&documents).execute(&mut postgres).await.unwrap();
            }
            "rows" => {
                let call = format!("select * from energy.take_meter_messages($1::text[], {at})");
                query(AssertSqlSafe(call)).bind(&lines[..]).execute(&mut postgres).await.unwrap();
            }
            "lines" => {
                let call = format!("select * from energy.take_meter_lines($1, {at})");
                query(AssertSqlSafe(call)).bind(LINES).execute(&mut postgres).await.unwrap();
            }
            "file" => {
                let copy_in =
                    r"copy raw.meter_inbox (message) from stdin with (format csv, delimiter e'\x01', quote e'\x02')";
                let mut file = postgres.copy_in_raw(copy_in).await.unwrap();
                file.send(LINES.as_bytes()).await.unwrap();
                file.finish().await.unwrap();
                postgres.execute("call energy.ingest_meter_inbox()").await.unwrap();
            }
            _ => {
                let api = Api::of(&copy).await;
                let sent = api.post("rpc/ingest_meter_messages", "tablet", "gateway");
                let answer = sent.json(&json!({ "messages": documents })).send().await.unwrap();
                let taken: Value = answer.json().await.unwrap();
                assert_eq!((&taken["readings_taken"], &taken["messages_rejected"]), (&json!(8), &json!(0)), "{taken}");
            }
        }
        refresh(&mut postgres).await;
        refresh_days(&mut postgres).await;
        assert_eq!(measured(&mut postgres).await, expected, "{door}");
    }
}

/// Loads the configuration with a change, for the transaction.
async fn configure(work: &mut PgConnection, change: &str) {
    let load = format!(
        "insert into energy.configs (config, checksum) select {} , ''",
        change.replace("CONFIG", "energy.current_config()")
    );
    work.execute(AssertSqlSafe(load)).await.unwrap();
}

/// Hours of one measure of an apartment: value and quality.
async fn hours_of(work: &mut PgConnection, apartment: &str, measures: &str) -> Vec<(Option<f64>, String)> {
    query_as(
        "select round(value::numeric, 6)::float8, quality::text from energy.measure_hours
         where building_id = 'a-test-house' and (apartment_id, measures) = ($1, $2) order by hour_at",
    )
    .bind(apartment)
    .bind(measures)
    .fetch_all(work)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_new_measure_only_needs_an_entry_in_the_configuration() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let cold = r#"{"kind": "register", "measures": "cold_water", "unit": "m3", "min_value": 0, "max_value": 1e6,
                   "settings": {"jitter_kwh": 0.01, "max_kw": 4}}"#;
    // The validating function.
    let load =
        format!("call energy.load_config(jsonb_set(energy.current_config(), '{{meters,cold_water_m3}}', '{cold}'))");
    work.execute(AssertSqlSafe(load)).await.unwrap();
    let unit: (String, String, bool, bool) =
        query_as("select kind, unit, is_demand, is_kept_apart from energy.measures where measures = 'cold_water'")
            .fetch_one(&mut *work)
            .await
            .unwrap();
    assert_eq!(unit, ("register".to_owned(), "m3".to_owned(), false, true));
    // 40 L per hour, partly reported in litres.
    let mut messages: Vec<_> =
        (0..=6).map(|hour| sensed(hour * 60, 1, "cold_water_m3", 100.0 + 0.04 * hour as f64)).collect();
    messages[3] = messages[3].replace(r#""value": 100.12"#, r#""value": 100120, "unit": "L""#);
    assert!(messages[3].contains("100120"), "{}", messages[3]);
    // More than the connection allows in the elapsed time.
    messages.push(sensed(7 * 60, 1, "cold_water_m3", 105.0));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    let mut expected = vec![(Some(0.04), "measured".to_owned()); 6];
    expected.push((None, "missing".to_owned()));
    assert_eq!(hours_of(&mut work, "flat-1", "cold_water").await, expected);
    let demand: i64 = query_scalar("select count(*) from energy.apartment_hours where building_id = 'a-test-house'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(demand, 0, "water is no demand");
}

#[tokio::test]
async fn jitter_and_the_hourly_maximum_are_in_the_registers_unit() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    // A decrease of one litre is jitter of hot water; ten thousand within an hour exceed the maximum of 6,000.
    let values = [500.0, 550.0, 549.2, 560.0, 10_560.0, 10_570.0];
    let messages: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(hour, value)| sensed(hour as i64 * 60, 1, "hot_water_litres", *value))
        .collect();
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    let measured = |value| (Some(value), "measured".to_owned());
    let missing = (None, "missing".to_owned());
    let found = hours_of(&mut work, "flat-1", "hot_water").await;
    assert_eq!(found, [measured(50.0), measured(0.0), measured(10.0), missing, measured(10.0)]);
}

#[tokio::test]
async fn demand_is_electricity_or_heat_or_both_as_configured() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    work.execute("delete from raw.apartments where building_id = 'a-test-house' and apartment_id <> 'flat-1'")
        .await
        .unwrap();
    let mut messages = Vec::new();
    for hour in 0..=24 {
        messages.push(sensed(hour * 60, 1, "electricity_kwh_total", hour as f64));
        messages.push(sensed(hour * 60, 1, "heating_energy_kwh", 3.0 * hour as f64));
        messages.push(sensed(hour * 60, 1, "hot_water_litres", 20.0 * hour as f64));
    }
    ingest(&mut work, &messages, 0).await;
    let apart = "select array_agg(distinct measures order by measures) from energy.measure_hours
                 where building_id = 'a-test-house'";
    for (measures, kwh, kept_apart) in [
        (r#"["heating"]"#, 3.0, &["consumption", "heating", "hot_water"][..]),
        (r#"["consumption", "heating"]"#, 4.0, &["consumption", "heating", "hot_water"]),
        (r#"["consumption"]"#, 1.0, &["heating", "hot_water"]),
    ] {
        configure(&mut work, &format!("jsonb_set(CONFIG, '{{demand}}', '{{\"measures\": {measures}}}')")).await;
        // As after a change of the topology: removes hours that are no longer separate.
        work.execute("insert into energy.buildings_due values ('a-test-house')").await.unwrap();
        refresh(&mut work).await;
        assert_eq!(demand(&mut work, 0, 24).await, [Some(kwh); 24], "{measures}");
        let found: Vec<String> = query_scalar(apart).fetch_one(&mut *work).await.unwrap();
        assert_eq!(found, kept_apart, "{measures}");
    }
    // A configuration from before the section existed.
    configure(&mut work, "CONFIG - 'demand'").await;
    work.execute("call energy.refresh_building_hours('-infinity')").await.unwrap();
    assert_eq!(demand(&mut work, 0, 24).await, [Some(1.0); 24]);
}

#[tokio::test]
async fn heat_meters_have_validity_and_renamed_ones_continue_a_series() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    const HEAT: &str = "heating_energy_kwh";
    let of_room = |from: i64, to: i64, room: &str, step: f64| {
        (from..=to)
            .map(|hour| told(hour * 60, Some("flat-1"), HEAT, Some(room), step * hour as f64))
            .collect::<Vec<_>>()
    };
    // The whole apartment, a bathroom metered separately from noon on, and a hall whose meter is renamed.
    let messages = [
        of_room(0, 48, "main", 1.0),
        of_room(12, 48, "bath", 2.0),
        of_room(0, 20, "hall", 4.0),
        of_room(23, 48, "Hall", 4.0),
    ];
    ingest(&mut work, &messages.concat(), 0).await;
    refresh(&mut work).await;
    let later = sensor(&mut work, "flat-1", HEAT, "Hall").await;
    let hall = sensor(&mut work, "flat-1", HEAT, "hall").await;
    let bath = sensor(&mut work, "flat-1", HEAT, "bath").await;
    let found: Vec<_> = hours_of(&mut work, "flat-1", "heating").await.into_iter().map(|hour| hour.0).collect();
    assert_eq!((found[0], found[11], found[12], found[40]), (Some(5.0), Some(5.0), Some(7.0), Some(7.0)), "{found:?}");
    work.execute(AssertSqlSafe(format!("call energy.continue_sensor({hall}, {later})"))).await.unwrap();
    work.execute(AssertSqlSafe(format!("call energy.set_sensor_validity({bath}, null, '2017-07-11')"))).await.unwrap();
    refresh(&mut work).await;
    let found: Vec<_> = hours_of(&mut work, "flat-1", "heating").await.into_iter().map(|hour| hour.0).collect();
    // The hall's consumption between the two names belongs to the last sample before the new one.
    let of_hall = |hour| match hour {
        20 | 21 => 0.0,
        22 => 12.0,
        _ => 4.0,
    };
    let of_bath = |hour| if (12..24).contains(&hour) { 2.0 } else { 0.0 };
    let expected: Vec<_> = (0..48).map(|hour| Some(1.0 + of_hall(hour) + of_bath(hour))).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn hours_of_a_room_are_removed_when_its_first_readings_are_withdrawn() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let mut messages: Vec<_> =
        (0..=72).map(|hour| sensed(hour * 60, 1, "electricity_kwh_total", hour as f64)).collect();
    messages.extend((0..=72).map(|hour| told(hour * 60, Some("flat-2"), "room_temp_c", Some("bath"), 20.0)));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    refresh_days(&mut work).await;
    assert_eq!(hours_of(&mut work, "flat-2", "room_temperature").await.len(), 72);
    let room = sensor(&mut work, "flat-2", "room_temp_c", "bath").await;
    let withdraw = format!(
        "call energy.withdraw_readings(array[{room}], '2017-07-01', '2017-07-12 12:00Z', 'it lay in a drawer')"
    );
    work.execute(AssertSqlSafe(withdraw)).await.unwrap();
    refresh_days(&mut work).await;
    assert_eq!(hours_of(&mut work, "flat-2", "room_temperature").await.len(), 12);
    let days: Vec<String> = query_scalar(
        "select local_date::text from energy.apartment_days
         where building_id = 'a-test-house' and apartment_id = 'flat-2' order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(days, ["2017-07-12"], "and so do its days");
    // All readings: no hours remain.
    let withdraw =
        format!("call energy.withdraw_readings(array[{room}], '2017-07-01', '2017-08-01', 'it lay in a drawer')");
    work.execute(AssertSqlSafe(withdraw)).await.unwrap();
    refresh_days(&mut work).await;
    let left: i64 = query_scalar(
        "select (select count(*) from energy.measure_hours where building_id = 'a-test-house')
             + (select count(*) from energy.apartment_days
             where building_id = 'a-test-house' and apartment_id = 'flat-2')",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_long_gap_of_a_heat_meter_is_distributed_by_the_heating_profile() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    learn_from_a_day(&mut work).await;
    // Heat in the evening only, reported hourly, and a gap of two days.
    let mut value = 0.0;
    let mut messages = Vec::new();
    for hour in 0..=8 * 24 {
        if !(72..120).contains(&hour) {
            messages.push(sensed(hour * 60, 1, "heating_energy_kwh", value));
        }
        messages.push(sensed(hour * 60, 1, "electricity_kwh_total", hour as f64));
        value += if (hour + 24 - 8) % 24 == 18 { 6.0 } else { 0.0 };
    }
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    let even = hours_of(&mut work, "flat-1", "heating").await;
    assert_eq!(even[100], (Some(round(12.0 / 49.0)), "estimated".to_owned()), "{even:?}");
    learn(&mut work, DAY).await;
    let learnt = hours_of(&mut work, "flat-1", "heating").await;
    let most: Vec<usize> = (72..119).filter(|hour| learnt[*hour].0.unwrap() > 1.0).collect();
    assert_eq!(most, [74, 98], "{learnt:?}");
    let profiles: Vec<String> =
        query_scalar("select measures from energy.gap_profiles where building_id = 'a-test-house' order by 1")
            .fetch_all(&mut *work)
            .await
            .unwrap();
    assert_eq!(profiles, ["consumption", "heating"]);
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[tokio::test]
async fn a_rebuild_restores_measured_hours_and_removes_those_without_a_sensor() {
    let (_copy, mut postgres) = with_building().await;
    let lines: Vec<&str> = LINES.lines().collect();
    query("call energy.ingest_meter_messages($1::text[], '2024-10-27 12:01Z')")
        .bind(&lines[..])
        .execute(&mut postgres)
        .await
        .unwrap();
    refresh(&mut postgres).await;
    refresh_days(&mut postgres).await;
    let before = measured(&mut postgres).await;
    postgres
        .execute(raw_sql(
            "delete from energy.measure_hours where building_id = 'bldg_A123' and measures = 'heating';
             insert into energy.measure_hours values
             -- Of a type that is no longer configured, and of an apartment that was loaded without meters.
             ('bldg_A123', 'apt_404', '', 'steam', '2024-10-27 11:00Z', 7, 'measured', '2024-10-27 12:01Z'),
             ('bldg_A123', 'apt_405', '', 'steam', '2024-10-27 11:00Z', 7, 'measured', '2024-10-27 12:01Z')",
        ))
        .await
        .unwrap();
    postgres.execute("set role pipeline").await.unwrap();
    postgres.execute("call energy.rebuild_building_hours('{bldg_A123}')").await.unwrap();
    refresh_days(&mut postgres).await;
    assert_eq!(measured(&mut postgres).await, before);
    let loaded: i64 = query_scalar("select count(*) from energy.measure_hours where apartment_id = 'apt_405'")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!(loaded, 1);
}
