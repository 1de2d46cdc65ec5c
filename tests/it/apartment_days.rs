//! Apartment days: local days with the features that detect unusual ones.

use crate::house::{add_house, evenings, ingest, refresh, refresh_days, sensed};
use crate::tower::{add_tower, make_days, say};
use edf_tests::as_role;
use sqlx::{AssertSqlSafe, Connection, Executor, query_as, query_scalar, raw_sql};

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
             array[consumption_kwh, consumption_kwh_lag_1d, consumption_kwh_lag_7d, setpoint_difference_c,
                 heating_degree_days]
         from processed.int_apartment_features where building_id = 'a-test-house' and apartment_id = 'flat-1'
         order by local_date",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    // The first message was received at 16:00 local time on the 9th.
    assert_eq!(days.len(), 11);
    let day = |at: usize| (days[at].0.as_str(), days[at].1, &days[at].2[..4]);
    assert_eq!(day(0), ("07-09", 8, &[None, None, None, Some(-2.0)][..]));
    assert_eq!(day(1), ("07-10", 24, &[Some(27.0), None, None, Some(-2.0)][..]));
    assert_eq!(day(2), ("07-11", 24, &[Some(27.0), Some(27.0), None, Some(-2.0)][..]));
    // 80 hours later is midnight.
    assert_eq!(day(4), ("07-13", 24, &[Some(27.0), Some(27.0), None, Some(-1.0)][..]));
    assert_eq!(day(8), ("07-17", 24, &[Some(27.0), Some(27.0), Some(27.0), Some(-1.0)][..]));
    // July in Fontana.
    assert!(days[1..10].iter().all(|day| day.2[4] == Some(0.0)), "{days:?}");
}

/// The features of an apartment's day, as JSON.
async fn features(work: &mut sqlx::PgConnection, flat: &str, date: &str) -> serde_json::Value {
    let statement = format!(
        "select to_jsonb(days) from processed.int_apartment_features as days
         where building_id = 'a-test-tower' and apartment_id = '{flat}' and local_date = '{date}'"
    );
    query_scalar(AssertSqlSafe(statement)).fetch_one(work).await.unwrap()
}

#[tokio::test]
async fn a_day_is_compared_with_earlier_days_neighbours_and_similar_days() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    // f1 uses 0.5 kWh per hour, and twice that on Friday the 20th, which is one degree colder; f2 to f5 use 0.1 to 0.4
    // kWh.
    say(&mut work, "f1", "", "heating", "2017-01-08", "2017-01-20", "0.5").await;
    say(&mut work, "f1", "", "heating", "2017-01-20", "2017-01-21", "1").await;
    for (flat, kwh) in [("f2", "0.1"), ("f3", "0.2"), ("f4", "0.3"), ("f5", "0.4")] {
        say(&mut work, flat, "", "heating", "2017-01-08", "2017-01-21", kwh).await;
    }
    say(&mut work, "f1", "%", "room_temperature", "2017-01-20", "2017-01-21", "22.5").await;
    say(&mut work, "f1", "%", "room_temperature", "2017-01-08", "2017-01-20", "20").await;
    work.execute(raw_sql(
        "update raw.weather_observations set temperature_c = case when valid_at >= '2017-01-19 23:00Z' then 2 else 3 end
         where weather_location_id = 'a-test-hill'",
    ))
    .await
    .unwrap();
    make_days(&mut work).await;
    let day = features(&mut work, "f1", "2017-01-20").await;
    let near = |name: &str, value: f64| {
        let found = day[name].as_f64().unwrap_or_else(|| panic!("{name}: {}", day[name]));
        assert!((found - value).abs() < 1e-9, "{name}: {found} is not {value}");
    };
    assert_eq!(day["energy_measures"], "heating");
    near("daily_energy_kwh", 24.0);
    near("energy_lag_1d", 12.0);
    near("energy_diff_7d", 12.0);
    near("energy_ratio_1d", 2.0);
    near("energy_roll_avg_7d", (6.0 * 12.0 + 24.0) / 7.0);
    near("avg_temp_diff", -1.5);
    // Standard deviation of 1, 1 and -1.5.
    near("temp_diff_roll_std_3d", (2.5_f64.powi(2) * 2.0 / 3.0 / 2.0).sqrt());
    near("hot_water_l", 85.0);
    near("hot_water_night_min_l", 0.0);
    near("hot_water_diff_1d", 0.0);
    near("hdd", 16.0);
    // 14 days with a half-life of two: the newest has weight 1.
    let halves: Vec<f64> = (0..14).map(|days| 0.5_f64.powf(f64::from(days) / 2.0)).collect();
    near("hdd_inertia", 15.0 + 1.0 / halves.iter().sum::<f64>());
    // Relative to the median of 2.4, 4.8, 7.2 and 9.6 kWh.
    near("energy_to_neighbours", 4.0);
    near("neighbours_known", 4.0);
    // Working days from the 9th to the 19th.
    near("like_days_known", 9.0);
    near("energy_to_like_days", 2.0);
    // Twelve days are too few.
    assert_eq!((&day["weather_in_range"], &day["is_day_off"]), (&serde_json::Value::Null, &false.into()));
    near("gap_hours", 0.0);
    near("room_coverage_share", 1.0);

    work.execute(
        "insert into energy.apartment_days (building_id, apartment_id, local_date, hours_in_day, consumption_hours,
             comfort_hours, coverage_share, quality)
         values ('a-test-tower', 'f1', '2016-12-25', 24, 0, 0, 0, 'missing')",
    )
    .await
    .unwrap();
    assert_eq!(features(&mut work, "f1", "2017-01-20").await["weather_in_range"], false);
    assert_eq!(features(&mut work, "f1", "2017-01-19").await["weather_in_range"], true);

    // Per area if the area of both is known.
    work.execute(
        "update raw.apartments set area_m2 = case apartment_id when 'f1' then 100 else 50 end
         where building_id = 'a-test-tower' and apartment_id < 'f4'",
    )
    .await
    .unwrap();
    let day = features(&mut work, "f1", "2017-01-20").await;
    assert!((day["energy_to_neighbours"].as_f64().unwrap() - 0.24 / 0.072).abs() < 1e-9, "{day}");

    // Scoring reads the same features, computed from two months only.
    let same = |since: &'static str| {
        format!(
            "select (
                 select jsonb_agg(to_jsonb(days) order by apartment_id, local_date)
                 from processed.int_apartment_features as days
                 where building_id = 'a-test-tower' and local_date >= '{since}')"
        )
    };
    let all: serde_json::Value = query_scalar(AssertSqlSafe(same("2017-01-19"))).fetch_one(&mut *work).await.unwrap();
    work.execute("select energy.set_feature_days('2017-01-19')").await.unwrap();
    let few: serde_json::Value = query_scalar(AssertSqlSafe(same("2017-01-01"))).fetch_one(&mut *work).await.unwrap();
    assert_eq!(all, few);
    assert_eq!(few.as_array().unwrap().len(), 15);
}

