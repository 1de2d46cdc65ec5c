//! Regressors as they were forecast: for each row, what was known of it and when.
//!
//! A training row that imitates a forecast issued at some time must read the weather forecast of that
//! age, not the weather that came (the error of a forecast grows with its lead, and a model that never
//! saw it trusts the weather too much). So for rows from the origin on, the newest version received by the
//! origin's time counts; where there is none the frame's own value stands in. A version may say that nothing was known
//! yet, as of a price before its auction: then the value is missing.

use crate::error::Error;
use crate::grid::{Grid, known, rfc3339};
use chrono::{DateTime, Utc};

/// Versions of some regressors' values, by row and time of receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct Vintages {
    /// Which regressors of the frame, by position.
    columns: Vec<usize>,
    /// Row, and when it was known, ascending; no two the same.
    keys: Vec<(usize, DateTime<Utc>)>,
    /// One value per key and column; NaN says nothing, so that the frame's own value stands in, and [`UNKNOWN`] that there was none.
    values: Vec<f64>,
}

/// Of a version: the value was not known to anybody yet, whatever the frame says since.
pub(crate) const UNKNOWN: f64 = f64::INFINITY;

/// Versions as SQL hands them over: `values` holds one column after the other, in the order of `names`.
#[derive(Debug, Clone)]
pub struct Versions<'a> {
    /// The row's time.
    pub times: &'a [DateTime<Utc>],
    /// When the version was first known.
    pub received: &'a [DateTime<Utc>],
    /// Which regressors.
    pub names: &'a [String],
    /// Their values; NaN where none was known yet, so that the frame's own value, which came later, is not read.
    pub values: &'a [Option<f64>],
}

impl Vintages {
    /// Sorts versions by row; those of rows that the grid does not have are left out.
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

    /// Those of rows from `first` on, for a frame that starts there.
    pub(crate) fn since(&self, first: usize) -> Self {
        let from = self.keys.partition_point(|(row, _)| *row < first);
        Self {
            columns: self.columns.clone(),
            keys: self.keys[from..].iter().map(|(row, received)| (row - first, *received)).collect(),
            values: self.values[from * self.columns.len()..].to_vec(),
        }
    }

    /// The values of `row` that were known at `time`, with the regressor's position: the newest version received by
    /// then.
    pub(crate) fn known_at(&self, row: usize, time: DateTime<Utc>) -> impl Iterator<Item = (usize, f64)> + '_ {
        let end = self.keys.partition_point(|key| *key <= (row, time));
        let at = end.checked_sub(1).filter(|at| self.keys[*at].0 == row);
        let count = self.columns.len();
        let values = at.map_or(&[][..], |at| &self.values[at * count..(at + 1) * count]);
        self.columns.iter().copied().zip(values.iter().copied())
    }

    /// Every value, with the regressor's position and its row, to be treated in place.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (usize, usize, &mut f64)> + '_ {
        let count = self.columns.len();
        let (columns, keys) = (&self.columns, &self.keys);
        let known = self.values.iter_mut().enumerate().filter(|(_, value)| **value != UNKNOWN);
        known.map(move |(at, value)| (columns[at % count], keys[at / count].0, value))
    }
}
