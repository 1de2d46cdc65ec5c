//! The Diebold-Mariano test of equal forecast accuracy.
//!
//! Diebold and Mariano, *Comparing predictive accuracy*, 1995: the mean difference of two losses divided by its
//! standard error. Errors of forecasts h steps ahead are correlated over h - 1 steps, so the variance includes
//! autocovariances up to that lag, weighted after Newey and West (1987) so that it cannot be negative, or equally as in
//! Diebold and Mariano. The statistic and the degrees of freedom have the small-sample correction of Harvey, Leybourne
//! and Newbold, *Testing the equality of prediction mean squared errors*, 1997. R's `forecast::dm.test` gives the same
//! numbers (its `varestimator` "bartlett", "acf").

use crate::{Checkpoint, Error};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The alternative hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The forecasts differ in accuracy.
    TwoSided,
    /// The loss of the first is smaller: it is better.
    Less,
    /// The loss of the first is greater: it is worse.
    Greater,
}

/// Weights of the autocovariances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Decreasing with the lag (Newey and West): the variance is never negative.
    Bartlett,
    /// Equal (Diebold and Mariano): the variance may be negative, and there is no statistic then.
    Rectangular,
}

impl Alternative {
    /// Parses a name.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        named("alternative", name, &[("two_sided", Self::TwoSided), ("less", Self::Less), ("greater", Self::Greater)])
    }
}

impl Kernel {
    /// Parses a name.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        named("kernel", name, &[("bartlett", Self::Bartlett), ("rectangular", Self::Rectangular)])
    }
}

fn named<T: Copy>(kind: &'static str, name: &str, known: &[(&str, T)]) -> Result<T, Error> {
    known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| Error::UnknownName {
        kind,
        name: name.to_owned(),
        known: known.iter().map(|(known, _)| (*known).to_owned()).collect(),
    })
}

/// Test settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Horizon of the forecasts, in steps.
    pub horizon: usize,
    /// The loss is the absolute error to this power.
    pub power: f64,
    /// Estimator of the variance.
    pub kernel: Kernel,
    /// The alternative hypothesis.
    pub alternative: Alternative,
}

/// The result; undefined values are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Outcome {
    /// Number of pairs compared.
    pub pairs: usize,
    /// Mean loss of the first minus that of the second: negative if the first is better.
    pub mean_difference: Option<f64>,
    /// The corrected statistic; `None` if the differences are constant or there are too few pairs.
    pub statistic: Option<f64>,
    /// Probability of a statistic at least as extreme if both are equally accurate.
    pub p_value: Option<f64>,
}

impl Test {
    /// Compares two series of errors at the same steps; skips steps where one is missing (NaN).
    pub fn compare(&self, first: &[f64], second: &[f64], checkpoint: Checkpoint<'_>) -> Result<Outcome, Error> {
        self.check(first, second)?;
        let loss = |error: f64| error.abs().powf(self.power);
        let differences: Vec<f64> = first
            .iter()
            .zip(second)
            .filter(|(first, second)| !first.is_nan() && !second.is_nan())
            .map(|(first, second)| loss(*first) - loss(*second))
            .collect();
        let pairs = differences.len();
        let n = pairs as f64;
        let mean = differences.iter().sum::<f64>() / n;
        if !mean.is_finite() {
            return Ok(Outcome { pairs, ..Outcome::default() });
        }
        let statistic = self.variance(&differences, mean, checkpoint).and_then(|variance| {
            let h = self.horizon as f64;
            let correction = (n + 1.0 - 2.0 * h + h * (h - 1.0) / n) / n;
            let statistic = mean / (variance / n).sqrt() * correction.sqrt();
            statistic.is_finite().then_some(statistic)
        });
        Ok(Outcome {
            pairs,
            mean_difference: Some(mean),
            statistic,
            p_value: statistic.map(|statistic| self.p_value(statistic, n - 1.0)).transpose()?,
        })
    }

    fn check(&self, first: &[f64], second: &[f64]) -> Result<(), Error> {
        if first.len() != second.len() {
            return Err(Error::InvalidArgument(format!(
                "{} errors against {}: both forecasts need one error per step",
                first.len(),
                second.len()
            )));
        }
        if self.horizon == 0 {
            return Err(Error::InvalidArgument("the horizon is 0; it must be at least 1 step".to_owned()));
        }
        if !(self.power > 0.0 && self.power.is_finite()) {
            return Err(Error::InvalidArgument(format!("the power of the loss is {}; it must be above 0", self.power)));
        }
        Ok(())
    }

