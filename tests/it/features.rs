//! `edf.features`: what a forecast would read, by name, and nothing that it could not know.

use edf_tests::{DEMAND, Throwaway, seed_demand};
use sqlx::{Executor, query_as, query_scalar};
use std::collections::BTreeSet;

#[tokio::test]
async fn features_carry_the_names_that_the_spec_asks_for() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let names: Vec<String> = query_scalar(
        r#"select distinct feature from edf.features($1, features => '{"lags_h": [24, 168], "recent_h": [1],
            "rolling_h": [24], "same_hour_days": [7], "same_hour_weeks": [4], "inertia_h": [12]}')"#,
    )
    .bind(DEMAND)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    let expected = [
        "lead",
        "lag_24h",
        "lag_168h",
        "recent_1h",
        "rolling_mean_24h",
        "rolling_std_24h",
        "rolling_min_24h",
        "rolling_max_24h",
        "same_hour_7d",
        "same_hour_4w",
        "temperature_c",
        "hdd",
        "cdd",
        "hdd_smoothed_12h",
        "cdd_smoothed_12h",
        "hour",
        "weekday",
        "is_weekend",
        "year_sin",
        "year_cos",
    ];
    let found: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(found, BTreeSet::from(expected));
}

#[tokio::test]
async fn a_lag_is_null_at_the_leads_where_it_is_not_known() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let leads: Vec<(String, i64, f64)> = query_as(
        "select feature, count(*), max(lead_hours) from edf.features($1)
         where feature in ('lag_24h', 'lag_48h', 'lag_72h', 'lag_168h') and value is not null
         group by feature order by max(lead_hours), feature",
    )
    .bind(DEMAND)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    let expected = [("lag_24h", 24), ("lag_48h", 48), ("lag_168h", 72), ("lag_72h", 72)];
    assert_eq!(leads, expected.map(|(name, hours)| (name.to_owned(), hours, hours as f64)));
}

#[tokio::test]
async fn a_lag_is_the_demand_that_many_hours_earlier() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let wrong: i64 = query_scalar(
        "select count(*) from edf.features($1) as f join hourly on at = valid_at - interval '48 hours'
         where feature = 'lag_48h' and lead_hours <= 48 and value is distinct from demand_kwh::real::float8",
    )
    .bind(DEMAND)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!(wrong, 0);
}

#[tokio::test]
async fn features_do_not_change_with_what_is_measured_after_the_issue_time() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let features = "select array_agg(coalesce(value, 'NaN') order by valid_at, feature)
                    from edf.features($1, issued_at => '2026-02-10 05:00Z')";
    let before: Vec<f64> = query_scalar(features).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    analyst.execute("update hourly set demand_kwh = -1e6 where at >= '2026-02-10 05:00Z'").await.unwrap();
    let after: Vec<f64> = query_scalar(features).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    // Bits, since NaN is not equal to itself.
    let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(before), bits(after));
}

#[tokio::test]
async fn the_calendar_is_local_to_the_time_zone() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let hours: Vec<f64> = query_scalar(
        r#"select value from edf.features($1, features => '{"time_zone": "Asia/Kolkata"}', horizon => '2 hours')
           where feature = 'hour' order by valid_at"#,
    )
    .bind(DEMAND)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(hours, [5.5, 6.5]);
}
