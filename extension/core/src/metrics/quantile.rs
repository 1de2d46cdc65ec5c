//! Scores of quantile forecasts: pinball loss, CRPS, relative CRPS.
//!
//! The continuous ranked probability score is twice the integral of the pinball loss over all levels (Laio and Tamea,
//! *Verification tools for probabilistic forecasts of continuous hydrological variables*, 2007). With a few quantiles
//! the integral is a sum in which each represents the levels closest to it, so that unevenly spaced levels are weighted
//! correctly; for the levels (i - ½)/n the weights are equal, and the score is twice the mean pinball loss. OpenSTEF 4
//! has the same definition, and also that of the relative score: divided by the distance between the 5 % and the 95 %
//! quantile of the actuals.

use super::{Mean, ratio};
use crate::Error;

/// Pinball loss of one quantile.
pub fn pinball(actual: f64, predicted: f64, level: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&level) {
        return Err(Error::InvalidArgument(format!("the quantile's level is {level}; it must lie between 0 and 1")));
    }
    let error = actual - predicted;
    Ok((level * error).max((level - 1.0) * error))
}

/// Mean pinball loss of several quantiles with equal weights.
pub fn mean_pinball(actual: f64, predicted: &[f64], levels: &[f64]) -> Result<f64, Error> {
    check(predicted, levels)?;
    let mut mean = 0.0;
    for (predicted, level) in predicted.iter().zip(levels) {
        mean += pinball(actual, *predicted, *level)? / levels.len() as f64;
    }
    Ok(mean)
}

/// Continuous ranked probability score of one row, in the unit of the target.
pub fn crps(actual: f64, predicted: &[f64], levels: &[f64]) -> Result<f64, Error> {
    check(predicted, levels)?;
    let mut score = 0.0;
    for (at, (predicted, level)) in predicted.iter().zip(levels).enumerate() {
        let from = if at == 0 { 0.0 } else { 0.5 * (levels[at - 1] + level) };
        let to = levels.get(at + 1).map_or(1.0, |next| 0.5 * (level + next));
        score += 2.0 * (to - from) * pinball(actual, *predicted, *level)?;
    }
    Ok(score)
}

fn check(predicted: &[f64], levels: &[f64]) -> Result<(), Error> {
    if predicted.len() != levels.len() || levels.is_empty() {
        return Err(Error::InvalidArgument(format!(
            "{} quantiles and {} levels: each quantile needs its level",
            predicted.len(),
            levels.len()
        )));
    }
    let ascending = levels.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || levels.iter().any(|level| !(*level > 0.0 && *level < 1.0)) {
        return Err(Error::InvalidArgument("the levels of the quantiles do not ascend between 0 and 1".to_owned()));
    }
    Ok(())
}

/// CRPS relative to the range of the actuals; mergeable, with a state proportional to the number of rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelativeCrps {
    crps: Mean,
    actual: Vec<f64>,
}

impl RelativeCrps {
    /// Adds one row.
    pub fn add(&mut self, actual: f64, crps: f64) {
        self.crps.add(crps);
        self.actual.push(actual);
    }

    /// Merges the rows of another state.
    pub fn merge(&mut self, other: &Self) {
        self.crps = self.crps.merge(other.crps);
        self.actual.extend(&other.actual);
    }

    /// The score; `None` if the actuals have no range.
    pub fn value(&self) -> Option<f64> {
        let mut sorted = self.actual.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        ratio(self.crps.value()?, quantile(&sorted, 0.95)? - quantile(&sorted, 0.05)?)
    }

    /// The state as bytes, for transfer to another process.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.crps.to_array().iter().chain(&self.actual).flat_map(|number| number.to_ne_bytes()).collect()
    }

    /// The inverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (numbers, rest) = bytes.as_chunks();
        let mut numbers = numbers.iter().copied().map(f64::from_ne_bytes);
        match (numbers.next(), numbers.next(), rest) {
            (Some(rows), Some(sum), []) => Ok(Self { crps: Mean::from_array([rows, sum]), actual: numbers.collect() }),
            _ => Err(Error::Internal("a state of rcrps is cut short".to_owned())),
        }
    }
}

