//! Profile: the mean of the same local hour over the newest days of the same type.
//!
//! Workdays, Saturdays, and Sundays with holidays have separate profiles; the mean over a few weeks averages out the
//! noise of single days. The "similar day" method of load forecasting (Gross and Galiana, *Short-term load
//! forecasting*, Proceedings of the IEEE 75(12), 1987), a stronger baseline than seasonal naive. If an hour is known on
//! no day of its type, other days are used, then all hours, then older data.

use super::explanation::{Explanation, HISTORY};
use super::{Definition, Forecaster, Origins, each_as_known};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{Calendar, DayType, FeatureSpec, Preset};
use crate::grid::Grid;
use crate::options;
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "profile",
    preset: Preset::Advanced,
    origins: Origins::Newest,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |json, _, grid| Parameters::from_json(json)?.history(grid),
    fit: |training, _| Ok(Box::new(Profile::restore(training.spec, training.parameters)?)),
    fit_panel: None,
    restore: |spec, parameters, _| Ok(Box::new(Profile::restore(spec, parameters)?)),
    state_of_v5: None,
    space: || json!({"weeks": {"low": 2, "high": 8}, "days": {"low": 3, "high": 30}}),
};

/// The state only holds the parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Number of weeks before the origin to search.
    weeks: u32,
    /// Maximum number of days of a type in the mean, newest first.
    days: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { weeks: 4, days: 10 }
    }
}

impl Parameters {
    fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self::default())?;
        let ranges = [("weeks", f64::from(read.weeks), 1.0, 53.0), ("days", f64::from(read.days), 1.0, 366.0)];
        options::check_ranges("parameter", &ranges)?;
        Ok(read)
    }

    /// Rows before the origin that a forecast reads.
    fn history(&self, grid: &Grid) -> Result<usize, Error> {
        grid.rows_in_hours(self.weeks * 168)
    }
}

struct Profile {
    parameters: Parameters,
    spec: FeatureSpec,
}

impl Profile {
    fn restore(spec: &FeatureSpec, parameters: &Value) -> Result<Self, Error> {
        Ok(Self { parameters: Parameters::from_json(parameters)?, spec: spec.clone() })
    }

    fn forecast(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let last = origins.iter().map(|origin| origin.row).max().unwrap_or(0);
        let calendar = Calendar::new(&self.spec, frame, last + horizon);
        let weeks = self.parameters.history(&frame.grid)?;
        let mut forecasts = Array2::zeros((origins.len(), horizon));
        for (mut leads, origin) in forecasts.rows_mut().into_iter().zip(origins) {
            checkpoint();
            let rows = origin.row.saturating_sub(2 * weeks)..origin.row;
            let known: Vec<usize> = rows.rev().filter(|row| frame.target[*row].is_finite()).collect();
            let recent = known.partition_point(|row| *row + weeks >= origin.row);
            let mean = Means { target: &frame.target, calendar: &calendar, days: self.parameters.days as usize };
            for (ahead, yhat) in leads.iter_mut().enumerate() {
                checkpoint();
                let row = origin.row + ahead;
                let (slot, day) = (calendar.clock.slot(row), calendar.day_type(row));
                *yhat = mean
                    .of(&known[..recent], Some(slot), Some(day))
                    .or_else(|| mean.of(&known[..recent], Some(slot), None))
                    .or_else(|| mean.of(&known[..recent], None, None))
                    .or_else(|| mean.of(&known, None, None))
                    .ok_or(Error::TooLittleHistory { need: weeks, have: known.len() })?;
            }
        }
        Ok(forecasts)
    }
}

impl Forecaster for Profile {
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

struct Means<'a> {
    target: &'a [f64],
    calendar: &'a Calendar,
    days: usize,
}

