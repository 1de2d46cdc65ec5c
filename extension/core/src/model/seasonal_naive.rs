//! Seasonal naive: the same hour, one season ago.
//!
//! The baseline that every model must beat (Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*, section
//! 5.2). If the value one season ago is missing or not yet known, the newest known value a whole number of seasons
//! before is used.

use super::explanation::{Explanation, HISTORY};
use super::{Definition, Forecaster, Origins, each_as_known};
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

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "seasonal_naive",
    preset: Preset::Advanced,
    origins: Origins::Newest,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |json, _, grid| Parameters::from_json(json)?.season(grid),
    fit: |training, _| {
        Parameters::from_json(training.parameters)?.season(&training.frame.grid)?;
        Ok(Box::new(SeasonalNaive::restore(training.spec, training.parameters)?))
    },
    fit_panel: None,
    restore: |spec, parameters, _| Ok(Box::new(SeasonalNaive::restore(spec, parameters)?)),
    state_of_v5: None,
    space: || json!({"season_h": [168, 24, 336]}),
};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Length of the season, in hours.
    season_h: u32,
}

impl Parameters {
    fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self { season_h: 168 })?;
        if !(1..=8784).contains(&read.season_h) {
            return Err(Error::InvalidArgument(format!("season_h = {} is not between 1 and 8784 h", read.season_h)));
        }
        Ok(read)
    }

    /// Rows of one season.
    fn season(self, grid: &Grid) -> Result<usize, Error> {
        grid.rows_in_hours(self.season_h)
    }
}

/// The state only holds the parameter.
struct SeasonalNaive {
    parameters: Parameters,
    time_zone: Tz,
}

impl SeasonalNaive {
    fn restore(spec: &FeatureSpec, parameters: &Value) -> Result<Self, Error> {
        Ok(Self { parameters: Parameters::from_json(parameters)?, time_zone: spec.time_zone })
    }

    fn forecast(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let (season, day) = (self.parameters.season(&frame.grid)?, frame.grid.rows_per_day());
        let last = origins.iter().map(|origin| origin.row).max().unwrap_or(0);
        let clock = Clock::new(&frame.grid, self.time_zone, last + horizon);
        // Whole days follow the local clock.
        let before = |row: usize, seasons: usize| match season.is_multiple_of(day) {
            true => clock.days_before(row, seasons * season / day),
            false => row.checked_sub(seasons * season),
        };
        let mut forecasts = Array2::from_elem((origins.len(), horizon), f64::NAN);
        for (mut leads, origin) in forecasts.rows_mut().into_iter().zip(origins) {
            checkpoint();
            for (ahead, yhat) in leads.iter_mut().enumerate() {
                checkpoint();
                let row = origin.row + ahead;
                let earlier = (1..).map_while(|seasons| before(row, seasons)).filter(|earlier| *earlier < origin.row);
                let known = earlier.map(|row| frame.target[row]).find(|value| value.is_finite());
                *yhat = known.ok_or(Error::TooLittleHistory { need: season, have: origin.row })?;
            }
        }
        Ok(forecasts)
    }
}

impl Forecaster for SeasonalNaive {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        each_as_known(frame, origins, horizon, checkpoint, |frame, origins, checkpoint| {
            self.forecast(frame, origins, horizon, checkpoint)
        })
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        Ok(Explanation::of_part(HISTORY, &self.predict(frame, origins, horizon, checkpoint)?))
    }

    fn feature_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    fn forecast(frame: &Frame, time_zone: Tz, origin: usize, horizon: usize) -> Result<Array2<f64>, Error> {
        let naive = SeasonalNaive { parameters: Parameters { season_h: 24 }, time_zone };
        naive.predict(frame, &[Origin::at(origin)], horizon, &mut || ())
    }

    #[test]
    fn repeats_the_last_known_season_even_beyond_its_length() {
        let frame = hourly_frame(100);
        let forecasts = forecast(&frame, Tz::UTC, 72, 28).unwrap();
        assert_eq!(forecasts[[0, 0]], frame.target[48]);
        assert_eq!(forecasts[[0, 24]], frame.target[48]);
        assert_eq!(forecasts[[0, 27]], frame.target[51]);
    }

    #[test]
    fn a_missing_hour_is_taken_from_a_season_earlier() {
        let mut frame = hourly_frame(100);
        frame.target[48] = f64::NAN;
        assert_eq!(forecast(&frame, Tz::UTC, 72, 1).unwrap()[[0, 0]], frame.target[24]);
    }

    #[test]
    fn a_season_of_days_follows_the_local_clock() {
        // The clocks in Zurich go forward on day 90, at 01:00 UTC.
        let frame = hourly_frame(24 * 100);
        let forecasts = forecast(&frame, chrono_tz::Europe::Zurich, 24 * 90 + 6, 24).unwrap();
        let seven = 24 * 91 + 5;
        assert_eq!(forecasts[[0, seven - 24 * 90 - 6]], frame.target[24 * 90 + 5]);
        let before = forecast(&frame, chrono_tz::Europe::Zurich, 24 * 90, 24).unwrap();
        assert_eq!(before[[0, 5]], frame.target[24 * 89 + 6]);
    }

    #[test]
    fn requires_one_full_season() {
        let error = forecast(&hourly_frame(100), Tz::UTC, 20, 1).unwrap_err();
        assert_eq!(error, Error::TooLittleHistory { need: 24, have: 20 });
    }

    #[test]
    fn an_invalid_season_is_named() {
        assert!(Parameters::from_json(&json!({"season_h": 0})).is_err());
        assert!(Parameters::from_json(&json!({"seasons": 24})).is_err());
    }
}
