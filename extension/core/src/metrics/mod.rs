//! Forecast accuracy metrics.
//!
//! [`point`] scores the expected value, [`scaled`] relative to seasonal naive, [`quantile`] and [`interval`] the
//! distribution, [`peak`] the highest hour; [`diebold_mariano`] tests whether the difference between two forecasts is
//! significant. Each is a sum over rows, so that partial states can be merged in any order; an undefined value (no row,
//! a divisor of zero, an overflow) is `None`, never NaN.

pub mod diebold_mariano;
pub mod interval;
pub mod joint;
pub mod mean;
pub mod peak;
pub mod point;
pub mod quantile;
pub mod scaled;

pub use mean::Mean;
pub use point::Errors;

/// A quotient, if it is defined.
fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    let quotient = numerator / denominator;
    quotient.is_finite().then_some(quotient)
}

#[cfg(test)]
mod testing {
    use serde_json::Value;

    /// Results of scikit-learn, scoringrules and scipy on random input; see the script beside the file.
    pub fn reference() -> Value {
        serde_json::from_str(include_str!("../../tests/metrics/reference.json")).unwrap()
    }

    /// A column of the reference.
    pub fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    }

    /// Equal up to rounding of sums computed in another order.
    pub fn close(found: Option<f64>, expected: Option<f64>) -> bool {
        match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
            (found, expected) => found == expected,
        }
    }
}
