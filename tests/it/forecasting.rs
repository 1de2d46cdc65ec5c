//! The analyst's workflow on a database with only the extension: train, approve, forecast.

use chrono::{DateTime, TimeDelta, Utc};
use edf_tests::{DEMAND, QUICK, Throwaway, refusals, seed_demand, trained};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, query, query_as, query_scalar};

const ISSUED_AT: &str = "2026-02-14T00:00:00Z";

type Row = (DateTime<Utc>, f64, f64, f64, f64, i64);

#[tokio::test]
async fn an_approved_model_forecasts_72_hours_an_hour_apart_inside_their_interval() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = trained(&mut analyst, "house").await;

    let rows: Vec<Row> =
        query_as("select * from edf.forecast('house', $1)").bind(DEMAND).fetch_all(&mut analyst).await.unwrap();

    let issued_at: DateTime<Utc> = ISSUED_AT.parse().unwrap();
    assert_eq!(rows.len(), 72);
    for (ahead, (valid_at, lead_hours, yhat, lower, upper, by)) in (0_i32..).zip(rows) {
        assert_eq!(valid_at, issued_at + TimeDelta::hours(ahead.into()));
        assert_eq!(lead_hours, f64::from(ahead + 1));
        assert!(lower <= yhat && yhat <= upper, "{lower} <= {yhat} <= {upper} at {valid_at}");
        assert!((0.0..50.0).contains(&yhat), "{yhat} is outside the range of the series");
        assert_eq!(by, model);
    }
}

#[tokio::test]
async fn forecasts_do_not_depend_on_the_order_of_the_rows() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let forecast = "select array_agg(yhat order by valid_at) from edf.forecast('house', $1)";
    let shuffled = format!("{DEMAND} order by md5(at::text)");

    let first: Vec<f64> = query_scalar(forecast).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    let second: Vec<f64> = query_scalar(forecast).bind(shuffled).fetch_one(&mut analyst).await.unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn without_regressors_no_rows_ahead_are_required() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let known = "select at, demand_kwh from hourly where demand_kwh is not null";
    query("select edf.approve_model(edf.train('house', $1, parameters => $2::jsonb))")
        .bind(known)
        .bind(QUICK)
        .execute(&mut analyst)
        .await
        .unwrap();

    let (rows, first): (i64, DateTime<Utc>) =
        query_as("select count(yhat), min(valid_at) from edf.forecast('house', $1)")
            .bind(known)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!((rows, first), (72, ISSUED_AT.parse().unwrap()));
}

