//! `edf.keep_backtest`: a stored backtest.

use edf_tests::{DEMAND, Throwaway, as_role, refusals, seed_demand};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar};

const SETTINGS: &str = r#"{"candidates": ["seasonal_naive",
    {"name": "trees", "strategy": "xgboost", "parameters": {"rounds": 20}}],
    "schedule": {"test_period": "5 days"}, "levels": [0.1, 0.5, 0.9], "workers": 2}"#;

async fn keep(analyst: &mut PgConnection) -> i64 {
    query_scalar("select edf.keep_backtest('house', $1, $2::jsonb)")
        .bind(DEMAND)
        .bind(SETTINGS)
        .fetch_one(analyst)
        .await
        .unwrap()
}

async fn kept(analyst: &mut PgConnection) -> i64 {
    query_scalar("select count(*) from edf.kept_forecasts").fetch_one(analyst).await.unwrap()
}

#[tokio::test]
async fn stored_rows_equal_those_of_the_backtest() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first = keep(&mut analyst).await;
    assert_eq!(keep(&mut analyst).await, first + 1);
    let (both, either): (i64, i64) = query_as(
        "with kept as (select candidate, issued_at, valid_at, lead_hours, actual, yhat, yhat_lower, yhat_upper,
             quantile_values, quantiles
                       from edf.kept_forecasts where backtest_id = $3),
              told as (select * from edf.run_backtest($1, edf.backtest_settings($2::jsonb), null))
         select (select count(*) from (select * from kept intersect select * from told) as b),
                (select count(*) from (select * from kept union select * from told) as e)",
    )
    .bind(DEMAND)
    .bind(SETTINGS)
    .bind(first)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((both, either), (2 * (3 * 72 + 48 + 24), both));
    let (subject, query, period, levels, seconds, author): (String, String, String, Vec<f64>, f64, String) = query_as(
        "select subject, query, settings #>> '{schedule,test_period}', quantiles, seconds, created_by
         from edf.backtests where backtest_id = $1",
    )
    .bind(first)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((subject.as_str(), query.as_str(), period.as_str()), ("house", DEMAND, "5 days"));
    assert!(levels == [0.1, 0.5, 0.9] && seconds > 0.0 && author == "postgres");
}

#[tokio::test]
async fn there_is_a_row_per_quantile_and_scores_equal_those_of_the_backtest() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let backtest = keep(&mut analyst).await;
    let rows: (i64, i64) =
        query_as("select count(*), count(*) filter (where quantile = 0.9 and value >= 0) from edf.kept_quantiles")
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!(rows, (3 * 2 * 288, 2 * 288));
    let score = |forecasts: &str| {
        AssertSqlSafe(format!(
            "select slice::text, metric, value from edf.score($q${forecasts}$q$, by => '{{candidate,lead_day}}')
             order by 1, 2"
        ))
    };
    let of_kept: Vec<(String, String, f64)> =
        query_as(score(&format!("select * from edf.kept_forecasts where backtest_id = {backtest}")))
            .fetch_all(&mut analyst)
            .await
            .unwrap();
    let of_told: Vec<(String, String, f64)> = query_as(score(&format!(
        "select * from edf.run_backtest('{DEMAND}', edf.backtest_settings('{SETTINGS}'), null)"
    )))
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(of_kept.len(), of_told.len());
    assert!(of_kept.len() >= 6 * 11);
    // Sums are computed in another order.
    for (kept, told) in of_kept.iter().zip(&of_told) {
        assert!((&kept.0, &kept.1) == (&told.0, &told.1) && (kept.2 - told.2).abs() < 1e-9, "{kept:?} {told:?}");
    }
}

#[tokio::test]
async fn deleting_a_backtest_deletes_its_forecasts_and_no_others() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first = keep(&mut analyst).await;
    keep(&mut analyst).await;
    let both = kept(&mut analyst).await;
    query("delete from edf.backtests where backtest_id = $1").bind(first).execute(&mut analyst).await.unwrap();
    assert_eq!((kept(&mut analyst).await, both), (2 * 288, 4 * 288));
}

