//! Units, labels and fill values are parsed and not assumed: input is converted, set to missing, or rejected with a
//! reason.
//!
//! Everything is rolled back.

use crate::jobs::{issuing, turn};
use edf_tests::{Throwaway, as_role};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query, query_as, query_scalar, raw_sql};

/// Two days of hours from 29 July 2017, with these units, values and offset.
fn weather(offset: i64, units: &Value, temperature: f64) -> String {
    let times: Vec<String> = (0..48).map(|hour| format!("2017-07-{}T{:02}:00", 29 + hour / 24, hour % 24)).collect();
    let hourly = json!({"time": times, "temperature_2m": vec![temperature; 48], "shortwave_radiation": vec![1.8; 48]});
    json!({"utc_offset_seconds": offset, "hourly_units": units, "hourly": hourly}).to_string()
}

async fn take(work: &mut PgConnection, document: &str) -> (i64, Option<String>, Option<String>) {
    query_as("call energy.ingest_weather_forecast($1, 'units', '2017-07-29 00:00Z', '2017-07-29 04:00Z')")
        .bind(document)
        .fetch_one(work)
        .await
        .unwrap()
}

#[tokio::test]
async fn weather_is_converted_to_the_columns_units() {
    let mut postgres = as_role("postgres").await;
    for (temperature, unit) in [(68.0, "°F"), (20.0, "°C"), (293.15, "K"), (20.0, "degC")] {
        let mut work = postgres.begin().await.unwrap();
        work.execute("insert into raw.weather_locations values ('units', 47, 8)").await.unwrap();
        let units = json!({"time": "iso8601", "temperature_2m": unit, "shortwave_radiation": "MJ/m²"});
        assert_eq!(take(&mut work, &weather(0, &units, temperature)).await, (49, None, None));
        let kept: Vec<(f64, f64)> = query_as(
            "select round(temperature_c::numeric, 6)::float8, round(ghi_w_m2::numeric, 6)::float8
             from raw.weather_forecasts
             where weather_location_id = 'units' and num_nulls(temperature_c, ghi_w_m2) = 0",
        )
        .fetch_all(&mut *work)
        .await
        .unwrap();
        assert_eq!(kept, [(20.0, 500.0); 47], "{unit}");
    }
}

#[tokio::test]
async fn weather_with_unknown_units_or_between_hours_is_rejected_with_the_accepted_ones() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute("insert into raw.weather_locations values ('units', 12.97, 77.59)").await.unwrap();
    for (offset, units, temperature, code, word) in [
        (0, json!({"temperature_2m": "°R"}), 20.0, "unknown_unit", "°F"),
        (0, json!({"temperature_2m": "W/m²"}), 20.0, "unknown_unit", "°F"),
        (0, json!({"time": "unixtime"}), 20.0, "unknown_unit", "iso8601"),
        (19_800, json!({}), 20.0, "off_hour", "UTC"),
        (-12_600, json!({}), 20.0, "off_hour", "UTC"),
        (20_700, json!({}), 20.0, "off_hour", "UTC"),
        (0, json!({}), 9.96921e36, "impossible_value", "temperature_2m"),
        (0, json!({"temperature_2m": "K"}), 20.0, "impossible_value", "20 K"),
    ] {
        let (hours, found, reason) = take(&mut work, &weather(offset, &units, temperature)).await;
        assert_eq!((hours, found.as_deref()), (0, Some(code)), "{offset} {units}: {reason:?}");
        assert!(reason.as_ref().is_some_and(|reason| reason.contains(word)), "{reason:?}");
    }
    let kept: i64 = query_scalar("select count(*) from raw.weather_forecasts where weather_location_id = 'units'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(kept, 0);
    // Offsets of whole hours are accepted.
    assert_eq!(take(&mut work, &weather(7200, &json!({}), 20.0)).await.0, 49);
}

async fn reach(work: &mut PgConnection) -> (Option<String>, Option<String>) {
    query_as(
        "select to_char(reaches_to at time zone 'UTC', 'DD HH24:MI'), ends_first
         from energy.weather_reach('units', '2017-07-29 05:00Z')",
    )
    .fetch_one(work)
    .await
    .unwrap()
}

