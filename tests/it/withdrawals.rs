//! Wrong readings: impossible timestamps are rejected, and accepted readings can be withdrawn and restored.

use crate::hours::HOURS;
use crate::house::{DAY, add_house, ingest, message, refresh, refresh_days, sensor};
use edf_tests::{as_role, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar};

const REGISTER: &str = "electricity_kwh_total";

/// A house with one apartment, which uses one kWh per hour for ten days.
async fn one_flat(work: &mut PgConnection) {
    add_house(work).await;
    work.execute("delete from raw.apartments where building_id = 'a-test-house' and apartment_id <> 'flat-1'")
        .await
        .unwrap();
    let rising: Vec<_> = (0..=240).map(|hour| message(hour * 60, 1, 1000.0 + hour as f64)).collect();
    ingest(work, &rising, 0).await;
    refresh(work).await;
    refresh_days(work).await;
}

async fn hours(work: &mut PgConnection) -> Vec<String> {
    query_scalar(HOURS).fetch_one(work).await.unwrap()
}

async fn rejected(work: &mut PgConnection) -> Vec<String> {
    query_scalar(
        "select reason_code from raw.rejected_messages where message like '%a-test-house%' order by rejected_id",
    )
    .fetch_all(work)
    .await
    .unwrap()
}

#[tokio::test]
async fn readings_with_an_unset_clock_are_rejected() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    one_flat(&mut work).await;
    let before = hours(&mut work).await;
    // The year 2000, more than a month before its other readings, and hours after its receipt on 20 July.
    let factory = message(0, 1, 1240.5).replace("2017-07-10", "2000-01-01");
    ingest(&mut work, &[factory, message(-25 * DAY, 1, 1240.5), message(10 * DAY + 180, 1, 1250.0)], 15).await;
    refresh(&mut work).await;
    refresh_days(&mut work).await;
    assert_eq!(rejected(&mut work).await, ["clock_went_back", "far_future", "far_past"]);
    assert_eq!(hours(&mut work).await, before);
    // Clocks may be off by minutes.
    ingest(&mut work, &[message(10 * DAY + 20, 1, 1240.25)], 10).await;
    assert_eq!(rejected(&mut work).await.len(), 3);
}

#[tokio::test]
async fn a_history_loaded_in_order_is_accepted_whatever_its_age() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    let old: Vec<_> = (0..=300).map(|day| message((day - 400) * DAY, 1, day as f64)).collect();
    ingest(&mut work, &old, 0).await;
    assert_eq!(rejected(&mut work).await, [""; 0]);
    let taken: i64 = query_scalar(
        "select count(*) from raw.meter_readings join raw.sensors using (sensor_id) where building_id = 'a-test-house'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(taken, 301);
}

#[tokio::test]
async fn a_reading_from_years_ago_creates_no_hours_until_the_next_one() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    work.execute("delete from raw.apartments where building_id = 'a-test-house' and apartment_id <> 'flat-1'")
        .await
        .unwrap();
    // Its first reading: nothing shows that it is wrong.
    let mut readings = vec![message(-500 * DAY, 1, 427.7)];
    readings.extend((0..=24).map(|hour| message(hour * 60, 1, 427.9 + 0.5 * hour as f64)));
    ingest(&mut work, &readings, 0).await;
    refresh(&mut work).await;
    let known: (i64, i64) = query_as(
        "select count(consumption_kwh), count(consumption_kwh) filter (where hour_at < '2017-07-10')
         from energy.building_hours where building_id = 'a-test-house'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(known, (24, 0));
    // Once it is known to be wrong, its years are removed.
    let id = sensor(&mut work, "flat-1", REGISTER, "").await;
    work.execute(AssertSqlSafe(format!(
        "call energy.withdraw_readings(array[{id}], '-infinity', '2017-07-01', 'its clock was not set')"
    )))
    .await
    .unwrap();
    let left: (String, i64, i64) = query_as(
        "select (select first_at = '2017-07-10' and heard_at = '2017-07-11' from energy.building_spans
         where building_id = 'a-test-house')::text,
             (select count(*) from energy.building_hours where building_id = 'a-test-house'),
             (select count(*) from energy.apartment_hours where building_id = 'a-test-house')",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(left, ("true".to_owned(), 24, 24));
}

