//! `postgrest postgrest.conf 2>&1 | edf-api-log`: forwards the log and counts failed requests in the database; for
//! nginx (docker/nginx/start.sh) it counts who read which building.
//!
//! Settings come from the environment: `EDF_API_LOG_EVERY` (default 10s), the interval between writes, and libpq's
//! `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER` (`api_log`), `PGPASSWORD`, `PGSSLMODE`. While the database is unavailable
//! it continues to read and count, so PostgREST is never blocked. It exits at the end of the log.

use anyhow::Context;
use edf_api_log::reads::{self, Reads};
use edf_api_log::{Counts, parse};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query;
use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

type Shared = Arc<Mutex<(Counts, Reads)>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("edf-api-log: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<()> {
    let every = match std::env::var("EDF_API_LOG_EVERY") {
        Ok(text) => humantime::parse_duration(&text).context("EDF_API_LOG_EVERY is not a duration such as 10s")?,
        Err(_) => Duration::from_secs(10),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter();
    let options = PgConnectOptions::new().application_name("edf-api-log").options([("statement_timeout", "10s")]);
    let pool =
        PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(5)).connect_lazy_with(options);
    // Exits at the end of the log: signals to the process group are for PostgREST, whose last lines are still counted.
    let _handled = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let counts = Shared::default();
    let (writer, counted) = (pool.clone(), counts.clone());
    runtime.spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            write(&writer, &counted).await;
        }
    });
    for line in stdin().lock().split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        if let Some(kind) = parse(&text) {
            lock(&counts).0.add(kind);
        } else if let Some((read, rows)) = reads::parse(&text) {
            lock(&counts).1.add(read, rows);
        }
        // Standard output may be closed; counting continues.
        let _ = stdout().write_all(&[&line[..], b"\n"].concat());
    }
    runtime.block_on(write(&pool, &counts));
    Ok(())
}

async fn write(pool: &PgPool, counts: &Shared) {
    let (errors, reads) = std::mem::take(&mut *lock(counts));
    if !errors.is_empty() && !recorded(pool, "select energy.record_api_errors($1)", errors.document()).await {
        lock(counts).0.merge(errors);
    }
    if !reads.is_empty() && !recorded(pool, "select energy.record_api_reads($1)", reads.document()).await {
        lock(counts).1.merge(reads);
    }
}

async fn recorded(pool: &PgPool, statement: &'static str, document: serde_json::Value) -> bool {
    let result = query(statement).bind(document).execute(pool).await;
    if let Err(error) = &result {
        eprintln!("edf-api-log: counts are kept for the next write: {error}");
    }
    result.is_ok()
}

fn lock(counts: &Shared) -> std::sync::MutexGuard<'_, (Counts, Reads)> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
