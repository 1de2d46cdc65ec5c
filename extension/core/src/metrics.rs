//! How wrong a forecast was: MAE, RMSE, MAPE.
//!
//! Definitions follow Hyndman and Athanasopoulos, *Forecasting: Principles and Practice* (3rd ed.),
//! section 5.8. A pair with a missing side is skipped; MAPE also skips hours whose actual value is
//! zero, where it has no value.

/// Sums of errors over pairs: everything that the three metrics need, and mergeable.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Errors {
    pairs: f64,
    absolute: f64,
    squared: f64,
    relative_pairs: f64,
    relative: f64,
}

impl Errors {
    /// Counts one pair.
    pub fn add(&mut self, actual: f64, predicted: f64) {
        let error = predicted - actual;
        if !error.is_finite() {
            return;
        }
        self.pairs += 1.0;
        self.absolute += error.abs();
        self.squared += error * error;
        if actual != 0.0 {
            self.relative_pairs += 1.0;
            self.relative += (error / actual).abs();
        }
    }

    /// The errors of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            pairs: self.pairs + other.pairs,
            absolute: self.absolute + other.absolute,
            squared: self.squared + other.squared,
            relative_pairs: self.relative_pairs + other.relative_pairs,
            relative: self.relative + other.relative,
        }
    }

    /// Mean absolute error, in the unit of the target.
    pub fn mae(&self) -> Option<f64> {
        (self.pairs > 0.0).then(|| self.absolute / self.pairs)
    }

    /// Root mean squared error, in the unit of the target.
    pub fn rmse(&self) -> Option<f64> {
        (self.pairs > 0.0).then(|| (self.squared / self.pairs).sqrt())
    }

    /// Mean absolute percentage error, in percent.
    pub fn mape(&self) -> Option<f64> {
        (self.relative_pairs > 0.0).then(|| 100.0 * self.relative / self.relative_pairs)
    }

    /// The sums as numbers, for a database that keeps an aggregate's state.
    pub fn to_array(self) -> [f64; 5] {
        [self.pairs, self.absolute, self.squared, self.relative_pairs, self.relative]
    }

    /// The reverse of [`Self::to_array`].
    pub fn from_array([pairs, absolute, squared, relative_pairs, relative]: [f64; 5]) -> Self {
        Self { pairs, absolute, squared, relative_pairs, relative }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn errors(pairs: &[(f64, f64)]) -> Errors {
        let mut errors = Errors::default();
        pairs.iter().for_each(|(actual, predicted)| errors.add(*actual, *predicted));
        errors
    }

    #[test]
    fn known_values() {
        let errors = errors(&[(10.0, 12.0), (20.0, 16.0), (0.0, 3.0), (f64::NAN, 1.0)]);
        assert_eq!(errors.mae(), Some(3.0));
        assert_eq!(errors.rmse(), Some((29.0_f64 / 3.0).sqrt()));
        assert_eq!(errors.mape(), Some(20.0));
    }

    #[test]
    fn no_pair_no_value() {
        assert_eq!((Errors::default().mae(), Errors::default().rmse(), Errors::default().mape()), (None, None, None));
    }

    proptest! {
        #[test]
        fn merging_parts_equals_the_whole(pairs in proptest::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 1..50), cut in 0_usize..50) {
            let cut = cut.min(pairs.len());
            let (whole, parts) = (errors(&pairs), errors(&pairs[..cut]).merge(errors(&pairs[cut..])));
            prop_assert!((whole.mae().unwrap() - parts.mae().unwrap()).abs() < 1e-9);
            prop_assert!(whole.mae().unwrap() <= whole.rmse().unwrap() + 1e-9);
        }
    }
}
