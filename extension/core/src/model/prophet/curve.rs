//! The design matrix of the curve: trend, changepoints, seasons, holidays, regressors.

use super::Parameters;
use super::map::Prior;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{Calendar, FeatureSpec};
use crate::model::explanation::{SEASONS, TREND};
use crate::model::regressors::Regressors;
use crate::model::seasons::Seasons;
use crate::series::Frame;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Prophet's priors on the slope and offset of the trend, and their scale.
const TREND_SCALE: f64 = 5.0;

/// The definition of the columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Curve {
    /// First local day, and number of days to the last: the trend's time runs from 0 to 1 between them.
    start: f64,
    span: f64,
    /// Changepoints of the trend, on that time scale.
    bends: Vec<f64>,
    /// Fourier orders: daily, days off, weekly, yearly.
    seasons: [usize; 4],
    /// Names of the holiday columns.
    holidays: Vec<String>,
    /// First and last day of the window around a holiday.
    window: [i64; 2],
    regressors: Regressors,
}

/// Rows of the design matrix over a frame.
pub(super) struct Rows<'a> {
    curve: &'a Curve,
    calendar: Calendar,
    holidays: Vec<HashSet<i64>>,
    regressors: Vec<Vec<f64>>,
    row: Vec<f64>,
}

impl Curve {
    /// For the `known` rows of `frame`, at least two.
    pub fn new(parameters: &Parameters, spec: &FeatureSpec, frame: &Frame, known: &[usize]) -> Result<Self, Error> {
        let (first, last) = match known {
            [first, .., last] => (*first, *last),
            _ => return Err(Error::TooLittleHistory { need: 2, have: known.len() }),
        };
        let clock = Clock::new(&frame.grid, spec.time_zone, last + 1);
        let start = clock.days(first);
        let span = clock.days(last) - start;
        // Placed as in the Python package: equally spaced by row within the first share of the history.
        let within = (known.len() as f64 * parameters.changepoint_range) as usize;
        let count = (parameters.n_changepoints as usize).min(within.saturating_sub(1));
        let place = |i: usize| (i as f64 * (within - 1) as f64 / count as f64).round_ties_even() as usize;
        let bends = (1..=count).map(|i| (clock.days(known[place(i)]) - start) / span).collect();
        let seasons = Seasons {
            daily: parameters.daily_seasonality as usize,
            daily_off_work: parameters.off_work_seasonality as usize,
            weekly: parameters.weekly_seasonality as usize,
            yearly: parameters.yearly_seasonality as usize,
        };
        let seasons = seasons.within(frame.grid.rows_per_day(), span);
        let present = |name: &&String| spec.ahead(frame, name).is_some();
        let holidays: Vec<String> = spec.days_off_beside_weekends().filter(present).cloned().collect();
        Ok(Self {
            start,
            span,
            bends,
            seasons: [seasons.daily, seasons.daily_off_work, seasons.weekly, seasons.yearly],
            window: [i64::from(parameters.lower_window), i64::from(parameters.upper_window)],
            regressors: Regressors::learn(frame, first, last + 1, spec, parameters.degree_days, &holidays)?,
            holidays,
        })
    }

    fn seasons(&self) -> Seasons {
        let [daily, daily_off_work, weekly, yearly] = self.seasons;
        Seasons { daily, daily_off_work, weekly, yearly }
    }

    fn holiday_columns(&self) -> usize {
        self.holidays.len() * usize::try_from(self.window[1] - self.window[0] + 1).unwrap_or(0)
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        2 + self.bends.len() + self.seasons().columns() + self.holiday_columns() + self.regressors.len()
    }

    pub fn regressor_names(&self) -> Vec<String> {
        self.holidays.iter().cloned().chain(self.regressors.names()).collect()
    }

    /// The part of the explanation that each column belongs to.
    pub fn parts(&self) -> Vec<String> {
        let around = self.holiday_columns().checked_div(self.holidays.len()).unwrap_or(0);
        std::iter::repeat_n(TREND, 2 + self.bends.len())
            .chain(std::iter::repeat_n(SEASONS, self.seasons().columns()))
            .map(str::to_owned)
            .chain(self.holidays.iter().flat_map(|name| std::iter::repeat_n(name.clone(), around)))
            .chain(self.regressors.names())
            .collect()
    }

