//! The feature spec: lags, windows and base temperatures, as given in JSON.

use crate::error::Error;
use crate::grid::Grid;
use crate::series::Frame;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Hours of one season, which a training series must have beyond its longest lag.
pub const SEASON_H: u32 = 168;
/// Maximum length of a lag or window: a leap year.
const LONGEST_H: u32 = 8784;

/// Maximum number of values in a list.
const MOST_VALUES: usize = 200;
/// Days of history required for the day-of-year feature, and for the full preset.
const YEAR_DAYS: usize = 365;
const HALF_YEAR_DAYS: usize = 182;

/// A named set of features to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Lags of whole days, windows, calendar, regressors and heating and cooling degrees.
    Basic,
    /// Adds means by day type, smoothed and lagged weather, extremes and interactions: for trees.
    #[default]
    Advanced,
    /// Every hour of the last days, the hours around the same hour a week ago, squares and one-hot weekdays: for linear
    /// models.
    Linear,
}

/// The feature spec. Every field has a default; unknown fields are rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureSpec {
    /// The preset that the other fields default to.
    pub preset: Preset,
    /// IANA name of the time zone of hours, weekdays and days of the year.
    pub time_zone: Tz,
    /// Lags of the target hour, in hours; each is used at every lead at which it is known.
    pub lags_h: Vec<u32>,
    /// Days counted back from the newest known one at the target's hour (1 is the newest): lags available at every
    /// lead.
    pub lag_days: Vec<u32>,
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
    /// The day of the year as sine and cosine; left out if the history is shorter than a year.
    pub year: bool,
    /// One column per weekday, and the hour of the day as sine and cosine.
    pub one_hot: bool,
    /// Whether forecasts are bounded at zero; by default, if the history is never negative.
    pub non_negative: Option<bool>,
    /// The regressor that is 1 on public holidays, if there is one.
    pub holiday: String,
    /// Regressors that are 1 on other days off, if there are any: their profile is that of weekends and holidays, even
    /// if few of them are in the history.
    pub days_off: Vec<String>,
    /// The regressor that is the outdoor temperature in degrees Celsius, if there is one.
    pub temperature: String,
    /// The regressor that is the global irradiance in watts per square metre, if there is one.
    pub irradiance: String,
    /// The regressor that is the relative humidity in per cent, if there is one.
    pub humidity: String,
    /// Regressors known up to the issue time only, such as the generation of a solar roof.
    pub past: Vec<String>,
    /// Latitude of the building in degrees north, if known; clear-sky irradiance is computed from it.
    pub latitude: Option<f64>,
    /// Longitude in degrees east; required together with the latitude.
    pub longitude: Option<f64>,
    /// The building is heated below this outdoor temperature, in degrees Celsius.
    pub heating_base_c: f64,
    /// The building is cooled above this outdoor temperature, in degrees Celsius.
    pub cooling_base_c: f64,
    /// Estimate the two bases from the training set; without evidence the configured ones are kept. The spec of a
    /// trained model holds the estimates.
    pub fit_bases: bool,
    /// Sol-air gain: degrees Celsius per watt per square metre of irradiance; zero disables its features.
    pub sun_gain_c: f64,
    /// Thermal inertia: half-lives of the smoothed temperature, in hours.
    pub inertia_h: Vec<u32>,
    /// Lags of temperature and irradiance before the target hour, in hours.
    pub weather_lags_h: Vec<u32>,
    /// Windows of weather that end at the target hour, in hours: mean, and extremes of the temperature.
    pub weather_windows_h: Vec<u32>,
    /// Heating and cooling degrees squared, on weekends, times irradiance, and of the sol-air temperature.
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
        let basic = Self {
            preset,
            time_zone: Tz::UTC,
            lags_h: vec![24, 48, 72, 96, 120, 144, 168, 336],
            lag_days: Vec::new(),
            recent_h: vec![1, 2, 3, 24],
            rolling_h: vec![24, 168],
            same_hour_days: vec![1, 7, 28],
            same_hour_weeks: vec![1, 4],
            same_type_days: Vec::new(),
            year: true,
            one_hot: false,
            non_negative: None,
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
                lags_h: vec![168, 336],
                lag_days: (1..=7).collect(),
                same_type_days: vec![4, 10],
                inertia_h: vec![6, 24, 72],
                weather_lags_h: vec![1, 3, 24],
                weather_windows_h: vec![24],
                interactions: true,
                ..basic
            },
            Preset::Linear => Self {
                lags_h: (156..=180).collect(),
                lag_days: (1..=14).collect(),
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

    /// Another preset for the same place: keeps the time zone, the regressors and the bases.
    #[must_use]
    pub fn with_preset(&self, preset: Preset) -> Self {
        Self {
            time_zone: self.time_zone,
            non_negative: self.non_negative,
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

    /// The regressors that mark days off besides weekends: holidays first.
    pub(crate) fn days_off_beside_weekends(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.holiday).chain(&self.days_off)
    }

    /// The values of a regressor that exists and is known ahead.
    pub(crate) fn ahead<'a>(&self, frame: &'a Frame, name: &str) -> Option<&'a [f64]> {
        frame.regressor(name).filter(|found| !self.past.contains(&found.name)).map(|found| found.values.as_slice())
    }

    /// Rejects a frame without the past regressors named by the spec.
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

    /// The spec used for training: limited to what the step and the length of the history allow, with the bases
    /// estimated from the rows of `frame` before `end` if asked for.
    pub fn fitted(&self, frame: &Frame, end: usize) -> Result<Self, Error> {
        let mut spec = self.for_step(&frame.grid)?;
        spec.shorten(end / frame.grid.rows_per_day());
        if self.fit_bases {
            (spec.heating_base_c, spec.cooling_base_c) = super::bases::fit(self, frame, end);
        }
        Ok(spec)
    }

    /// Handles hours that are not a whole number of steps: those of a preset are dropped, others are rejected.
    pub(crate) fn for_step(&self, grid: &Grid) -> Result<Self, Error> {
        let mut spec = self.clone();
        let preset = Self::preset(self.preset);
        for (name, hours, usual) in spec.hours_mut().into_iter().zip(preset.hours()).map(|((n, h), (_, u))| (n, h, u)) {
            let fits = |hours: &u32| grid.rows_in_hours(*hours).is_ok();
            if *hours == *usual {
                hours.retain(fits);
            } else if let Some(bad) = hours.iter().find(|hours| !fits(hours)) {
                return Err(Error::InvalidArgument(format!(
                    "{name} holds {bad} h, which is not a whole number of the series' steps of {} s",
                    grid.step().num_seconds()
                )));
            }
        }
        Ok(spec)
    }

    /// Drops features of the preset that need more than `days` days of history.
    fn shorten(&mut self, days: usize) {
        let preset = Self::preset(self.preset);
        // With less than a year, the day of the year would only encode the time.
        self.year &= days >= YEAR_DAYS;
        if days >= HALF_YEAR_DAYS {
            return;
        }
        let keep = |values: &mut Vec<u32>, usual: &[u32], most: u32| {
            if values.as_slice() == usual {
                values.retain(|value| *value <= most);
            }
        };
        keep(&mut self.same_hour_days, &preset.same_hour_days, 7);
        keep(&mut self.same_hour_weeks, &preset.same_hour_weeks, 2);
        keep(&mut self.same_type_days, &preset.same_type_days, 4);
        if self.inertia_h == preset.inertia_h {
            self.inertia_h.retain(|hours| *hours == 24);
        }
    }

    fn hours(&self) -> [(&'static str, &Vec<u32>); 6] {
        [
            ("lags_h", &self.lags_h),
            ("recent_h", &self.recent_h),
            ("rolling_h", &self.rolling_h),
            ("inertia_h", &self.inertia_h),
            ("weather_lags_h", &self.weather_lags_h),
            ("weather_windows_h", &self.weather_windows_h),
        ]
    }

    /// The length of each list.
    fn lengths(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let days = [
            ("lag_days", &self.lag_days),
            ("same_hour_days", &self.same_hour_days),
            ("same_hour_weeks", &self.same_hour_weeks),
            ("same_type_days", &self.same_type_days),
        ];
        let names = [("days_off", self.days_off.len()), ("past", self.past.len())];
        self.hours().into_iter().chain(days).map(|(name, values)| (name, values.len())).chain(names)
    }

    /// An upper bound of the number of columns with this many regressors.
    pub(crate) fn most_columns(&self, regressors: usize) -> usize {
        let each = |name: &str| match name {
            "rolling_h" | "inertia_h" | "weather_windows_h" | "past" => 4,
            "weather_lags_h" => 2,
            _ => 1,
        };
        regressors + 50 + self.lengths().map(|(name, len)| each(name) * len).sum::<usize>()
    }

    fn hours_mut(&mut self) -> [(&'static str, &mut Vec<u32>); 6] {
        [
            ("lags_h", &mut self.lags_h),
            ("recent_h", &mut self.recent_h),
            ("rolling_h", &mut self.rolling_h),
            ("inertia_h", &mut self.inertia_h),
            ("weather_lags_h", &mut self.weather_lags_h),
            ("weather_windows_h", &mut self.weather_windows_h),
        ]
    }

    /// Reads a spec from JSON; missing fields default to the preset named in it, or else to `preset`.
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
        for (name, hours) in spec.hours() {
            if let Some(bad) = hours.iter().find(|hours| !(1..=LONGEST_H).contains(*hours)) {
                return Err(Error::InvalidArgument(format!("{name} holds {bad} h, not between 1 and {LONGEST_H} h")));
            }
        }
        for (name, len) in spec.lengths() {
            if len > MOST_VALUES {
                return Err(Error::InvalidArgument(format!(
                    "{name} holds {len} values, at most {MOST_VALUES} are allowed"
                )));
            }
        }
        let days = [&spec.lag_days, &spec.same_hour_days, &spec.same_hour_weeks, &spec.same_type_days];
        if let Some(bad) = days.into_iter().flatten().find(|n| !(1..=52).contains(*n)) {
            return Err(Error::InvalidArgument(format!(
                "{bad} in lag_days, same_hour_days, same_hour_weeks or same_type_days is not between 1 and 52"
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
                "past names \"{name}\", which marks days off and is known ahead"
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

    /// Rows before the origin that the longest lag or window reads.
    pub fn history(&self, grid: &Grid) -> Result<usize, Error> {
        let hours = [&self.lags_h, &self.recent_h, &self.rolling_h].into_iter().flatten().copied();
        let days = self.lag_days.iter().map(|days| 24 * days);
        let longest = hours.chain(days).max().unwrap_or(1);
        // No row lies within an hour if the step is longer.
        Ok(grid.rows_in_hours(longest).unwrap_or(1))
    }

    /// Rows before the origin that any feature of the target reads, at any lead.
    pub(crate) fn target_memory(&self, grid: &Grid) -> Result<usize, Error> {
        let of_type = |count: &u32| 15 + super::rolling::furthest_of_type(*count as usize);
        let days = (self.lag_days.iter().chain(&self.same_hour_days).map(|days| *days as usize + 1))
            .chain(self.same_hour_weeks.iter().map(|weeks| 7 * (*weeks as usize + 1)))
            .chain(self.same_type_days.iter().map(of_type));
        let days = days.max().unwrap_or(0).max(8) * grid.rows_per_day();
        Ok(days.max(self.history(grid)? + grid.rows_per_day()))
    }

    /// Rows before a row that its weather features read with non-negligible weight: after ten half-lives a thousandth
    /// is left.
    pub(crate) fn weather_memory(&self, grid: &Grid) -> Result<usize, Error> {
        let slow = self.inertia_h.iter().map(|hours| 10 * hours);
        let all = slow.chain(self.weather_lags_h.iter().chain(&self.weather_windows_h).copied());
        Ok(grid.rows_in_hours(all.max().unwrap_or(1)).unwrap_or(1))
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
    fn a_preset_sets_the_defaults_and_a_full_spec_round_trips() {
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
            (json!({"lags_h": [0]}), "lags_h holds 0 h, not between 1 and 8784 h"),
            (json!({"lags_h": "24"}), "lags_h"),
            (json!({"lag_days": vec![1; 201]}), "lag_days holds 201 values, at most 200 are allowed"),
            (json!({"past": vec!["solar_kwh"; 201]}), "past holds 201 values, at most 200 are allowed"),
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