impl Means<'_> {
    /// Mean over the newest of `rows`, restricted to this slot and type of day if given.
    fn of(&self, rows: &[usize], slot: Option<usize>, day: Option<DayType>) -> Option<f64> {
        let alike = |row: &&usize| {
            slot.is_none_or(|slot| self.calendar.clock.slot(**row) == slot)
                && day.is_none_or(|day| self.calendar.day_type(**row) == day)
        };
        let most = if slot.is_some() { self.days } else { usize::MAX };
        let alike = rows.iter().filter(alike).take(most).map(|row| self.target[*row]);
        // Divided before adding: a sum of huge values would overflow.
        alike.enumerate().fold(None, |mean, (n, value)| {
            let mean = mean.unwrap_or(0.0);
            Some(mean + (value / (n + 1) as f64 - mean / (n + 1) as f64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::testing::hourly_frame;

    fn forecast(frame: &Frame, origin: usize, parameters: &Value) -> Array2<f64> {
        Profile::restore(&FeatureSpec::default(), parameters)
            .unwrap()
            .predict(frame, &[Origin::at(origin)], 72, &mut || ())
            .unwrap()
    }

    /// Monday is day 0; the target is the index of the row's day.
    fn numbered(days: usize) -> Frame {
        let mut frame = hourly_frame(24 * (days + 3));
        frame.target.iter_mut().enumerate().for_each(|(row, value)| *value = (row / 24) as f64);
        frame
    }

    #[test]
    fn each_day_type_has_its_own_mean() {
        // Issued on Friday, day 32: a workday, followed by a Saturday and a Sunday.
        let forecast = forecast(&numbered(32), 32 * 24, &json!({}));
        let workdays = (31 + 30 + 29 + 28 + 25 + 24 + 23 + 22 + 21 + 18) as f64 / 10.0;
        assert!((forecast[[0, 0]] - workdays).abs() < 1e-9);
        assert!((forecast[[0, 24]] - (5 + 12 + 19 + 26) as f64 / 4.0).abs() < 1e-9);
        assert!((forecast[[0, 48]] - (6 + 13 + 20 + 27) as f64 / 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_holiday_has_the_mean_of_sundays() {
        // The holiday, day 120, is a Tuesday.
        let forecast = forecast(&numbered(120), 120 * 24, &json!({}));
        assert!((forecast[[0, 5]] - (97 + 104 + 111 + 118) as f64 / 4.0).abs() < 1e-9);
    }

    #[test]
    fn missing_hours_are_skipped_and_a_short_history_falls_back() {
        let mut frame = numbered(32);
        frame.target[26 * 24..27 * 24].fill(f64::NAN);
        let thinner = forecast(&frame, 32 * 24, &json!({}));
        assert!((thinner[[0, 24]] - (5 + 12 + 19) as f64 / 3.0).abs() < 1e-9);
        // Five workdays are known, but no Saturday: the same hour of any day.
        assert!((forecast(&numbered(5), 5 * 24, &json!({}))[[0, 3]] - 2.0).abs() < 1e-9);
        // Only three hours are known.
        assert!((forecast(&numbered(5), 3, &json!({}))[[0, 3]]).abs() < 1e-9);
    }

    #[test]
    fn without_known_values_there_is_too_little_history() {
        let mut frame = hourly_frame(100);
        frame.target.fill(f64::NAN);
        let profile = Profile::restore(&FeatureSpec::default(), &json!({})).unwrap();
        assert_eq!(
            profile.predict(&frame, &[Origin::at(90)], 2, &mut || ()),
            Err(Error::TooLittleHistory { need: 672, have: 0 })
        );
    }

    #[test]
    fn the_local_hour_counts_across_daylight_saving() {
        // Demand only at 07:00 in Zurich; the origin is after the clocks went forward on 31 March 2024.
        let mut frame = hourly_frame(24 * 100);
        let zone = chrono_tz::Europe::Zurich;
        let clock = Clock::new(&frame.grid, zone, frame.grid.len());
        frame.target.iter_mut().enumerate().for_each(|(row, v)| *v = f64::from(u8::from(clock.slot(row) == 7)));
        let spec = FeatureSpec { time_zone: zone, ..FeatureSpec::default() };
        let forecast = Profile::restore(&spec, &json!({}))
            .unwrap()
            .predict(&frame, &[Origin::at(24 * 91)], 24, &mut || ())
            .unwrap();
        for ahead in 0..24 {
            assert_eq!(forecast[[0, ahead]], frame.target[24 * 91 + ahead]);
        }
    }
}
