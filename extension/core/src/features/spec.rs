//! The feature spec: which lags, windows and bases, as the user writes them in JSON.

use crate::error::Error;
use crate::series::{Frame, Grid};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Hours of the season that a training series must hold beyond its longest lag.
pub const SEASON_H: u32 = 168;
/// The longest lag or window that a spec may name: a leap year.
const LONGEST_H: u32 = 8784;

/// A named set of features to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Lags of whole days, windows, calendar, regressors and heating and cooling degrees.
    Basic,
    /// With means of the same day type, smoothed and lagged weather, extremes and interactions: for trees.
    #[default]
    Advanced,
    /// Every hour of the last days, the hours around the same hour a week ago, squares and one column a
    /// weekday: for linear models.
    Linear,
}

/// What the features are made of. Every field has a default; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureSpec {
    /// The set that the other fields' defaults come from.
    pub preset: Preset,
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
    /// The newest `n` days of the target's day type (workday, or weekend and holiday; known at the issue
    /// time), mean of the target's hour of the day.
    pub same_type_days: Vec<u32>,
    /// One column for each weekday, and the hour of the day on a circle.
    pub one_hot: bool,
    /// The regressor that is one on a public holiday, where there is one.
    pub holiday: String,
    /// Regressors that are one on other days on which most people are off, where there are any: their shape is that of
    /// weekends and holidays, however few of them were seen.
    pub days_off: Vec<String>,
    /// The regressor that is the outdoor temperature in degrees Celsius, where there is one.
    pub temperature: String,
    /// The regressor that is the global irradiance in watts per square metre, where there is one.
    pub irradiance: String,
    /// The regressor that is the relative humidity in per cent, where there is one.
    pub humidity: String,
    /// Regressors whose values are known only up to the issue time, such as the generation of a solar roof.
    pub past: Vec<String>,
    /// Degrees north of the building, where they are known; the sun of a clear sky follows from them.
    pub latitude: Option<f64>,
    /// Degrees east; given together with the latitude.
    pub longitude: Option<f64>,
    /// Below this outdoor temperature a building is heated, in degrees Celsius.
    pub heating_base_c: f64,
    /// Above this outdoor temperature a building is cooled, in degrees Celsius.
    pub cooling_base_c: f64,
    /// The two bases are found on the history that is learnt from; where that tells nothing they stay as they
    /// are. A trained model's spec holds what was found.
    pub fit_bases: bool,
    /// How much warmer a building feels it for each watt per square metre of sun, in degrees Celsius;
    /// zero leaves the features of that out.
    pub sun_gain_c: f64,
    /// Thermal inertia: half-lives of the smoothed temperature, in hours.
    pub inertia_h: Vec<u32>,
    /// Temperature and irradiance so many hours before the target hour.
    pub weather_lags_h: Vec<u32>,
    /// Windows of weather that end at the target hour, in hours: mean and, of the temperature, the extremes.
    pub weather_windows_h: Vec<u32>,
    /// Heating and cooling degrees squared and on weekends, times irradiance, and of the temperature with the sun's
    /// gain.
    pub interactions: bool,
}

impl Default for FeatureSpec {
    fn default() -> Self {
        Self::preset(Preset::default())
    }
}

impl FeatureSpec {
    /// The spec of a preset.
    pub fn preset(preset: Preset) -> Self {
        let days = |days: std::ops::RangeInclusive<u32>| days.map(|day| 24 * day);
        let basic = Self {
            preset,
            time_zone: Tz::UTC,
            lags_h: vec![24, 48, 72, 96, 120, 144, 168, 336],
            recent_h: vec![1, 2, 3, 24],
            rolling_h: vec![24, 168],
            same_hour_days: vec![1, 7, 28],
            same_hour_weeks: vec![1, 4],
            same_type_days: Vec::new(),
            one_hot: false,
            holiday: "is_holiday".to_owned(),
            days_off: ["is_bridge_day", "is_christmas_period"].map(str::to_owned).to_vec(),
            temperature: "temperature_c".to_owned(),
            irradiance: "ghi_w_m2".to_owned(),
            humidity: "relative_humidity_pct".to_owned(),
            past: Vec::new(),
            latitude: None,
            longitude: None,
            heating_base_c: 18.0,
            cooling_base_c: 22.0,
            fit_bases: false,
            sun_gain_c: 0.03,
            inertia_h: vec![24],
            weather_lags_h: Vec::new(),
            weather_windows_h: Vec::new(),
            interactions: false,
        };
        match preset {
            Preset::Basic => basic,
            Preset::Advanced => Self {
                same_type_days: vec![4, 10],
                inertia_h: vec![6, 24, 72],
                weather_lags_h: vec![1, 3, 24],
                weather_windows_h: vec![24],
                interactions: true,
                ..basic
            },
            Preset::Linear => Self {
                lags_h: days(1..=7).chain(156..=167).chain(169..=180).chain(days(8..=14)).collect(),
                recent_h: (1..=48).collect(),
                rolling_h: vec![24, 48, 168],
                same_hour_days: vec![3, 7, 28],
                same_hour_weeks: vec![2, 4],
                same_type_days: vec![4, 10],
                one_hot: true,
                inertia_h: vec![6, 24, 72],
                weather_lags_h: vec![1, 2, 3, 24],
                weather_windows_h: vec![24],
                interactions: true,
                ..basic
            },
        }
    }

    /// Another preset for the same place: what the zone, the regressors and the bases are stays.
    #[must_use]
    pub fn with_preset(&self, preset: Preset) -> Self {
        Self {
            time_zone: self.time_zone,
            holiday: self.holiday.clone(),
            days_off: self.days_off.clone(),
            temperature: self.temperature.clone(),
            irradiance: self.irradiance.clone(),
            humidity: self.humidity.clone(),
            past: self.past.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            heating_base_c: self.heating_base_c,
            cooling_base_c: self.cooling_base_c,
            fit_bases: self.fit_bases,
            sun_gain_c: self.sun_gain_c,
            ..Self::preset(preset)
        }
    }

