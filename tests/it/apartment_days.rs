//! Days of apartments: local, with what tells whether they are unusual.

use crate::house::{add_house, evenings, ingest, refresh, refresh_days, sensed};
use edf_tests::as_role;
use sqlx::{Connection, query_as};

#[tokio::test]
async fn a_day_of_an_apartment_is_local_and_has_its_rooms_and_lags() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let mut messages = evenings(10, 20, 1);
    for hour in 0..240 {
        messages.push(sensed(hour * 60, 1, "room_temperature_c", if hour < 80 { 20.0 } else { 21.0 }));
    }
    messages.extend((0..40).map(|part| sensed(part * 360, 1, "setpoint_c", 22.0)));
    ingest(&mut work, &messages, 0).await;
    refresh(&mut work).await;
    refresh_days(&mut work).await;
    let days: Vec<(String, i32, [Option<f64>; 5])> = query_as(
        "select to_char(local_date, 'MM-DD'), comfort_hours,
             array[consumption_kwh, consumption_kwh_lag_1d, consumption_kwh_lag_7d, setpoint_difference_c, heating_degree_days]
         from features.fct_apartment_days where building_id = 'a-test-house' and apartment_id = 'flat-1' order by local_date",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    // The first message came at 16:00 local time of the 9th.
    assert_eq!(days.len(), 11);
    let day = |at: usize| (days[at].0.as_str(), days[at].1, &days[at].2[..4]);
    assert_eq!(day(0), ("07-09", 8, &[None, None, None, Some(-2.0)][..]));
    assert_eq!(day(1), ("07-10", 24, &[Some(27.0), None, None, Some(-2.0)][..]));
    assert_eq!(day(2), ("07-11", 24, &[Some(27.0), Some(27.0), None, Some(-2.0)][..]));
    // 80 hours on it is midnight.
    assert_eq!(day(4), ("07-13", 24, &[Some(27.0), Some(27.0), None, Some(-1.0)][..]));
    assert_eq!(day(8), ("07-17", 24, &[Some(27.0), Some(27.0), Some(27.0), Some(-1.0)][..]));
    // July in Fontana.
    assert!(days[1..10].iter().all(|day| day.2[4] == Some(0.0)), "{days:?}");
}
