//! Settings: the service's address and key, and the retry policy.

use anyhow::{Context, bail, ensure};
use edf_http::{Key, Waits};
use reqwest::Url;
use std::fmt;
use std::time::Duration;

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The endpoint, without a query.
    pub endpoint: Endpoint,
    /// The service's key, if it needs one.
    pub key: Option<Key>,
    /// Days of past observations to fetch; 0 disables them.
    pub past_days: u8,
    /// Timeouts, sizes and retries.
    pub limits: Limits,
}

/// The endpoint. It may contain a password, so `Debug` does not print it.
#[derive(Clone)]
pub struct Endpoint(pub(crate) Url);

/// Limits on time and size.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Timeout of a connection.
    pub connect: Duration,
    /// Timeout of one try, from the connection to the last byte.
    pub total: Duration,
    /// Maximum size of a response. Four days of a location are 10 KB.
    pub bytes: usize,
    /// Maximum number of tries per fetch.
    pub tries: u32,
    /// Waits between retries.
    pub waits: Waits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
            bytes: 2 << 20,
            tries: 4,
            waits: Waits { first: Duration::from_secs(2), longest: Duration::from_secs(60) },
        }
    }
}

impl Settings {
    /// Reads `EDF_WEATHER_URL`, `EDF_WEATHER_KEY` and `EDF_WEATHER_PAST_DAYS` with `lookup`; an empty value counts as
    /// not set.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let lookup = |name| lookup(name).filter(|value| !value.is_empty());
        let base =
            lookup("EDF_WEATHER_URL").context("EDF_WEATHER_URL is not set: for example https://api.open-meteo.com")?;
        let past_days = match lookup("EDF_WEATHER_PAST_DAYS") {
            None => 0,
            Some(days) => days
                .parse()
                .ok()
                .filter(|days| *days <= 92)
                .context("EDF_WEATHER_PAST_DAYS is not a number of days from 0 to 92")?,
        };
        let key = lookup("EDF_WEATHER_KEY");
        // The key is redacted from documents wherever it occurs: a short one could match valid content.
        ensure!(key.as_ref().is_none_or(|key| key.len() >= 8), "EDF_WEATHER_KEY is shorter than 8 characters");
        Ok(Self { endpoint: Endpoint::below(&base)?, key: key.map(Key::new), past_days, limits: Limits::default() })
    }
}

impl Endpoint {
    /// The forecast endpoint of the service at `base`.
    pub fn below(base: &str) -> anyhow::Result<Self> {
        let url = Url::parse(&format!("{}/v1/forecast", base.trim_end_matches('/')))
            .context("EDF_WEATHER_URL is not an address")?;
        ensure!(matches!(url.scheme(), "http" | "https"), "EDF_WEATHER_URL is neither http nor https");
        if url.query().is_some() || url.fragment().is_some() {
            bail!("EDF_WEATHER_URL has a query or a fragment: a key belongs in EDF_WEATHER_KEY");
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(***)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Settings> {
        Settings::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_endpoint_is_appended_to_the_address() {
        for base in ["https://example.org/weather", "https://example.org/weather/"] {
            let settings = read(&[("EDF_WEATHER_URL", base), ("EDF_WEATHER_KEY", "")]).unwrap();
            assert_eq!(settings.endpoint.0.as_str(), "https://example.org/weather/v1/forecast");
            assert!(settings.key.is_none());
        }
    }

    #[test]
    fn errors_name_the_setting_without_its_value() {
        let good = ("EDF_WEATHER_URL", "https://example.org");
        for (pairs, name) in [
            (vec![], "EDF_WEATHER_URL"),
            (vec![("EDF_WEATHER_URL", "s3cret@host")], "EDF_WEATHER_URL"),
            (vec![("EDF_WEATHER_URL", "file:///s3cret")], "EDF_WEATHER_URL"),
            (vec![("EDF_WEATHER_URL", "https://example.org?apikey=s3cret")], "EDF_WEATHER_KEY"),
            (vec![good, ("EDF_WEATHER_KEY", "s3cret")], "EDF_WEATHER_KEY"),
            (vec![good, ("EDF_WEATHER_PAST_DAYS", "93")], "EDF_WEATHER_PAST_DAYS"),
            (vec![good, ("EDF_WEATHER_PAST_DAYS", "-1")], "EDF_WEATHER_PAST_DAYS"),
        ] {
            let error = format!("{:#}", read(&pairs).unwrap_err());
            assert!(error.contains(name) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let settings =
            read(&[("EDF_WEATHER_URL", "https://me:s3cret@example.org"), ("EDF_WEATHER_KEY", "s3cret/2")]).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