    /// The regressors that are one on days off beside weekends: holidays first.
    pub(crate) fn days_off_beside_weekends(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.holiday).chain(&self.days_off)
    }

    /// The values of a regressor that is there and known ahead.
    pub(crate) fn ahead<'a>(&self, frame: &'a Frame, name: &str) -> Option<&'a [f64]> {
        frame.regressor(name).filter(|found| !self.past.contains(&found.name)).map(|found| found.values.as_slice())
    }

    /// Refuses a frame without the regressors that the spec says are known only up to the issue time.
    pub(crate) fn check_past(&self, frame: &Frame) -> Result<(), Error> {
        match self.past.iter().find(|name| frame.regressor(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(Error::UnknownName {
                kind: "regressor in past",
                name: name.clone(),
                known: frame.regressors.iter().map(|regressor| regressor.name.clone()).collect(),
            }),
        }
    }

    /// With the bases found on the rows of `frame` before `end`, where that is asked for.
    #[must_use]
    pub fn fitted(&self, frame: &Frame, end: usize) -> Self {
        let mut spec = self.clone();
        if self.fit_bases {
            (spec.heating_base_c, spec.cooling_base_c) = super::bases::fit(self, frame, end);
        }
        spec
    }

    /// Reads a spec from JSON; what is not named keeps the default of the preset that is named, or else
    /// of `preset`.
    pub fn from_json(json: &Value, preset: Preset) -> Result<Self, Error> {
        let kind = "feature setting";
        let named = match json.get("preset") {
            None => preset,
            Some(name) => {
                let only = serde_json::json!({ "preset": name });
                crate::options::read(kind, &only, &Self::preset(preset))?.preset
            }
        };
        let spec: Self = crate::options::read(kind, json, &Self::preset(named))?;
        let hours = [
            &spec.lags_h,
            &spec.recent_h,
            &spec.rolling_h,
            &spec.inertia_h,
            &spec.weather_lags_h,
            &spec.weather_windows_h,
        ];
        if let Some(bad) = hours.into_iter().flatten().find(|h| !(1..=LONGEST_H).contains(*h)) {
            return Err(Error::InvalidArgument(format!("{bad} h is not between 1 and {LONGEST_H} h")));
        }
        let days = [&spec.same_hour_days, &spec.same_hour_weeks, &spec.same_type_days];
        if let Some(bad) = days.into_iter().flatten().find(|n| !(1..=52).contains(*n)) {
            return Err(Error::InvalidArgument(format!(
                "{bad} in same_hour_days, same_hour_weeks or same_type_days is not between 1 and 52"
            )));
        }
        if spec.latitude.is_some() != spec.longitude.is_some() {
            return Err(Error::InvalidArgument("latitude and longitude are given together".to_owned()));
        }
        let ranges = [
            ("latitude", spec.latitude.unwrap_or(0.0), -90.0, 90.0),
            ("longitude", spec.longitude.unwrap_or(0.0), -180.0, 180.0),
            ("sun_gain_c", spec.sun_gain_c, 0.0, 1.0),
        ];
        crate::options::check_ranges(kind, &ranges)?;
        if let Some(name) = spec.days_off_beside_weekends().find(|name| spec.past.contains(name)) {
            return Err(Error::InvalidArgument(format!(
                "past names \"{name}\", days off of the calendar, which are read ahead"
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

    /// Rows back from a row that its weather features read with any weight to speak of: ten half-lives
    /// leave a thousandth.
    pub(crate) fn weather_memory(&self, grid: &Grid) -> Result<usize, Error> {
        let slow = self.inertia_h.iter().map(|hours| 10 * hours);
        let all = slow.chain(self.weather_lags_h.iter().chain(&self.weather_windows_h).copied());
        grid.rows_in_hours(all.max().unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: &Value) -> Result<FeatureSpec, Error> {
        FeatureSpec::from_json(json, Preset::Advanced)
    }

    #[test]
    fn an_empty_object_is_the_default() {
        assert_eq!(read(&json!({})), Ok(FeatureSpec::default()));
    }

    #[test]
    fn a_preset_is_where_the_other_fields_start_and_a_whole_spec_is_itself() {
        let spec = read(&json!({"preset": "linear", "lags_h": [24]})).unwrap();
        assert_eq!(spec, FeatureSpec { lags_h: vec![24], ..FeatureSpec::preset(Preset::Linear) });
        assert_eq!(read(&json!(spec)), Ok(spec));
    }

    #[test]
    fn bad_specs_say_what_is_wrong() {
        for (spec, says) in [
            (json!({"lag_h": [24]}), "unknown feature setting \"lag_h\", did you mean \"lags_h\"?"),
            (json!({"time_zone": "Mars/Olympus"}), "time_zone"),
            (json!({"preset": "advance"}), "preset"),
            (json!({"lags_h": [0]}), "0 h is not between 1 and 8784 h"),
            (json!({"lags_h": "24"}), "lags_h"),
            (json!({"heating_base_c": 1e300}), "heating_base_c"),
            (json!({"latitude": 47.4}), "latitude and longitude are given together"),
            (json!({"latitude": 147.4, "longitude": 8.5}), "\"latitude\" = 147.4 is not between -90 and 90"),
            (json!({"past": ["is_holiday"]}), "past names \"is_holiday\""),
            (json!([1]), "JSON object"),
        ] {
            let error = read(&spec).unwrap_err().to_string();
            assert!(error.contains(says), "{spec}: {error}");
        }
    }
}
