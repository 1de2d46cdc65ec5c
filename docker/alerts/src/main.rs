//! `edf-alerts [--once]`: delivers alerts continuously, or once what is due now.
//!
//! Settings come from the environment: `EDF_ALERTS_RECEIVERS` (JSON, `{"operations": {"url": "...", "token": "..."}}`)
//! or `EDF_ALERTS_RECEIVERS_FILE` (a file with it), `EDF_ALERTS_EXTERNAL_URL`, `EDF_ALERTS_POLL` (default 1m),
//! `EDF_ALERTS_LONGEST_WAIT` between retries (default 15m), and libpq's `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`,
//! `PGPASSWORD`, `PGSSLMODE`. Exit status of `--once`: 0 if everything was accepted, 1 if something was not (see its
//! row), 2 if nothing could be sent at all.

use anyhow::bail;
use edf_alerts::{Sender, Settings, connect};
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("edf-alerts: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns true if every message was accepted.
async fn run() -> anyhow::Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let once = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--once"] => true,
        _ => bail!("usage: edf-alerts [--once]"),
    };
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let pool = connect(PgConnectOptions::new(), settings.receivers.len());
    let senders = settings.receivers.iter().map(|receiver| Sender::new(&pool, receiver, &settings));
    let senders = senders.collect::<anyhow::Result<Vec<_>>>()?;
    // Without handlers, the first process of a container ignores these signals.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let work = async {
        if once {
            let mut all_taken = true;
            for sent in join_all(senders.iter().map(Sender::send_due)).await {
                all_taken &= sent?.failed == 0;
            }
            return Ok(all_taken);
        }
        join_all(senders.iter().map(Sender::run)).await;
        Ok(true)
    };
    tokio::select! {
        outcome = work => outcome,
        // A message in progress is sent again by the next instance.
        _ = term.recv() => Ok(true),
        _ = int.recv() => Ok(true),
    }
}
