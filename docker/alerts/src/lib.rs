//! Delivers alerts: sends each message of `energy.claim_alerts` to its receiver as an HTTP request in the format of
//! Alertmanager's webhooks, and retries until it is accepted.
//!
//! The queue is `energy.alert_deliveries`: its rows are locked while a message is sent and updated in the same
//! transaction. So a crash loses nothing, a message that was sent but not recorded is sent again, and several instances
//! never send the same message. Receivers are independent of each other.

mod settings;

pub use settings::{Receiver, Settings};

use chrono::{DateTime, Utc};
use edf_http::Waits;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{query, query_as, query_scalar};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Timeout of a request.
const PATIENCE: Duration = Duration::from_secs(15);

/// Connection pool with role `alerts`; two connections for each receiver.
pub fn connect(options: PgConnectOptions, receivers: usize) -> PgPool {
    let options = options.application_name("edf-alerts").options([
        ("statement_timeout", "60s"),
        // Longer than the timeout of a request.
        ("idle_in_transaction_session_timeout", "60s"),
    ]);
    PgPoolOptions::new()
        .max_connections(2 * receivers as u32)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options)
}

/// Sends messages to one receiver.
pub struct Sender<'a> {
    pool: &'a PgPool,
    client: Client,
    receiver: &'a Receiver,
    settings: &'a Settings,
}

/// Result of sending to a receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Number of alerts accepted.
    pub delivered: usize,
    /// Number of alerts not accepted, which will be retried.
    pub failed: usize,
}

impl<'a> Sender<'a> {
    /// Creates a sender for a receiver.
    pub fn new(pool: &'a PgPool, receiver: &'a Receiver, settings: &'a Settings) -> anyhow::Result<Self> {
        let name = concat!("edf-alerts/", env!("CARGO_PKG_VERSION"));
        Ok(Self { pool, client: edf_http::client(name, Duration::from_secs(5), PATIENCE)?, receiver, settings })
    }

    /// Sends what is due, then waits for notifications and polls. Never returns.
    pub async fn run(&self) {
        let mut listener = None;
        loop {
            if let Err(error) = self.turn(&mut listener).await {
                eprintln!("edf-alerts: {}: {error}", self.receiver.name);
                sleep(self.settings.waits.first).await;
            }
        }
    }

    async fn turn(&self, listener: &mut Option<PgListener>) -> sqlx::Result<()> {
        // Listen before reading the queue, so that no notification is missed.
        let listener = match listener {
            Some(listener) => listener,
            None => {
                let mut new = PgListener::connect_with(self.pool).await?;
                new.listen("edf_alerts").await?;
                listener.insert(new)
            }
        };
        self.send_due().await?;
        if let Ok(told) = timeout(self.idle_time().await?, listener.recv()).await {
            told?;
        }
        Ok(())
    }

    /// Sends everything that is due by now, once each.
    pub async fn send_due(&self) -> sqlx::Result<Sent> {
        let now: DateTime<Utc> = query_scalar("select clock_timestamp()").fetch_one(self.pool).await?;
        let mut sent = Sent::default();
        while let Some((alerts, taken)) = self.send_next(now).await? {
            if taken { sent.delivered += alerts } else { sent.failed += alerts }
        }
        Ok(sent)
    }

    /// Sends one due message: returns its number of alerts and whether it was accepted, or `None` if nothing is due.
    async fn send_next(&self, due_at: DateTime<Utc>) -> sqlx::Result<Option<(usize, bool)>> {
        let mut work = self.pool.begin().await?;
        let (ids, tries, message): (Option<Vec<i64>>, Option<i32>, Option<String>) =
            query_as("select delivery_ids, tries, message::text from energy.claim_alerts($1, $2, $3)")
                .bind(&self.receiver.name)
                .bind(&self.settings.external_url)
                .bind(due_at)
                .fetch_one(&mut *work)
                .await?;
        let (Some(ids), Some(message)) = (ids, message) else {
            return Ok(None);
        };
        let answer = self.post(message).await;
        let tries = 1 + tries.and_then(|tries| u32::try_from(tries).ok()).unwrap_or_default();
        record(&mut work, &ids, tries, &self.settings.waits, &answer).await?;
        work.commit().await?;
        match &answer.failure {
            None => println!("edf-alerts: {}: {} delivered", self.receiver.name, ids.len()),
            Some(reason) => {
                eprintln!("edf-alerts: {}: {} failed at try {tries}: {reason}", self.receiver.name, ids.len())
            }
        }
        Ok(Some((ids.len(), answer.failure.is_none())))
    }

    async fn post(&self, message: String) -> Answer {
        let mut request =
            self.client.post(self.receiver.url.clone()).header(CONTENT_TYPE, "application/json").body(message);
        if let Some(token) = &self.receiver.token {
            request = request.bearer_auth(token.secret());
        }
        match request.send().await {
            Err(error) => Answer { failure: Some(edf_http::failure(error).1), ..Answer::default() },
            Ok(response) => {
                let status = response.status();
                Answer {
                    http_status: Some(i32::from(status.as_u16())),
                    wait: edf_http::asked_wait(&response),
                    // Not the body: it could contain the address or the token.
                    failure: (!status.is_success()).then(|| format!("HTTP {status}")),
                }
            }
        }
    }

    /// Time until the next alert is due, at most the polling interval.
    async fn idle_time(&self) -> sqlx::Result<Duration> {
        let seconds: Option<f64> =
            query_scalar("select extract(epoch from energy.next_alert_at($1) - clock_timestamp())::double precision")
                .bind(&self.receiver.name)
                .fetch_one(self.pool)
                .await?;
        let next = seconds.map_or(self.settings.poll, |seconds| Duration::from_secs_f64(seconds.clamp(0.05, 86_400.0)));
        Ok(next.min(self.settings.poll))
    }
}

/// Response of a receiver.
#[derive(Default)]
struct Answer {
    http_status: Option<i32>,
    wait: Option<Duration>,
    failure: Option<String>,
}

async fn record(
    work: &mut sqlx::PgConnection,
    ids: &[i64],
    tries: u32,
    waits: &Waits,
    answer: &Answer,
) -> sqlx::Result<()> {
    query("select energy.record_alerts($1, $2, $3, make_interval(secs => $4))")
        .bind(ids)
        .bind(answer.http_status)
        .bind(&answer.failure)
        .bind(waits.after(tries, answer.wait).as_secs_f64())
        .execute(work)
        .await?;
    Ok(())
}
