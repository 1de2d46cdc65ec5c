//! `edf.backtest` with several strategies, threads, origins and windows.

use edf_tests::{DEMAND, Throwaway, refusal, refusals, seed_demand};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

const TWO: &str =
    r#"["seasonal_naive", {"name": "trees", "strategy": "xgboost", "parameters": {"rounds": 20, "max_depth": 3}}]"#;

async fn database() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    (database, analyst)
}

/// The rows of a backtest of the demand, as text.
async fn rows(analyst: &mut PgConnection, arguments: &str) -> Vec<String> {
    scheduled(analyst, arguments, "{}").await
}

/// Like [`rows`], with another schedule.
async fn scheduled(analyst: &mut PgConnection, arguments: &str, schedule: &str) -> Vec<String> {
    let query = format!(
        "select b::text from edf.backtest('{DEMAND}', {arguments},
             schedule => '{{\"test_period\": \"5 days\", \"refit\": \"2 days\"}}'::jsonb || '{schedule}') as b"
    );
    query_scalar(AssertSqlSafe(query)).fetch_all(analyst).await.unwrap()
}

#[tokio::test]
async fn candidates_of_one_call_forecast_like_each_separately() {
    let (_database, mut analyst) = database().await;
    let together = rows(&mut analyst, &format!("candidates => '{TWO}'")).await;
    let naive = rows(&mut analyst, "strategy => 'seasonal_naive'").await;
    let trees = rows(&mut analyst, r#"parameters => '{"rounds": 20, "max_depth": 3}'"#).await;
    assert_eq!(naive.len(), 3 * 72 + 48 + 24);
    assert!(trees[0].starts_with("(xgboost,"));
    let alone: Vec<_> =
        naive.into_iter().chain(trees.iter().map(|row| row.replacen("(xgboost,", "(trees,", 1))).collect();
    assert!(together == alone);
}

#[tokio::test]
async fn workers_give_the_same_rows_in_the_same_order() {
    let (_database, mut analyst) = database().await;
    let all =
        r#"candidates => '["xgboost", "lear", "ensemble", "sarimax", "prophet", "mstl", "profile", "seasonal_naive"]'"#;
    let alone = rows(&mut analyst, all).await;
    assert_eq!(alone.len(), 8 * (3 * 72 + 48 + 24));
    for workers in [2, 5] {
        assert!(alone == rows(&mut analyst, &format!("{all}, workers => {workers}")).await, "{workers} workers");
    }
}

#[tokio::test]
async fn origins_end_with_the_last_one() {
    let (_database, mut analyst) = database().await;
    let origins: Vec<String> = query_scalar(
        "select distinct issued_at::text from edf.backtest($1, 'seasonal_naive',
             schedule => jsonb_build_object('first_origin', '2026-02-01Z', 'last_origin', '2026-02-03 12:00Z'))
         order by 1",
    )
    .bind(DEMAND)
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(origins, ["2026-02-01 00:00:00+00", "2026-02-02 00:00:00+00", "2026-02-03 00:00:00+00"]);
}

#[tokio::test]
async fn a_sliding_window_limits_the_training_set() {
    let (_database, mut analyst) = database().await;
    // Its lags and means reach back two weeks at most; means over the whole series would propagate rounding errors.
    let recipe = r#"parameters => '{"rounds": 20}',
        features => '{"preset": "basic", "rolling_h": [], "same_hour_days": [7], "same_hour_weeks": [1]}'"#;
    let window = r#"{"training_window": "25 days"}"#;
    let (windowed, all) = (scheduled(&mut analyst, recipe, window).await, rows(&mut analyst, recipe).await);
    assert!(windowed != all);
    // Origins start on 9 February: no fit or lag reads anything before 15 January.
    analyst.execute("update hourly set demand_kwh = demand_kwh + 7 where at < '2026-01-15Z'").await.unwrap();
    assert!(scheduled(&mut analyst, recipe, window).await == windowed);
    let (code, message): (String, String) = {
        let refusal = refusal(
            &mut analyst,
            &format!(
                "select edf.backtest('{DEMAND}', schedule =>
                     jsonb_build_object('test_period', '5 days', 'training_window', '20 days'))"
            ),
        )
        .await;
        (refusal.code, refusal.message)
    };
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("22000", "too little history: 504 steps are needed, 480 are available")
    );
}

