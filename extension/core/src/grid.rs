//! Regular steps of absolute time.
//!
//! A day with a clock change has 23 or 25 hours on such a grid; see [`crate::clock`] for local time.

use crate::error::Error;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// Seconds per day of absolute time.
pub const DAY_SECONDS: i64 = 86_400;
/// Maximum number of rows of a series: ten years at 15 minutes, rounded up.
pub const MAX_ROWS: usize = 400_000;

/// Equidistant rows: row `i` is the interval that starts at `start + i * step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    start: DateTime<Utc>,
    step: TimeDelta,
    len: usize,
}

impl Grid {
    /// Infers the grid from ascending `times`; the first two define the step.
    pub fn from_times(times: &[DateTime<Utc>]) -> Result<Self, Error> {
        let [first, second, ..] = times else {
            return Err(Error::TooLittleHistory { need: 2, have: times.len() });
        };
        if times.len() > MAX_ROWS {
            return Err(Error::NotSupported(format!(
                "{} rows are more than the {MAX_ROWS} allowed in a series",
                times.len()
            )));
        }
        let step = *second - *first;
        for pair in times.windows(2) {
            let found = pair[1] - pair[0];
            if found != step || found <= TimeDelta::zero() {
                return Err(Error::IrregularStep {
                    at: rfc3339(pair[1]),
                    expected_seconds: step.num_seconds(),
                    found_seconds: found.num_seconds(),
                });
            }
        }
        let seconds = step.num_seconds();
        if step != TimeDelta::seconds(seconds) || DAY_SECONDS % seconds != 0 {
            return Err(Error::NotSupported(format!("a step of {} ms does not divide a day", step.num_milliseconds())));
        }
        Ok(Self { start: *first, step, len: times.len() })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true: a grid has at least two rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The same grid with `len` rows.
    #[must_use]
    pub fn with_len(self, len: usize) -> Self {
        Self { len, ..self }
    }

    /// Distance between rows.
    pub fn step(&self) -> TimeDelta {
        self.step
    }

    /// The rows from `from` up to `to` as a new grid.
    pub fn window(&self, from: usize, to: usize) -> Self {
        Self { start: self.time(from), step: self.step, len: to - from }
    }

    /// Start of row `row`; rows beyond the end continue the grid, within the range of the time type.
    pub fn time(&self, row: usize) -> DateTime<Utc> {
        let after = self.step * i32::try_from(row).unwrap_or(i32::MAX);
        self.start.checked_add_signed(after).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The row that starts at `time`, which may lie beyond the end.
    pub fn row(&self, time: DateTime<Utc>) -> Result<usize, Error> {
        let step = self.step.num_seconds();
        match usize::try_from((time - self.start).num_seconds() / step) {
            Ok(row) if self.time(row) == time => Ok(row),
            _ => Err(Error::InvalidArgument(format!(
                "{} is not on the series' grid, which starts at {} and steps by {step} s",
                rfc3339(time),
                rfc3339(self.start)
            ))),
        }
    }

    /// Number of rows in `hours`, if it is a whole number.
    pub fn rows_in_hours(&self, hours: u32) -> Result<usize, Error> {
        let seconds = i64::from(hours) * 3600;
        let step = self.step.num_seconds();
        if seconds % step != 0 || seconds == 0 {
            return Err(Error::InvalidArgument(format!(
                "{hours} h is not a whole, positive number of the series' steps of {step} s"
            )));
        }
        Ok((seconds / step) as usize)
    }

    /// Number of rows in `span`, if it is a whole, positive number.
    pub fn rows_in(&self, name: &str, span: TimeDelta) -> Result<usize, Error> {
        let step = self.step.num_seconds();
        let seconds = span.num_seconds();
        if seconds <= 0 || seconds % step != 0 {
            return Err(Error::InvalidArgument(format!(
                "{name} is {seconds} s, which is not a whole, positive number of the series' steps of {step} s"
            )));
        }
        Ok((seconds / step) as usize)
    }

    /// Hours from a row's start to the end of the row `lead` steps ahead.
    pub fn lead_hours(&self, lead: usize) -> f64 {
        lead as f64 * self.step.num_seconds() as f64 / 3600.0
    }

    /// The first row that starts at or after `seconds` since 1970; 0 if that is before the grid.
    pub fn first_at_or_after(&self, seconds: i64) -> usize {
        let step = self.step.num_seconds();
        let rows = seconds.saturating_sub(self.start.timestamp()).saturating_add(step - 1).div_euclid(step);
        usize::try_from(rows).unwrap_or(0)
    }

    /// End of row `row`, in seconds since 1970.
    pub fn end_seconds(&self, row: usize) -> i64 {
        self.time(row).timestamp() + self.step.num_seconds()
    }

    /// Index of row `row` within its UTC day: equal for the same time of day on every grid of this step.
    pub fn row_of_day(&self, row: usize) -> usize {
        let seconds = self.time(row).timestamp().rem_euclid(DAY_SECONDS);
        (seconds / self.step.num_seconds()) as usize
    }

    /// Rows per day of 24 hours.
    pub fn rows_per_day(&self) -> usize {
        (DAY_SECONDS / self.step.num_seconds()) as usize
    }
}

/// RFC 3339 in UTC, for messages.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A value of a column; NULL is missing, NaN and infinities are rejected.
pub(crate) fn known(grid: &Grid, column: &str, row: usize, value: Option<f64>) -> Result<f64, Error> {
    match value {
        Some(value) if !value.is_finite() => {
            Err(Error::NonFinite { column: column.to_owned(), at: rfc3339(grid.time(row)) })
        }
        Some(value) => Ok(value),
        None => Ok(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seconds: &[i64]) -> Vec<DateTime<Utc>> {
        seconds.iter().map(|s| DateTime::from_timestamp(*s, 0).unwrap_or_default()).collect()
    }

    #[test]
    fn a_gap_a_repeat_and_a_step_back_are_irregular() {
        for bad in [[0, 3600, 10800], [0, 3600, 3600], [0, 0, 0], [7200, 3600, 0]] {
            assert!(matches!(Grid::from_times(&times(&bad)), Err(Error::IrregularStep { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_step_that_does_not_divide_a_day_is_not_supported() {
        assert!(matches!(Grid::from_times(&times(&[0, 50_000])), Err(Error::NotSupported(_))));
    }

    #[test]
    fn rows_and_times_are_inverse() {
        let grid = Grid::from_times(&times(&[0, 900, 1800])).unwrap();
        assert_eq!(grid.rows_per_day(), 96);
        for row in [0, 2, 40] {
            assert_eq!(grid.row(grid.time(row)), Ok(row));
        }
        assert!(grid.row(times(&[901])[0]).is_err());
        assert!(grid.row(times(&[-900])[0]).is_err());
    }
}
