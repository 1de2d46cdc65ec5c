//! Seasonal naive: the same hour, one season ago.
//!
//! The floor that every model must beat (Hyndman and Athanasopoulos, *Forecasting: Principles and
//! Practice*, section 5.2). Where the value one season ago is not yet known or missing, the newest
//! known one whole seasons before stands in.

use super::{Forecaster, Lesson};
use crate::error::Error;
use crate::options;
use crate::series::{Frame, Grid};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The only state is the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeasonalNaive {
    /// Length of the season, in hours.
    season_h: u32,
}

impl SeasonalNaive {
    pub fn from_parameters(parameters: &Value) -> Result<Self, Error> {
        let naive: Self = options::read("parameter", parameters, &Self { season_h: 168 })?;
        if !(1..=8784).contains(&naive.season_h) {
            return Err(Error::InvalidArgument(format!("season_h = {} is not between 1 and 8784 h", naive.season_h)));
        }
        Ok(naive)
    }

    /// Rows of one season.
    pub(super) fn season(&self, grid: &Grid) -> Result<usize, Error> {
        grid.rows_in_hours(self.season_h)
    }

    pub(super) fn fit(lesson: Lesson<'_>) -> Result<Self, Error> {
        let naive = Self::from_parameters(lesson.parameters)?;
        naive.season(&lesson.frame.grid)?;
        Ok(naive)
    }
}

impl Forecaster for SeasonalNaive {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let season = self.season(&frame.grid)?;
        let mut forecasts = Array2::from_elem((origins.len(), horizon), f64::NAN);
        for (mut leads, origin) in forecasts.rows_mut().into_iter().zip(origins) {
            for (ahead, yhat) in leads.iter_mut().enumerate() {
                let newest = (origin + ahead).checked_sub(season * (ahead / season + 1));
                let earlier = std::iter::successors(newest, |row| row.checked_sub(season));
                let known = earlier.map(|row| frame.target[row]).find(|value| value.is_finite());
                *yhat = known.ok_or(Error::TooLittleHistory { need: season, have: *origin })?;
            }
        }
        Ok(forecasts)
    }

    fn feature_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use serde_json::json;

    #[test]
    fn repeats_the_last_known_season_even_beyond_its_length() {
        let frame = hourly_frame(100);
        let forecasts = SeasonalNaive { season_h: 24 }.predict(&frame, &[72], 28).unwrap();
        assert_eq!(forecasts[[0, 0]], frame.target[48]);
        assert_eq!(forecasts[[0, 24]], frame.target[48]);
        assert_eq!(forecasts[[0, 27]], frame.target[51]);
    }

    #[test]
    fn a_missing_hour_is_taken_from_a_season_earlier() {
        let mut frame = hourly_frame(100);
        frame.target[48] = f64::NAN;
        let forecasts = SeasonalNaive { season_h: 24 }.predict(&frame, &[72], 1).unwrap();
        assert_eq!(forecasts[[0, 0]], frame.target[24]);
    }

    #[test]
    fn asks_for_one_full_season() {
        let error = SeasonalNaive { season_h: 24 }.predict(&hourly_frame(100), &[20], 1).unwrap_err();
        assert_eq!(error, Error::TooLittleHistory { need: 24, have: 20 });
    }

    #[test]
    fn a_wrong_season_is_named() {
        assert!(SeasonalNaive::from_parameters(&json!({"season_h": 0})).is_err());
        assert!(SeasonalNaive::from_parameters(&json!({"seasons": 24})).is_err());
    }
}
