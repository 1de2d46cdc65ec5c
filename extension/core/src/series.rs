//! A target and its regressors on one grid, and when each row became known.
//!
//! Inside the core a missing value is NaN; in the public interface it is `None`, and NaN or an infinity is an error.
//! Spikes of the target are set to missing when the series is created ([`crate::clean`]), before anything reads them.

use crate::clean::{self, Spike};
use crate::error::Error;
use crate::grid::{Grid, known, rfc3339};
use crate::origin::Origin;
use crate::vintages::{UNKNOWN, Vintages};
use chrono::{DateTime, TimeDelta, Utc};
use std::borrow::Cow;
use std::ops::Range;

/// A column known besides the target: weather, a holiday, a tariff.
#[derive(Debug, Clone, PartialEq)]
pub struct Regressor {
    /// Name, equal to the query's column.
    pub name: String,
    /// One value per row; NaN is missing.
    pub values: Vec<f64>,
}

/// A target and its regressors on one grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Times of the rows.
    pub grid: Grid,
    /// The target; NaN is missing.
    pub target: Vec<f64>,
    /// Regressors, known in advance or up to the issue.
    pub regressors: Vec<Regressor>,
    /// Forecast vintages of the regressors, if stored.
    pub vintages: Option<Vintages>,
    /// When each row became known, in seconds since 1970; `None` means at its end.
    pub known_at: Option<Vec<i64>>,
    /// The target values that were set to missing as spikes.
    pub spikes: Vec<Spike>,
}

/// When the rows of a series became known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Availability<'a> {
    /// Each row at its end.
    AtEnd,
    /// Each row this long after its end.
    After(TimeDelta),
    /// Each row at its own time; if not recorded, after the usual delay.
    Received(&'a [Option<DateTime<Utc>>]),
}

