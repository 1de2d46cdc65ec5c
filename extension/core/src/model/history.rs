//! The target as strategies see it: without spikes.
//!
//! A meter's spike is a value far outside of the range of the four weeks before its day: below the 1st or above
//! the 99th percentile by more than five times their distance. It is treated as missing, so that it poisons
//! neither a fit nor the lags of a forecast. A level that really has shifted so far is a spike for a day or two only,
//! since by then it is part of that range. Looking back and never ahead, a row has the same value for every later
//! origin. Real peaks stay: a range holds them once they are seen in one hour of a hundred.

use super::Forecaster;
use crate::error::Error;
use crate::series::Frame;
use ndarray::Array2;
use serde_json::Value;

/// Days before a day that give its range.
const RANGE_DAYS: usize = 28;
/// Distances between the percentiles that a value may lie outside.
const TOLERANCE: f64 = 5.0;
/// Known values below which a range says little.
const LEAST_KNOWN: usize = 24;

/// A strategy's model that is shown no spikes.
pub(super) struct WithoutSpikes(pub Box<dyn Forecaster>);

impl Forecaster for WithoutSpikes {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let end = origins.iter().copied().max().unwrap_or(0);
        let forecasts = self.0.predict(&without_spikes(frame, end), origins, horizon)?;
        if forecasts.iter().all(|yhat| yhat.is_finite()) {
            return Ok(forecasts);
        }
        Err(Error::InvalidArgument(
            "the forecast is no finite number: the input holds values of absurd size".to_owned(),
        ))
    }

    fn feature_names(&self) -> Vec<String> {
        self.0.feature_names()
    }

    fn parameters(&self) -> Value {
        self.0.parameters()
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        self.0.state()
    }
}

/// The frame; before `end`, spikes are missing.
pub(super) fn without_spikes(frame: &Frame, end: usize) -> Frame {
    let target = &frame.target[..end.min(frame.target.len())];
    let mut kept = frame.clone();
    let day = frame.grid.rows_per_day();
    let mut known = Vec::with_capacity(RANGE_DAYS * day);
    // The series may start within a UTC day; blocks are whole ones on every grid.
    let mut start = 0;
    while start < target.len() {
        let end = (start + day - frame.grid.row_of_day(start)).min(target.len());
        known.clear();
        known.extend(target[start.saturating_sub(RANGE_DAYS * day)..start].iter().filter(|value| value.is_finite()));
        if known.len() >= LEAST_KNOWN {
            known.sort_by(f64::total_cmp);
            let percentile = |share: usize| known[(known.len() - 1) * share / 100];
            let (low, high) = (percentile(1), percentile(99));
            let margin = TOLERANCE * (high - low);
            // A constant series has no range to leave.
            if margin > 0.0 {
                let outside = |value: &&mut f64| **value < low - margin || **value > high + margin;
                kept.target[start..end].iter_mut().filter(outside).for_each(|value| *value = f64::NAN);
            }
        }
        start = end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn a_spike_is_missing_and_nothing_else() {
        let mut frame = hourly_frame(1000);
        assert_eq!(without_spikes(&frame, 1000), frame);
        frame.target[900] = 1e6;
        frame.target[950] = -1e6;
        let kept = without_spikes(&frame, 1000).target;
        let missing: Vec<_> = (0..1000).filter(|row| kept[*row].is_nan()).collect();
        assert_eq!(missing, [900, 950]);
    }

    #[test]
    fn a_shift_of_level_is_believed_after_two_days() {
        let mut frame = hourly_frame(1400);
        frame.target[1000..].iter_mut().for_each(|value| *value += 500.0);
        let kept = without_spikes(&frame, 1400).target;
        assert!(kept[1001].is_nan());
        assert!(kept[1064..].iter().all(|value| value.is_finite()));
    }
}
