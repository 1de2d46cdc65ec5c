//! The distribution of a value given by some of its quantiles.
//!
//! Between two quantiles it is linear in the standard normal quantile of the level, as a normal distribution is:
//! quantiles at 5, 50 and 95 % define two half-normal distributions that meet at the median (the two-piece normal
//! distribution, Wallis, *The Two-Piece Normal, Binormal, or Double Gaussian Distribution*, 2014, with the median in
//! place of the mode). Beyond the outer two it is extrapolated from the last two. If no quantile is negative, no value
//! is: demand and solar generation are not negative.

use crate::error::Error;
use crate::intervals::check_levels;
use statrs::distribution::{ContinuousCDF, Normal};

/// The standard normal quantile at a level.
pub(crate) fn score(level: f64) -> f64 {
    Normal::standard().inverse_cdf(level)
}

/// Two or more ascending quantiles.
pub(crate) struct Margin<'a> {
    /// Standard normal quantiles of the levels.
    pub scores: &'a [f64],
    pub quantiles: &'a [f64],
}

impl Margin<'_> {
    pub fn quantile(&self, probability: f64) -> f64 {
        // Clamped so that draws in the tails stay finite.
        let score = score(probability.clamp(1e-6, 1.0 - 1e-6));
        let last = self.scores.len() - 2;
        let at = self.scores[1..=last].partition_point(|known| *known < score);
        let (left, right) = (self.scores[at], self.scores[at + 1]);
        let (low, high) = (self.quantiles[at], self.quantiles[at + 1]);
        let value = low + (high - low) * (score - left) / (right - left);
        if self.quantiles[0] >= 0.0 { value.max(0.0) } else { value }
    }
}

/// Quantiles at other levels than the known ones.
pub fn interpolate(quantiles: &[f64], known: &[f64], levels: &[f64]) -> Result<Vec<f64>, Error> {
    check_levels(known)?;
    check_levels(levels)?;
    if known.len() < 2 || quantiles.len() != known.len() || !quantiles.is_sorted() {
        return Err(Error::InvalidArgument(format!(
            "{} quantiles at {} levels: two or more are needed, one at each level, ascending",
            quantiles.len(),
            known.len()
        )));
    }
    let scores: Vec<f64> = known.iter().map(|level| score(*level)).collect();
    let margin = Margin { scores: &scores, quantiles };
    let at = |level: &f64| {
        // A known quantile is returned unchanged.
        let known = known.iter().position(|known| known == level);
        known.map_or_else(|| margin.quantile(*level), |at| quantiles[at])
    };
    Ok(levels.iter().map(at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THREE: [f64; 3] = [0.05, 0.5, 0.95];

    #[test]
    fn quantiles_of_a_normal_distribution_are_exact() {
        let normal = Normal::new(20.0, 2.0).unwrap();
        let at = |levels: &[f64]| levels.iter().map(|level| normal.inverse_cdf(*level)).collect::<Vec<_>>();
        let levels = [0.01, 0.1, 0.25, 0.5, 0.8, 0.975, 0.99];
        for (found, expected) in interpolate(&at(&THREE), &THREE, &levels).unwrap().iter().zip(at(&levels)) {
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
    }

    #[test]
    fn known_quantiles_are_returned_unchanged_and_skew_is_kept() {
        let found = interpolate(&[1.1, 2.3, 5.7], &THREE, &[0.05, 0.25, 0.5, 0.75, 0.95]).unwrap();
        assert_eq!([found[0], found[2], found[4]], [1.1, 2.3, 5.7]);
        assert!(found[2] - found[1] < found[3] - found[2], "{found:?}");
    }

    #[test]
    fn invalid_quantiles_are_rejected() {
        let refused = |quantiles: &[f64], known: &[f64], levels: &[f64]| {
            interpolate(quantiles, known, levels).unwrap_err().to_string()
        };
        assert!(refused(&[3.0, 2.0, 4.0], &THREE, &[0.1]).contains("ascending"));
        assert!(refused(&[2.0, 4.0], &THREE, &[0.1]).contains("2 quantiles at 3 levels"));
        assert!(refused(&[2.0], &[0.5], &[0.1]).contains("two or more"));
        assert!(refused(&[1.0, 2.0, 4.0], &THREE, &[0.0]).contains("between 0 and 1"));
        assert!(refused(&[1.0, 2.0, 4.0], &THREE, &[0.9, 0.1]).contains("ascend"));
    }

    proptest! {
        #[test]
        fn interpolated_quantiles_ascend_and_add_no_negative_values(
            low in -5.0..5.0_f64, first in 0.0..5.0_f64, second in 0.0..5.0_f64,
            levels in prop::collection::btree_set(1_u32..1000, 1..20),
        ) {
            let quantiles = [low, low + first, low + first + second];
            let levels: Vec<f64> = levels.into_iter().map(|level| f64::from(level) / 1000.0).collect();
            let found = interpolate(&quantiles, &THREE, &levels).unwrap();
            prop_assert!(found.is_sorted());
            for (level, value) in levels.iter().zip(&found) {
                prop_assert!(value.is_finite() && (low < 0.0 || *value >= 0.0));
                if (0.05..=0.5).contains(level) {
                    prop_assert!((quantiles[0]..=quantiles[1]).contains(value));
                }
            }
        }
    }
}
