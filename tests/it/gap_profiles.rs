//! Long gaps are distributed by the building's learned daily profile.

use crate::house::{DAY, add_house, evenings, ingest, learn, refresh};
use chrono::{DateTime, Utc};
use edf_tests::as_role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, query_as, query_scalar};

async fn spread(work: &mut PgConnection) -> Vec<(String, f64, String, DateTime<Utc>)> {
    query_as(
        "select to_char(hour_at at time zone 'Etc/GMT+8', 'HH24'), consumption_kwh, quality::text, received_at
         from energy.apartment_hours
         where building_id = 'a-test-house' and apartment_id = 'flat-1' and hour_at >= '2017-07-13'
             and hour_at < '2017-07-14' order by hour_at",
    )
    .fetch_all(work)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_long_gap_is_distributed_by_the_buildings_profile_once_learned() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    work.execute("set local role pipeline").await.unwrap();
    ingest(&mut work, &evenings(20, 3, 1), 10 * DAY).await;
    refresh(&mut work).await;
    let even = spread(&mut work).await;
    assert_eq!(even.len(), 24);
    assert!(
        even.iter().all(|(_, kwh, quality, _)| (kwh - 27.0 / 24.0).abs() < 1e-9 && quality == "estimated"),
        "{even:?}"
    );

    learn(&mut work, 12 * DAY).await;
    let learnt = spread(&mut work).await;
    for (hour, kwh, quality, _) in &learnt {
        let expected = if hour == "18" { 4.0 } else { 1.0 };
        assert!((kwh - expected).abs() < 0.01 && quality == "estimated", "{learnt:?}");
    }
    assert!((learnt.iter().map(|(_, kwh, ..)| kwh).sum::<f64>() - 27.0).abs() < 1e-9);
    // Energy distributed by a profile was not known before the profile.
    assert!(even.iter().all(|hour| hour.3 == "2017-07-30T00:00:00Z".parse::<DateTime<Utc>>().unwrap()));
    assert!(learnt.iter().all(|hour| hour.3 == "2017-08-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap()));

    // Learning the same again creates no new profile.
    learn(&mut work, 14 * DAY).await;
    assert_eq!(spread(&mut work).await, learnt);
}

#[tokio::test]
async fn a_profile_needs_enough_measured_days_known_by_then() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    ingest(&mut work, &evenings(13, 20, 1), 5 * DAY).await;
    refresh(&mut work).await;
    let profiles = "select count(*) from energy.gap_profiles where building_id = 'a-test-house'";
    learn(&mut work, 5 * DAY).await;
    assert_eq!(query_scalar::<_, i64>(profiles).fetch_one(&mut *work).await.unwrap(), 0, "13 days are too few");
    ingest(&mut work, &evenings(20, 30, 1), 11 * DAY).await;
    refresh(&mut work).await;
    learn(&mut work, 10 * DAY).await;
    assert_eq!(query_scalar::<_, i64>(profiles).fetch_one(&mut *work).await.unwrap(), 0, "more was not known yet");
    learn(&mut work, 11 * DAY).await;
    assert_eq!(query_scalar::<_, i64>(profiles).fetch_one(&mut *work).await.unwrap(), 1);
}
