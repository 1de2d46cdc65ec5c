//! Fetches the weather of every place in `raw.weather_locations` from an Open-Meteo style service.
//!
//! A *fetch* asks the service for one place and one purpose, with as many tries as it takes; its document goes to the
//! database's ingestion as it came, and what became of it is a row of `raw.weather_fetches`. A *pass* fetches every
//! place once. A place that fails never stops the others.
//!
//! The service names no model run: it blends several models, each with runs of its own. So a forecast's `issued_at` is
//! the hour in which it was first asked for, by the database's clock, and `received_at` the moment at which it was
//! ingested. Two fetches in the same hour are the same run, and the second changes nothing.

mod answer;
mod service;
mod settings;
mod store;

pub use edf_http::{Key, Waits};
pub use service::{Answer, Service};
pub use settings::{Limits, Settings};
pub use store::{connect, locations};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use sqlx::PgPool;

/// Fetches at the same time: one place that hangs delays the others little, and the service is not flooded.
const PARALLEL: usize = 4;

/// A place that weather is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// As in `raw.weather_locations`.
    pub weather_location_id: String,
    /// In degrees.
    pub latitude: f64,
    /// In degrees.
    pub longitude: f64,
}

/// What a document is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The hours ahead.
    Forecast,
    /// The hours that are over, as the service's models have analysed them: no station measured them.
    Observations,
}

/// Why a fetch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For machines; the comment on `raw.weather_fetches.reason_code` lists them.
    pub code: String,
    /// For people. Never holds the key or the address.
    pub reason: String,
}

/// What one fetch came to, as its row of `raw.weather_fetches` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The place.
    pub weather_location_id: String,
    /// What for.
    pub purpose: Purpose,
    /// Before the first try.
    pub started_at: DateTime<Utc>,
    /// Requests made.
    pub tries: u32,
    /// Of the last try; none where no answer came.
    pub http_status: Option<u16>,
    /// Size of the document.
    pub bytes: Option<usize>,
    /// The hours that were new.
    pub outcome: Result<i64, Failure>,
}

/// Fetches every place in the database. Fails only where the database does not tell the places.
pub async fn run_pass(pool: &PgPool, service: &Service) -> sqlx::Result<Vec<sqlx::Result<Fetch>>> {
    Ok(fetch_all(pool, service, locations(pool).await?).await)
}

/// Fetches these places; an error is a fetch that the database did not take, not even its row.
pub async fn fetch_all(pool: &PgPool, service: &Service, locations: Vec<Location>) -> Vec<sqlx::Result<Fetch>> {
    let purposes = service.purposes();
    let wanted =
        locations.into_iter().flat_map(|location| purposes.iter().map(move |purpose| (location.clone(), *purpose)));
    stream::iter(wanted)
        .map(|(location, purpose)| fetch(pool, service, location, purpose))
        .buffer_unordered(PARALLEL)
        .collect()
        .await
}

async fn fetch(pool: &PgPool, service: &Service, location: Location, purpose: Purpose) -> sqlx::Result<Fetch> {
    let started_at = store::clock(pool).await?;
    let answer = service.ask(&location, purpose).await;
    let mut fetch = Fetch {
        weather_location_id: location.weather_location_id,
        purpose,
        started_at,
        tries: answer.tries,
        http_status: answer.http_status,
        bytes: answer.document.as_ref().ok().map(String::len),
        outcome: Ok(0),
    };
    match answer.document {
        Ok(document) => store::ingest(pool, &mut fetch, &document).await?,
        Err(failure) => {
            fetch.outcome = Err(failure);
            store::record(pool, &fetch).await?;
        }
    }
    Ok(fetch)
}

/// When a fetch's forecast counts as issued: the hour in which it was first asked for.
fn issued_at(started_at: DateTime<Utc>) -> DateTime<Utc> {
    started_at.duration_trunc(TimeDelta::hours(1)).unwrap_or(started_at)
}
