//! The feature spec: which lags, windows and bases, as the user writes them in JSON.

use crate::error::Error;
use crate::series::Grid;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Hours of the season that a training series must hold beyond its longest lag.
pub const SEASON_H: u32 = 168;
/// The longest lag or window that a spec may name: a leap year.
const LONGEST_H: u32 = 8784;

/// What the features are made of. Every field has a default; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureSpec {
    /// IANA name of the zone in which hours, weekdays and days of the year are read.
    pub time_zone: Tz,
    /// Lags of the target hour, in hours; each is used at every lead at which it is known.
    pub lags_h: Vec<u32>,
    /// The newest values before the issue time, by age in hours (1 is the last one).
    pub recent_h: Vec<u32>,
    /// Windows that end at the issue time, in hours: mean, standard deviation, minimum, maximum.
    pub rolling_h: Vec<u32>,
    /// The newest `n` days (known at the issue time), mean of the target's hour of the day.
    pub same_hour_days: Vec<u32>,
    /// The newest `n` weeks (known at the issue time), mean of the target's hour of the week.
    pub same_hour_weeks: Vec<u32>,
    /// The regressor that is the outdoor temperature in degrees Celsius, where there is one.
    pub temperature: String,
    /// Below this outdoor temperature a building is heated, in degrees Celsius.
    pub heating_base_c: f64,
    /// Above this outdoor temperature a building is cooled, in degrees Celsius.
    pub cooling_base_c: f64,
    /// Thermal inertia: half-lives of the smoothed temperature, in hours.
    pub inertia_h: Vec<u32>,
}

impl Default for FeatureSpec {
    fn default() -> Self {
        Self {
            time_zone: Tz::UTC,
            lags_h: vec![24, 48, 72, 96, 120, 144, 168, 336],
            recent_h: vec![1, 2, 3, 24],
            rolling_h: vec![24, 168],
            same_hour_days: vec![1, 7, 28],
            same_hour_weeks: vec![1, 4],
            temperature: "temperature_c".to_owned(),
            heating_base_c: 18.0,
            cooling_base_c: 22.0,
            inertia_h: vec![24],
        }
    }
}

impl FeatureSpec {
    /// Reads a spec from JSON; what is not named keeps its default.
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let spec: Self = crate::options::read("feature setting", json, &Self::default())?;
        let hours = [&spec.lags_h, &spec.recent_h, &spec.rolling_h, &spec.inertia_h];
        if let Some(bad) = hours.into_iter().flatten().find(|h| !(1..=LONGEST_H).contains(*h)) {
            return Err(Error::InvalidArgument(format!("{bad} h is not between 1 and {LONGEST_H} h")));
        }
        let days = spec.same_hour_days.iter().chain(spec.same_hour_weeks.iter());
        if let Some(bad) = days.into_iter().find(|n| !(1..=52).contains(*n)) {
            return Err(Error::InvalidArgument(format!(
                "{bad} in same_hour_days or same_hour_weeks is not between 1 and 52"
            )));
        }
        let bases = [spec.heating_base_c, spec.cooling_base_c];
        if bases.iter().any(|base| !(-50.0..=60.0).contains(base)) {
            return Err(Error::InvalidArgument(
                "heating_base_c and cooling_base_c lie between -50 and 60 degrees Celsius".to_owned(),
            ));
        }
        Ok(spec)
    }

    /// Rows back from the issue time that the longest lag or window reads.
    pub fn history(&self, grid: &Grid) -> Result<usize, Error> {
        let hours = [&self.lags_h, &self.recent_h, &self.rolling_h].into_iter().flatten().copied();
        let longest = hours.max().unwrap_or(1);
        grid.rows_in_hours(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_empty_object_is_the_default() {
        assert_eq!(FeatureSpec::from_json(&json!({})), Ok(FeatureSpec::default()));
    }

    #[test]
    fn bad_specs_say_what_is_wrong() {
        for (spec, says) in [
            (json!({"lag_h": [24]}), "unknown feature setting \"lag_h\", did you mean \"lags_h\"?"),
            (json!({"time_zone": "Mars/Olympus"}), "time_zone"),
            (json!({"lags_h": [0]}), "0 h is not between 1 and 8784 h"),
            (json!({"lags_h": "24"}), "lags_h"),
            (json!({"heating_base_c": 1e300}), "heating_base_c"),
            (json!([1]), "JSON object"),
        ] {
            let error = FeatureSpec::from_json(&spec).unwrap_err().to_string();
            assert!(error.contains(says), "{spec}: {error}");
        }
    }
}
