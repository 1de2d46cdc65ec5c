//! Forecast vintages of regressors: for each row, which values were known when.
//!
//! A training row that simulates a forecast issued at some time must read the weather forecast of that age, not the
//! actual weather: forecast errors grow with the lead, and a model trained on actual weather relies on it too much. So
//! for rows from the origin on, the newest version received by the origin's time counts; if there is none, the frame's
//! own value is used. A version may state that nothing was known yet, such as a price before its auction: then the
//! value is missing.

use crate::error::Error;
use crate::grid::{Grid, known, rfc3339};
use chrono::{DateTime, Utc};

/// Versions of the values of some regressors, by row and time of receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct Vintages {
    /// The regressors, as positions in the frame.
    columns: Vec<usize>,
    /// Row and time of receipt, ascending and unique.
    keys: Vec<(usize, DateTime<Utc>)>,
    /// One value per key and column; NaN falls back to the frame's own value, [`UNKNOWN`] means that there was none.
    values: Vec<f64>,
}

/// Marks a value that was not known yet when the version was received.
pub(crate) const UNKNOWN: f64 = f64::INFINITY;

/// Versions as passed from SQL: `values` holds one column after the other, in the order of `names`.
#[derive(Debug, Clone)]
pub struct Versions<'a> {
    /// The row's time.
    pub times: &'a [DateTime<Utc>],
    /// When the version was received.
    pub received: &'a [DateTime<Utc>],
    /// Names of the regressors.
    pub names: &'a [String],
    /// The values; NaN if none was known yet, so that the frame's later value is not read.
    pub values: &'a [Option<f64>],
}

impl Vintages {
    /// Sorts versions by row; drops versions of rows that are not on the grid.
    pub fn new(grid: &Grid, regressors: &[String], versions: &Versions<'_>) -> Result<Self, Error> {
        let (times, count) = (versions.times, versions.names.len());
        if versions.received.len() != times.len() || versions.values.len() != count * times.len() {
            return Err(Error::InvalidArgument(format!(
                "regressor forecasts of unequal length: {} times, {} times of receipt, {} values of {count} regressors",
                times.len(),
                versions.received.len(),
                versions.values.len()
            )));
        }
        let columns = versions
            .names
            .iter()
            .map(|name| {
                regressors.iter().position(|regressor| regressor == name).ok_or_else(|| Error::UnknownName {
                    kind: "regressor in the regressor forecasts",
                    name: name.clone(),
                    known: regressors.to_vec(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut order = Vec::with_capacity(times.len());
        for (at, time) in times.iter().enumerate() {
            if let Ok(row) = grid.row(*time)
                && row < grid.len()
            {
                order.push((row, versions.received[at], at));
            }
        }
        order.sort_unstable();
        if let Some(pair) = order.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1)) {
            return Err(Error::InvalidArgument(format!(
                "two regressor forecasts for {} were received at {}",
                rfc3339(grid.time(pair[0].0)),
                rfc3339(pair[0].1)
            )));
        }
        let mut values = Vec::with_capacity(order.len() * count);
        for (row, _, at) in &order {
            for (column, name) in versions.names.iter().enumerate() {
                values.push(match versions.values[column * times.len() + at] {
                    Some(value) if value.is_nan() => UNKNOWN,
                    value => known(grid, name, *row, value)?,
                });
            }
        }
        Ok(Self { columns, keys: order.into_iter().map(|(row, received, _)| (row, received)).collect(), values })
    }

    /// The versions of rows from `first` on, for a frame that starts there.
    pub(crate) fn since(&self, first: usize) -> Self {
        let from = self.keys.partition_point(|(row, _)| *row < first);
        Self {
            columns: self.columns.clone(),
            keys: self.keys[from..].iter().map(|(row, received)| (row - first, *received)).collect(),
            values: self.values[from * self.columns.len()..].to_vec(),
        }
    }

    /// The values of `row` known at `time`, with the regressor's position: from the newest version received by then.
    pub(crate) fn known_at(&self, row: usize, time: DateTime<Utc>) -> impl Iterator<Item = (usize, f64)> + '_ {
        let end = self.keys.partition_point(|key| *key <= (row, time));
        let at = end.checked_sub(1).filter(|at| self.keys[*at].0 == row);
        let count = self.columns.len();
        let values = at.map_or(&[][..], |at| &self.values[at * count..(at + 1) * count]);
        self.columns.iter().copied().zip(values.iter().copied())
    }

    /// Every value, with the regressor's position and its row, to be modified in place.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (usize, usize, &mut f64)> + '_ {
        let count = self.columns.len();
        let (columns, keys) = (&self.columns, &self.keys);
        let known = self.values.iter_mut().enumerate().filter(|(_, value)| **value != UNKNOWN);
        known.map(move |(at, value)| (columns[at % count], keys[at / count].0, value))
    }
}