#[tokio::test]
async fn features_of_a_candidate_override_those_of_the_call() {
    let (_database, mut analyst) = database().await;
    let candidates = r#"[{"name": "basic", "strategy": "xgboost", "features": {"preset": "basic"},
                          "parameters": {"rounds": 20}},
                         {"name": "same", "strategy": "xgboost", "parameters": {"rounds": 20},
                          "features": {"preset": "basic", "time_zone": "Asia/Tokyo"}},
                         {"name": "other", "strategy": "xgboost", "parameters": {"rounds": 20}}]"#;
    let (same, other): (i64, i64) = query_as(
        "with b as (select * from edf.backtest($1, features => '{\"time_zone\": \"Asia/Tokyo\"}',
             schedule => jsonb_build_object('test_period', '3 days'), candidates => $2::jsonb))
         select count(*) filter (where a.yhat = s.yhat), count(*) filter (where a.yhat = o.yhat)
         from b as a join b as s using (issued_at, lead_hours) join b as o using (issued_at, lead_hours)
         where (a.candidate, s.candidate, o.candidate) = ('basic', 'same', 'other')",
    )
    .bind(DEMAND)
    .bind(candidates)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!(same, 72 + 48 + 24);
    assert!(other < 20, "{other} of them are equal by chance");
}

#[tokio::test]
async fn invalid_candidates_origins_windows_and_workers_are_rejected() {
    let (_database, mut analyst) = database().await;
    let cases = [
        ("22023", "schedule => jsonb_build_object('first_origin', '2026-02-02Z', 'last_origin', '2026-02-01Z')"),
        ("22023", "schedule => jsonb_build_object('last_origin', '2026-02-01 00:30Z')"),
        ("22023", "schedule => jsonb_build_object('last_origin', 'infinity')"),
        ("22023", "schedule => jsonb_build_object('training_window', '0 days')"),
        ("22023", "schedule => jsonb_build_object('training_window', '-9 days')"),
        ("22023", "schedule => jsonb_build_object('training_window', '2 months')"),
        ("22023", "schedule => jsonb_build_object('training_window', '90 minutes')"),
        (
            "22000",
            "schedule => jsonb_build_object('test_period', '5 days', 'training_window', '20 days'), workers => 2",
        ),
        ("22023", "schedule => '[]'"),
        ("22023", r#"schedule => '{"tests": "5 days"}'"#),
        ("22023", "workers => 0"),
        ("22023", "workers => -1"),
        ("22023", "workers => 65"),
        ("22004", "workers => null"),
        ("22023", "candidates => '[]'"),
        ("22023", "candidates => '{}'"),
        ("22023", "candidates => 'null'"),
        ("22023", "candidates => '[3]'"),
        ("22023", r#"candidates => '["lear", "lear"]'"#),
        ("22023", r#"candidates => '[{"name": "a"}]'"#),
        ("22023", r#"candidates => '[{"strategy": "lear", "parameter": {}}]'"#),
        ("42704", r#"candidates => '["lear", "xgbost"]'"#),
        ("22023", r#"candidates => '["lear"]', parameters => '{"rounds": 20}'"#),
        ("22023", r#"candidates => '[{"strategy": "lear", "features": {"lag_h": [24]}}]'"#),
    ];
    let period = "schedule => jsonb_build_object('test_period', '5 days')";
    let cases = cases.map(|(code, argument)| {
        let schedule = if argument.contains("schedule =>") { String::new() } else { format!(", {period}") };
        (code, format!("select edf.backtest('{DEMAND}', {argument}{schedule})"))
    });
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}

#[tokio::test]
async fn the_error_names_the_failed_candidate_in_any_thread() {
    let (_database, mut analyst) = database().await;
    for workers in [1, 2, 8] {
        // It fails in a thread after the check of its history: the week before is unknown.
        let refusal = refusal(
            &mut analyst,
            &format!(
                r#"select edf.backtest($$select at, case when at > (select max(at)
                   from hourly) - interval '18 days' then demand_kwh end as kwh
                   from hourly$$, schedule => jsonb_build_object('test_period', '5 days'), workers => {workers},
                   candidates =>
                       '[{{"strategy": "seasonal_naive", "parameters": {{"season_h": 24}}}},
                         {{"name": "short", "strategy": "seasonal_naive"}}]')"#
            ),
        )
        .await;
        assert!(refusal.message.starts_with("candidate \"short\": ") && !refusal.hint.is_empty(), "{refusal:?}");
    }
}