fn ends(at: &str, series: &str) -> (Option<String>, Option<String>) {
    (Some(at.to_owned()), Some(series.to_owned()))
}

#[tokio::test]
async fn weather_extends_to_the_end_of_the_shortest_series_in_full_hours() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let fill = |since: &str, until: &str, column: &str, shift: &str| {
        format!(
            "insert into raw.weather_forecasts (weather_location_id, issued_at, valid_at, received_at, {column})
             select 'units', '2017-07-29 00:00Z', valid_at + interval '{shift}', '2017-07-29 04:00Z', 20
             from generate_series('{since}'::timestamptz, '{until}', '1 hour') as valid_at
             on conflict (weather_location_id, issued_at, valid_at) do update set {column} = excluded.{column}"
        )
    };
    work.execute("insert into raw.weather_locations values ('units', 47, 8)").await.unwrap();
    assert_eq!(reach(&mut work).await, (None, None));
    work.execute(raw_sql(sqlx::AssertSqlSafe(fill(
        "2017-07-29 00:00Z",
        "2017-08-01 23:00Z",
        "temperature_c",
        "30 minutes",
    ))))
    .await
    .unwrap();
    assert_eq!(reach(&mut work).await, (None, None), "hours that no forecast reads");
    work.execute(raw_sql(sqlx::AssertSqlSafe(fill("2017-07-29 00:00Z", "2017-07-31 23:00Z", "temperature_c", "0"))))
        .await
        .unwrap();
    assert_eq!(reach(&mut work).await, ends("01 00:00", "all"), "a place without radiation");
    work.execute(raw_sql(sqlx::AssertSqlSafe(fill("2017-07-29 00:00Z", "2017-07-30 11:00Z", "ghi_w_m2", "0"))))
        .await
        .unwrap();
    assert_eq!(reach(&mut work).await, ends("30 12:00", "ghi_w_m2"));
    work.execute(raw_sql(sqlx::AssertSqlSafe(fill("2017-07-29 00:00Z", "2017-08-02 23:00Z", "ghi_w_m2", "0"))))
        .await
        .unwrap();
    assert_eq!(reach(&mut work).await, ends("01 00:00", "temperature_c"));
    work.execute(
        "update raw.weather_forecasts set temperature_c = null
         where weather_location_id = 'units' and valid_at >= '2017-07-29 05:00Z'",
    )
    .await
    .unwrap();
    assert_eq!(reach(&mut work).await, ends("29 05:00", "temperature_c"), "it was there yesterday");
}

