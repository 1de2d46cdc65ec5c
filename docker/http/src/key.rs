//! Secrets of services.

use std::fmt;

/// A secret. It does not print, and is taken out of what is kept.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// The secret.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// Itself, for the service alone.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// `text` without the secret: a service, or a proxy before it, may say back what it was asked.
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
    fn it_does_not_print_and_is_taken_out_of_what_is_kept() {
        let key = Key::new("s3cret/2".to_owned());
        assert_eq!(format!("{key:?}"), "Key(***)");
        assert_eq!(key.redact("apikey=s3cret%2F2, that is s3cret/2".to_owned()), "apikey=***, that is ***");
    }
}