#[tokio::test]
async fn defaults_equal_those_of_the_backtest() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    // Every argument except the two queries, with the function's default.
    let defaults: Vec<(String, String)> = query_as(
        "select name, pg_get_function_arg_default(oid, at::int) from pg_proc
         cross join lateral unnest(proargnames, proargmodes) with ordinality as argument (name, mode, at)
         where oid = 'edf.backtest'::regproc and mode = 'i'
             and name not in ('training_data', 'regressor_forecasts') order by at",
    )
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(defaults.len(), 10);
    for (name, default) in defaults {
        let same = format!(
            "select to_jsonb({default}) is not distinct from nullif(edf.backtest_settings('{{}}') -> '{name}', 'null')"
        );
        let is_interval = default.ends_with("::interval") && !default.starts_with("NULL");
        let same = if is_interval {
            format!("select {default} = (edf.backtest_settings('{{}}') ->> '{name}')::interval")
        } else {
            same
        };
        let same: bool = query_scalar(AssertSqlSafe(same)).fetch_one(&mut analyst).await.unwrap();
        assert!(same, "{name} has the default {default}");
    }
}

#[tokio::test]
async fn invalid_backtests_are_rejected_and_leave_no_rows() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let cases = [
        ("22004", format!("null, '{DEMAND}'")),
        ("22004", "'house', null".to_owned()),
        ("22004", format!("'house', '{DEMAND}', null")),
        ("22023", format!("'house', '{DEMAND}', '[]'")),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"candidate": ["lear"]}}'"#)),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"schedule": {{"refit": "often"}}}}'"#)),
        ("22004", format!(r#"'house', '{DEMAND}', '{{"schedule": {{"refit": null}}}}'"#)),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"schedule": {{"first_origin": "soon"}}}}'"#)),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"levels": 0.5}}'"#)),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"levels": ["high"]}}'"#)),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"workers": 1.5}}'"#)),
        ("22023", format!(r#"'house', '{DEMAND}', '{{"workers": 1000}}'"#)),
        ("42704", format!(r#"'house', '{DEMAND}', '{{"strategy": "lea"}}'"#)),
        ("22000", format!(r#"'house', '{DEMAND}', '{{"schedule": {{"test_period": "30 days"}}}}'"#)),
    ];
    let cases = cases.map(|(code, arguments)| (code, format!("select edf.keep_backtest({arguments})")));
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
    let rows: i64 = query_scalar("select count(*) from edf.backtests").fetch_one(&mut analyst).await.unwrap();
    assert_eq!((rows, kept(&mut analyst).await), (0, 0));
}

#[tokio::test]
async fn an_analyst_stores_and_deletes_backtests_only_through_functions() {
    let mut analyst = as_role("analyst").await;
    let backtest: i64 = query_scalar(
        "select edf.keep_backtest('a-test', energy.training_query('homes-1-4', energy.clock()),
             '{\"strategy\": \"seasonal_naive\", \"schedule\": {\"test_period\": \"7 days\"}}')",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    let (author, scored): (String, i64) = query_as(AssertSqlSafe(format!(
        "select created_by, (select n from edf.score('select * from edf.kept_forecasts where backtest_id = {backtest}',
             metrics => '{{rmse}}'))
         from edf.backtests where backtest_id = {backtest}"
    )))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(author == "analyst" && scored > 0, "{author} {scored}");
    let denied = [
        "insert into edf.backtests (subject, query, settings, quantiles, seconds, created_by)
         values ('', '', '{}', '{}', 0, '')",
        "update edf.backtests set subject = 'b'",
        "update edf.backtest_forecasts set yhat = actual",
    ];
    for statement in denied {
        assert_eq!(edf_tests::refusal(&mut analyst, statement).await.code, "42501", "{statement}");
    }
    let deleted =
        query("delete from edf.backtests where backtest_id = $1").bind(backtest).execute(&mut analyst).await.unwrap();
    assert_eq!(deleted.rows_affected(), 1);
    analyst.execute("select 1").await.unwrap();
}
