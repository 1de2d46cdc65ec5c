//! Settings: receivers with their addresses and tokens, and the retry policy.

use anyhow::{Context, bail, ensure};
use edf_http::{Key, Waits};
use reqwest::Url;
use serde_json::Value;
use std::time::Duration;

/// A receiver and its address. The address may contain a secret, so `Debug` does not print it.
pub struct Receiver {
    /// Name, as in `monitoring.receivers` of the configuration.
    pub name: String,
    /// Address for messages.
    pub(crate) url: Url,
    /// Sent as `Authorization: Bearer`, if set.
    pub(crate) token: Option<Key>,
}

/// Settings of the program.
pub struct Settings {
    /// The receivers.
    pub receivers: Vec<Receiver>,
    /// Link for people: `externalURL` and `generatorURL` of messages.
    pub external_url: String,
    /// Polling interval, in addition to notifications.
    pub poll: Duration,
    /// Waits between retries.
    pub waits: Waits,
}

impl Settings {
    /// Reads `EDF_ALERTS_RECEIVERS` or the file `EDF_ALERTS_RECEIVERS_FILE`, `EDF_ALERTS_EXTERNAL_URL`,
    /// `EDF_ALERTS_POLL` and `EDF_ALERTS_LONGEST_WAIT` with `lookup`; an empty value counts as not set.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let lookup = |name| lookup(name).filter(|value| !value.is_empty());
        let duration = |name, default| match lookup(name) {
            None => Ok(default),
            Some(text) => {
                humantime::parse_duration(&text).with_context(|| format!("{name} is not a duration such as 30s or 15m"))
            }
        };
        let receivers = match (lookup("EDF_ALERTS_RECEIVERS"), lookup("EDF_ALERTS_RECEIVERS_FILE")) {
            (Some(text), None) => receivers(&text).context("EDF_ALERTS_RECEIVERS")?,
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
                receivers(&text).context(path)?
            }
            (None, None) => bail!("neither EDF_ALERTS_RECEIVERS nor EDF_ALERTS_RECEIVERS_FILE is set"),
            (Some(_), Some(_)) => bail!("EDF_ALERTS_RECEIVERS and EDF_ALERTS_RECEIVERS_FILE are both set"),
        };
        let longest = duration("EDF_ALERTS_LONGEST_WAIT", Duration::from_secs(15 * 60))?;
        Ok(Self {
            receivers,
            external_url: lookup("EDF_ALERTS_EXTERNAL_URL").unwrap_or_default(),
            poll: duration("EDF_ALERTS_POLL", Duration::from_secs(60))?,
            waits: Waits { first: longest.min(Duration::from_secs(5)), longest },
        })
    }
}

/// Parses `{"operations": {"url": "https://...", "token": "..."}}`. Errors locate the problem without repeating a
/// value.
fn receivers(text: &str) -> anyhow::Result<Vec<Receiver>> {
    let object = match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object,
        Ok(_) => bail!("is not a JSON object of receivers by name"),
        Err(error) => bail!("is not JSON: line {}, column {}", error.line(), error.column()),
    };
    ensure!(!object.is_empty(), "names no receiver");
    object.into_iter().map(|(name, settings)| receiver(&name, &settings).context(name)).collect()
}

fn receiver(name: &str, settings: &Value) -> anyhow::Result<Receiver> {
    let settings = settings.as_object().context("is not a JSON object with a url")?;
    if let Some(unknown) = settings.keys().find(|key| !matches!(key.as_str(), "url" | "token")) {
        bail!("{unknown} is not known: a receiver has a url and may have a token");
    }
    let url = settings.get("url").and_then(Value::as_str).context("has no url")?;
    let url = Url::parse(url).context("its url is not an address")?;
    ensure!(matches!(url.scheme(), "http" | "https"), "its url is neither http nor https");
    let token = match settings.get("token") {
        None => None,
        Some(token) => Some(Key::new(token.as_str().context("its token is not a string")?.to_owned())),
    };
    Ok(Receiver { name: name.to_owned(), url, token })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Settings> {
        Settings::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn receivers_come_from_the_environment_or_from_a_file() {
        let text = r#"{"night": {"url": "http://localhost:1/a"}, "day": {"url": "https://example.org", "token": "t"}}"#;
        let path = std::env::temp_dir().join(format!("edf-alerts-{}.json", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let file = path.to_string_lossy().into_owned();
        for pairs in [[("EDF_ALERTS_RECEIVERS", text)], [("EDF_ALERTS_RECEIVERS_FILE", file.as_str())]] {
            let settings = read(&pairs).unwrap();
            let mut names: Vec<_> =
                settings.receivers.iter().map(|one| (one.name.as_str(), one.token.is_some())).collect();
            names.sort_unstable();
            assert_eq!(names, [("day", true), ("night", false)]);
            assert_eq!((settings.poll.as_secs(), settings.waits.first.as_secs()), (60, 5));
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn errors_name_the_setting_without_secrets() {
        let good = ("EDF_ALERTS_RECEIVERS", r#"{"day": {"url": "http://localhost/s3cret"}}"#);
        for (pairs, name) in [
            (vec![], "EDF_ALERTS_RECEIVERS"),
            (vec![("EDF_ALERTS_RECEIVERS", r#"{"day": {"url": "s3cret"#)], "line 1"),
            (vec![("EDF_ALERTS_RECEIVERS", r#""s3cret""#)], "object"),
            (vec![("EDF_ALERTS_RECEIVERS", "{}")], "no receiver"),
            (vec![("EDF_ALERTS_RECEIVERS", r#"{"day": {"token": "s3cret"}}"#)], "day: has no url"),
            (vec![("EDF_ALERTS_RECEIVERS", r#"{"day": {"url": "s3cret@host"}}"#)], "day: its url"),
            (vec![("EDF_ALERTS_RECEIVERS", r#"{"day": {"url": "file:///s3cret"}}"#)], "day: its url"),
            (vec![("EDF_ALERTS_RECEIVERS", r#"{"day": {"url": "http://a", "pasword": "s3cret"}}"#)], "pasword"),
            (vec![("EDF_ALERTS_RECEIVERS_FILE", "/nowhere/at/all")], "/nowhere/at/all"),
            (vec![good, ("EDF_ALERTS_RECEIVERS_FILE", "/nowhere")], "both"),
            (vec![good, ("EDF_ALERTS_POLL", "often")], "EDF_ALERTS_POLL"),
        ] {
            let error = format!("{:#}", read(&pairs).err().unwrap());
            assert!(error.contains(name) && !error.contains("s3cret"), "{error}");
        }
    }
}