#[tokio::test]
async fn a_forecast_waits_for_a_weather_series_that_ends_early_and_reports_the_time() {
    let (_turn, _) = turn().await;
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(raw_sql(
        "delete from energy.forecasts; delete from energy.forecast_slots;
         update raw.weather_forecasts set temperature_c = null where valid_at >= '2017-07-30 07:00Z'",
    ))
    .await
    .unwrap();
    let slot = Some("2017-07-29 05:00Z");
    work.execute(issuing(slot)).await.unwrap();
    let status: String = query_scalar("select status from energy.forecast_slots where building_id = 'homes-1-4'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(status, "waiting");
    work.execute("set local energy.clock = '2017-07-29 08:00Z'").await.unwrap();
    work.execute(issuing(slot)).await.unwrap();
    let short: (i64, bool) = query_as(
        "select count(*), min(valid_at) = '2017-07-30 07:00Z' from energy.forecasts
         where building_id = 'homes-1-4' and 'weather_short' = any (quality_reasons)",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(short, (46, true));
}

#[tokio::test]
async fn a_fill_value_is_missing_and_does_not_affect_other_hours() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    analyst
        .execute(raw_sql(
            "create table load as
             select at, 8 + 3 * sin(extract(hour from at)::float8 / 24 * 2 * pi()) + 0.3 * greatest(0, 15 - c) as kwh,
                 c as temperature_c,
                 case when extract(doy from at) in (20, 40) then 3.0 else 0.0 end as rain_mm
             from generate_series('2026-01-01 00:00Z'::timestamptz, '2026-03-02 23:00Z', '1 hour') as at
             cross join lateral (select 5 + 4 * sin(extract(doy from at)::float8 / 9) as c) as weather",
        ))
        .await
        .unwrap();
    let error = "select sqrt(avg((yhat - kwh) ^ 2)) from edf.forecast('load', 'select * from load', '24 hours',
                     '2026-03-02 00:00Z')
                 join load on at = valid_at where at <> '2026-03-02 12:00Z'";
    for strategy in ["lear", "xgboost"] {
        for (column, fill) in
            [("temperature_c", "1e20"), ("temperature_c", "-9999"), ("rain_mm", "9.96921e36"), ("rain_mm", "-32768")]
        {
            let mut work = analyst.begin().await.unwrap();
            let spoil = format!("update load set {column} = {fill} where at = '2026-02-10 12:00Z'");
            work.execute(sqlx::AssertSqlSafe(spoil)).await.unwrap();
            let train = "select edf.approve_model(edf.train('load', $$select * from load
                         where at < '2026-03-02 00:00Z'$$, $1,
                             case $1 when 'xgboost' then '{\"rounds\": 20}'
                                 else '{}' end::jsonb, horizon => '24 hours'))";
            query(train).bind(strategy).execute(&mut *work).await.unwrap();
            let before: f64 = query_scalar(error).fetch_one(&mut *work).await.unwrap();
            let ahead = format!("update load set {column} = {fill} where at = '2026-03-02 12:00Z'");
            work.execute(sqlx::AssertSqlSafe(ahead)).await.unwrap();
            let after: f64 = query_scalar(error).fetch_one(&mut *work).await.unwrap();
            assert!((after - before).abs() < 0.05, "{strategy}, {column} = {fill}: {before} became {after}");
        }
    }
}

/// Hourly readings of a register from 10 July 2017: (hours since, value, unit).
fn readings(rows: &[(i64, f64, Option<&str>)]) -> Value {
    let start: chrono::DateTime<chrono::Utc> = "2017-07-10T00:00:00Z".parse().unwrap();
    let message = |(hour, value, unit): &(i64, f64, Option<&str>)| {
        let mut reading =
            json!({"sensor_type": "electricity_kwh_total", "value": value, "room_name": "a test of units"});
        if let Some(unit) = unit {
            reading["unit"] = json!(unit);
        }
        json!({"timestamp_str": (start + chrono::TimeDelta::hours(*hour)).to_rfc3339(), "building_id": "homes-9-13",
               "apartment_id": "home-9", "readings": [reading]})
    };
    rows.iter().map(message).collect()
}

/// Ingests them; returns the stored values in time order, and the codes of the rejections.
async fn kept(work: &mut PgConnection, batches: &[Value]) -> (Vec<f64>, Vec<String>) {
    for batch in batches {
        query("call energy.ingest_meter_messages($1::jsonb, '2017-07-29 05:00Z')")
            .bind(batch)
            .execute(&mut *work)
            .await
            .unwrap();
    }
    let values = "select round(value::numeric, 6)::float8 from raw.meter_readings join raw.sensors using (sensor_id)
                  where room_name = 'a test of units' order by read_at";
    let codes =
        "select reason_code from raw.rejected_messages where message like '%a test of units%' order by rejected_id";
    (
        query_scalar(values).fetch_all(&mut *work).await.unwrap(),
        query_scalar(codes).fetch_all(&mut *work).await.unwrap(),
    )
}

