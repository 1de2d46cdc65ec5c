//! Throwaway buildings with scored apartments: `block` with ten apartments, `villa` with two.

use crate::storage::{deployed, run};
use edf_tests::{Throwaway, configure};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_scalar};

/// Day `n` of the test, a date in March 2026; the clock is at noon of the 28th.
pub fn date(n: u32) -> String {
    format!("2026-03-{n:02}")
}

/// The buildings, with every apartment known and without alarms from 1 to 27 March.
pub async fn block() -> (Throwaway, PgConnection) {
    let (database, mut postgres) = deployed().await;
    let clock = format!("alter database {} set energy.clock = '2026-03-28 12:00Z'", database.name);
    postgres.execute(AssertSqlSafe(clock)).await.unwrap();
    run(
        &mut postgres,
        "set energy.clock = '2026-03-28 12:00Z';
         insert into raw.weather_locations values ('here', 47, 8);
         insert into raw.buildings
             (building_id, name, time_zone, region, latitude, longitude, weather_location_id, archetype)
         values ('block', 'Block', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here', 'flats'),
             ('villa', 'Villa', 'Europe/Zurich', 'CH-ZH', 47, 8, 'here', 'houses');
         insert into raw.apartments (building_id, apartment_id)
         select 'block', 'flat-' || n from generate_series(1, 10) as n
         union all select 'villa', 'flat-' || n from generate_series(1, 2) as n;
         insert into energy.anomaly_scores
             (building_id, apartment_id, local_date, detector, score, is_alarm, config_id, known_at)
         select building_id, apartment_id, at::date, detector, 0, false, energy.current_config_id(),
             at + interval '30 hours'
         from raw.apartments
         cross join generate_series('2026-03-01Z'::timestamptz, '2026-03-27Z', '1 day') as at
         cross join unnest(array['stuck_valve', 'silent_sensor', 'open_window']) as detector",
    )
    .await;
    // For so few apartments the default budget would be one alert a week.
    configure(&mut postgres, "anomaly_alerts,budget", "100").await;
    (database, postgres)
}

/// Inserts a detector's score of an apartment of `block` (or of the block itself, if empty) on a day of March; an alarm
/// from 0.5.
pub async fn says(postgres: &mut PgConnection, flat: &str, day: u32, detector: &str, score: f64) {
    query(
        r#"insert into energy.anomaly_scores (building_id, apartment_id, local_date, detector, score, is_alarm, hours,
             evidence, config_id, known_at)
         values ('block', $1, $2::date, $3, $4, $4 >= 0.5, 14, '{"room": "bath", "room_c": 25.1, "setpoint_c": 20}',
             energy.current_config_id(), energy.clock())
         on conflict (building_id, apartment_id, local_date, detector)
         do update set score = excluded.score, is_alarm = excluded.is_alarm, hours = excluded.hours,
             evidence = excluded.evidence"#,
    )
    .bind(flat)
    .bind(date(day))
    .bind(detector)
    .bind(score)
    .execute(postgres)
    .await
    .unwrap();
}

/// Raises alerts like the job, as role pipeline; returns the number of changes.
pub async fn raise(postgres: &mut PgConnection) -> i64 {
    postgres.execute("set role pipeline").await.unwrap();
    let changed = query_scalar("select energy.raise_anomaly_alerts(array['block', 'villa'], '2026-03-01')")
        .fetch_one(&mut *postgres)
        .await;
    postgres.execute("reset role").await.unwrap();
    changed.unwrap()
}

/// Each alert as one line: key, status, whether withdrawn, days.
pub async fn alerts(postgres: &mut PgConnection) -> Vec<String> {
    query_scalar(
        "select concat_ws(' ', alert_id, status, case when withdrawn_at is not null then 'withdrawn' end,
             'days ' || days, to_char(first_date, 'DD') || '-' || to_char(last_date, 'DD'))
         from energy.anomaly_alerts order by alert_id",
    )
    .fetch_all(postgres)
    .await
    .unwrap()
}

/// The events of an alert in order.
pub async fn events(postgres: &mut PgConnection, alert: &str) -> Vec<String> {
    query_scalar("select event from energy.anomaly_alert_events where alert_id = $1 order by event_id")
        .bind(alert)
        .fetch_all(postgres)
        .await
        .unwrap()
}
