//! Secrets for services.

use std::fmt;

/// A secret. `Debug` does not print it, and it is redacted from stored texts.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Wraps the secret.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret, to be sent to the service only.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// `text` without the secret: a service or proxy may echo the request.
    pub fn redact(&self, text: String) -> String {
        let encoded: String = reqwest::Url::parse_with_params("http://localhost/", [("", &self.0)])
            .ok()
            .and_then(|url| url.query().map(|query| query.trim_start_matches('=').to_owned()))
            .unwrap_or_default();
        [self.0.as_str(), &encoded]
            .into_iter()
            .filter(|secret| !secret.is_empty() && text.contains(*secret))
            .fold(text.clone(), |text, secret| text.replace(secret, "***"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_printed_and_is_redacted() {
        let key = Key::new("s3cret/2".to_owned());
        assert_eq!(format!("{key:?}"), "Key(***)");
        assert_eq!(key.redact("apikey=s3cret%2F2, that is s3cret/2".to_owned()), "apikey=***, that is ***");
    }
}
