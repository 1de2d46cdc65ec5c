//! A throwaway tower, `a-test-tower`, with five apartments of two rooms in a cold January, as hourly data.

use chrono::NaiveDate;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, raw_sql};

/// The building.
pub const TOWER: &str = "a-test-tower";

/// Adds it, with every hour from 8 January 2017 to noon UTC of the 21st, the time of the clock. Rooms are near their
/// setpoint of 21 degrees, every apartment uses 0.4 kWh of heat per hour and hot water during the day; outdoor
/// temperatures are 0 to 6 degrees.
pub async fn add_tower(work: &mut PgConnection) {
    work.execute(raw_sql(
        "set local energy.clock = '2017-01-21 12:00Z';
         insert into raw.weather_locations values ('a-test-hill', 47, 8);
         insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
         values ('a-test-tower', 'Tower', 'Europe/Zurich', 'CH-ZH', 47, 8, 'a-test-hill');
         insert into raw.apartments (building_id, apartment_id) select 'a-test-tower', 'f' || n
         from generate_series(1, 5) as n;
         insert into raw.sensors (building_id, apartment_id, sensor_type)
         select 'a-test-tower', 'f' || n, 'electricity_kwh_total' from generate_series(1, 5) as n;
         insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c)
         select 'a-test-hill', hour_at, hour_at + interval '1 hour', 3 + 3 * sin(extract(epoch from hour_at) / 13751)
         from generate_series('2016-12-20 00:00Z'::timestamptz, '2017-01-21 11:00Z', '1 hour') as hour_at;",
    ))
    .await
    .unwrap();
    fill(work, "2017-01-08 00:00Z", "2017-01-21 11:00Z").await;
}

/// Usual hours of all apartments.
pub async fn fill(work: &mut PgConnection, from: &str, to: &str) {
    let statement = format!(
        "insert into energy.building_spans values ('a-test-tower', '{from}', '{to}'::timestamptz + interval '1 hour')
         on conflict (building_id) do update set first_at = excluded.first_at, heard_at = excluded.heard_at;
         insert into energy.measure_hours
         select 'a-test-tower', 'f' || n, room_name, measures, hour_at,
             case measures
                 when 'setpoint' then 21
                 when 'heating' then 0.4
                 when 'hot_water' then
                     case when extract(hour from hour_at at time zone 'Europe/Zurich') between 6 and 22 then 5
                         else 0 end
                 -- All rooms differ.
                 else 20.8 + 0.5 * sin(extract(epoch from hour_at) / 13751 + n)
                     + case room_name when 'bath' then 0.3 else 0 end
             end, 'measured', hour_at + interval '1 hour'
         from generate_series(1, 5) as n
         cross join (values ('', 'heating'), ('', 'hot_water'), ('living', 'room_temperature'), ('living', 'setpoint'),
             ('bath', 'room_temperature'), ('bath', 'setpoint')) as kinds (room_name, measures)
         cross join generate_series('{from}'::timestamptz, '{to}', '1 hour') as hour_at"
    );
    work.execute(raw_sql(AssertSqlSafe(statement))).await.unwrap();
}

/// Sets the hours of one apartment (or all, with `%`) between two local times to an expression of `hour_at` and
/// `value`.
pub async fn say(work: &mut PgConnection, flat: &str, room: &str, measures: &str, from: &str, to: &str, value: &str) {
    let statement = format!(
        "update energy.measure_hours as hours
         set value = {value}, received_at = received_at + interval '1 minute'
         where building_id = 'a-test-tower' and apartment_id like '{flat}' and room_name like '{room}'
             and measures like '{measures}'
           and hour_at >= '{from}'::timestamp at time zone 'Europe/Zurich'
               and hour_at < '{to}'::timestamp at time zone 'Europe/Zurich'"
    );
    work.execute(raw_sql(AssertSqlSafe(statement))).await.unwrap();
}

/// Computes all its days.
pub async fn make_days(work: &mut PgConnection) {
    work.execute(raw_sql(
        "insert into energy.days_due (building_id, first_at, last_at)
         select building_id, first_at, heard_at from energy.building_spans where building_id = 'a-test-tower';
         call energy.refresh_apartment_days()",
    ))
    .await
    .unwrap();
    let failed: Option<String> =
        sqlx::query_scalar("select message from energy.job_runs where building_id = 'a-test-tower' limit 1")
            .fetch_optional(work)
            .await
            .unwrap();
    assert_eq!(failed, None);
}

/// Computes its days and scores those between two dates; returns the number of changed scores.
pub async fn score(work: &mut PgConnection, from: &str, to: &str) -> i64 {
    make_days(work).await;
    sqlx::query_scalar("select energy.score_days_of(array['a-test-tower'], $1::text::date, $2::text::date)")
        .bind(from)
        .bind(to)
        .fetch_one(work)
        .await
        .unwrap()
}

/// A score: whether it is an alarm, the score, a duration, and its evidence.
pub type Scored = (bool, f64, Option<f64>, Value);

/// The score of an apartment's day by a detector; `None` if the day is not known.
pub async fn scored(work: &mut PgConnection, flat: &str, date: &str, detector: &str) -> Option<Scored> {
    query_as(
        "select is_alarm, score, hours, evidence from energy.anomaly_scores
         where building_id = 'a-test-tower' and apartment_id = $1 and local_date = $2 and detector = $3",
    )
    .bind(flat)
    .bind(date.parse::<NaiveDate>().unwrap())
    .bind(detector)
    .fetch_optional(work)
    .await
    .unwrap()
}

/// Like [`scored`], for a day that must be known.
pub async fn known(work: &mut PgConnection, flat: &str, date: &str, detector: &str) -> Scored {
    scored(work, flat, date, detector).await.unwrap_or_else(|| panic!("{detector} has no score of {flat} on {date}"))
}

/// Alarms of the tower: apartment, date and detector.
pub async fn alarms(work: &mut PgConnection) -> Vec<(String, String, String)> {
    query_as(
        "select apartment_id, local_date::text, detector from energy.anomaly_scores
         where building_id = 'a-test-tower' and is_alarm order by 1, 2, 3",
    )
    .fetch_all(work)
    .await
    .unwrap()
}

/// Changes a setting of the configuration until the transaction ends.
pub async fn set(work: &mut PgConnection, path: &str, value: &str) {
    query(
        "insert into energy.configs (config, checksum)
         select jsonb_set(energy.current_config(), $1::text::text[], $2::text::jsonb), ''",
    )
    .bind(path)
    .bind(value)
    .execute(work)
    .await
    .unwrap();
}
