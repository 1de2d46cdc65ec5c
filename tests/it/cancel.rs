//! Cancelling training and backtests.

use edf_tests::{Refusal, Throwaway, until_busy};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, query, query_scalar};
use std::time::{Duration, Instant};

/// A training that takes minutes.
const LONG: &str = r#"
    select edf.train('house', $$
        select at, 10 + sin(extract(epoch from at) / 13751) + random()
        from generate_series('2024-01-01'::timestamptz, '2026-01-01', '1 hour') as at
    $$, parameters => '{"rounds": 10000, "max_depth": 12}')"#;

/// A backtest that takes minutes, in two threads besides the backend's own.
const LONG_BACKTEST: &str = r#"
    select count(*) from edf.backtest($$
        select at, 10 + sin(extract(epoch from at) / 13751) + random()
        from generate_series('2024-01-01'::timestamptz, '2026-01-01', '1 hour') as at
    $$, candidates => '[{"strategy": "xgboost", "parameters": {"rounds": 10000, "max_depth": 12}}, "ensemble"]',
        workers => 2)"#;

#[tokio::test]
async fn a_cancelled_training_stops_promptly_and_the_session_remains_usable() {
    answers_soon(LONG).await;
}

#[tokio::test]
async fn a_cancelled_backtest_stops_its_threads_and_the_session_remains_usable() {
    answers_soon(LONG_BACKTEST).await;
}

async fn answers_soon(long: &'static str) {
    let database = Throwaway::with_extension().await;
    let (mut trainer, mut other) = (database.connect().await, database.connect().await);
    let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut trainer).await.unwrap();
    let training = tokio::spawn(async move {
        let outcome = trainer.execute(long).await;
        (Instant::now(), outcome, trainer)
    });
    until_busy(backend).await;
    assert!(!training.is_finished(), "the training ended too early");

    let asked = Instant::now();
    query("select pg_cancel_backend($1)").bind(backend).execute(&mut other).await.unwrap();
    let (answered, outcome, mut trainer) = training.await.unwrap();

    let took = answered - asked;
    assert_eq!(Refusal::from(outcome.unwrap_err()).code, "57014");
    // It would have taken many minutes; the limit allows for a busy machine.
    assert!(took < Duration::from_secs(20), "the answer took {took:?}");
    let (models, again): (i64, i32) =
        sqlx::query_as("select count(*), pg_backend_pid() from edf.models").fetch_one(&mut trainer).await.unwrap();
    assert_eq!((models, again), (0, backend));
    assert_eq!(threads(&mut trainer).await, 1, "of the backend's threads only its own is left");
}

#[tokio::test]
async fn a_statement_timeout_stops_a_training() {
    times_out(LONG).await;
}

#[tokio::test]
async fn a_statement_timeout_stops_a_backtest_in_threads() {
    times_out(LONG_BACKTEST).await;
}

/// Number of threads of this backend.
async fn threads(connection: &mut PgConnection) -> i32 {
    query_scalar(
        "select (regexp_match(pg_read_file(format('/proc/%s/status', pg_backend_pid()), 0, 100000, true),
             'Threads:\\s+(\\d+)'))[1]::int",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

async fn times_out(long: &str) {
    let database = Throwaway::with_extension().await;
    let mut trainer = database.connect().await;
    trainer.execute("set statement_timeout = '2s'").await.unwrap();
    let asked = Instant::now();
    let refusal = edf_tests::refusal(&mut trainer, long).await;
    assert_eq!(refusal.code, "57014");
    assert!(asked.elapsed() < Duration::from_secs(30), "it took {:?}", asked.elapsed());
}