#[tokio::test]
async fn a_reading_is_converted_from_its_unit_and_one_of_another_quantity_is_rejected() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let rows = [
        (0, 1000.0, None),
        (1, 1001.0, Some("kWh")),
        (2, 1_002_000.0, Some("Wh")),
        (3, 1.003, Some("MWh")),
        (4, 3614.4, Some("MJ")),
        (5, 21.0, Some("°C")),
        (6, 1005.0, Some("kvarh")),
    ];
    let (values, codes) = kept(&mut work, &[readings(&rows)]).await;
    assert_eq!(values, [1000.0, 1001.0, 1002.0, 1003.0, 1004.0]);
    assert_eq!(codes, ["unknown_unit"; 2]);
    // An unknown sensor type has no unit, so any is accepted, converted to one unit per quantity.
    let unknown = json!([{"timestamp_str": "2017-07-10T00:00:00Z", "building_id": "homes-9-13", "readings": [
        {"sensor_type": "units_a", "value": 1500, "unit": "Wh"},
        {"sensor_type": "units_b", "value": 400, "unit": "ppm"}]}]);
    kept(&mut work, &[unknown]).await;
    let taken: Vec<f64> = query_scalar(
        "select value from raw.meter_readings join raw.sensors using (sensor_id)
         where sensor_type like 'units__' order by sensor_type",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(taken, [1.5, 400.0]);
}

#[tokio::test]
async fn an_undeclared_change_of_unit_is_rejected_until_it_is_reverted() {
    let mut postgres = as_role("postgres").await;
    let row = |hour: i64, value: f64| (hour, value, None);
    let kilo = [row(0, 1200.0), row(1, 1200.4), row(2, 1200.9)];
    let watt = [row(3, 1_201_300.0), row(4, 1_201_700.0), row(5, 1_202_200.0)];
    let back = [row(6, 1202.6), row(7, 1203.0)];
    let mega = [row(3, 1.2013), row(4, 1.2017), row(5, 1.2022)];
    let good = [1200.0, 1200.4, 1200.9, 1202.6, 1203.0];
    for other in [watt, mega] {
        for together in [true, false] {
            let mut work = postgres.begin().await.unwrap();
            let batches = match together {
                true => vec![readings(&[&kilo[..], &other, &back].concat())],
                false => [&kilo[..], &other[..1], &other[1..], &back].map(readings).to_vec(),
            };
            let (values, codes) = kept(&mut work, &batches).await;
            assert_eq!((values, codes), (good.to_vec(), vec!["wrong_unit".to_owned(); 3]), "together: {together}");
        }
    }
    // The unit is declared, and the readings are accepted after all.
    let mut work = postgres.begin().await.unwrap();
    kept(&mut work, &[readings(&kilo), readings(&watt)]).await;
    let fix = "do $$ declare id bigint; text text; begin
                   for id, text in select rejected_id, replace(message, '\"value\"', '\"unit\": \"Wh\", \"value\"')
                   from raw.rejected_messages
                                   where message like '%a test of units%' loop
                       call energy.replay_rejected(array[id], text);
                   end loop; end $$";
    work.execute(fix).await.unwrap();
    assert_eq!(kept(&mut work, &[]).await.0, [1200.0, 1200.4, 1200.9, 1201.3, 1201.7, 1202.2]);
}

#[tokio::test]
async fn replacements_spikes_and_new_registers_are_not_changes_of_unit() {
    let mut postgres = as_role("postgres").await;
    let row = |hour: i64, value: f64| (hour, value, None);
    for rows in [
        // Replaced by one that starts at zero.
        vec![row(0, 50_000.0), row(1, 50_001.0), row(2, 0.4), row(3, 1.0), row(4, 1.9)],
        // A spike, and a zero.
        vec![row(0, 1200.0), row(1, 900_000.0), row(2, 1200.9), row(3, 0.0), row(4, 1201.0)],
        // A new register.
        vec![row(0, 0.0), row(1, 0.004), row(2, 0.5), row(3, 30.0)],
        // A connection of 1000 kW allows a factor of one thousand from one kilowatt hour in ten hours.
        vec![row(0, 1.0), row(20, 1100.0)],
    ] {
        let mut work = postgres.begin().await.unwrap();
        let expected: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let wide = "call energy.load_config(jsonb_set(energy.current_config(),
                        '{meters,electricity_kwh_total,settings,max_kw}', '1000'))";
        work.execute(wide).await.unwrap();
        assert_eq!(kept(&mut work, &[readings(&rows)]).await, (expected, vec![]), "{rows:?}");
    }
}
