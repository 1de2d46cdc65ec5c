//! A throwaway location, and what the fetcher stored for it.

use edf_tests::{as_role, environment};
use edf_weather::{Fetch, Key, Limits, Location, Service, Settings, Waits, connect, fetch_all};
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{query, query_as};
use std::time::Duration;

/// A location for a test.
pub fn location(name: &str, latitude: f64) -> Location {
    Location { weather_location_id: format!("weather-test-{name}"), latitude, longitude: -117.4 }
}

/// A location in the database.
pub struct Place {
    pub location: Location,
}

impl Place {
    /// A new one; its latitude identifies it.
    pub async fn new(name: &str, latitude: f64) -> Self {
        let location = location(name, latitude);
        let mut postgres = as_role("postgres").await;
        query("insert into raw.weather_locations values ($1, $2, $3)")
            .bind(&location.weather_location_id)
            .bind(location.latitude)
            .bind(location.longitude)
            .execute(&mut postgres)
            .await
            .unwrap();
        Self { location }
    }

    /// (valid_at, issued_at, received_at) as text, and the temperature, of the stored forecasts.
    pub async fn forecasts(&self) -> Vec<(String, String, String, Option<f64>)> {
        query_as(
            "select to_char(valid_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
                 issued_at::text, received_at::text, temperature_c
             from raw.weather_forecasts where weather_location_id = $1 order by valid_at",
        )
        .bind(&self.location.weather_location_id)
        .fetch_all(&mut as_role("analyst").await)
        .await
        .unwrap()
    }

    /// (purpose, status, tries, http_status, hours_written, reason_code, reason) of the fetches, oldest first.
    pub async fn fetches(&self) -> Vec<Row> {
        query_as(
            "select purpose, status, tries, http_status, hours_written, reason_code, reason
             from raw.weather_fetches where weather_location_id = $1 order by weather_fetch_id",
        )
        .bind(&self.location.weather_location_id)
        .fetch_all(&mut as_role("analyst").await)
        .await
        .unwrap()
    }

    /// (reason_code, message) of the rejected documents.
    pub async fn rejected(&self) -> Vec<(String, String)> {
        query_as(
            "select reason_code, message from energy.rejections where weather_location_id = $1 order by rejected_id",
        )
        .bind(&self.location.weather_location_id)
        .fetch_all(&mut as_role("analyst").await)
        .await
        .unwrap()
    }

    /// Removes it and everything stored for it.
    pub async fn remove(self) {
        let mut postgres = as_role("postgres").await;
        for table in
            ["weather_forecasts", "weather_observations", "weather_fetches", "rejected_messages", "weather_locations"]
        {
            query(sqlx::AssertSqlSafe(format!("delete from raw.{table} where weather_location_id = $1")))
                .bind(&self.location.weather_location_id)
                .execute(&mut postgres)
                .await
                .unwrap();
        }
    }
}

/// A row of `raw.weather_fetches`.
pub type Row = (String, String, i32, Option<i32>, i64, Option<String>, Option<String>);

/// A connection pool with the fetcher's role.
pub fn pool() -> PgPool {
    connect(
        PgConnectOptions::new_without_pgpass()
            .socket(environment("EDF_TEST_SOCKET"))
            .port(environment("EDF_TEST_PORT").parse().unwrap())
            .username("weather")
            .database("edf"),
    )
}

/// Settings for a server in this process, with short waits.
pub fn settings(url: &str) -> Settings {
    let mut settings = Settings::read(|name| (name == "EDF_WEATHER_URL").then(|| url.to_owned())).unwrap();
    settings.limits = Limits {
        connect: Duration::from_millis(500),
        total: Duration::from_millis(800),
        tries: 3,
        waits: Waits { first: Duration::from_millis(20), longest: Duration::from_millis(300) },
        ..Limits::default()
    };
    settings
}

/// Like [`settings`], with a key.
pub fn settings_with_key(url: &str, key: &str) -> Settings {
    Settings { key: Some(Key::new(key.to_owned())), ..settings(url) }
}

/// Fetches these locations.
pub async fn fetch(settings: Settings, places: &[&Place]) -> Vec<Fetch> {
    let locations = places.iter().map(|place| place.location.clone()).collect();
    let fetches = fetch_all(&pool(), &Service::new(settings).unwrap(), locations).await;
    fetches.into_iter().map(Result::unwrap).collect()
}
