//! MSTL: daily and weekly seasons, trend and remainder, each forecast separately.
//!
//! Multiple seasonal-trend decomposition by LOESS (Bandara, Hyndman and Bergmeir, *MSTL: A seasonal-trend decomposition
//! algorithm for time series with multiple seasonal patterns*, 2021; Cleveland et al., *STL*, 1990), by the crate
//! `stlrs`, a port of theirs without dependencies and threads. Of the crates that forecast with it, `augurs-mstl`
//! computes in 32 bits, and both it and `anofox-forecast` refit for every origin. Here the newest weeks are decomposed
//! at each origin: the seasons repeat their last period, the trend keeps its last value, and the remainder is forecast
//! by an ARMA, whose order and coefficients are the fitted state.
//!
//! It reads the target only. Hours are in local time: the hour skipped by daylight saving is filled, the repeated one
//! is averaged. Missing hours are filled with the mean of their hour of the week, shifted to the level of their
//! neighbours.

mod wall;

use super::arima::{self, Arima};
use super::explanation::{Explanation, RECENT_ERRORS, SEASONS, TREND};
use super::{Definition, Forecaster, Origins, TrainingSet, each_as_known, each_explained_as_known};
use crate::Checkpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset};
use crate::grid::Grid;
use crate::options;
use crate::origin::Origin;
use crate::series::Frame;
use chrono_tz::Tz;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wall::Wall;

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "mstl",
    preset: Preset::Advanced,
    origins: Origins::Newest,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |json, _, grid| Parameters::from_json(json)?.history(grid),
    fit: |training, checkpoint| Ok(Box::new(Mstl::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Mstl::restore(spec, parameters, state)?)),
    state_of_v5: None,
    space: || {
        json!({
            "weeks": {"low": 4, "high": 16},
            "daily_window": {"low": 5, "high": 41},
            "weekly_window": {"low": 5, "high": 41},
            "max_order": {"low": 0, "high": 3},
        })
    },
};

/// Weeks of remainder that the ARMA is fitted to; it has few coefficients.
const FIT_WEEKS: u32 = 26;
/// Minimum number of weeks for a weekly season.
const LEAST_WEEKS: u32 = 2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Weeks before the issue time that are decomposed.
    pub weeks: u32,
    /// Seasonal smoothing window of the daily season, in days.
    pub daily_window: u32,
    /// Seasonal smoothing window of the weekly season, in weeks.
    pub weekly_window: u32,
    /// Maximum autoregressive and moving-average order of the remainder.
    pub max_order: u32,
    /// Clipping of innovations of the remainder, in standard deviations.
    pub outlier_sigmas: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { weeks: 8, daily_window: 11, weekly_window: 15, max_order: 2, outlier_sigmas: 5.0 }
    }
}

impl Parameters {
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self::default())?;
        let ranges = [
            ("weeks", f64::from(read.weeks), 3.0, 53.0),
            ("daily_window", f64::from(read.daily_window), 3.0, 1001.0),
            ("weekly_window", f64::from(read.weekly_window), 3.0, 1001.0),
            ("max_order", f64::from(read.max_order), 0.0, 5.0),
            ("outlier_sigmas", read.outlier_sigmas, 1.0, 1e6),
        ];
        options::check_ranges("parameter", &ranges)?;
        Ok(read)
    }

    /// Minimum number of rows before the issue time; a forecast uses more if available.
    pub fn history(&self, grid: &Grid) -> Result<usize, Error> {
        // One day more than the seasons need, for the repeated hour in autumn.
        Ok(grid.rows_in_hours(LEAST_WEEKS * 168)? + grid.rows_per_day().max(2))
    }
}

pub(super) struct Mstl {
    parameters: Parameters,
    time_zone: Tz,
    remainder: Arima,
}

