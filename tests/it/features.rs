//! `edf.features`: the named inputs of a forecast, limited to what is known at its issue.

use edf_tests::{DEMAND, Throwaway, seed_demand};
use sqlx::{Executor, query_as, query_scalar};
use std::collections::BTreeSet;

#[tokio::test]
async fn features_have_the_names_of_the_spec() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let names: Vec<String> = query_scalar(
        r#"select distinct feature from edf.features($1,
               features => '{"preset": "basic", "lags_h": [24, 168], "recent_h": [1],
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
        "select feature, count(*), max(lead_hours) from edf.features($1, '{\"lags_h\": [24, 48, 72, 168]}')
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
async fn features_do_not_depend_on_values_after_the_issue_time() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let features = "select array_agg(coalesce(value, 'NaN') order by valid_at, feature)
                    from edf.features($1, issued_at => '2026-02-10 05:00Z')";
    let before: Vec<f64> = query_scalar(features).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    analyst.execute("update hourly set demand_kwh = -1e6 where at >= '2026-02-10 05:00Z'").await.unwrap();
    let after: Vec<f64> = query_scalar(features).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    // Compares bits, since NaN is not equal to itself.
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

#[tokio::test]
async fn weather_ahead_is_the_newest_forecast_at_the_issue_time() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    analyst
        .execute(
            "create table house as
             select hour_at, 1.0 + extract(hour from hour_at at time zone 'UTC') / 10 as demand_kwh,
                 5.0 as temperature_c
             from generate_series('2026-01-01 00:00+00'::timestamptz, '2026-02-01 00:00+00', '1 hour') as hour_at;
             create table runs as
             select hour_at, hour_at - age as received_at, 10.0 + extract(epoch from age) / 3600 as temperature_c
             from house, unnest(array['36 hours', '24 hours']::interval[]) as age",
        )
        .await
        .unwrap();
    let temperatures: Vec<f64> = query_scalar(
        r#"select value from edf.features('select * from house', '{"preset": "basic"}', '48 hours',
               '2026-01-20 00:00+00',
            regressor_forecasts => 'select * from runs')
           where feature = 'temperature_c' order by valid_at"#,
    )
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    // Each hour's newest run by then: one day old for the first day, then a day and a half, then none, so the actual
    // value.
    let as_forecast: Vec<f64> =
        (0..48).map(|ahead| [34.0, 46.0, 5.0][usize::from(ahead > 24) + usize::from(ahead > 36)]).collect();
    assert_eq!(temperatures, as_forecast);
    let refusal = analyst
        .execute(
            "select edf.train('house', 'select * from house',
                 regressor_forecasts => 'select hour_at, 1 as received_at, temperature_c from runs')",
        )
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("column received_at is of type integer; it must be timestamptz"), "{refusal}");
}