impl Frame {
    /// Checks lengths and values, and removes spikes. `regressors` holds one column after the other, in the order of
    /// `names`.
    pub fn new(
        times: &[DateTime<Utc>],
        target: &[Option<f64>],
        names: &[String],
        regressors: &[Option<f64>],
    ) -> Result<Self, Error> {
        let grid = Grid::from_times(times)?;
        if target.len() != grid.len() || regressors.len() != names.len() * grid.len() {
            return Err(Error::InvalidArgument(format!(
                "columns of unequal length: {} times, {} targets, {} values of {} regressors",
                grid.len(),
                target.len(),
                regressors.len(),
                names.len()
            )));
        }
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(Error::InvalidArgument(format!("two regressors are named \"{name}\"")));
            }
        }
        let target = finite_or_missing(&grid, "target", target)?;
        let regressors = names
            .iter()
            .zip(regressors.chunks_exact(grid.len()))
            .map(|(name, values)| Ok(Regressor { name: name.clone(), values: finite_or_missing(&grid, name, values)? }))
            .collect::<Result<_, Error>>()?;
        let mut frame = Self { grid, target, regressors, vintages: None, known_at: None, spikes: Vec::new() };
        frame.clean();
        Ok(frame)
    }

    /// Sets the spikes of the target to missing.
    pub fn clean(&mut self) {
        self.spikes.extend(clean::take_spikes(&self.grid, &mut self.target));
    }

    /// Sets when the rows became known.
    pub fn set_availability(&mut self, availability: Availability<'_>) -> Result<(), Error> {
        let ends = |row: usize| self.grid.end_seconds(row);
        self.known_at = match availability {
            Availability::AtEnd => None,
            Availability::After(delay) if delay == TimeDelta::zero() => None,
            Availability::After(delay) if delay < TimeDelta::zero() => {
                return Err(Error::InvalidArgument(format!(
                    "availability is {} s: a row is known at its end or later",
                    delay.num_seconds()
                )));
            }
            Availability::After(delay) => {
                Some((0..self.grid.len()).map(|row| ends(row) + delay.num_seconds()).collect())
            }
            Availability::Received(received) => {
                let delays = received.iter().enumerate().filter(|(row, _)| self.target[*row].is_finite());
                let delays = delays.filter_map(|(row, at)| Some((*at)?.timestamp() - ends(row)));
                let mut delays: Vec<i64> = delays.collect();
                let middle = delays.len() / 2;
                let usual = if delays.is_empty() { 0 } else { *delays.select_nth_unstable(middle).1 };
                let known_at = |(row, at): (usize, &Option<DateTime<Utc>>)| match at {
                    // Rounded up to the next second, so that no row is known too early.
                    Some(at) => at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0),
                    None => ends(row) + usual,
                };
                Some(received.iter().enumerate().map(known_at).collect())
            }
        };
        Ok(())
    }

    /// The row after the last known target.
    pub fn end_of_target(&self) -> usize {
        self.target.iter().rposition(|value| value.is_finite()).map_or(0, |row| row + 1)
    }

    /// Whether a row that ends at or before row `issued` was known at its start.
    pub fn was_known(&self, row: usize, issued: usize) -> bool {
        row < issued
            && self.known_at.as_ref().is_none_or(|known_at| known_at[row] <= self.grid.time(issued).timestamp())
    }

    /// The row after the newest target known at the start of row `issued`, looking back to row `from`.
    pub fn end_of_known(&self, issued: usize, from: usize) -> Option<usize> {
        let end = issued.min(self.target.len());
        (from..end).rev().find(|row| self.target[*row].is_finite() && self.was_known(*row, issued)).map(|row| row + 1)
    }

    /// The first row at whose start every given target was known: the first issue that can use all of them.
    pub fn all_known(&self) -> usize {
        let end = self.end_of_target();
        let Some(known_at) = &self.known_at else { return end };
        let known = (0..end).filter(|row| self.target[*row].is_finite()).map(|row| known_at[row]);
        known.max().map_or(end, |seconds| end.max(self.grid.first_at_or_after(seconds)))
    }

    /// Rows of a range, all before the origin, that were not known at the issue.
    pub fn late_rows(&self, origin: Origin, rows: Range<usize>) -> Vec<usize> {
        let Some(known_at) = &self.known_at else { return Vec::new() };
        let issued = self.grid.time(origin.issued).timestamp();
        let rows = rows.start..rows.end.min(known_at.len());
        rows.filter(|row| known_at[*row] > issued && self.target[*row].is_finite()).collect()
    }

    /// The targets from row `from` up to the origin as known at the issue.
    pub fn known_target(&self, origin: Origin, from: usize) -> Cow<'_, [f64]> {
        let end = origin.row.min(self.target.len());
        let from = from.min(end);
        let mut known = Cow::Borrowed(&self.target[from..end]);
        for row in self.late_rows(origin, from..end) {
            known.to_mut()[row - from] = f64::NAN;
        }
        known
    }

    /// The frame as known at the start of row `issued`: later targets are missing.
    pub fn known_by(&self, issued: usize) -> Cow<'_, Self> {
        let late = |row: &usize| self.target[*row].is_finite() && !self.was_known(*row, issued);
        let late: Vec<usize> = (0..issued.min(self.target.len())).filter(late).collect();
        if late.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut known = self.clone();
        late.into_iter().for_each(|row| known.target[row] = f64::NAN);
        Cow::Owned(known)
    }

    /// Whether the known values of a row differ between issues.
    pub fn has_versions(&self) -> bool {
        self.vintages.is_some() || self.known_at.is_some()
    }

    /// The frame as a forecast from this origin may read it: late targets missing, regressors as forecast.
    pub fn as_known(&self, origin: Origin) -> Self {
        let mut known = self.clone();
        known.target[..origin.row.min(self.target.len())].copy_from_slice(&self.known_target(origin, 0));
        known.regressors = self.regressors_as_known(origin, 0..self.grid.len());
        known.vintages = None;
        known.known_at = None;
        known
    }

    /// The regressor of this name.
    pub fn regressor(&self, name: &str) -> Option<&Regressor> {
        self.regressors.iter().find(|regressor| regressor.name == name)
    }

    /// The regressors of `rows` as known to a forecast from this origin: actual values before it, later ones from the
    /// newest forecast received by the issue.
    pub fn regressors_as_known(&self, origin: Origin, rows: Range<usize>) -> Vec<Regressor> {
        let mut known: Vec<Regressor> = self
            .regressors
            .iter()
            .map(|r| Regressor { name: r.name.clone(), values: r.values[rows.clone()].to_vec() })
            .collect();
        if let Some(vintages) = &self.vintages {
            let time = self.grid.time(origin.issued);
            for row in rows.start.max(origin.row)..rows.end {
                for (column, value) in vintages.known_at(row, time) {
                    if !value.is_nan() {
                        known[column].values[row - rows.start] = if value == UNKNOWN { f64::NAN } else { value };
                    }
                }
            }
        }
        known
    }

    /// Share of the rows ahead of each issue whose regressors are read from forecast vintages, by day of lead.
    pub fn vintage_shares(&self, issues: &[usize], horizon: usize) -> Vec<f64> {
        let day = self.grid.rows_per_day();
        let mut counts = vec![(0_usize, 0_usize); horizon.div_ceil(day)];
        for issued in issues {
            let time = self.grid.time(*issued);
            for row in *issued..(issued + horizon).min(self.grid.len()) {
                let (known, all) = &mut counts[(row - issued) / day];
                *all += 1;
                let is_known = |vintages: &Vintages| vintages.known_at(row, time).any(|(_, value)| value.is_finite());
                *known += usize::from(self.vintages.as_ref().is_some_and(is_known));
            }
        }
        counts.into_iter().map(|(known, all)| if all > 0 { known as f64 / all as f64 } else { 0.0 }).collect()
    }

    /// The frame from row `first` on.
    pub fn since(&self, first: usize) -> Self {
        let tail = |regressor: &Regressor| Regressor {
            name: regressor.name.clone(),
            values: regressor.values[first..].to_vec(),
        };
        Self {
            grid: self.grid.window(first, self.grid.len()),
            target: self.target[first..].to_vec(),
            regressors: self.regressors.iter().map(tail).collect(),
            vintages: self.vintages.as_ref().map(|vintages| vintages.since(first)),
            known_at: self.known_at.as_ref().map(|known_at| known_at[first..].to_vec()),
            spikes: Vec::new(),
        }
    }

    /// Truncates the frame to `len` rows.
    pub fn truncate(&mut self, len: usize) {
        self.grid = self.grid.with_len(self.grid.len().min(len));
        self.target.truncate(len);
        self.regressors.iter_mut().for_each(|regressor| regressor.values.truncate(len));
        if let Some(known_at) = &mut self.known_at {
            known_at.truncate(len);
        }
    }

    /// Extends the frame to `len` rows with missing values, to cover the hours ahead.
    pub fn extend(&mut self, len: usize) {
        let len = self.grid.len().max(len);
        self.grid = self.grid.with_len(len);
        self.target.resize(len, f64::NAN);
        for regressor in &mut self.regressors {
            regressor.values.resize(len, f64::NAN);
        }
        if let Some(known_at) = &mut self.known_at {
            known_at.resize(len, i64::MAX);
        }
    }

    /// Names of the regressors, in order.
    pub fn regressor_names(&self) -> Vec<String> {
        self.regressors.iter().map(|regressor| regressor.name.clone()).collect()
    }

    /// The removed spikes as text: time and value, newest first, at most ten.
    pub fn spikes_in_words(&self) -> String {
        let newest = self.spikes.iter().rev().take(10);
        newest.map(|spike| format!("{} at {}", spike.value, rfc3339(spike.at))).collect::<Vec<_>>().join(", ")
    }
}

