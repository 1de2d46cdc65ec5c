//! Hyperparameters. Names and defaults follow the Python package where it has them.

use crate::error::Error;
use crate::grid::Grid;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Weeks before the end of the series used for the fit.
    pub weeks: u32,
    /// Number of potential changepoints of the trend.
    pub n_changepoints: u32,
    /// Share of the history, from its start, in which changepoints are placed.
    pub changepoint_range: f64,
    /// Scale of the Laplace prior on changepoints.
    pub changepoint_prior_scale: f64,
    /// Fourier order of the daily season.
    pub daily_seasonality: u32,
    /// Fourier order of the additional daily season of days off: a conditional seasonality.
    pub off_work_seasonality: u32,
    /// Fourier order of the weekly season.
    pub weekly_seasonality: u32,
    /// Fourier order of the yearly season; used from two years of history on.
    pub yearly_seasonality: u32,
    /// Scale of the normal prior on seasons.
    pub seasonality_prior_scale: f64,
    /// First day of the window around a holiday or other day off of the feature spec: 0, or negative for days before
    /// it.
    pub lower_window: i32,
    /// Last day of the window: 0, or positive for days after it.
    pub upper_window: i32,
    /// Scale of the normal prior on holidays.
    pub holidays_prior_scale: f64,
    /// Scale of the normal prior on other regressors.
    pub regressors_prior_scale: f64,
    /// Whether heating and cooling degrees, plain and smoothed, replace the temperature.
    pub degree_days: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            weeks: 156,
            n_changepoints: 25,
            changepoint_range: 0.8,
            changepoint_prior_scale: 0.05,
            daily_seasonality: 8,
            off_work_seasonality: 6,
            weekly_seasonality: 12,
            yearly_seasonality: 10,
            seasonality_prior_scale: 10.0,
            lower_window: 0,
            upper_window: 0,
            holidays_prior_scale: 10.0,
            regressors_prior_scale: 10.0,
            degree_days: true,
        }
    }
}

impl Parameters {
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self::default())?;
        let ranges = [
            ("weeks", f64::from(read.weeks), 2.0, 522.0),
            ("n_changepoints", f64::from(read.n_changepoints), 0.0, 100.0),
            ("changepoint_range", read.changepoint_range, 0.05, 1.0),
            ("changepoint_prior_scale", read.changepoint_prior_scale, 1e-4, 1e2),
            ("daily_seasonality", f64::from(read.daily_seasonality), 0.0, 48.0),
            ("off_work_seasonality", f64::from(read.off_work_seasonality), 0.0, 48.0),
            ("weekly_seasonality", f64::from(read.weekly_seasonality), 0.0, 84.0),
            ("yearly_seasonality", f64::from(read.yearly_seasonality), 0.0, 50.0),
            ("seasonality_prior_scale", read.seasonality_prior_scale, 1e-3, 1e3),
            ("lower_window", f64::from(read.lower_window), -7.0, 0.0),
            ("upper_window", f64::from(read.upper_window), 0.0, 7.0),
            ("holidays_prior_scale", read.holidays_prior_scale, 1e-3, 1e3),
            ("regressors_prior_scale", read.regressors_prior_scale, 1e-3, 1e3),
        ];
        options::check_ranges("parameter", &ranges)?;
        Ok(read)
    }

    /// Minimum number of known rows for a fit: two weeks.
    pub fn need(&self, grid: &Grid) -> Result<usize, Error> {
        grid.rows_in_hours(2 * 168)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn out_of_range_parameters_are_named() {
        for (parameters, says) in [
            (json!({"seasonality_mode": "multiplicative"}), "unknown parameter \"seasonality_mode\""),
            (json!({"lower_window": 1}), "parameter \"lower_window\" = 1 is not between -7 and 0"),
            (json!({"changepoint_prior_scale": 0}), "\"changepoint_prior_scale\" = 0 is not between"),
        ] {
            let error = Parameters::from_json(&parameters).unwrap_err().to_string();
            assert!(error.contains(says), "{parameters}: {error}");
        }
    }
}
