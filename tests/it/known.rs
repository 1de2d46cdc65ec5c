//! When features are known; features from humidity, location, and the generation of a solar roof, which is unknown
//! ahead.

use edf_tests::Throwaway;
use sqlx::{Executor, query, query_as, query_scalar};

/// A house with humidity and a solar roof; its last day is ahead.
const HOUSE: &str = "
    create table house as
    select hour_at, 5 + sin(pi() * n / 12) - 0.1 * temperature_c as demand_kwh, temperature_c,
        80.0 as relative_humidity_pct, 300.0 as ghi_w_m2,
        0.01 * n as solar_kwh
    from generate_series('2026-01-01 00:00+00'::timestamptz, '2026-02-11 23:00+00', '1 hour')
    with ordinality as hours (hour_at, n),
        lateral (select 5 + 3 * sin(pi() * (n - 8) / 12) + mod(n * 104729, 97) / 40.0) as weather (temperature_c)";
const FEATURES: &str = r#"{"past": ["solar_kwh"], "latitude": 47.4, "longitude": 8.5}"#;
/// Future generation is unknown.
const HIDE: &str = "update house set solar_kwh = null where hour_at >= '2026-02-11 00:00+00'";

#[tokio::test]
async fn every_feature_reports_when_it_is_known_and_generation_is_not_read_ahead() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    analyst.execute(HOUSE).await.unwrap();
    let known: Vec<(String, String)> = query_as(
        r#"select distinct feature collate "C", known
           from edf.features('select * from house', $1::jsonb, '24 hours', '2026-02-11 00:00+00')
           where feature in ('lead', 'lag_168h', 'newest_day_2', 'recent_1h', 'hdd', 'hour')
               or feature like 'solar_kwh%' order by 1"#,
    )
    .bind(FEATURES)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    let (ahead, newest_day) = ("ahead, as forecast at issue", "at issue: the newest hour a multiple of 24 h before");
    let expected = [
        ("hdd", ahead),
        ("hour", ahead),
        ("lag_168h", "168 h before the end of the hour, so at leads up to 168 h"),
        ("lead", "always"),
        ("newest_day_2", "at issue: 24 h before the newest hour a multiple of 24 h before"),
        ("recent_1h", "at issue"),
        ("solar_kwh_last_day", newest_day),
        ("solar_kwh_mean_24h", "at issue"),
        ("solar_kwh_mean_7d", newest_day),
        ("solar_kwh_recent_1h", "at issue"),
    ];
    assert_eq!(known, expected.map(|(name, when)| (name.to_owned(), when.to_owned())));
    let solar = "select array_agg(value order by valid_at, feature)
                 from edf.features('select * from house', $1::jsonb, '24 hours', '2026-02-11 00:00+00')
                 where feature like 'solar_kwh%'";
    let before: Vec<f64> = query_scalar(solar).bind(FEATURES).fetch_one(&mut analyst).await.unwrap();
    analyst.execute(HIDE).await.unwrap();
    let after: Vec<f64> = query_scalar(solar).bind(FEATURES).fetch_one(&mut analyst).await.unwrap();
    assert_eq!(before.len(), 4 * 24);
    assert_eq!(before, after);
}

#[tokio::test]
async fn dew_point_and_clear_sky_follow_from_humidity_and_place() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    analyst.execute(HOUSE).await.unwrap();
    let at = r#"select feature collate "C", value
                from edf.features('select * from house', $1::jsonb, '24 hours', '2026-02-11 00:00+00')
                where feature in ('clear_sky_index', 'clear_sky_w_m2', 'dew_point_c', 'temperature_c')
                    and valid_at = $2::timestamptz
                order by 1"#;
    let noon: Vec<(String, f64)> =
        query_as(at).bind(FEATURES).bind("2026-02-11 11:00+00").fetch_all(&mut analyst).await.unwrap();
    let [(_, index), (_, sky), (_, dew), (_, temperature)] = noon.as_slice() else { panic!("{noon:?}") };
    // On this day the sun is 28 degrees high over Zurich at noon.
    assert!((430.0..500.0).contains(sky) && (index - 300.0 / sky).abs() < 1e-5, "{noon:?}");
    // At 80 % humidity the dew point is about three degrees below the temperature.
    assert!((2.5..4.0).contains(&(temperature - dew)), "{noon:?}");
    let night: Vec<(String, Option<f64>)> =
        query_as(at).bind(FEATURES).bind("2026-02-11 23:00+00").fetch_all(&mut analyst).await.unwrap();
    assert_eq!((night[0].1, night[1].1), (None, Some(0.0)));
    let without: i64 = query_scalar(
        "select count(*) from edf.features('select hour_at, demand_kwh, temperature_c, ghi_w_m2 from house', '{}',
             '1 hour', '2026-02-11 00:00+00')
         where feature like 'clear_sky%' or feature = 'dew_point_c'",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!(without, 0);
}

#[tokio::test]
async fn a_forecast_does_not_read_generation_ahead_and_needs_its_past() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    analyst.execute(HOUSE).await.unwrap();
    let train =
        "select edf.approve_model(edf.train('house', $$select * from house where hour_at < '2026-02-11 00:00+00'$$,
                     parameters => '{\"rounds\": 10}', features => $1::jsonb))";
    analyst.execute(query(train).bind(FEATURES)).await.unwrap();
    let forecast = "select array_agg(yhat order by valid_at)
                    from edf.forecast('house', 'select * from house', '24 hours', '2026-02-11 00:00+00')";
    let with: Vec<f64> = query_scalar(forecast).fetch_one(&mut analyst).await.unwrap();
    analyst.execute(HIDE).await.unwrap();
    let without: Vec<f64> = query_scalar(forecast).fetch_one(&mut analyst).await.unwrap();
    assert_eq!(with.len(), 24);
    assert_eq!(with, without);
    let lacking = "select edf.forecast('house',
                       'select hour_at, demand_kwh, temperature_c, relative_humidity_pct, ghi_w_m2 from house',
                       '24 hours', '2026-02-11 00:00+00')";
    let refusal = analyst.execute(lacking).await.unwrap_err().to_string();
    assert!(refusal.contains("solar_kwh"), "{refusal}");
}
