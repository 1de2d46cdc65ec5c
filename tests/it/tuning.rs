//! `edf.tune`: hyperparameter search with one row per trial.

use edf_tests::{DEMAND, Refusal, Throwaway, as_role, refusal, refusals, seed_demand};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar};
use std::time::{Duration, Instant};

const SPACE: &str = r#"{"rounds": {"low": 5, "high": 30}, "max_depth": {"low": 2, "high": 4},
    "eta": {"low": 0.05, "high": 0.3, "log": true}}"#;
const SETTINGS: &str = r#"{"schedule": {"test_period": "5 days"}, "horizon": "24 hours"}"#;

async fn database() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    (database, analyst)
}

async fn tune(analyst: &mut PgConnection, subject: &str, more: &str) {
    let call = format!("call edf.tune('{subject}', '{DEMAND}', space => '{SPACE}', settings => '{SETTINGS}', {more})");
    analyst.execute(AssertSqlSafe(call)).await.unwrap();
}

/// Number, parameters, score and origins of a subject's trials.
async fn trials(analyst: &mut PgConnection, subject: &str) -> Vec<(i32, String, Option<f64>, Option<i64>)> {
    query_as(
        "select number, parameters::text, score, origins from edf.trials join edf.tunings using (tuning_id)
         where subject = $1 order by number",
    )
    .bind(subject)
    .fetch_all(analyst)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_search_starts_at_the_defaults_and_resumes_where_it_stopped() {
    let (_database, mut analyst) = database().await;
    tune(&mut analyst, "house", "trials => 5").await;
    assert_eq!(trials(&mut analyst, "house").await.len(), 5);
    tune(&mut analyst, "house", r#"trials => 13"#).await;
    // The number of trials is a total: this adds none.
    tune(&mut analyst, "house", "trials => 2").await;
    let paused = trials(&mut analyst, "house").await;
    tune(&mut analyst, "at once", "trials => 13").await;
    assert_eq!(trials(&mut analyst, "at once").await, paused);
    assert_eq!(paused[0].1, r#"{"eta": 0.05, "rounds": 30, "max_depth": 4}"#);
    assert!(
        paused
            .iter()
            .enumerate()
            .all(|(at, trial)| trial.0 == at as i32 + 1 && trial.2 > Some(0.0) && trial.3 == Some(5))
    );
    tune(&mut analyst, "other seed", "trials => 3, seed => 1").await;
    assert_ne!(trials(&mut analyst, "other seed").await, paused[..3]);
}

#[tokio::test]
async fn the_best_parameters_have_the_least_error_and_can_be_used_for_training() {
    let (_database, mut analyst) = database().await;
    tune(&mut analyst, "house", r#"trials => 6, metric => 'mae'"#).await;
    let all = trials(&mut analyst, "house").await;
    let best = all.iter().min_by(|a, b| a.2.unwrap().total_cmp(&b.2.unwrap())).unwrap();
    let model: i64 = query_scalar("select edf.train('house', $1, parameters => edf.best_parameters('house'))")
        .bind(DEMAND)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    let (found, trained): (String, bool) = query_as(
        "select edf.best_parameters('house')::text, parameters @> edf.best_parameters('house', 'xgboost')
         from edf.models where model_id = $1",
    )
    .bind(model)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(found == best.1 && trained, "{found} {best:?}");
    // A trial has the score of a backtest over the same hours.
    let score: f64 = query_scalar(
        "select edf.mae(actual, yhat) from edf.backtest($1, parameters => edf.best_parameters('house'),
             horizon => '24 hours', schedule => jsonb_build_object('test_period', '5 days'))",
    )
    .bind(format!("{DEMAND} where at < '2026-02-09Z'"))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!((score - best.2.unwrap()).abs() < 1e-12);
    for statement in ["select edf.best_parameters('castle')", "select edf.best_parameters('house', 'lear')"] {
        assert_eq!(refusal(&mut analyst, statement).await.code, "42704");
    }
}

#[tokio::test]
async fn the_test_period_is_not_read() {
    let (_database, mut analyst) = database().await;
    // Including temperature forecasts made after the period.
    let vintages = "regressor_forecasts => $$select at, at - interval '30 hours' as received_at,
                        temperature_c + 1 as temperature_c from hourly
                    union all select at, '2026-02-09 01:00Z', 99 from hourly where at >= '2026-02-08Z'$$, trials => 4";
    tune(&mut analyst, "before", vintages).await;
    analyst
        .execute("update hourly set demand_kwh = demand_kwh * 3, temperature_c = -20 where at >= '2026-02-09Z'")
        .await
        .unwrap();
    tune(&mut analyst, "after", vintages).await;
    let found = trials(&mut analyst, "after").await;
    assert!(found.len() == 4 && found == trials(&mut analyst, "before").await);
    let before: String =
        query_scalar("select distinct before::text from edf.tunings").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(before, "2026-02-09 00:00:00+00");
}

#[tokio::test]
async fn a_failed_trial_is_a_row_and_a_small_space_is_exhausted() {
    let (_database, mut analyst) = database().await;
    // Thirty weeks are more than there are.
    let call = format!(
        r#"call edf.tune('house', '{DEMAND}', 'profile', '{{"weeks": [1, 30, 2]}}', trials => 20,
               settings => '{SETTINGS}')"#
    );
    analyst.execute(AssertSqlSafe(call)).await.unwrap();
    let found: Vec<(String, String, Option<f64>, Option<String>)> =
        query_as("select parameters ->> 'weeks', state, score, error from edf.trials order by parameters ->> 'weeks'")
            .fetch_all(&mut analyst)
            .await
            .unwrap();
    let states: Vec<_> = found.iter().map(|trial| (trial.0.as_str(), trial.1.as_str())).collect();
    assert_eq!(states, [("1", "succeeded"), ("2", "succeeded"), ("30", "failed")]);
    assert_eq!(found[2].3.as_deref(), Some("22000: too little history: 5208 steps are needed, 720 are available"));
    assert!(found[2].2.is_none() && found[0].3.is_none());
}

#[tokio::test]
async fn a_cancelled_search_keeps_its_trials_and_resumes_and_a_concurrent_one_fails() {
    let (database, mut tuner) = database().await;
    let mut other = database.connect().await;
    let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut tuner).await.unwrap();
    let call = format!(
        r#"call edf.tune('house', '{DEMAND}', space =>
               '{{"max_depth": [5, 12, 13], "rounds": [20, 10000], "max_bin": [1024], "colsample_bytree": [1]}}',
               settings => '{SETTINGS}')"#
    );
    let call_of_tuner = call.clone();
    let search = tokio::spawn(async move {
        let outcome = tuner.execute(AssertSqlSafe(call_of_tuner)).await;
        (Instant::now(), outcome.map(|_| ()), tuner)
    });
    // The start has the default depth and the first number of rounds; eventually a trial with ten thousand rounds
    // follows.
    let busy = "select count(*) from pg_stat_activity where pid = $1 and state = 'active'";
    let mut kept: i64 = 0;
    let mut unchanged = Instant::now();
    while kept == 0 || unchanged.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now: i64 = query_scalar("select count(*) from edf.trials").fetch_one(&mut other).await.unwrap();
        if now != kept {
            (kept, unchanged) = (now, Instant::now());
        }
        let busy: i64 = query_scalar(busy).bind(backend).fetch_one(&mut other).await.unwrap();
        assert_eq!(busy, 1, "the search was to take longer");
    }
    assert_eq!(refusal(&mut other, &call).await.code, "55006");
    let asked = Instant::now();
    query("select pg_cancel_backend($1)").bind(backend).execute(&mut other).await.unwrap();
    let (answered, outcome, mut tuner) = search.await.unwrap();
    assert_eq!(Refusal::from(outcome.unwrap_err()).code, "57014");
    assert!(answered - asked < Duration::from_secs(1));
    let after: i64 = query_scalar("select count(*) from edf.trials").fetch_one(&mut tuner).await.unwrap();
    // A trial may have ended after the last check.
    assert!(after >= kept, "{after} of {kept}");
    // No lock remains, and the search resumes up to the requested number: none.
    let done = call.replace("settings =>", &format!("trials => {after}, settings =>"));
    tuner.execute(AssertSqlSafe(done)).await.unwrap();
}