impl Mstl {
    pub fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(training.parameters)?;
        let (frame, end) = (training.frame, training.end);
        let need = parameters.history(&frame.grid)?;
        let clock = Clock::new(&frame.grid, training.spec.time_zone, end);
        checkpoint();
        let wall = Wall::new(&frame.target[..end], &clock, frame.grid.rows_in_hours(FIT_WEEKS * 168)?, need)?;
        let parts = wall.decompose(frame.grid.rows_per_day(), &parameters)?;
        let most = parameters.max_order as usize;
        let limits = arima::Limits { plain: most, seasonal: 0, candidates: 40 };
        let remainder = arima::search(&parts.remainder, 1, [0, 0], f64::INFINITY, limits, checkpoint);
        Ok(Self { parameters, time_zone: training.spec.time_zone, remainder })
    }

    pub fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = |error: serde_json::Error| Error::DamagedArtifact(format!("its state: {error}"));
        let remainder: Arima = serde_json::from_slice(state).map_err(damaged)?;
        remainder.check()?;
        Ok(Self { parameters: Parameters::from_json(parameters)?, time_zone: spec.time_zone, remainder })
    }

    /// Level, seasons and remainder of each forecast.
    fn parts(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<[f64; 3]>, Error> {
        let last = origins.iter().map(|origin| origin.row).max().unwrap_or(0);
        let clock = Clock::new(&frame.grid, self.time_zone, last + horizon);
        let (day, need) = (frame.grid.rows_per_day(), self.parameters.history(&frame.grid)?);
        let most = frame.grid.rows_in_hours(self.parameters.weeks * 168)?;
        let clip = arima::clip(self.parameters.outlier_sigmas, self.remainder.sigma);
        let mut forecasts = Array2::from_elem((origins.len(), horizon), [0.0; 3]);
        for (mut leads, origin) in forecasts.rows_mut().into_iter().zip(origins.iter().map(|origin| origin.row)) {
            checkpoint();
            let wall = Wall::new(&frame.target[..origin.min(frame.target.len())], &clock, most, need)?;
            let parts = wall.decompose(day, &self.parameters)?;
            let filtered = self.remainder.filter(&parts.remainder, clip);
            // In spring local time skips an hour: one more step.
            let remainder = self.remainder.forecast(&filtered, parts.remainder.len(), horizon + day);
            for (ahead, forecast) in leads.iter_mut().enumerate() {
                let at = wall.position(&clock, origin + ahead);
                *forecast = parts.ahead(at, &remainder);
            }
        }
        Ok(forecasts)
    }
}

impl Forecaster for Mstl {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        each_as_known(frame, origins, horizon, checkpoint, |frame, origins, checkpoint| {
            Ok(self.parts(frame, origins, horizon, checkpoint)?.mapv(|[level, seasons, rest]| level + seasons + rest))
        })
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        each_explained_as_known(frame, origins, horizon, checkpoint, |frame, origins, checkpoint| {
            let parts = self.parts(frame, origins, horizon, checkpoint)?;
            let names = Explanation::names_of(&[], &[TREND, SEASONS, RECENT_ERRORS]);
            let mut explanation = Explanation::new(names, parts.len());
            let rows = explanation.contributions.rows_mut().into_iter().zip(&parts);
            rows.for_each(|(row, parts)| row.into_iter().zip(parts).for_each(|(into, part)| *into = *part));
            Ok(explanation)
        })
    }

    fn feature_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self.remainder).map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hourly_frame, training};

    #[test]
    fn a_series_of_two_seasons_is_continued_over_a_clock_change() {
        let mut frame = hourly_frame(24 * 120);
        let zone = chrono_tz::Europe::Zurich;
        let clock = Clock::new(&frame.grid, zone, frame.grid.len());
        let shape = |row: usize| 10.0 + (clock.slot(row) as f64 - 11.5).abs() + (clock.date(row) % 7) as f64;
        frame.target = (0..frame.grid.len()).map(shape).collect();
        let spec = FeatureSpec { time_zone: zone, ..FeatureSpec::default() };
        let parameters = json!({});
        let model = Mstl::fit(training(&frame, 24 * 85, &spec, &parameters), &mut || ()).unwrap();
        // The clocks go forward on day 90.
        for origin in [24 * 89, 24 * 90, 24 * 90 + 1, 24 * 95] {
            let forecast = model.predict(&frame, &[Origin::at(origin)], 72, &mut || ()).unwrap();
            for (ahead, yhat) in forecast.row(0).iter().enumerate() {
                let truth = shape(origin + ahead);
                assert!((yhat - truth).abs() < 0.3, "{origin} + {ahead}: {yhat} for {truth}");
            }
        }
    }

    #[test]
    fn two_weeks_are_required() {
        let (frame, spec, parameters) = (hourly_frame(500), FeatureSpec::default(), json!({}));
        let training = |end| training(&frame, end, &spec, &parameters);
        let refused = Mstl::fit(training(359), &mut || ()).map(|_| ());
        assert_eq!(refused, Err(Error::TooLittleHistory { need: 360, have: 359 }));
        assert!(Mstl::fit(training(360), &mut || ()).is_ok());
    }
}