    /// The regressor's original value, given its column and the value there; `None` for other columns.
    pub fn read(&self, column: usize, value: f64) -> Option<f64> {
        let first = self.columns() - self.regressors.len();
        let of_regressors = column.checked_sub(first).map(|at| self.regressors.unscaled(at, value));
        of_regressors.or_else(|| (column >= first - self.holiday_columns()).then_some(value))
    }

    /// The prior of each column's coefficient.
    pub fn priors(&self, parameters: &Parameters) -> Vec<Prior> {
        let groups = [
            (2, Prior::Normal(TREND_SCALE)),
            (self.bends.len(), Prior::Laplace(parameters.changepoint_prior_scale)),
            (self.seasons().columns(), Prior::Normal(parameters.seasonality_prior_scale)),
            (self.holiday_columns(), Prior::Normal(parameters.holidays_prior_scale)),
            (self.regressors.len(), Prior::Normal(parameters.regressors_prior_scale)),
        ];
        groups.into_iter().flat_map(|(count, prior)| std::iter::repeat_n(prior, count)).collect()
    }

    /// Rejects values that [`Self::new`] does not produce.
    pub fn check(&self) -> Result<(), Error> {
        let [from, to] = self.window;
        let sound = self.start.is_finite()
            && self.span.is_finite()
            && self.span > 0.0
            && self.bends.iter().all(|bend| bend.is_finite())
            && self.seasons.iter().all(|order| *order <= 1000)
            && (-7..=0).contains(&from)
            && (0..=7).contains(&to);
        if sound { self.regressors.check() } else { Err(Error::DamagedArtifact("its curve is invalid".to_owned())) }
    }

    /// Prepares the rows of `frame` up to `end`.
    pub fn rows<'a>(&'a self, spec: &FeatureSpec, frame: &Frame, end: usize) -> Result<Rows<'a>, Error> {
        let calendar = Calendar::new(spec, frame, end);
        let dates = |name: &String| holiday_dates(frame, &calendar.clock, name);
        let holidays = self.holidays.iter().map(dates).collect::<Result<_, _>>()?;
        let regressors = self.regressors.columns(frame, end)?;
        Ok(Rows { curve: self, calendar, holidays, regressors, row: Vec::with_capacity(self.columns()) })
    }
}

/// The local dates marked by a regressor.
fn holiday_dates(frame: &Frame, clock: &Clock, name: &str) -> Result<HashSet<i64>, Error> {
    let regressor = frame.regressors.iter().find(|regressor| regressor.name == name);
    let regressor = regressor.ok_or_else(|| {
        Error::InvalidArgument(format!("the model was trained with columns that the input lacks: {name}"))
    })?;
    let marked = regressor.values.iter().take(clock.rows()).enumerate().filter(|(_, value)| **value > 0.5);
    Ok(marked.map(|(row, _)| clock.date(row)).collect())
}

impl Rows<'_> {
    /// The values of all columns at `row`.
    pub fn at(&mut self, row: usize) -> &[f64] {
        let (curve, date) = (self.curve, self.calendar.clock.date(row));
        let time = (self.calendar.clock.days(row) - curve.start) / curve.span;
        self.row.clear();
        self.row.extend([time, 1.0]);
        self.row.extend(curve.bends.iter().map(|bend| (time - bend).max(0.0)));
        curve.seasons().push(&self.calendar, row, &mut self.row);
        for dates in &self.holidays {
            let [from, to] = curve.window;
            self.row.extend((from..=to).map(|days| f64::from(u8::from(dates.contains(&(date - days))))));
        }
        self.row.extend(self.regressors.iter().map(|column| column[row]));
        &self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use serde_json::json;

    #[test]
    fn days_around_a_holiday_have_a_column_each() {
        let frame = hourly_frame(24 * 130);
        let parameters = Parameters::from_json(&json!({"lower_window": -1, "upper_window": 2})).unwrap();
        let known: Vec<usize> = (0..24 * 130).collect();
        let curve = Curve::new(&parameters, &FeatureSpec::default(), &frame, &known).unwrap();
        let mut rows = curve.rows(&FeatureSpec::default(), &frame, 24 * 130).unwrap();
        // The holiday is day 120.
        let mut around = |day: usize| {
            let row = rows.at(24 * day + 12);
            let from = row.len() - curve.regressors.len() - 4;
            row[from..from + 4].to_vec()
        };
        assert_eq!(around(118), [0.0; 4]);
        assert_eq!(around(119), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(around(120), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(around(122), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(curve.priors(&parameters).len(), curve.columns());
        assert_eq!(rows.at(0).len(), curve.columns());
    }
}
