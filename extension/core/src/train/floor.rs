//! What no forecast is below.

use crate::features::FeatureSpec;
use ndarray::Array2;

/// The lower bound of a series that never was negative, unless something else is said.
pub(super) fn floor(spec: &FeatureSpec, target: &[f64]) -> Option<f64> {
    let mut known = target.iter().filter(|value| value.is_finite());
    spec.non_negative.unwrap_or_else(|| known.all(|value| *value >= 0.0)).then_some(0.0)
}

/// Raises forecasts to the lower bound.
pub(super) fn bound(forecasts: &mut Array2<f64>, floor: Option<f64>) {
    if let Some(floor) = floor {
        forecasts.mapv_inplace(|yhat| if yhat < floor { floor } else { yhat });
    }
}