/// Days of the tower whose kept features are not those that are computed now, but for rounding, and how many are kept.
async fn differences(work: &mut sqlx::PgConnection) -> (Vec<String>, i64) {
    let different = query_scalar(
        "select distinct coalesce(kept.apartment_id, fresh.apartment_id) || ' ' ||
             coalesce(kept.local_date, fresh.local_date)
         from (select * from features.fct_apartment_days where building_id = 'a-test-tower') as kept
         full join (
             select * from processed.int_apartment_features
             where building_id = 'a-test-tower' and local_date < (energy.clock() at time zone 'Europe/Zurich')::date
         ) as fresh using (building_id, apartment_id, local_date)
         cross join lateral jsonb_each(coalesce(to_jsonb(kept), to_jsonb(fresh))) as name
         cross join lateral (select to_jsonb(kept) -> name.key as value) as a
         cross join lateral (select to_jsonb(fresh) -> name.key as value) as b
         where case when jsonb_typeof(a.value) = 'number' and jsonb_typeof(b.value) = 'number'
             then abs(a.value::numeric - b.value::numeric) > 1e-9 else a.value is distinct from b.value end
         order by 1",
    )
    .fetch_all(&mut *work)
    .await
    .unwrap();
    let kept = query_scalar("select count(*) from features.fct_apartment_days where building_id = 'a-test-tower'")
        .fetch_one(work)
        .await
        .unwrap();
    (different, kept)
}

#[tokio::test]
async fn what_is_kept_of_a_day_is_what_is_computed_and_late_data_make_it_again() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    make_days(&mut work).await;
    work.execute(raw_sql("set local role pipeline; call energy.score_anomalies(); reset role")).await.unwrap();
    // 13 days of five flats are over, the 21st is not.
    assert_eq!(differences(&mut work).await, (Vec::new(), 65));

    // A reading of a fortnight ago changes that day, the lags and the mean of days after it.
    say(&mut work, "f1", "", "heating", "2017-01-09", "2017-01-10", "2").await;
    make_days(&mut work).await;
    let (before, _) = differences(&mut work).await;
    let expected = ["f1 2017-01-09", "f1 2017-01-10", "f1 2017-01-16"].map(str::to_owned);
    assert!(expected.iter().all(|day| before.contains(day)), "{before:?}");
    work.execute(raw_sql("set local role pipeline; call energy.score_anomalies(); reset role")).await.unwrap();
    assert_eq!(differences(&mut work).await, (Vec::new(), 65));

    // Weather that comes late; a day of which nothing is left; the day that is over now.
    work.execute(raw_sql(
        "update raw.weather_observations set temperature_c = temperature_c - 5, received_at = '2017-01-21 11:30Z'
         where weather_location_id = 'a-test-hill' and valid_at >= '2017-01-18 00:00Z';
         delete from energy.apartment_days where building_id = 'a-test-tower' and local_date = '2017-01-12';
         insert into energy.anomaly_days_due values ('a-test-tower', '2017-01-12');
         set local energy.clock = '2017-01-22 01:00Z'",
    ))
    .await
    .unwrap();
    work.execute(raw_sql("set local role pipeline; call energy.score_anomalies(); reset role")).await.unwrap();
    assert_eq!(differences(&mut work).await, (Vec::new(), 65));
    let scored: i64 = query_scalar(
        "select count(*) from features.fct_apartment_days
         where building_id = 'a-test-tower' and local_date = '2017-01-21'",
    )
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(scored, 5);
}

