//! `edf-weather [--every DURATION]`: one pass over all locations, or one per DURATION such as `1h`.
//!
//! Settings come from the environment: `EDF_WEATHER_URL`, `EDF_WEATHER_KEY`, `EDF_WEATHER_PAST_DAYS`, and libpq's
//! `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`, `PGPASSWORD`, `PGSSLMODE`. Exit status: 0 if every fetch succeeded, 1 if
//! one failed (see its row), 2 if nothing could be fetched at all.

use anyhow::{Context, anyhow, bail, ensure};
use edf_weather::{Service, Settings, connect, run_pass};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("edf-weather: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> anyhow::Result<bool> {
    let every = every(std::env::args().skip(1))?;
    let service = Service::new(Settings::read(|name| std::env::var(name).ok())?)?;
    let pool = connect(PgConnectOptions::new());
    // Without handlers, the first process of a container ignores these signals.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let work = async {
        match every {
            None => pass(&pool, &service).await,
            Some(period) => passes(&pool, &service, period).await,
        }
    };
    tokio::select! {
        outcome = work => outcome,
        // A transaction in progress is rolled back by the server.
        _ = term.recv() => Ok(true),
        _ = int.recv() => Ok(true),
    }
}

async fn passes(pool: &PgPool, service: &Service, period: Duration) -> anyhow::Result<bool> {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = pass(pool, service).await {
            eprintln!("edf-weather: {error:#}");
        }
    }
}

/// Returns true if every fetch succeeded.
async fn pass(pool: &PgPool, service: &Service) -> anyhow::Result<bool> {
    // Not as context: the message of sqlx includes its source already.
    let fetches = run_pass(pool, service).await.map_err(|error| anyhow!("the places cannot be read: {error}"))?;
    let (total, mut succeeded, mut hours) = (fetches.len(), 0, 0);
    for fetch in fetches {
        match fetch {
            Err(error) => eprintln!("edf-weather: a fetch could not be recorded: {error}"),
            Ok(fetch) => match fetch.outcome {
                Ok(written) => {
                    succeeded += 1;
                    hours += written;
                }
                Err(failure) => eprintln!(
                    "edf-weather: {:?} of {:?} failed after {} tries: {}: {}",
                    fetch.purpose, fetch.weather_location_id, fetch.tries, failure.code, failure.reason
                ),
            },
        }
    }
    println!("edf-weather: {succeeded} of {total} fetches succeeded, {hours} new hours");
    Ok(succeeded == total)
}

fn every(arguments: impl IntoIterator<Item = String>) -> anyhow::Result<Option<Duration>> {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => Ok(None),
        ["--every", period] => {
            let period = humantime::parse_duration(period).context("--every takes a duration such as 30m or 1h")?;
            ensure!(period >= Duration::from_secs(60), "--every must be at least a minute: the service is shared");
            Ok(Some(period))
        }
        _ => bail!("usage: edf-weather [--every DURATION]"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn periods_below_a_minute_and_other_arguments_are_rejected() {
        let every = |arguments: &[&str]| every(arguments.iter().map(|argument| (*argument).to_owned()));
        assert_eq!(every(&[]).unwrap(), None);
        assert_eq!(every(&["--every", "1h 30m"]).unwrap(), Some(Duration::from_secs(5400)));
        for wrong in [&["--every"][..], &["--every", "1s"], &["--every", "often"], &["--once"]] {
            assert!(every(wrong).is_err(), "{wrong:?}");
        }
    }
}
