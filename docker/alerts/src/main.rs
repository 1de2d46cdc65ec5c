//! `edf-alerts [--once]`: tells receivers of alerts as they come, or of what is due now.
//!
//! Settings come from the environment: `EDF_ALERTS_RECEIVERS` (JSON, `{"operations": {"url": "...", "token": "..."}}`) or
//! `EDF_ALERTS_RECEIVERS_FILE` (where that stands), `EDF_ALERTS_EXTERNAL_URL`, `EDF_ALERTS_POLL` (default 1m),
//! `EDF_ALERTS_LONGEST_WAIT` between two tries (default 15m), and libpq's `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`,
//! `PGPASSWORD`, `PGSSLMODE`. `--once` ends with 0 when all was taken, 1 when something was not (its row says why); 2
//! says that nothing could be sent at all.

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

/// True when nothing was refused.
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
    // As the first process of a container, a program without handlers ignores these signals.
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
        // What is under way is sent again by the next one.
        _ = term.recv() => Ok(true),
        _ = int.recv() => Ok(true),
    }
}