#[tokio::test]
async fn features_scores_and_listed_days_are_kept_as_long_as_the_configuration_says() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_tower(&mut work).await;
    make_days(&mut work).await;
    work.execute(raw_sql("set local role pipeline; call energy.score_anomalies(); reset role")).await.unwrap();
    for (table, kept) in [
        ("apartment_features", "5 days"),
        ("anomaly_days", "4 days"),
        ("anomaly_scores", "3 days"),
        ("anomaly_findings", "2 days"),
        ("apartment_days", "1 day"),
    ] {
        if table == "anomaly_findings" {
            work.execute(
                "insert into energy.anomaly_findings (building_id, apartment_id, local_date, anomaly_score, strengths,
                     detectors, severity, model_version)
                 select 'a-test-tower', 'f1', '2017-01-08'::date + n, 0.2, '{}', '{}', 'info', 'x'
                 from generate_series(0, 12) as n on conflict do nothing",
            )
            .await
            .unwrap();
        }
        let sql = format!("select energy.purge_log('energy.{table}', '{kept}')");
        let purged: i64 = query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *work).await.unwrap();
        assert!(purged > 0, "{table}");
        let left = format!(
            "select min(local_date) = ('2017-01-21'::date - interval '{kept}')::date from energy.{table}
             where building_id = 'a-test-tower'"
        );
        assert!(query_scalar::<_, bool>(AssertSqlSafe(left)).fetch_one(&mut *work).await.unwrap(), "{table}");
    }
    // Features last as long as models are trained on them, days as long as their features, and what was scored as long
    // as late data change it.
    for (log, kept, expected) in [
        ("apartment_features", "90 days", "90 days is shorter than anomalies.models.history, 1 year"),
        ("apartment_days", "400 days", "400 days is shorter than storage.logs.energy.apartment_features, 2 years"),
        ("anomaly_days", "10 days", "10 days is shorter than anomalies.catch_up, 14 days"),
    ] {
        let sql = format!(
            "select path, message from energy.config_errors(
                 jsonb_set(energy.current_config(), '{{storage,logs,energy.{log}}}', '\"{kept}\"'))"
        );
        let mistakes: Vec<(String, String)> = query_as(AssertSqlSafe(sql)).fetch_all(&mut *work).await.unwrap();
        assert_eq!(mistakes, [(format!("storage.logs.energy.{log}"), expected.to_owned())]);
    }
}

#[tokio::test]
async fn the_days_of_a_building_are_computed_without_reading_those_of_others() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_house(&mut work).await;
    ingest(&mut work, &evenings(10, 20, 1), 0).await;
    refresh(&mut work).await;
    // As after the first day of a large fleet: rows that no statistics know of, on the same dates.
    work.execute(
        "insert into energy.apartment_days (building_id, apartment_id, local_date, hours_in_day, consumption_hours,
             comfort_hours, coverage_share, quality)
         select 'another-' || building, 'flat-1', date '2017-07-05' + day, 24, 24, 24, 1, 'measured'
         from generate_series(1, 500) as building cross join generate_series(0, 29) as day",
    )
    .await
    .unwrap();
    let read = "select coalesce(seq_tup_read + idx_tup_fetch, 0)::bigint from pg_stat_xact_user_tables
                where relid = 'energy.apartment_days'::regclass";
    let before: i64 = query_scalar(read).fetch_one(&mut *work).await.unwrap();
    // Of this building alone: days of others may be due too.
    work.execute("select energy.refresh_days_of('{a-test-house}')").await.unwrap();
    work.execute(
        "insert into energy.days_due select building_id, null, first_at, heard_at from energy.building_spans
         where building_id = 'a-test-house'",
    )
    .await
    .unwrap();
    work.execute("select energy.refresh_days_of('{a-test-house}')").await.unwrap();
    let after: i64 = query_scalar(read).fetch_one(&mut *work).await.unwrap();
    let days: i64 = query_scalar("select count(*) from energy.apartment_days where building_id = 'a-test-house'")
        .fetch_one(&mut *work)
        .await
        .unwrap();
    assert!(days >= 10, "{days}");
    assert!(after - before < 100 * days, "{} rows of days are read to compute {days} days twice", after - before);
}
