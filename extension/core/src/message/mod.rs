//! Parses the messages of meters and weather services into rows and rejections.
//!
//! Parsers take untrusted text and never fail as a whole: every part is a row or a [`Rejection`].

mod meter;
mod unit;
mod weather;

use serde::Deserialize;
use serde_json::error::Category;

pub use meter::{Reading, read_meter_message};
pub use unit::convert;
pub use weather::{WeatherHour, read_weather_document};

/// The reason for a rejection, as a machine-readable code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// `not_json`, `missing_field`, `duplicate_field`, `wrong_type`, `bad_timestamp`, `not_finite`, `impossible_value`,
    /// `too_large`, `too_long`, `unknown_unit`, `off_hour` or `empty`.
    pub code: &'static str,
    /// What was wrong.
    pub reason: String,
}

impl Rejection {
    fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// Parses a JSON object; the error's code distinguishes bad syntax from an invalid field.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Rejection> {
    // serde would accept an array of the fields in order.
    if text.trim_start().starts_with('[') {
        return Err(Rejection::new("wrong_type", "an array, not a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| {
        let reason = clip(&error.to_string());
        match error.classify() {
            Category::Data if reason.starts_with("duplicate field") => Rejection::new("duplicate_field", reason),
            Category::Data => Rejection::new("wrong_type", reason),
            _ if reason.starts_with("number out of range") => Rejection::new("not_finite", reason),
            _ => Rejection::new("not_json", format!("not JSON: {reason}")),
        }
    })
}

/// Rejects oversized text before parsing it.
fn not_longer(text: &str, most: usize) -> Result<(), Rejection> {
    if text.len() > most {
        return Err(Rejection::new("too_large", format!("{} bytes, at most {most} are allowed", text.len())));
    }
    Ok(())
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, Rejection> {
    value.ok_or_else(|| Rejection::new("missing_field", format!("{name} is missing")))
}

/// Truncates untrusted text for a message.
fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MESSAGE: &str = r#"{"timestamp_str": "2026-02-28T23:00:00Z", "building_id": "b",
        "readings": [{"sensor_type": "x", "value": 1}]}"#;
    const DOCUMENT: &str = r#"{"utc_offset_seconds": 3600, "hourly_units": {"temperature_2m": "°F"},
        "hourly": {"time": ["2026-07-01T00:00"], "temperature_2m": [18.5]}}"#;

    proptest! {
        #[test]
        fn any_text_gives_rows_or_a_rejection(text in "\\PC*", cut in 0_usize..160) {
            for text in [text, MESSAGE.chars().take(cut).collect(), DOCUMENT.chars().take(cut).collect()] {
                prop_assert!(!read_meter_message(&text).is_empty());
                prop_assert!(!read_weather_document(&text).is_ok_and(|hours| hours.is_empty()));
            }
        }
    }
}
