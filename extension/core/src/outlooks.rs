//! Regressors as they were forecast: for each row, what was known of it and when.
//!
//! A training row that imitates a forecast issued at some time must read the weather forecast of that
//! age, not the weather that came (the error of a forecast grows with its lead, and a model that never
//! saw it trusts the weather too much). So for rows from the origin on, the newest version received by the
//! origin's time counts; where there is none the frame's own value stands in.

use crate::error::Error;
use crate::series::{Frame, Grid, Regressor, known, rfc3339};
use chrono::{DateTime, Utc};
use std::ops::Range;

/// Versions of some regressors' values, by row and time of receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlooks {
    /// Which regressors of the frame, by position.
    columns: Vec<usize>,
    /// Row, and when it was known, ascending; no two the same.
    keys: Vec<(usize, DateTime<Utc>)>,
    /// One value per key and column; NaN is missing.
    values: Vec<f64>,
}

/// Versions as SQL hands them over: `values` holds one column after the other, in the order of `names`.
#[derive(Debug, Clone)]
pub struct Versions<'a> {
    /// The row's time.
    pub times: &'a [DateTime<Utc>],
    /// When the version was first known.
    pub received: &'a [DateTime<Utc>],
    /// Which regressors.
    pub names: &'a [String],
    /// Their values.
    pub values: &'a [Option<f64>],
}

impl Outlooks {
    /// Sorts versions by row; those of rows that the grid does not have are left out.
    pub fn new(grid: &Grid, regressors: &[Regressor], versions: &Versions<'_>) -> Result<Self, Error> {
        let (times, count) = (versions.times, versions.names.len());
        if versions.received.len() != times.len() || versions.values.len() != count * times.len() {
            return Err(Error::InvalidArgument(format!(
                "regressor forecasts of unequal length: {} times, {} times of receipt, {} values of {count} regressors",
                times.len(),
                versions.received.len(),
                versions.values.len()
            )));
        }
        let names = || regressors.iter().map(|regressor| regressor.name.clone()).collect();
        let columns = versions
            .names
            .iter()
            .map(|name| {
                regressors.iter().position(|regressor| regressor.name == *name).ok_or_else(|| Error::UnknownName {
                    kind: "regressor in the regressor forecasts",
                    name: name.clone(),
                    known: names(),
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
                values.push(known(grid, name, *row, versions.values[column * times.len() + at])?);
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

    /// The values of `row` that were known at `time`: the newest version received by then.
    fn known_at(&self, row: usize, time: DateTime<Utc>) -> Option<&[f64]> {
        let end = self.keys.partition_point(|key| *key <= (row, time));
        let at = end.checked_sub(1).filter(|at| self.keys[*at].0 == row)?;
        let count = self.columns.len();
        Some(&self.values[at * count..(at + 1) * count])
    }
}

impl Frame {
    /// The regressors of `rows` as they were known at `origin`: rows before it as they came, later ones as
    /// they were forecast.
    pub fn regressors_known_at(&self, origin: usize, rows: Range<usize>) -> Vec<Regressor> {
        let mut known: Vec<Regressor> = self
            .regressors
            .iter()
            .map(|r| Regressor { name: r.name.clone(), values: r.values[rows.clone()].to_vec() })
            .collect();
        if let Some(outlooks) = &self.outlooks {
            let time = self.grid.time(origin);
            for row in rows.start.max(origin)..rows.end {
                for (column, value) in outlooks.columns.iter().zip(outlooks.known_at(row, time).unwrap_or_default()) {
                    if !value.is_nan() {
                        known[*column].values[row - rows.start] = *value;
                    }
                }
            }
        }
        known
    }

    /// Share of the rows ahead of `origins` whose regressors are read as they were forecast, by day of lead.
    pub fn outlook_shares(&self, origins: &[usize], horizon: usize) -> Vec<f64> {
        let day = self.grid.rows_per_day();
        let mut counts = vec![(0_usize, 0_usize); horizon.div_ceil(day)];
        for origin in origins {
            let time = self.grid.time(*origin);
            for row in *origin..(origin + horizon).min(self.grid.len()) {
                let (known, all) = &mut counts[(row - origin) / day];
                *all += 1;
                *known += usize::from(self.outlooks.as_ref().is_some_and(|o| o.known_at(row, time).is_some()));
            }
        }
        counts.into_iter().map(|(known, all)| if all > 0 { known as f64 / all as f64 } else { 0.0 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use chrono::TimeDelta;

    /// Forecasts of the temperature of row 30: received before row 10, and before row 20.
    fn frame() -> Frame {
        let mut frame = hourly_frame(48);
        let time = frame.grid.time(30);
        let received = [frame.grid.time(20), frame.grid.time(10)];
        let versions = Versions {
            times: &[time, time],
            received: &received,
            names: &["temperature_c".to_owned()],
            values: &[Some(20.0), Some(10.0)],
        };
        frame.outlooks = Some(Outlooks::new(&frame.grid, &frame.regressors, &versions).unwrap());
        frame
    }

    #[test]
    fn the_newest_version_received_by_the_origin_counts() {
        let frame = frame();
        let at = |origin| frame.regressors_known_at(origin, 30..31)[0].values[0];
        let came = frame.regressors[0].values[30];
        assert_eq!([at(9), at(10), at(19), at(20), at(30), at(31)], [came, 10.0, 10.0, 20.0, 20.0, came]);
    }

    #[test]
    fn a_shorter_frame_reads_the_same_forecasts() {
        let (frame, shorter) = (frame(), frame().since(15));
        for origin in [19, 20, 31] {
            assert_eq!(
                shorter.regressors_known_at(origin - 15, 0..33)[0].values,
                frame.regressors_known_at(origin, 15..48)[0].values
            );
        }
    }

    #[test]
    fn the_share_of_rows_with_a_forecast_is_told_by_day_of_lead() {
        assert_eq!(frame().outlook_shares(&[9, 10], 24), [1.0 / 48.0]);
    }

    #[test]
    fn a_repeated_version_and_an_unknown_regressor_are_refused() {
        let frame = hourly_frame(48);
        let (time, received) = (frame.grid.time(1), frame.grid.time(0) - TimeDelta::hours(5));
        let refuse = |names: &[String], times: &[DateTime<Utc>], values: &[Option<f64>]| {
            let received = vec![received; times.len()];
            let versions = Versions { times, received: &received, names, values };
            Outlooks::new(&frame.grid, &frame.regressors, &versions).unwrap_err().to_string()
        };
        let names = ["temperature_c".to_owned()];
        assert!(refuse(&names, &[time, time], &[Some(1.0), Some(2.0)]).contains("two regressor forecasts"));
        assert!(refuse(&["temperatur_c".to_owned()], &[time], &[Some(1.0)]).contains("did you mean \"temperature_c\""));
        assert!(refuse(&names, &[time], &[Some(f64::NAN)]).contains("NaN or infinite"));
    }
}