/// Quantile of ascending values, by linear interpolation (type 7 of Hyndman and Fan, 1996).
fn quantile(sorted: &[f64], level: f64) -> Option<f64> {
    let place = level * (sorted.len().checked_sub(1)? as f64);
    let (below, share) = (sorted[place as usize], place.fract());
    let above = sorted.get(place as usize + 1).unwrap_or(&below);
    Some(below + share * (above - below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::{close, numbers, reference};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn relative(rows: &[(f64, f64)]) -> RelativeCrps {
        let mut state = RelativeCrps::default();
        rows.iter().for_each(|(actual, crps)| state.add(*actual, *crps));
        state
    }

    #[test]
    fn agrees_with_scikit_learn_scoringrules_and_the_definition_of_openstef() {
        let reference = reference();
        let actual = numbers(&reference["actual"]);
        for case in reference["quantiles"].as_array().unwrap() {
            let levels = numbers(&case["levels"]);
            let (mut loss, mut score, mut relative) = (Mean::default(), Mean::default(), RelativeCrps::default());
            for (actual, predicted) in actual.iter().zip(case["predicted"].as_array().unwrap()) {
                let predicted = numbers(predicted);
                let crps = crps(*actual, &predicted, &levels).unwrap();
                loss.add(mean_pinball(*actual, &predicted, &levels).unwrap());
                score.add(crps);
                relative.add(*actual, crps);
            }
            assert!(close(loss.value(), case["pinball"].as_f64()), "pinball {loss:?}");
            assert!(close(score.value(), case["crps"].as_f64()), "crps {score:?}");
            assert!(close(relative.value(), case["rcrps"].as_f64()), "rcrps {:?}", relative.value());
        }
    }

    #[test]
    fn the_crps_of_a_single_quantile_is_the_absolute_error() {
        assert_eq!(crps(10.0, &[7.0], &[0.5]), Ok(3.0));
        assert_eq!(pinball(10.0, 7.0, 0.9), Ok(2.7));
        assert_eq!(pinball(7.0, 10.0, 0.5), Ok(1.5));
    }

    #[test]
    fn measurements_without_a_range_have_no_relative_score() {
        assert_eq!((RelativeCrps::default().value(), relative(&[(2.0, 1.0), (2.0, 3.0)]).value()), (None, None));
    }

    #[test]
    fn invalid_levels_are_rejected() {
        for (predicted, levels) in [
            (&[1.0][..], &[][..]),
            (&[], &[]),
            (&[1.0, 2.0], &[0.5]),
            (&[1.0, 2.0], &[0.9, 0.1]),
            (&[1.0], &[f64::NAN]),
        ] {
            assert!(crps(1.0, predicted, levels).is_err(), "{predicted:?} {levels:?}");
        }
        assert!(crps(1.0, &[1.0], &[1.0]).is_err() && pinball(1.0, 1.0, 1.5).is_err());
    }

    #[test]
    fn a_truncated_state_is_rejected() {
        let bytes = relative(&[(2.0, 1.0)]).to_bytes();
        assert!(RelativeCrps::from_bytes(&bytes[..bytes.len() - 1]).is_err() && RelativeCrps::from_bytes(&[]).is_err());
    }

    proptest! {
        #[test]
        fn merging_parts_equals_the_whole_in_any_order(
            rows in vec((-1e3..1e3_f64, 0.0..1e3_f64), 0..50), cut in 0_usize..50
        ) {
            let (first, last) = rows.split_at(cut.min(rows.len()));
            let mut parts = RelativeCrps::from_bytes(&relative(last).to_bytes()).unwrap();
            parts.merge(&relative(first));
            prop_assert!(close(parts.value(), relative(&rows).value()));
        }

        #[test]
        fn the_crps_is_zero_for_a_perfect_forecast_and_otherwise_positive(
            actual in -1e3..1e3_f64, off in vec(-1e3..1e3_f64, 3)
        ) {
            let levels = [0.1, 0.5, 0.9];
            let predicted: Vec<_> = off.iter().map(|off| actual + off).collect();
            let score = crps(actual, &predicted, &levels).unwrap();
            prop_assert!(score >= 0.0 && mean_pinball(actual, &predicted, &levels).unwrap() >= 0.0);
            prop_assert_eq!(score == 0.0, predicted.iter().all(|value| *value == actual));
            prop_assert_eq!(crps(actual, &[actual; 3], &levels).unwrap(), 0.0);
        }
    }
}