#[tokio::test]
async fn a_time_limit_ends_a_search() {
    let (_database, mut analyst) = database().await;
    let asked = Instant::now();
    tune(&mut analyst, "house", "trials => 100000, time_limit => '2 seconds'").await;
    let count = trials(&mut analyst, "house").await.len();
    assert!(count > 0 && asked.elapsed() < Duration::from_secs(20), "{count} trials in {:?}", asked.elapsed());
}

#[tokio::test]
async fn invalid_searches_are_rejected_before_the_first_trial() {
    let (_database, mut analyst) = database().await;
    let cases = [
        ("42704", "strategy => 'xgbost'"),
        ("22004", "strategy => null"),
        ("22023", r#"space => '{"learning_rate": [0.1]}'"#),
        ("22023", r#"space => '{"eta": {"low": 0.3, "high": 0.1}}'"#),
        ("22023", r#"space => '{"eta": []}'"#),
        ("22023", r#"space => '{"eta": {"low": 0, "high": 1}}'"#),
        ("22023", r#"space => '{"eta": "fast"}'"#),
        ("22023", r#"space => '{"max_depth": {"low": 1.5, "high": 3}}'"#),
        ("22023", "space => '[]'"),
        ("22023", "space => '{}'"),
        ("22023", "trials => 0"),
        ("22004", "trials => null"),
        ("22023", "time_limit => '0 seconds'"),
        ("22023", "time_limit => '-1 hour'"),
        ("22023", "metric => 'rsme'"),
        ("22023", "metric => 'bias'"),
        ("22023", "metric => 'coverage'"),
        ("22004", "metric => null"),
        ("22004", "seed => null"),
        ("22023", r#"settings => '{"strategy": "lear"}'"#),
        ("22023", r#"settings => '{"horizn": "1 day"}'"#),
        (
            "22023",
            r#"before => '2026-02-09Z',
               settings => '{"schedule": {"test_period": "5 days"}, "horizon": "90 minutes"}'"#,
        ),
        ("22023", r#"settings => '{"horizon": "soon"}'"#),
        (
            "22023",
            r#"before => '2026-02-09Z',
               settings => '{"schedule": {"test_period": "5 days"}, "features": {"lag": [1]}}'"#,
        ),
        ("22000", "before => '2026-01-06Z'"),
        ("22000", "before => '2025-01-06Z'"),
        ("22023", "before => '2026-02-09Z', regressor_forecasts => 'select at, demand_kwh from hourly'"),
    ];
    let cases = cases.map(|(code, argument)| (code, format!("call edf.tune('house', '{DEMAND}', {argument})")));
    let more = [
        ("22004", format!("call edf.tune(null, '{DEMAND}')")),
        ("22004", "call edf.tune('house', null)".to_owned()),
        ("22023", "call edf.tune('house', '')".to_owned()),
        ("22000", "call edf.tune('house', 'select at, null::float8 from hourly')".to_owned()),
    ];
    let cases: Vec<_> = cases.iter().chain(&more).map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
    let message =
        refusal(&mut analyst, &format!(r#"call edf.tune('house', '{DEMAND}', space => '{{"max_dept": [3]}}')"#))
            .await
            .message;
    assert!(message.contains("did you mean \"max_depth\"?"), "{message}");
    let rows: i64 = query_scalar("select count(*) from edf.tunings").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn an_analyst_tunes_and_deletes_but_cannot_write_trials_directly() {
    let mut analyst = as_role("analyst").await;
    let call = r#"call edf.tune('a-test', energy.training_query('homes-1-4', energy.clock()), 'seasonal_naive',
                      trials => 2,
                  settings => '{"schedule": {"test_period": "7 days"}}')"#;
    analyst.execute(call).await.unwrap();
    let (trials, author): (i64, String) = query_as(
        "select count(*), min(trials.created_by) from edf.trials join edf.tunings using (tuning_id)
         where subject = 'a-test' and state = 'succeeded'",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!((trials, author.as_str()), (2, "analyst"));
    for statement in [
        "insert into edf.trials (tuning_id, number) values (1, 1)",
        "update edf.trials set score = 0",
        "delete from edf.trials",
    ] {
        assert_eq!(refusal(&mut analyst, statement).await.code, "42501", "{statement}");
    }
    analyst.execute("delete from edf.tunings where subject = 'a-test'").await.unwrap();
}
