//! Implausible values: spikes of a meter, and regressors far outside their range in the training set.
//!
//! A spike of the target is a value far outside the range of the four weeks before its day: below the 1st or above the
//! 99th percentile by more than five times their distance. It is set to missing when the series is created, so that
//! fit, residuals, intervals, level, scores and service see the same values. After a genuine level shift of that size,
//! values count as spikes for a day or two only, since the range then includes the new level. The range never looks
//! ahead, so a row has the same value for every later origin. Real peaks are kept: the range includes them once they
//! occur in one hour of a hundred.
//!
//! A regressor has one range for its whole training set: a temperature of -9999 is a fill value. A column that is
//! nearly constant, such as rain, has no range; there only known fill values are rejected.

use crate::grid::Grid;
use crate::series::Frame;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Number of days before a day that define its range.
const RANGE_DAYS: usize = 28;
/// Multiples of the distance between the percentiles by which a target may lie outside of them.
const TOLERANCE: f64 = 5.0;
/// The same for a regressor.
const REGRESSOR_TOLERANCE: f64 = 2.0;
/// Larger values are fill values, such as 1e20 and 9.96921e36; single precision would turn them into infinities.
const LARGEST: f64 = 1e15;
/// Known fill values, for nearly constant columns, which have no range.
const FILL_VALUES: [f64; 9] =
    [-999.0, -999.9, -9999.0, -9999.9, -99_999.0, 99_999.0, -32_767.0, -32_768.0, 2_147_483_647.0];
/// Minimum number of known values for a range.
const LEAST_KNOWN: usize = 24;

/// A target value that was set to missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spike {
    /// The row's start.
    pub at: DateTime<Utc>,
    /// The measured value.
    pub value: f64,
}

/// Sets the spikes of a target to missing and returns them.
pub(crate) fn take_spikes(grid: &Grid, target: &mut [f64]) -> Vec<Spike> {
    let day = grid.rows_per_day();
    let mut spikes = Vec::new();
    let mut known = Vec::with_capacity(RANGE_DAYS * day);
    for (row, value) in target.iter_mut().enumerate().filter(|(_, value)| value.abs() > LARGEST) {
        spikes.push(Spike { at: grid.time(row), value: *value });
        *value = f64::NAN;
    }
    let raw = target.to_vec();
    // The series may start within a UTC day; blocks are whole UTC days on every grid.
    let mut start = 0;
    while start < target.len() {
        let end = (start + day - grid.row_of_day(start)).min(target.len());
        known.clear();
        known.extend(raw[start.saturating_sub(RANGE_DAYS * day)..start].iter().filter(|value| value.is_finite()));
        if let Some((low, high)) = plausible(&mut known, TOLERANCE) {
            for row in (start..end).filter(|row| raw[*row] < low || raw[*row] > high) {
                spikes.push(Spike { at: grid.time(row), value: raw[row] });
                target[row] = f64::NAN;
            }
        }
        start = end;
    }
    spikes.sort_by_key(|spike| spike.at);
    spikes
}

/// The plausible range: the 1st and the 99th percentile, extended on both sides by a multiple of their distance. `None`
/// if too few values are known or nearly all are equal.
fn plausible(known: &mut [f64], tolerance: f64) -> Option<(f64, f64)> {
    if known.len() < LEAST_KNOWN {
        return None;
    }
    let mut percentile = |share: usize| {
        let at = (known.len() - 1) * share / 100;
        *known.select_nth_unstable_by(at, f64::total_cmp).1
    };
    let (low, high) = (percentile(1), percentile(99));
    let margin = tolerance * (high - low);
    (margin > 0.0 && margin.is_finite()).then_some((low - margin, high + margin))
}

/// The plausible range of each regressor, in order; learned in training and stored with the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plausible(Vec<Option<(f64, f64)>>);

/// An implausible regressor value.
#[derive(Debug, Clone, PartialEq)]
pub struct Implausible {
    /// The regressor.
    pub regressor: String,
    /// The row's start.
    pub at: DateTime<Utc>,
    /// The given value.
    pub value: f64,
}

impl Plausible {
    /// Learns the ranges from the rows of `frame` before `end`.
    pub fn learn(frame: &Frame, end: usize) -> Self {
        let of = |values: &[f64]| {
            let mut known: Vec<f64> =
                values[..end.min(values.len())].iter().copied().filter(|value| value.abs() <= LARGEST).collect();
            plausible(&mut known, REGRESSOR_TOLERANCE)
        };
        Self(frame.regressors.iter().map(|regressor| of(&regressor.values)).collect())
    }