#[tokio::test]
async fn with_regressors_the_rows_ahead_are_required() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    refusals(
        &mut analyst,
        &[
            ("22023", "select edf.forecast('house', 'select * from hourly where demand_kwh is not null')"),
            ("22023", "select edf.forecast('house', 'select at, demand_kwh from hourly')"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_forecast_reads_no_target_after_its_issue_time() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let forecast =
        "select array_agg(yhat order by valid_at) from edf.forecast('house', $1, issued_at => '2026-02-10 05:00Z')";

    let before: Vec<f64> = query_scalar(forecast).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    analyst.execute("update hourly set demand_kwh = 1e6 where at >= '2026-02-10 05:00Z'").await.unwrap();
    let after: Vec<f64> = query_scalar(forecast).bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn confidence_falls_with_missing_or_implausible_weather_and_late_demand() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    // Confidence of the first, second and third day, and the width of the first day's interval.
    let asked = "select avg(confidence) filter (where lead_hours <= 24),
             avg(confidence) filter (where lead_hours > 24 and lead_hours <= 48),
             avg(confidence) filter (where lead_hours > 48),
             avg(yhat_upper - yhat_lower) filter (where lead_hours <= 24)
         from edf.forecast('house', $1, issued_at => '2026-02-14 00:00Z')";
    let with =
        |temperature: &str, demand: &str| format!("select at, {demand}, {temperature} as temperature_c from hourly");
    let on_second_day = |value: &str| {
        format!("case when at >= '2026-02-15Z' and at < '2026-02-16Z' then {value} else temperature_c end")
    };
    let mut found = Vec::new();
    for input in [
        with("temperature_c", "demand_kwh"),
        with(&on_second_day("null"), "demand_kwh"),
        with(&on_second_day("-9999"), "demand_kwh"),
        with(&on_second_day("temperature_c + 15"), "demand_kwh"),
        with("temperature_c", "case when at < '2026-02-07Z' then demand_kwh end"),
    ] {
        found.push(query_as::<_, (f64, f64, f64, f64)>(asked).bind(input).fetch_one(&mut analyst).await.unwrap());
    }
    let [usual, missing, absurd, unseen, late] = found[..] else { panic!("{found:?}") };
    assert!(usual.0 > 0.99 && usual.1 > 0.99 && usual.2 > 0.99, "{usual:?}");
    for spoilt in [missing, absurd, unseen] {
        assert_eq!((spoilt.0, spoilt.2), (usual.0, usual.2));
    }
    assert_eq!((missing.1, absurd.1), (0.0, 0.0));
    assert!(unseen.1 > 0.2 && unseen.1 < 0.8, "{unseen:?}");
    assert!((late.0 - 0.5).abs() < 0.05 && late.0 == late.2, "{late:?}");
    assert_eq!((missing.3, absurd.3, unseen.3), (usual.3, usual.3, usual.3));
}

#[tokio::test]
async fn a_query_may_end_in_a_semicolon_or_a_comment() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    for ending in [";", " ;\n", " -- the end", " -- the end\n;", " /* the end */"] {
        let rows: Option<i32> = query_scalar("select cardinality((edf.series_of($1)).times)")
            .bind(format!("{DEMAND}{ending}"))
            .fetch_one(&mut analyst)
            .await
            .unwrap_or_else(|error| panic!("{ending:?}: {error}"));
        assert_eq!(rows, Some(40 * 24 + 72), "{ending:?}");
    }
}

#[tokio::test]
async fn training_reports_its_data_and_metrics() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = trained(&mut analyst, "house").await;

    let (rows, end, rmse, naive_rmse): (i64, DateTime<Utc>, f64, f64) = query_as(
        "select training_rows, training_end, (metrics #>> '{held_out,model,rmse}')::float8,
             (metrics #>> '{held_out,seasonal_naive,rmse}')::float8
         from edf.models where model_id = $1 and 'hdd' = any (feature_names) and parameters ? 'eta'",
    )
    .bind(model)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((rows, end), (edf_tests::KNOWN_HOURS, ISSUED_AT.parse().unwrap()));
    assert!(rmse.is_finite() && naive_rmse > 0.0);
}

/// Trains a strategy on a query and approves the model; returns the number of forecast rows, the lowest and the highest
/// value.
async fn forecast_by(analyst: &mut PgConnection, strategy: &str, data: &str, parameters: &str) -> (i64, f64, f64) {
    query("select edf.approve_model(edf.train($1, $2, strategy => $1, parameters => $3::jsonb))")
        .bind(strategy)
        .bind(data)
        .bind(parameters)
        .execute(&mut *analyst)
        .await
        .unwrap();
    query_as("select count(*), min(yhat), max(yhat) from edf.forecast($1, $2)")
        .bind(strategy)
        .bind(data)
        .fetch_one(analyst)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_strategy_can_be_trained_by_name_and_forecasts_from_its_artifact() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let members = r#"{"members": [{"strategy": "profile"}, {"strategy": "mstl"}]}"#;
    for (strategy, parameters) in [
        ("seasonal_naive", "{}"),
        ("profile", r#"{"days": 5}"#),
        ("mstl", "{}"),
        ("prophet", r#"{"lower_window": -1}"#),
        ("sarimax", r#"{"candidates": 3}"#),
        ("ensemble", members),
    ] {
        let (rows, lowest, highest) = forecast_by(&mut analyst, strategy, DEMAND, parameters).await;
        assert!(rows == 72 && lowest > 0.0 && highest < 50.0, "{strategy}: {rows} from {lowest} to {highest}");
    }
}

#[tokio::test]
async fn training_on_ten_years_of_quarter_hours_uses_bounded_memory() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let decade =
        "select at, case when at < '2026-01-01Z' then 5 + 2 * sin(extract(hour from at) / 4)::float8 end as demand_kwh,
                         10 - 9 * cos(extract(epoch from at) / 5022700)::float8 as temperature_c
                  from generate_series('2016-01-01Z'::timestamptz, '2026-01-03T23:45Z', '15 minutes') as at";
    for (strategy, parameters) in [("xgboost", r#"{"rounds": 3}"#), ("mstl", "{}")] {
        let (rows, lowest, highest) = forecast_by(&mut analyst, strategy, decade, parameters).await;
        assert!(rows == 288 && lowest > 2.0 && highest < 8.0, "{strategy}: {rows} from {lowest} to {highest}");
    }
    let status: String = query_scalar("select pg_read_file('/proc/self/status', 0, 100000, true)")
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 800_000, "{peak} kB");
}