fn finite_or_missing(grid: &Grid, column: &str, values: &[Option<f64>]) -> Result<Vec<f64>, Error> {
    // `collect` into a `Result` grows by doubling and keeps up to twice the memory.
    let mut numbers = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        numbers.push(known(grid, column, row, *value)?);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use crate::vintages::Versions;
    use chrono::TimeDelta;

    fn times(seconds: &[i64]) -> Vec<DateTime<Utc>> {
        seconds.iter().map(|s| DateTime::from_timestamp(*s, 0).unwrap_or_default()).collect()
    }

    /// Forecasts of the temperature of row 30, received before row 10 and before row 20.
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
        frame.vintages = Some(Vintages::new(&frame.grid, &frame.regressor_names(), &versions).unwrap());
        frame
    }

    #[test]
    fn the_newest_version_received_by_the_origin_counts() {
        let frame = frame();
        let at = |origin| frame.regressors_as_known(Origin::at(origin), 30..31)[0].values[0];
        let came = frame.regressors[0].values[30];
        assert_eq!([at(9), at(10), at(19), at(20), at(30), at(31)], [came, 10.0, 10.0, 20.0, 20.0, came]);
    }

    #[test]
    fn an_unknown_version_is_missing_and_an_empty_one_falls_back_to_the_frame() {
        let mut frame = hourly_frame(48);
        let received = [5, 10, 20].map(|row| frame.grid.time(row));
        let names = ["temperature_c".to_owned()];
        let values = [Some(f64::NAN), None, Some(7.0)];
        let versions =
            Versions { times: &[frame.grid.time(30); 3], received: &received, names: &names, values: &values };
        frame.vintages = Some(Vintages::new(&frame.grid, &frame.regressor_names(), &versions).unwrap());
        let at = |origin| frame.regressors_as_known(Origin::at(origin), 30..31)[0].values[0];
        let came = frame.regressors[0].values[30];
        assert!(at(5).is_nan() && at(9).is_nan());
        assert_eq!([at(4), at(10), at(20)], [came, came, 7.0]);
        assert_eq!(frame.vintage_shares(&[9, 20], 24), [1.0 / 48.0], "an unknown value is not a forecast");
        assert!(frame.vintages.unwrap().values_mut().all(|(_, _, value)| !value.is_infinite()));
    }

    #[test]
    fn a_shorter_frame_reads_the_same_forecasts() {
        let (frame, shorter) = (frame(), frame().since(15));
        for origin in [19, 20, 31] {
            assert_eq!(
                shorter.regressors_as_known(Origin::at(origin - 15), 0..33)[0].values,
                frame.regressors_as_known(Origin::at(origin), 15..48)[0].values
            );
        }
    }

    #[test]
    fn the_share_of_rows_with_a_forecast_is_given_by_day_of_lead() {
        assert_eq!(frame().vintage_shares(&[9, 10], 24), [1.0 / 48.0]);
    }

    #[test]
    fn a_duplicate_version_and_an_unknown_regressor_are_rejected() {
        let frame = hourly_frame(48);
        let (time, received) = (frame.grid.time(1), frame.grid.time(0) - TimeDelta::hours(5));
        let refuse = |names: &[String], times: &[DateTime<Utc>], values: &[Option<f64>]| {
            let received = vec![received; times.len()];
            let versions = Versions { times, received: &received, names, values };
            Vintages::new(&frame.grid, &frame.regressor_names(), &versions).unwrap_err().to_string()
        };
        let names = ["temperature_c".to_owned()];
        assert!(refuse(&names, &[time, time], &[Some(1.0), Some(2.0)]).contains("two regressor forecasts"));
        assert!(refuse(&["temperatur_c".to_owned()], &[time], &[Some(1.0)]).contains("did you mean \"temperature_c\""));
        assert!(refuse(&names, &[time], &[Some(f64::INFINITY)]).contains("NaN or infinite"));
    }

    #[test]
    fn errors_locate_nan_and_infinity_and_null_is_missing() {
        let at = times(&[0, 3600]);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Frame::new(&at, &[Some(1.0), Some(bad)], &[], &[]).unwrap_err();
            assert_eq!(error.to_string(), "column \"target\" is NaN or infinite at 1970-01-01T01:00:00Z");
        }
        let frame = Frame::new(&at, &[Some(1.0), None], &[], &[]).unwrap();
        assert!(frame.target[1].is_nan());
        assert_eq!(frame.end_of_target(), 1);
    }

    #[test]
    fn a_row_is_known_when_it_was_received_and_not_before() {
        let mut frame = hourly_frame(10);
        let time = |row: usize, minutes: i64| Some(frame.grid.time(row) + TimeDelta::minutes(minutes));
        // Row 3 was five hours late, row 5 was not recorded; the others were received 90 minutes after their start.
        let received: Vec<_> = (0..10)
            .map(|row| match row {
                3 => time(3, 360),
                5 => None,
                row => time(row, 90),
            })
            .collect();
        frame.set_availability(Availability::Received(&received)).unwrap();
        assert!(!frame.was_known(3, 8) && frame.was_known(3, 9));
        assert!(!frame.was_known(5, 6) && frame.was_known(5, 7));
        assert_eq!(frame.end_of_known(6, 0), Some(5));
        assert_eq!(frame.late_rows(Origin { row: 5, issued: 6 }, 0..5), [3]);
        assert!(frame.known_target(Origin { row: 5, issued: 6 }, 2)[1].is_nan());
        assert!(frame.known_by(6).target[3].is_nan() && frame.known_by(9).target[3].is_finite());
        assert_eq!(frame.all_known(), 11);
        frame.set_availability(Availability::After(TimeDelta::hours(2))).unwrap();
        assert_eq!(frame.end_of_known(6, 0), Some(4));
        assert!(frame.set_availability(Availability::After(TimeDelta::hours(-1))).is_err());
    }
}
