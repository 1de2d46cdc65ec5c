//! Database access: locations, the clock, ingestion, and the row of each fetch.

use crate::{Failure, Fetch, Location, PARALLEL, Purpose, issued_at};
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Executor, Postgres, query, query_as, query_scalar};
use std::time::Duration;

/// A lazy connection pool.
pub fn connect(options: PgConnectOptions) -> PgPool {
    let options = options.application_name("edf-weather").options([("statement_timeout", "60s")]);
    PgPoolOptions::new()
        .max_connections(PARALLEL as u32)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options)
}

/// The locations to fetch weather for.
pub async fn locations(pool: &PgPool) -> sqlx::Result<Vec<Location>> {
    let rows: Vec<(String, f64, f64)> = query_as(
        "select weather_location_id, latitude, longitude from raw.weather_locations order by weather_location_id",
    )
    .fetch_all(pool)
    .await?;
    let location = |(weather_location_id, latitude, longitude)| Location { weather_location_id, latitude, longitude };
    Ok(rows.into_iter().map(location).collect())
}

/// The database's clock. It is not `energy.clock()`, since the service cannot replay the past.
pub async fn clock(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    query_scalar("select clock_timestamp()").fetch_one(pool).await
}

/// Ingests a document and writes the fetch's row in one transaction.
pub async fn ingest(pool: &PgPool, fetch: &mut Fetch, document: &str) -> sqlx::Result<()> {
    let mut work = pool.begin().await?;
    match call(&mut *work, fetch, document).await {
        Ok((hours_written, None, _)) => fetch.outcome = Ok(hours_written),
        Ok((_, Some(code), reason)) => {
            fetch.outcome = Err(Failure { code, reason: reason.unwrap_or_default() });
        }
        Err(sqlx::Error::Database(error)) => {
            work.rollback().await?;
            let state = error.code().unwrap_or_default().into_owned();
            let reason = format!("SQLSTATE {state}: {}", error.message());
            fetch.outcome = Err(Failure { code: "ingest_error".to_owned(), reason });
            return record(pool, fetch).await;
        }
        Err(error) => return Err(error),
    }
    record(&mut *work, fetch).await?;
    work.commit().await
}

type Taken = (i64, Option<String>, Option<String>);

async fn call(work: impl Executor<'_, Database = Postgres>, fetch: &Fetch, document: &str) -> sqlx::Result<Taken> {
    match fetch.purpose {
        Purpose::Forecast => {
            query_as("call energy.ingest_weather_forecast($1, $2, $3, clock_timestamp())")
                .bind(document)
                .bind(&fetch.weather_location_id)
                .bind(issued_at(fetch.started_at))
                .fetch_one(work)
                .await
        }
        Purpose::Observations => {
            query_as("call energy.ingest_weather_observations($1, $2, clock_timestamp())")
                .bind(document)
                .bind(&fetch.weather_location_id)
                .fetch_one(work)
                .await
        }
    }
}

/// Writes a fetch's row.
pub async fn record(work: impl Executor<'_, Database = Postgres>, fetch: &Fetch) -> sqlx::Result<()> {
    let failure = fetch.outcome.as_ref().err();
    query(
        "insert into raw.weather_fetches
             (weather_location_id, purpose, started_at, status, tries, http_status, bytes, hours_written, reason_code, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&fetch.weather_location_id)
    .bind(match fetch.purpose {
        Purpose::Forecast => "forecast",
        Purpose::Observations => "observations",
    })
    .bind(fetch.started_at)
    .bind(if failure.is_none() { "succeeded" } else { "failed" })
    .bind(i32::try_from(fetch.tries).unwrap_or(i32::MAX))
    .bind(fetch.http_status.map(i32::from))
    .bind(fetch.bytes.and_then(|bytes| i64::try_from(bytes).ok()))
    .bind(fetch.outcome.as_ref().copied().unwrap_or_default())
    .bind(failure.map(|failure| &failure.code))
    .bind(failure.map(|failure| &failure.reason))
    .execute(work)
    .await?;
    Ok(())
}
