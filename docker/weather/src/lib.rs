//! Fetches the weather of every location in `raw.weather_locations` from an Open-Meteo style service.
//!
//! A *fetch* requests the document of one location and purpose, with retries. The document is passed unchanged to the
//! ingestion in the database, and the result is a row of `raw.weather_fetches`. A *pass* fetches every location once. A
//! failed location does not affect the others.
//!
//! The service does not name a model run: it blends several models, each with its own runs. So a forecast's `issued_at`
//! is the hour of the first request for it, by the database's clock, and `received_at` the time of ingestion. Two
//! fetches in the same hour count as the same run, and the second changes nothing.

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

/// Number of parallel fetches: a slow location delays the others little, and the service is not overloaded.
const PARALLEL: usize = 4;

/// A location to fetch weather for.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Key in `raw.weather_locations`.
    pub weather_location_id: String,
    /// In degrees.
    pub latitude: f64,
    /// In degrees.
    pub longitude: f64,
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Forecast of the hours ahead.
    Forecast,
    /// Past hours from the service's model analysis, which are not station measurements.
    Observations,
}

/// Why a fetch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Machine-readable code; listed in the comment on `raw.weather_fetches.reason_code`.
    pub code: String,
    /// Description. Never contains the key or the address.
    pub reason: String,
}

/// The result of a fetch, as stored in `raw.weather_fetches`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The location.
    pub weather_location_id: String,
    /// The purpose.
    pub purpose: Purpose,
    /// Time before the first try.
    pub started_at: DateTime<Utc>,
    /// Number of requests.
    pub tries: u32,
    /// HTTP status of the last try; `None` without a response.
    pub http_status: Option<u16>,
    /// Size of the document.
    pub bytes: Option<usize>,
    /// Number of new hours.
    pub outcome: Result<i64, Failure>,
}

/// Fetches every location in the database. Fails only if the locations cannot be read.
pub async fn run_pass(pool: &PgPool, service: &Service) -> sqlx::Result<Vec<sqlx::Result<Fetch>>> {
    Ok(fetch_all(pool, service, locations(pool).await?).await)
}

/// Fetches these locations; an error means that the fetch could not be recorded.
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

/// `issued_at` of a fetch's forecast: the hour of the first request for it.
fn issued_at(started_at: DateTime<Utc>) -> DateTime<Utc> {
    started_at.duration_trunc(TimeDelta::hours(1)).unwrap_or(started_at)
}
