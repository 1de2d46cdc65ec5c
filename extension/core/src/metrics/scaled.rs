//! Mean absolute scaled error (MASE), comparable between series.
//!
//! MASE is the mean absolute error divided by the scale, the in-sample error of seasonal naive. Below 1, a forecast is
//! more accurate than that. Hyndman and Koehler, *Another look at measures of forecast accuracy*, 2006.

use super::{Mean, ratio};
use crate::Error;

/// One row's absolute error divided by the scale; `None` if the scale is zero (a perfectly periodic history).
pub fn scaled_error(actual: f64, predicted: f64, scale: f64) -> Result<Option<f64>, Error> {
    if scale < 0.0 {
        return Err(Error::InvalidArgument(format!(
            "the scale of mase is {scale}; it is a mean absolute error and cannot be negative"
        )));
    }
    Ok(ratio((predicted - actual).abs(), scale))
}

/// Mean absolute error of seasonal naive within `history`; missing values are NaN.
pub fn seasonal_naive_mae(history: &[f64], season: usize) -> Option<f64> {
    let mut errors = Mean::default();
    let pairs = history.iter().zip(history.iter().skip(season));
    pairs.map(|(before, value)| (value - before).abs()).filter(|error| error.is_finite()).for_each(|e| errors.add(e));
    errors.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_the_mean_difference_of_one_season() {
        assert_eq!(seasonal_naive_mae(&[1.0, 10.0, 3.0, 14.0], 2), Some(3.0));
        assert_eq!(seasonal_naive_mae(&[1.0, 10.0, f64::NAN, 14.0], 2), Some(4.0));
        assert_eq!(seasonal_naive_mae(&[1.0, 10.0], 2), None);
    }

    #[test]
    fn a_zero_scale_gives_no_scaled_error_and_a_negative_one_is_rejected() {
        assert_eq!(scaled_error(4.0, 1.0, 1.5), Ok(Some(2.0)));
        assert_eq!(scaled_error(4.0, 1.0, 0.0), Ok(None));
        assert_eq!(scaled_error(4.0, 4.0, 0.0), Ok(None));
        assert!(scaled_error(4.0, 1.0, -1.0).is_err());
    }
}
