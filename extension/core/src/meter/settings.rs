//! Meter settings, given in JSON.
//!
//! Most registers count kWh, and the settings are named for them. For a register of another unit, such as litres,
//! settings in kWh are in that unit, and `max_kw` is its maximum per hour.

use super::hours;
use crate::error::Error;
use crate::options;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the energy of a gap longer than `max_interpolation_h` is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongGaps {
    /// Its hours are missing.
    Missing,
    /// It is spread evenly.
    Estimated,
    /// It is distributed by the profile, or evenly without one.
    Profile,
}

/// Settings of a meter. Every field has a default; unknown ones are rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Meter {
    /// Minutes between two samples.
    pub sample_minutes: f64,
    /// Longest silence that means no change, in hours.
    pub max_silence_h: f64,
    /// Longest gap whose energy is spread evenly, in hours.
    pub max_interpolation_h: f64,
    /// Longest gap with hourly values, in hours.
    pub max_gap_h: f64,
    /// Handling of the gaps in between.
    pub long_gaps: LongGaps,
    /// Smallest step of the register, in kWh.
    pub resolution_kwh: f64,
    /// Largest decrease that counts as noise, in kWh.
    pub jitter_kwh: f64,
    /// How long a reading is compared with later, slightly lower ones, and how long a fault may last, in hours.
    pub jitter_h: f64,
    /// Value at which the register wraps to zero, in kWh.
    pub width_kwh: Option<f64>,
    /// Maximum power of the connection, in kW.
    pub max_kw: f64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            sample_minutes: 15.0,
            max_silence_h: 6.0,
            max_interpolation_h: 12.0,
            max_gap_h: 2208.0,
            long_gaps: LongGaps::Profile,
            resolution_kwh: 0.001,
            jitter_kwh: 0.2,
            jitter_h: 6.0,
            width_kwh: None,
            max_kw: 1000.0,
        }
    }
}

impl Meter {
    /// Reads settings from JSON; missing fields keep their defaults.
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let meter: Self = options::read("meter setting", json, &Self::default())?;
        options::check_ranges(
            "meter setting",
            &[
                ("sample_minutes", meter.sample_minutes, 0.01, 1440.0),
                ("max_silence_h", meter.max_silence_h, 0.0, 8784.0),
                ("max_interpolation_h", meter.max_interpolation_h, 0.0, 8784.0),
                ("max_gap_h", meter.max_gap_h, 1.0, 87_840.0),
                ("resolution_kwh", meter.resolution_kwh, 0.0, 1e6),
                ("jitter_kwh", meter.jitter_kwh, 0.0, 1e6),
                ("jitter_h", meter.jitter_h, 0.0, 8784.0),
                ("width_kwh", meter.width_kwh.unwrap_or(1.0), 1e-3, 1e15),
                ("max_kw", meter.max_kw, 1e-6, 1e12),
            ],
        )?;
        Ok(meter)
    }

    pub(super) fn sample(&self) -> TimeDelta {
        TimeDelta::microseconds((self.sample_minutes * 60e6) as i64)
    }

    /// The maximum energy between two times: the connection limit with a minute of clock tolerance, or one register
    /// step.
    pub(super) fn most_kwh(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
        let passed = (to - from).max(TimeDelta::minutes(1).min(self.sample()));
        (self.max_kw * hours(passed)).max(1.5 * self.resolution_kwh)
    }

    /// Maximum duration of a fault.
    pub(super) fn longest_fault(&self) -> TimeDelta {
        TimeDelta::microseconds((self.jitter_h * 3600e6) as i64)
    }

    pub(super) fn max_silence(&self) -> TimeDelta {
        TimeDelta::microseconds((self.max_silence_h * 3600e6) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bad_settings_say_what_is_wrong() {
        for (settings, says) in [
            (json!({"sample_minuts": 15}), "did you mean \"sample_minutes\"?"),
            (json!({"max_kw": 0}), "\"max_kw\" = 0 is not between"),
            (json!({"long_gaps": "forget"}), "long_gaps"),
            (json!([]), "JSON object"),
        ] {
            let error = Meter::from_json(&settings).unwrap_err().to_string();
            assert!(error.contains(says), "{settings}: {error}");
        }
    }

    #[test]
    fn settings_are_limited() {
        for (name, least, most) in [
            ("sample_minutes", 0.01, 1440.0),
            ("max_silence_h", 0.0, 8784.0),
            ("max_interpolation_h", 0.0, 8784.0),
            ("max_gap_h", 1.0, 87_840.0),
            ("resolution_kwh", 0.0, 1e6),
            ("jitter_kwh", 0.0, 1e6),
            ("jitter_h", 0.0, 8784.0),
            ("width_kwh", 1e-3, 1e15),
            ("max_kw", 1e-6, 1e12),
        ] {
            let is_valid = |value: f64| Meter::from_json(&json!({ name: value })).is_ok();
            assert!(is_valid(least) && is_valid(most), "{name}");
            assert!(!is_valid(least - 1e-6) && !is_valid(1.001 * most), "{name}");
        }
    }

    #[test]
    fn the_maximum_energy_is_that_of_a_minute_or_a_sample_or_a_step_of_the_register() {
        let start = DateTime::UNIX_EPOCH;
        let most_kwh = |meter: &Meter, seconds| meter.most_kwh(start, start + TimeDelta::seconds(seconds));
        let meter = Meter { max_kw: 60.0, ..Meter::default() };
        assert_eq!([1, 60, 120].map(|seconds| most_kwh(&meter, seconds)), [1.0, 1.0, 2.0]);
        assert_eq!(most_kwh(&Meter { sample_minutes: 0.5, ..meter.clone() }, 1), 0.5);
        assert_eq!(most_kwh(&Meter { resolution_kwh: 10.0, ..meter }, 1), 15.0);
    }
}
