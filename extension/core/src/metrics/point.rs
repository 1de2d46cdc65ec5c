//! Errors of the expected value: bias, MAE, RMSE, MAPE, sMAPE, WAPE.
//!
//! Definitions follow Hyndman and Athanasopoulos, *Forecasting: Principles and Practice* (3rd ed.), section 5.8; WAPE
//! follows Kolassa and Schütz, *Advantages of the MAD/Mean ratio over the MAPE*, 2007. Pairs with a missing value are
//! skipped. MAPE also skips hours whose actual value is zero, where it is undefined; in sMAPE a forecast of zero for
//! zero counts as perfect.

use super::ratio;

/// Sums of errors over pairs, sufficient for all of these metrics; mergeable.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Errors {
    pairs: f64,
    signed: f64,
    absolute: f64,
    squared: f64,
    actual: f64,
    relative_pairs: f64,
    relative: f64,
    symmetric: f64,
}

impl Errors {
    /// Adds one pair.
    pub fn add(&mut self, actual: f64, predicted: f64) {
        let error = predicted - actual;
        if !error.is_finite() {
            return;
        }
        self.pairs += 1.0;
        self.signed += error;
        self.absolute += error.abs();
        self.squared += error * error;
        self.actual += actual.abs();
        if actual != 0.0 {
            self.relative_pairs += 1.0;
            self.relative += (error / actual).abs();
        }
        if error != 0.0 {
            // Capped at 2, also if the sum of the two overflows.
            self.symmetric += (error.abs() / (0.5 * actual.abs() + 0.5 * predicted.abs())).min(2.0);
        }
    }

