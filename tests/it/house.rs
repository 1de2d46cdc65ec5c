//! A throwaway building, `a-test-house` with three apartments: its readings and their times of receipt.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, query, raw_sql};

/// Minutes per day.
pub const DAY: i64 = 24 * 60;

/// Adds it; its time zone is UTC-8.
pub async fn add_house(work: &mut PgConnection) {
    work.execute(raw_sql(
        "insert into raw.buildings select 'a-test-house', 'House', time_zone, region, latitude, longitude,
             weather_location_id
         from raw.buildings limit 1;
         insert into raw.apartments select 'a-test-house', 'flat-' || n from generate_series(1, 3) as n",
    ))
    .await
    .unwrap();
}

/// A reading of an apartment's register, `minute` minutes into 10 July 2017.
pub fn message(minute: i64, apartment: usize, value: f64) -> String {
    sensed(minute, apartment, "electricity_kwh_total", value)
}

/// A reading of any sensor.
pub fn sensed(minute: i64, apartment: usize, sensor_type: &str, value: f64) -> String {
    let at: DateTime<Utc> = "2017-07-10T00:00:00Z".parse().unwrap();
    let at = (at + TimeDelta::minutes(minute)).to_rfc3339();
    format!(
        r#"{{"timestamp_str": "{at}", "building_id": "a-test-house", "apartment_id": "flat-{apartment}",
            "readings": [{{"sensor_type": "{sensor_type}", "value": {value}}}]}}"#
    )
}

/// Ingests messages as received `received` minutes into 20 July 2017.
pub async fn ingest(work: &mut PgConnection, messages: &[String], received: i64) {
    query("call energy.ingest_meter_messages($1::text[], '2017-07-20 00:00Z'::timestamptz + $2 * interval '1 minute')")
        .bind(messages)
        .bind(received as f64)
        .execute(work)
        .await
        .unwrap();
}

/// Refreshes the hours.
pub async fn refresh(work: &mut PgConnection) {
    work.execute("call energy.refresh_building_hours()").await.unwrap();
}

/// Refreshes the days.
pub async fn refresh_days(work: &mut PgConnection) {
    work.execute("call energy.refresh_apartment_days()").await.unwrap();
}

/// Learns the gap profile from data received by `received` minutes into 20 July 2017.
pub async fn learn(work: &mut PgConnection, received: i64) {
    query(
        "call energy.learn_gap_profiles(array['a-test-house'],
             '2017-07-20 00:00Z'::timestamptz + $1 * interval '1 minute')",
    )
    .bind(received as f64)
    .execute(work)
    .await
    .unwrap();
}

/// Lets a profile be learned from the few days of a test.
pub async fn learn_from_a_day(work: &mut PgConnection) {
    work.execute(raw_sql(
        "insert into energy.configs (config, checksum)
         select jsonb_set(energy.current_config(), '{quality,profile_min_days}', '1'), ''",
    ))
    .await
    .unwrap();
}

/// Apartment 1 uses one kWh per hour, and four from 18:00 to 19:00 local time; from day `gap_day` on, `gap_days` days
/// have no readings except at their end.
pub fn evenings(days: i64, gap_day: i64, gap_days: i64) -> Vec<String> {
    let mut value = 0.0;
    let mut messages = vec![message(0, 1, value)];
    for hour in 0..days * 24 {
        // The house is in UTC-8.
        value += if (hour + 24 - 8) % 24 == 18 { 4.0 } else { 1.0 };
        let told = hour + 1;
        if told <= gap_day * 24 || told >= (gap_day + gap_days) * 24 {
            messages.push(message(told * 60, 1, value));
        }
    }
    messages
}

/// A reading of a sensor in a room, or of the building if there is no apartment.
pub fn told(minute: i64, apartment: Option<&str>, sensor_type: &str, room: Option<&str>, value: f64) -> String {
    let at: DateTime<Utc> = "2017-07-10T00:00:00Z".parse().unwrap();
    let mut message = serde_json::json!({
        "timestamp_str": (at + TimeDelta::minutes(minute)).to_rfc3339(), "building_id": "a-test-house",
        "readings": [{"sensor_type": sensor_type, "value": value}]});
    if let Some(apartment) = apartment {
        message["apartment_id"] = apartment.into();
    }
    if let Some(room) = room {
        message["readings"][0]["room_name"] = room.into();
    }
    message.to_string()
}

/// The sensor of a room in an apartment; empty names mean NULL.
pub async fn sensor(work: &mut PgConnection, apartment: &str, sensor_type: &str, room: &str) -> i64 {
    sqlx::query_scalar(
        "select sensor_id from raw.sensors where building_id = 'a-test-house'
             and (apartment_id, sensor_type, room_name) = ($1, $2, $3)",
    )
    .bind(apartment)
    .bind(sensor_type)
    .bind(room)
    .fetch_one(work)
    .await
    .unwrap()
}

/// Hourly consumption of the building from `from_hour` hours into 10 July.
pub async fn demand(work: &mut PgConnection, from_hour: i64, hours: i64) -> Vec<Option<f64>> {
    sqlx::query_scalar(
        "select round(consumption_kwh::numeric, 9)::float8
         from generate_series($1, $1 + $2 - 1) as n
         left join energy.building_hours on building_id = 'a-test-house'
             and hour_at = '2017-07-10 00:00Z'::timestamptz + n * interval '1 hour'
         order by n",
    )
    .bind(from_hour)
    .bind(hours)
    .fetch_all(work)
    .await
    .unwrap()
}
