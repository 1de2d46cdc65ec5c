//! `edf.backtest`: simulated past forecasts.

use edf_tests::{DEMAND, QUICK, Throwaway, refusals, seed_demand};
use sqlx::{Executor, query_as, query_scalar};

#[tokio::test]
async fn a_forecast_is_issued_every_step_over_the_test_period() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let (origins, rows, outside): (i64, i64, i64) = query_as(
        "select count(distinct issued_at), count(*),
             count(*) filter (where valid_at < issued_at or valid_at >= '2026-02-14Z'
                 or yhat not between yhat_lower and yhat_upper)
         from edf.backtest($1, parameters => $2::jsonb, horizon => '24 hours',
             schedule => jsonb_build_object('test_period', '5 days'))",
    )
    .bind(DEMAND)
    .bind(QUICK)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((origins, rows, outside), (5, 5 * 24, 0));
}

#[tokio::test]
async fn seasonal_naive_is_the_hour_one_week_before() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let (right, wrong): (i64, i64) = query_as(
        "select count(*) filter (where yhat = demand_kwh), count(*) filter (where yhat is distinct from demand_kwh)
         from edf.backtest($1, 'seasonal_naive', schedule => jsonb_build_object('test_period', '7 days')) left
         join hourly on at = valid_at - interval '7 days'",
    )
    .bind(DEMAND)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    // Seven origins, of which the last two have less than 72 hours to score.
    assert_eq!((right, wrong), (5 * 72 + 48 + 24, 0));
}

#[tokio::test]
async fn the_model_beats_seasonal_naive_on_a_series_that_follows_the_temperature() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let score = "select edf.rmse(actual, yhat) from edf.backtest($1, $2, parameters => $3::jsonb,
                     schedule => jsonb_build_object('test_period', '7 days'))";
    let model: f64 = query_scalar(score)
        .bind(DEMAND)
        .bind("xgboost")
        .bind(r#"{"rounds": 60}"#)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    let naive: f64 =
        query_scalar(score).bind(DEMAND).bind("seasonal_naive").bind("{}").fetch_one(&mut analyst).await.unwrap();
    assert!(model < naive, "RMSE {model} of the model, {naive} of seasonal naive");
}

#[tokio::test]
async fn a_backtest_forecast_reads_nothing_after_its_origin() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first_day = format!(
        "select array_agg(yhat order by valid_at)
         from edf.backtest('{DEMAND}', parameters => '{QUICK}', horizon => '24 hours',
             schedule => jsonb_build_object('test_period', '3 days')) where issued_at = '2026-02-11Z'"
    );
    let before: Vec<f64> = query_scalar(sqlx::AssertSqlSafe(&*first_day)).fetch_one(&mut analyst).await.unwrap();
    analyst
        .execute("update hourly set demand_kwh = demand_kwh + 500 where at >= '2026-02-11Z' and demand_kwh is not null")
        .await
        .unwrap();
    let after: Vec<f64> = query_scalar(sqlx::AssertSqlSafe(&*first_day)).fetch_one(&mut analyst).await.unwrap();
    assert_eq!(before.len(), 24);
    assert_eq!(before, after);
}

#[tokio::test]
async fn invalid_backtests_are_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let query = format!("'{DEMAND}'");
    let cases = [
        ("22000", "schedule => jsonb_build_object('test_period', '30 days')"),
        ("22000", "schedule => jsonb_build_object('first_origin', '2026-01-06 00:00Z')"),
        ("22023", "schedule => jsonb_build_object('first_origin', '2026-02-01 00:30Z')"),
        ("22023", "schedule => jsonb_build_object('first_origin', 'infinity')"),
        ("22023", "schedule => jsonb_build_object('first_origin', '2027-01-01Z')"),
        ("22023", "schedule => jsonb_build_object('step', '0 hours')"),
        ("22023", "schedule => jsonb_build_object('refit', '1 month')"),
        ("22023", "schedule => jsonb_build_object('test_period', '-7 days')"),
        ("22023", "horizon => '90 minutes'"),
        ("42704", "strategy => 'arima'"),
    ];
    let cases = cases.map(|(code, argument)| (code, format!("select edf.backtest({query}, {argument})")));
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}

#[tokio::test]
async fn quantiles_have_the_requested_levels_never_cross_and_are_scored() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let (rows, crossing, other): (i64, i64, i64) = query_as(
        "select count(*), count(*) filter (where not quantile_values[1] <= quantile_values[2]
             or not quantile_values[2] <= quantile_values[3]),
             count(*) filter (where quantiles <> '{0.025,0.5,0.975}')
         from edf.backtest($1, 'profile', horizon => '24 hours',
             schedule => jsonb_build_object('test_period', '5 days'), levels => '{0.025,0.5,0.975}')",
    )
    .bind(DEMAND)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((rows, crossing, other), (5 * 24, 0, 0));
    let pinball: f64 = query_scalar(
        "select value from edf.score(
             format('select * from edf.backtest(%L, ''profile'',
                 schedule => jsonb_build_object(''test_period'', ''5 days''))', $1), metrics => '{crps}')",
    )
    .bind(DEMAND)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(pinball > 0.0);
    let asked = ["{0,0.5}", "{0.9,0.1}", "{0.5,null}", "{}"];
    for (levels, fails) in asked.into_iter().zip([true, true, true, false]) {
        let answer = query_scalar::<_, i64>(
            "select count(*) from edf.backtest($1, 'profile', schedule => jsonb_build_object('test_period', '2 days'),
                 levels => $2::float8[])",
        )
        .bind(DEMAND)
        .bind(levels)
        .fetch_one(&mut analyst)
        .await;
        assert_eq!(answer.is_err(), fails, "{levels}");
    }
}