    /// Merges the errors of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut sums, other) = (self.to_array(), other.to_array());
        sums.iter_mut().zip(other).for_each(|(sum, more)| *sum += more);
        Self::from_array(sums)
    }

    /// Mean error, forecast minus actual, in the unit of the target: positive if forecasts are too high.
    pub fn bias(&self) -> Option<f64> {
        ratio(self.signed, self.pairs)
    }

    /// Mean absolute error, in the unit of the target.
    pub fn mae(&self) -> Option<f64> {
        ratio(self.absolute, self.pairs)
    }

    /// Root mean squared error, in the unit of the target.
    pub fn rmse(&self) -> Option<f64> {
        ratio(self.squared, self.pairs).map(f64::sqrt)
    }

    /// Mean absolute percentage error, in percent.
    pub fn mape(&self) -> Option<f64> {
        ratio(100.0 * self.relative, self.relative_pairs)
    }

    /// Symmetric mean absolute percentage error, in percent, from 0 to 200.
    pub fn smape(&self) -> Option<f64> {
        ratio(100.0 * self.symmetric, self.pairs)
    }

    /// Weighted absolute percentage error, in percent: the sum of absolute errors over the sum of absolute actuals.
    pub fn wape(&self) -> Option<f64> {
        ratio(100.0 * self.absolute, self.actual)
    }

    /// The sums as numbers, for storage as an aggregate's state.
    pub fn to_array(self) -> [f64; 8] {
        let Self { pairs, signed, absolute, squared, actual, relative_pairs, relative, symmetric } = self;
        [pairs, signed, absolute, squared, actual, relative_pairs, relative, symmetric]
    }

    /// The inverse of [`Self::to_array`].
    pub fn from_array(sums: [f64; 8]) -> Self {
        let [pairs, signed, absolute, squared, actual, relative_pairs, relative, symmetric] = sums;
        Self { pairs, signed, absolute, squared, actual, relative_pairs, relative, symmetric }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::{close, numbers, reference};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn errors(pairs: &[(f64, f64)]) -> Errors {
        let mut errors = Errors::default();
        pairs.iter().for_each(|(actual, predicted)| errors.add(*actual, *predicted));
        errors
    }

    fn all(errors: &Errors) -> [Option<f64>; 6] {
        [errors.bias(), errors.mae(), errors.rmse(), errors.mape(), errors.smape(), errors.wape()]
    }

    #[test]
    fn known_values() {
        let errors = errors(&[(10.0, 12.0), (20.0, 16.0), (0.0, 3.0), (f64::NAN, 1.0)]);
        let smape = 100.0 * (2.0 / 11.0 + 4.0 / 18.0 + 2.0) / 3.0;
        let expected = [1.0 / 3.0, 3.0, (29.0_f64 / 3.0).sqrt(), 20.0, smape, 30.0];
        assert_eq!(all(&errors), expected.map(Some));
    }

    #[test]
    fn undefined_metrics_are_none() {
        assert_eq!(all(&Errors::default()), [None; 6]);
        let of_zeros = errors(&[(0.0, 0.0)]);
        assert_eq!((of_zeros.mape(), of_zeros.wape(), of_zeros.smape()), (None, None, Some(0.0)));
        let huge = errors(&[(f64::MAX, 1.0), (f64::MAX, 1.0)]);
        assert_eq!((huge.bias(), huge.rmse(), huge.wape(), huge.smape()), (None, None, None, Some(200.0)));
    }

    #[test]
    fn agrees_with_scikit_learn() {
        let reference = reference();
        let pairs: Vec<_> = numbers(&reference["actual"]).into_iter().zip(numbers(&reference["predicted"])).collect();
        let errors = errors(&pairs);
        for (name, found) in
            [("mae", errors.mae()), ("rmse", errors.rmse()), ("mape", errors.mape()), ("bias", errors.bias())]
                .into_iter()
                .chain([("smape", errors.smape()), ("wape", errors.wape())])
        {
            assert!(close(found, reference["metrics"][name].as_f64()), "{name}: {found:?}");
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![8 => -1e3..1e3_f64, 1 => Just(0.0), 1 => Just(f64::NAN)]
    }

    proptest! {
        #[test]
        fn merging_parts_equals_the_whole_in_any_order(pairs in vec((value(), value()), 0..50), cut in 0_usize..50) {
            let (first, last) = pairs.split_at(cut.min(pairs.len()));
            let parts = errors(last).merge(errors(first));
            for (whole, parts) in all(&errors(&pairs)).into_iter().zip(all(&parts)) {
                prop_assert!(close(parts, whole), "{parts:?} {whole:?}");
            }
            let backwards: Vec<_> = pairs.iter().rev().copied().collect();
            prop_assert!(close(errors(&backwards).rmse(), errors(&pairs).rmse()));
        }

        #[test]
        fn the_metrics_bound_each_other(pairs in vec((value(), value()), 0..50)) {
            let errors = errors(&pairs);
            let found = (errors.bias(), errors.mae(), errors.rmse(), errors.smape());
            if let (Some(bias), Some(mae), Some(rmse), Some(smape)) = found {
                prop_assert!(bias.abs() <= mae * (1.0 + 1e-9) && mae <= rmse * (1.0 + 1e-9));
                prop_assert!((0.0..=200.0 + 1e-9).contains(&smape));
            }
        }

        #[test]
        fn relative_metrics_do_not_depend_on_the_unit(
            pairs in vec((1.0..1e3_f64, value()), 1..50), unit in 0.01..100.0_f64
        ) {
            let scaled: Vec<_> = pairs.iter().map(|(actual, predicted)| (actual * unit, predicted * unit)).collect();
            let (one, other) = (errors(&pairs), errors(&scaled));
            prop_assert!(close(other.mape(), one.mape()) && close(other.smape(), one.smape()));
            prop_assert!(close(other.wape(), one.wape()));
        }

        #[test]
        fn no_input_gives_nan(pairs in vec((any::<f64>(), any::<f64>()), 0..20)) {
            prop_assert!(all(&errors(&pairs)).into_iter().flatten().all(f64::is_finite));
        }
    }
}
