//! The input as strategies see it: the target without spikes, the regressors as they were known, and none ahead that
//! is known only up to the issue time.
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
use std::borrow::Cow;

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

    fn held_out(&self) -> Option<(&[usize], &Array2<f64>)> {
        self.0.held_out()
    }

    fn level(&self, frame: &Frame, origin: usize) -> f64 {
        self.0.level(frame, origin)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        self.0.state()
    }
}

/// A strategy's model that reads regressors of the target's hour, shown none of those that are not known then.
pub(super) struct WithoutPast {
    pub model: Box<dyn Forecaster>,
    pub past: Vec<String>,
}

impl Forecaster for WithoutPast {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        self.model.predict(&without_past(Cow::Borrowed(frame), &self.past), origins, horizon)
    }

    fn feature_names(&self) -> Vec<String> {
        self.model.feature_names()
    }

    fn parameters(&self) -> Value {
        self.model.parameters()
    }

    fn held_out(&self) -> Option<(&[usize], &Array2<f64>)> {
        self.model.held_out()
    }

    fn level(&self, frame: &Frame, origin: usize) -> f64 {
        self.model.level(frame, origin)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        self.model.state()
    }
}

/// A strategy's model that reads the regressors of the frame, shown those that were known at each origin.
pub(super) struct AsKnown<F>(pub F);

impl<F: Forecaster> Forecaster for AsKnown<F> {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        if frame.outlooks.is_none() {
            return self.0.predict(frame, origins, horizon);
        }
        let mut known = Frame { outlooks: None, ..frame.clone() };
        let mut forecasts = Array2::zeros((origins.len(), horizon));
        for (mut leads, origin) in forecasts.rows_mut().into_iter().zip(origins) {
            known.regressors = frame.regressors_known_at(*origin, 0..frame.grid.len());
            leads.assign(&self.0.predict(&known, &[*origin], horizon)?.row(0));
        }
        Ok(forecasts)
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

/// The frame with the regressors of these names missing: columns keep their places.
pub(super) fn without_past<'a>(mut frame: Cow<'a, Frame>, past: &[String]) -> Cow<'a, Frame> {
    if !past.is_empty() {
        let regressors = frame.to_mut().regressors.iter_mut();
        regressors.filter(|regressor| past.contains(&regressor.name)).for_each(|r| r.values.fill(f64::NAN));
    }
    frame
}

/// The frame; before `end`, spikes are missing. Copied only where there are any.
pub(super) fn without_spikes(frame: &Frame, end: usize) -> Cow<'_, Frame> {
    let target = &frame.target[..end.min(frame.target.len())];
    let mut kept = Cow::Borrowed(frame);
    let day = frame.grid.rows_per_day();
    let mut known = Vec::with_capacity(RANGE_DAYS * day);
    // The series may start within a UTC day; blocks are whole ones on every grid.
    let mut start = 0;
    while start < target.len() {
        let end = (start + day - frame.grid.row_of_day(start)).min(target.len());
        known.clear();
        known.extend(target[start.saturating_sub(RANGE_DAYS * day)..start].iter().filter(|value| value.is_finite()));
        if known.len() >= LEAST_KNOWN {
            let mut percentile = |share: usize| {
                let at = (known.len() - 1) * share / 100;
                *known.select_nth_unstable_by(at, f64::total_cmp).1
            };
            let (low, high) = (percentile(1), percentile(99));
            let margin = TOLERANCE * (high - low);
            // A constant series has no range to leave.
            if margin > 0.0 {
                let outside = |row: &usize| target[*row] < low - margin || target[*row] > high + margin;
                (start..end).filter(outside).for_each(|row| kept.to_mut().target[row] = f64::NAN);
            }
        }
        start = end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeatureSpec;
    use crate::model::{Lesson, Strategy};
    use crate::outlooks::{Outlooks, Versions};
    use crate::testing::hourly_frame;
    use serde_json::json;

    #[test]
    fn a_spike_is_missing_and_nothing_else() {
        let mut frame = hourly_frame(1000);
        assert_eq!(*without_spikes(&frame, 1000), frame);
        frame.target[900] = 1e6;
        frame.target[950] = -1e6;
        let kept = without_spikes(&frame, 1000).into_owned().target;
        let missing: Vec<_> = (0..1000).filter(|row| kept[*row].is_nan()).collect();
        assert_eq!(missing, [900, 950]);
    }

    #[test]
    fn weather_is_read_as_it_was_foretold_at_the_origin() {
        let mut frame = hourly_frame(1800);
        let strategy = Strategy::Sarimax;
        let parameters = json!({"order": [1, 0, 0], "seasonal_order": [0, 0, 0]});
        let spec = FeatureSpec::default();
        let lesson = Lesson { frame: &frame, end: 1600, horizon: 24, spec: &spec, parameters: &parameters, memo: None };
        let model = strategy.fit(lesson, &mut || ()).unwrap();
        let observed = model.predict(&frame, &[1600, 1700], 24).unwrap();
        // For the day after the second origin ten degrees less were foretold, for the first nothing was.
        let times: Vec<_> = (1700..1724).map(|row| frame.grid.time(row)).collect();
        let received = vec![frame.grid.time(1690); 24];
        let colder: Vec<_> = (1700..1724).map(|row| Some(frame.regressors[0].values[row] - 10.0)).collect();
        let names = ["temperature_c".to_owned()];
        let versions = Versions { times: &times, received: &received, names: &names, values: &colder };
        frame.outlooks = Some(Outlooks::new(&frame.grid, &frame.regressors, &versions).unwrap());
        let foretold = model.predict(&frame, &[1600, 1700], 24).unwrap();
        assert_eq!(observed.row(0), foretold.row(0));
        assert!(foretold.row(1).iter().zip(observed.row(1)).all(|(foretold, observed)| foretold > &(observed + 0.5)));
    }

    #[test]
    fn a_shift_of_level_is_believed_after_two_days() {
        let mut frame = hourly_frame(1400);
        frame.target[1000..].iter_mut().for_each(|value| *value += 500.0);
        let kept = without_spikes(&frame, 1400).into_owned().target;
        assert!(kept[1001].is_nan());
        assert!(kept[1064..].iter().all(|value| value.is_finite()));
    }
}
