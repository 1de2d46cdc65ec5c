//! Crashes: the server recovers, nothing is partially done, the next run works.
//!
//! A crash ends every connection of the server, so these tests are a separate binary and run one at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod kills;

use edf_tests::{DEMAND, Throwaway, connect_when_up, seed_demand, train, until_busy};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, query_scalar};
use std::process::Command;
use std::time::Duration;
use tokio::sync::Mutex;

/// Serialises the tests that crash the server.
static TURN: Mutex<()> = Mutex::const_new(());

/// A training on `hourly` that takes minutes.
const LONG: &str = r#"
    select edf.train('house', $$
        select at, 10 + sin(extract(epoch from at) / 13751) + random()
        from generate_series('2024-01-01'::timestamptz, '2026-01-01', '1 hour') as at
    $$, parameters => '{"rounds": 10000, "max_depth": 12}')"#;

/// Start time of the postmaster's current children; changes with a crash.
const RESTARTED: &str = "select backend_start::text from pg_stat_activity where backend_type = 'checkpointer'";

async fn server_start(connection: &mut PgConnection) -> String {
    query_scalar(RESTARTED).fetch_one(connection).await.unwrap()
}

fn kill(backend: i32) {
    let killed = Command::new("kill").args(["-KILL", &backend.to_string()]).status().unwrap();
    assert!(killed.success(), "the test must run as root or as the server's user");
}

/// A session after the server has noticed the kill and recovered: an earlier one would end with it.
async fn up_again(database: &str, started: &str) -> PgConnection {
    loop {
        let mut session = connect_when_up("postgres", database, Duration::from_secs(120)).await;
        match query_scalar::<_, String>(RESTARTED).fetch_one(&mut session).await {
            Ok(at) if at != started => return session,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[tokio::test]
async fn a_killed_training_leaves_no_rows_and_the_next_one_works() {
    let _turn = TURN.lock().await;
    let database = Throwaway::with_extension().await;
    let mut trainer = database.connect().await;
    seed_demand(&mut trainer).await;
    let kept = train(&mut trainer, "house").await;
    let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut trainer).await.unwrap();
    let started: String = server_start(&mut trainer).await;
    let training = tokio::spawn(async move { trainer.execute(LONG).await.map(drop) });
    until_busy(backend).await;
    assert!(!training.is_finished(), "the training ended too early");

    kill(backend);
    training.await.unwrap().expect_err("its connection is gone");

    let mut analyst = up_again(&database.name, &started).await;
    let models: Vec<i64> = query_scalar("select model_id from edf.models").fetch_all(&mut analyst).await.unwrap();
    let events: i64 = query_scalar("select count(*) from edf.model_events").fetch_one(&mut analyst).await.unwrap();
    assert_eq!((models, events), (vec![kept], 1));

    let next = train(&mut analyst, "house").await;
    let approved: i64 = query_scalar("select edf.approve_model($1)").bind(next).fetch_one(&mut analyst).await.unwrap();
    let rows: i64 = query_scalar("select count(*) from edf.forecast('house', $1) where model_id = $2")
        .bind(DEMAND)
        .bind(approved)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
    assert_eq!(rows, 72);
}