#[tokio::test]
async fn readings_are_withdrawn_with_a_reason_and_restored_exactly() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    one_flat(&mut work).await;
    let before = hours(&mut work).await;
    // A day of readings, and the last ones: the building is then online for less long.
    let id = sensor(&mut work, "flat-1", REGISTER, "").await;
    work.execute("set local role analyst").await.unwrap();
    for (from, to) in [("2017-07-12", "2017-07-13"), ("2017-07-18", "infinity")] {
        let call = format!("call energy.withdraw_readings(array[{id}], '{from}', '{to}', 'another meter''s')");
        work.execute(AssertSqlSafe(call)).await.unwrap();
    }
    work.execute("reset role").await.unwrap();
    refresh_days(&mut work).await;
    let found: Vec<(String, i64, f64)> = query_as(
        "select quality::text, count(*), round(sum(consumption_kwh)::numeric, 6)::float8 from energy.building_hours
         where building_id = 'a-test-house'
         group by 1 order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    assert_eq!(found, [("estimated".to_owned(), 25, 25.0), ("measured".to_owned(), 166, 166.0)]);
    let days: i64 = query_scalar(
        "select count(*) from energy.apartment_days where building_id = 'a-test-house' and local_date > '2017-07-17'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(days, 0, "days in which nobody is heard any more");

    // It is not accepted again; the person who withdrew it is recorded.
    ingest(&mut work, &[message(2 * DAY, 1, 1048.0)], 15).await;
    assert_eq!(rejected(&mut work).await, ["withdrawn"]);
    let log: Vec<(i64, String, String, bool)> = query_as(
        "select readings, reason, withdrawn_by, restored_at is null from raw.withdrawals
         where sensor_ids = array[$1::bigint] order by withdrawal_id",
    )
    .bind(id)
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let by_me = |readings| (readings, "another meter's".to_owned(), "postgres".to_owned(), true);
    assert_eq!(log, [by_me(24), by_me(49)]);

    for _ in 0..2 {
        let ids: Vec<i64> =
            query_scalar("select withdrawal_id from raw.withdrawals where sensor_ids = array[$1::bigint]")
                .bind(id)
                .fetch_all(&mut *work)
                .await
                .unwrap();
        for withdrawal in ids {
            work.execute(AssertSqlSafe(format!("call energy.restore_readings({withdrawal})"))).await.unwrap();
        }
    }
    refresh_days(&mut work).await;
    assert_eq!(hours(&mut work).await, before);
    let left: i64 = query_scalar("select count(*) from raw.withdrawn_readings where sensor_id = $1")
        .bind(id)
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn invalid_withdrawals_are_rejected_with_a_reason() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    one_flat(&mut work).await;
    let id = sensor(&mut work, "flat-1", REGISTER, "").await;
    for (call, code) in [
        (format!("call energy.withdraw_readings(array[{id}], '2017-07-12', '2017-07-13', ' ')"), "22023"),
        (format!("call energy.withdraw_readings(array[{id}], '2017-07-12', '2017-07-13', null)"), "22023"),
        (format!("call energy.withdraw_readings(array[{id}], '2017-07-13', '2017-07-13', 'x')"), "22023"),
        (format!("call energy.withdraw_readings(array[{id}], null, '2017-07-13', 'x')"), "22023"),
        (format!("call energy.withdraw_readings(array[{id}, -1], '2017-07-12', '2017-07-13', 'x')"), "42704"),
        ("call energy.withdraw_readings(null, '2017-07-12', '2017-07-13', 'x')".to_owned(), "42704"),
        ("call energy.withdraw_readings('{}', '2017-07-12', '2017-07-13', 'x')".to_owned(), "22000"),
        (format!("call energy.withdraw_readings(array[{id}], '2016-07-12', '2016-07-13', 'x')"), "22000"),
        ("call energy.restore_readings(-1)".to_owned(), "42704"),
        ("call energy.restore_readings(null)".to_owned(), "42704"),
    ] {
        let mut attempt = work.begin().await.unwrap();
        let refused = refusal(&mut attempt, &call).await;
        assert_eq!(refused.code, code, "{call}: {refused:?}");
        assert!(!refused.hint.is_empty(), "{call}");
        attempt.rollback().await.unwrap();
    }
}
