//! Values that cannot be: spikes of a meter, and regressors far outside of what was learnt.
//!
//! A spike of the target is a value far outside of the range of the four weeks before its day: below the 1st or above
//! the 99th percentile by more than five times their distance. It is taken for missing when the series is made, so that
//! fit, residuals, intervals, level, scores and service see the same values. A level that really has shifted so far is
//! a spike for a day or two only, since by then it is part of that range. Looking back and never ahead, a row has the
//! same value for every later origin. Real peaks stay: a range holds them once they are seen in one hour of a hundred.
//!
//! A regressor has a range for its whole training: a temperature of -9999 is a fill value and not weather. A column that
//! is nearly always the same, such as rain, has no range; there only what files are known to fill with is not believed.

use crate::grid::Grid;
use crate::series::Frame;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Days before a day that give its range.
const RANGE_DAYS: usize = 28;
/// Distances between the percentiles that a target may lie outside.
const TOLERANCE: f64 = 5.0;
/// The same of a regressor.
const REGRESSOR_TOLERANCE: f64 = 2.0;
/// Beyond that lie only the fill values of files, such as 1e20 and 9.96921e36; single precision would make them
/// infinite.
const LARGEST: f64 = 1e15;
/// Fill values that a range tells, where there is one: a column that is nearly always the same has none.
const FILL_VALUES: [f64; 9] =
    [-999.0, -999.9, -9999.0, -9999.9, -99_999.0, 99_999.0, -32_767.0, -32_768.0, 2_147_483_647.0];
/// Known values below which a range says little.
const LEAST_KNOWN: usize = 24;

/// A value of the target that was taken for missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spike {
    /// The row's start.
    pub at: DateTime<Utc>,
    /// What was measured.
    pub value: f64,
}

/// Takes the spikes out of a target; they are missing afterwards.
pub(crate) fn take_spikes(grid: &Grid, target: &mut [f64]) -> Vec<Spike> {
    let day = grid.rows_per_day();
    let mut spikes = Vec::new();
    let mut known = Vec::with_capacity(RANGE_DAYS * day);
    for (row, value) in target.iter_mut().enumerate().filter(|(_, value)| value.abs() > LARGEST) {
        spikes.push(Spike { at: grid.time(row), value: *value });
        *value = f64::NAN;
    }
    let raw = target.to_vec();
    // The series may start within a UTC day; blocks are whole ones on every grid.
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

/// What values lie between that go with these: the 1st and the 99th percentile, and so many times their distance
/// beyond. None where too few are known, or where they are nearly all the same.
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

/// Between which values each regressor is believed, in their order; learnt with a model and kept with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plausible(Vec<Option<(f64, f64)>>);

/// A regressor's value that was not believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Implausible {
    /// The regressor.
    pub regressor: String,
    /// The row's start.
    pub at: DateTime<Utc>,
    /// What was given.
    pub value: f64,
}

impl Plausible {
    /// From the rows of `frame` before `end`.
    pub fn learn(frame: &Frame, end: usize) -> Self {
        let of = |values: &[f64]| {
            let mut known: Vec<f64> =
                values[..end.min(values.len())].iter().copied().filter(|value| value.abs() <= LARGEST).collect();
            plausible(&mut known, REGRESSOR_TOLERANCE)
        };
        Self(frame.regressors.iter().map(|regressor| of(&regressor.values)).collect())
    }

    /// Whether a value of a regressor is believed.
    pub fn holds(&self, regressor: usize, value: f64) -> bool {
        let is_filled = |value: f64| value.abs() > LARGEST || FILL_VALUES.contains(&value);
        match self.0.get(regressor).copied().flatten() {
            Some((low, high)) => !(value < low || value > high),
            None => !is_filled(value),
        }
    }

    /// The frame with implausible values missing, and which those are. Copied only where there are any. Where a
    /// forecast of a regressor is implausible, the frame's own value stands in.
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

    /// Whether it is of so many regressors, with numbers that can be.
    pub fn is_sound(&self) -> bool {
        self.0.iter().flatten().all(|(low, high)| low.is_finite() && high.is_finite() && low < high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn a_spike_is_missing_and_nothing_else() {
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
    fn a_shift_of_level_is_believed_after_two_days() {
        let mut frame = hourly_frame(1400);
        frame.target[1000..].iter_mut().for_each(|value| *value += 500.0);
        frame.clean();
        assert!(frame.target[1001].is_nan());
        assert!(frame.target[1064..].iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_fill_value_of_a_regressor_is_missing_and_named_and_rare_weather_and_flags_stay() {
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
    fn a_fill_value_is_missing_where_a_column_is_nearly_always_the_same_and_in_the_target() {
        let mut frame = hourly_frame(1000);
        // Rain, seldom.
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
