//! The weather service: one request per location and purpose, with retries.

use crate::answer::{self, Miss};
use crate::{Failure, Location, Purpose, Settings};
use reqwest::{Client, Url};
use tokio::time::sleep;

/// The client and its settings.
pub struct Service {
    client: Client,
    settings: Settings,
}

/// The result of a request with its retries.
pub struct Answer {
    /// Number of requests.
    pub tries: u32,
    /// HTTP status of the last try; `None` without a response.
    pub http_status: Option<u16>,
    /// The document, with the key redacted in case the service echoes it.
    pub document: Result<String, Failure>,
}

impl Service {
    /// Creates a client.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let (name, limits) = (concat!("edf-weather/", env!("CARGO_PKG_VERSION")), &settings.limits);
        let client = edf_http::client(name, limits.connect, limits.total)?;
        Ok(Self { client, settings })
    }

    /// The enabled purposes.
    pub fn purposes(&self) -> &'static [Purpose] {
        match self.settings.past_days {
            0 => &[Purpose::Forecast],
            _ => &[Purpose::Forecast, Purpose::Observations],
        }
    }

    /// Requests a document; retries temporary failures.
    pub async fn ask(&self, location: &Location, purpose: Purpose) -> Answer {
        let (url, limits) = (self.url(location, purpose), &self.settings.limits);
        let mut tries = 0;
        loop {
            tries += 1;
            let (http_status, result) = self.try_once(url.clone()).await;
            let document = match result {
                Err(miss) if miss.passing && tries < limits.tries => {
                    sleep(limits.waits.after(tries, miss.wait)).await;
                    continue;
                }
                Err(Miss { failure: Failure { code, reason }, .. }) => {
                    Err(Failure { code, reason: self.redact(reason) })
                }
                Ok(document) => Ok(self.redact(document)),
            };
            return Answer { tries, http_status, document };
        }
    }

    async fn try_once(&self, url: Url) -> (Option<u16>, Result<String, Miss>) {
        match self.client.get(url).send().await {
            Err(error) => (None, Err(error.into())),
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), answer::document(response, &self.settings.limits).await)
            }
        }
    }

    fn url(&self, location: &Location, purpose: Purpose) -> Url {
        let mut url = self.settings.endpoint.0.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("latitude", &location.latitude.to_string())
            .append_pair("longitude", &location.longitude.to_string())
            .append_pair("hourly", "temperature_2m,cloud_cover,shortwave_radiation")
            .append_pair("timezone", "UTC");
        match purpose {
            // From midnight: covers 72 hours from any hour of today.
            Purpose::Forecast => query.append_pair("forecast_days", "4"),
            Purpose::Observations => {
                query.append_pair("past_days", &self.settings.past_days.to_string()).append_pair("forecast_days", "1")
            }
        };
        if let Some(key) = &self.settings.key {
            query.append_pair("apikey", key.secret());
        }
        drop(query);
        url
    }

    fn redact(&self, text: String) -> String {
        match &self.settings.key {
            Some(key) => key.redact(text),
            None => text,
        }
    }
}