    /// Whether a value is plausible.
    pub fn holds(&self, regressor: usize, value: f64) -> bool {
        let is_filled = |value: f64| value.abs() > LARGEST || FILL_VALUES.contains(&value);
        match self.0.get(regressor).copied().flatten() {
            Some((low, high)) => !(value < low || value > high),
            None => !is_filled(value),
        }
    }

    /// Returns the frame with implausible values set to missing, and those values. Copies only if there are any. An
    /// implausible forecast of a regressor is replaced by the frame's own value.
    pub fn apply<'a>(&self, frame: &'a Frame) -> (Cow<'a, Frame>, Vec<Implausible>) {
        let mut found = Vec::new();
        let mut kept = Cow::Borrowed(frame);
        for (at, regressor) in frame.regressors.iter().enumerate() {
            for (row, value) in regressor.values.iter().enumerate().filter(|(_, value)| !self.holds(at, **value)) {
                let name = regressor.name.clone();
                found.push(Implausible { regressor: name, at: frame.grid.time(row), value: *value });
                kept.to_mut().regressors[at].values[row] = f64::NAN;
            }
        }
        let Some(vintages) = &frame.vintages else { return (kept, found) };
        let mut believed = vintages.clone();
        let mut changed = false;
        for (at, row, value) in believed.values_mut().filter(|(at, _, value)| !self.holds(*at, **value)) {
            let name = frame.regressors[at].name.clone();
            found.push(Implausible { regressor: name, at: frame.grid.time(row), value: *value });
            *value = f64::NAN;
            changed = true;
        }
        if changed {
            kept.to_mut().vintages = Some(believed);
        }
        (kept, found)
    }

    /// Whether it has this many regressors and only valid ranges.
    pub fn is_sound(&self) -> bool {
        self.0.iter().flatten().all(|(low, high)| low.is_finite() && high.is_finite() && low < high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn only_spikes_are_set_to_missing() {
        let mut frame = hourly_frame(1000);
        assert!(frame.spikes.is_empty());
        frame.target[900] = 1e6;
        frame.target[950] = -1e6;
        frame.clean();
        let missing: Vec<_> = (0..1000).filter(|row| frame.target[*row].is_nan()).collect();
        assert_eq!(missing, [900, 950]);
        assert_eq!(frame.spikes.iter().map(|spike| spike.value).collect::<Vec<_>>(), [1e6, -1e6]);
        assert_eq!(frame.spikes_in_words(), "-1000000 at 2024-02-09T14:00:00Z, 1000000 at 2024-02-07T12:00:00Z");
    }

    #[test]
    fn a_level_shift_is_accepted_after_two_days() {
        let mut frame = hourly_frame(1400);
        frame.target[1000..].iter_mut().for_each(|value| *value += 500.0);
        frame.clean();
        assert!(frame.target[1001].is_nan());
        assert!(frame.target[1064..].iter().all(|value| value.is_finite()));
    }

    #[test]
    fn fill_values_of_regressors_are_removed_and_rare_weather_and_flags_are_kept() {
        let mut frame = hourly_frame(1000);
        let plausible = Plausible::learn(&frame, 900);
        let (kept, found) = plausible.apply(&frame);
        assert!(matches!(kept, Cow::Borrowed(_)) && found.is_empty());
        frame.regressors[0].values[950] = -9999.0;
        frame.regressors[0].values[960] = -25.0;
        frame.regressors[1].values[970] = 1.0;
        let (kept, found) = plausible.apply(&frame);
        assert!(kept.regressors[0].values[950].is_nan());
        assert_eq!((kept.regressors[0].values[960], kept.regressors[1].values[970]), (-25.0, 1.0));
        assert_eq!((found.len(), found[0].regressor.as_str(), found[0].value), (1, "temperature_c", -9999.0));
    }

    #[test]
    fn fill_values_are_removed_from_nearly_constant_columns_and_the_target() {
        let mut frame = hourly_frame(1000);
        // Rain, mostly zero.
        frame.regressors[1].values.fill(0.0);
        frame.regressors[1].values[500] = 12.5;
        for (row, fill) in [(700, 1e20), (710, 9.96921e36), (720, -9999.0), (950, -1e39), (960, -32_768.0)] {
            frame.regressors[1].values[row] = fill;
        }
        frame.target[3] = 1e20;
        frame.clean();
        assert!(frame.target[3].is_nan() && frame.spikes[0].value == 1e20);
        let plausible = Plausible::learn(&frame, 900);
        let (kept, found) = plausible.apply(&frame);
        let missing: Vec<_> = (0..1000).filter(|row| kept.regressors[1].values[*row].is_nan()).collect();
        assert_eq!((missing, found.len()), (vec![700, 710, 720, 950, 960], 5));
        assert_eq!(kept.regressors[1].values[500], 12.5);
    }
}
