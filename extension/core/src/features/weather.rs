//! Weather and every other regressor at the target hour; from the temperature, heating and cooling
//! degrees and a smoothed temperature.
//!
//! Heating degrees (how far it is colder than the heating base) make cold a number that a model can
//! extend beyond the coldest hour it has seen. Walls are slow: demand follows an exponentially smoothed
//! temperature, here with a half-life in hours.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;

/// One feature per regressor; with a temperature also `hdd` and `cdd`, of the hour and `_smoothed_{h}h`.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame) -> Result<Vec<Feature>, Error> {
    let ahead = |name: String, unit, values| Feature::new(name, unit, Known::Ahead, values);
    let mut features: Vec<Feature> = frame
        .regressors
        .iter()
        .map(|regressor| {
            let values = regressor.values.iter().map(|value| *value as f32).collect();
            ahead(regressor.name.clone(), "regressor", values)
        })
        .collect();
    if let Some(temperature) = frame.regressors.iter().find(|r| r.name == spec.temperature) {
        let mut degrees = |suffix: &str, values: &[f64]| {
            let above = |values: &[f64], base: f64, sign: f64| {
                // `f64::max` would turn a missing temperature into zero degrees.
                values.iter().map(|t| if t.is_nan() { f32::NAN } else { (sign * (t - base)).max(0.0) as f32 }).collect()
            };
            features.push(ahead(format!("hdd{suffix}"), "degC", above(values, spec.heating_base_c, -1.0)));
            features.push(ahead(format!("cdd{suffix}"), "degC", above(values, spec.cooling_base_c, 1.0)));
        };
        degrees("", &temperature.values);
        for hours in &spec.inertia_h {
            let half_life = frame.grid.rows_in_hours(*hours)?;
            degrees(&format!("_smoothed_{hours}h"), &smooth(&temperature.values, half_life));
        }
    }
    Ok(features)
}

/// Exponentially weighted mean up to each row; a missing value leaves it as it was.
fn smooth(values: &[f64], half_life: usize) -> Vec<f64> {
    let keep = 0.5_f64.powf(1.0 / half_life as f64);
    values
        .iter()
        .scan(f64::NAN, |state, value| {
            *state = match (state.is_nan(), value.is_nan()) {
                (true, _) => *value,
                (false, true) => *state,
                (false, false) => keep * *state + (1.0 - keep) * value,
            };
            Some(*state)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_one_half_life_half_of_a_step_is_felt() {
        let smoothed = smooth(&[0.0, 10.0, 10.0, f64::NAN], 2);
        assert!((smoothed[2] - 5.0).abs() < 1e-9, "{smoothed:?}");
        assert_eq!(smoothed[3], smoothed[2]);
    }
}