    /// Long-run variance of the differences; `None` if it is not positive or cannot be estimated.
    fn variance(&self, differences: &[f64], mean: f64, checkpoint: Checkpoint<'_>) -> Option<f64> {
        if differences.len() <= self.horizon {
            return None;
        }
        let mut covariance = |lag: usize| {
            checkpoint();
            let pairs = differences.iter().zip(&differences[lag..]);
            pairs.map(|(d, later)| (d - mean) * (later - mean)).sum::<f64>() / differences.len() as f64
        };
        let weight = |lag: usize| match self.kernel {
            Kernel::Bartlett => 1.0 - lag as f64 / self.horizon as f64,
            Kernel::Rectangular => 1.0,
        };
        let largest = differences.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        let at_once = covariance(0);
        // The remainder of a constant difference is the rounding error of its mean.
        if at_once.sqrt() <= 1e-12 * largest {
            return None;
        }
        let variance = at_once + (1..self.horizon).map(|lag| 2.0 * weight(lag) * covariance(lag)).sum::<f64>();
        (variance > 1e-12 * at_once).then_some(variance)
    }

    fn p_value(&self, statistic: f64, freedom: f64) -> Result<f64, Error> {
        let student = StudentsT::new(0.0, 1.0, freedom).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(match self.alternative {
            Alternative::TwoSided => 2.0 * student.cdf(-statistic.abs()),
            Alternative::Less => student.cdf(statistic),
            Alternative::Greater => student.cdf(-statistic),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::{close, numbers, reference};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn test(horizon: usize) -> Test {
        Test { horizon, power: 2.0, kernel: Kernel::Bartlett, alternative: Alternative::TwoSided }
    }

    #[test]
    fn agrees_with_the_formulas_in_scipy() {
        for case in reference()["diebold_mariano"].as_array().unwrap() {
            let test = Test {
                horizon: case["horizon"].as_u64().unwrap() as usize,
                power: case["power"].as_f64().unwrap(),
                kernel: Kernel::from_name(case["kernel"].as_str().unwrap()).unwrap(),
                alternative: Alternative::from_name(case["alternative"].as_str().unwrap()).unwrap(),
            };
            let found = test.compare(&numbers(&case["first"]), &numbers(&case["second"]), &mut || ()).unwrap();
            assert!(close(found.mean_difference, case["mean_difference"].as_f64()), "{test:?} {found:?}");
            assert!(close(found.statistic, case["statistic"].as_f64()), "{test:?} {found:?}");
            assert!(close(found.p_value, case["p_value"].as_f64()), "{test:?} {found:?}");
        }
    }

    #[test]
    fn constant_loss_differences_have_no_statistic() {
        let errors = [0.1, -0.3, 0.7, 0.2];
        let same = test(1).compare(&errors, &errors, &mut || ()).unwrap();
        assert_eq!(same, Outcome { pairs: 4, mean_difference: Some(0.0), ..Outcome::default() });
        let apart = test(2).compare(&[0.3; 7], &[0.1; 7], &mut || ()).unwrap();
        assert_eq!((apart.pairs, apart.statistic, apart.p_value), (7, None, None));
        assert!((apart.mean_difference.unwrap() - 0.08).abs() < 1e-12);
    }

    #[test]
    fn too_few_pairs_have_no_statistic() {
        assert_eq!(test(1).compare(&[], &[], &mut || ()).unwrap(), Outcome::default());
        assert_eq!(test(3).compare(&[1.0, 2.0, 4.0], &[1.0, 1.0, 1.0], &mut || ()).unwrap().statistic, None);
        assert_eq!(test(1).compare(&[1.0, f64::NAN], &[2.0, 2.0], &mut || ()).unwrap().pairs, 1);
    }

    #[test]
    fn invalid_arguments_are_rejected() {
        assert!(test(1).compare(&[1.0], &[], &mut || ()).is_err());
        assert!(test(0).compare(&[1.0], &[1.0], &mut || ()).is_err());
        for power in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Test { power, ..test(1) }.compare(&[1.0], &[1.0], &mut || ()).is_err());
        }
        let error = Kernel::from_name("bartlet").unwrap_err();
        assert_eq!(error.to_string(), "unknown kernel \"bartlet\", did you mean \"bartlett\"?");
    }

    proptest! {
        #[test]
        fn swapping_the_forecasts_flips_the_sign(
            pairs in vec((-10.0..10.0_f64, -10.0..10.0_f64), 0..60), horizon in 1_usize..8
        ) {
            let (first, second): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let one = test(horizon).compare(&first, &second, &mut || ()).unwrap();
            let other = test(horizon).compare(&second, &first, &mut || ()).unwrap();
            prop_assert!(close(one.statistic.map(|value| -value), other.statistic));
            prop_assert!(close(one.p_value, other.p_value));
        }

        #[test]
        fn no_input_gives_nan(
            pairs in vec((any::<f64>(), any::<f64>()), 0..20), horizon in 1_usize..30, power in 0.1..4.0_f64,
            rectangular in any::<bool>(),
        ) {
            let (first, second): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let kernel = if rectangular { Kernel::Rectangular } else { Kernel::Bartlett };
            let test = Test { horizon, power, kernel, alternative: Alternative::Less };
            let found = test.compare(&first, &second, &mut || ()).unwrap();
            prop_assert!([found.mean_difference, found.statistic].into_iter().flatten().all(f64::is_finite));
            prop_assert!(found.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)));
            prop_assert_eq!(found.statistic.is_some(), found.p_value.is_some());
        }
    }
}
