//! How rare a value is among those that were learnt from: a tail probability, far out too.
//!
//! Up to a threshold it is the share of the values that were as large, interpolated between quantiles. Beyond it values
//! are too few to be counted, and exceedances are taken to be exponential with their mean: the generalised Pareto
//! distribution of shape zero (Pickands, *Statistical inference using extreme order statistics*, 1975). Of a logarithm
//! this is a Pareto tail with Hill's estimator (1975). So no value is as rare as can be, and ranks stay apart.

use super::distribution::{normal_quantile, normal_tail};
use super::scaling::quantile;
use serde::{Deserialize, Serialize};

/// Fewer values say nothing of a tail.
pub const FEWEST: usize = 100;
/// Quantiles that are kept.
const KEPT: usize = 200;
/// No probability is less.
const LEAST: f64 = 1e-300;

/// A tail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Tail {
    /// That of the standard normal distribution.
    Normal,
    /// Of values that were learnt from.
    Learnt {
        /// Evenly spaced quantiles, from the least to the threshold.
        quantiles: Vec<f64>,
        /// Share of the values beyond the threshold.
        share: f64,
        /// Mean of their distance from it.
        excess: f64,
    },
}

impl Tail {
    /// Of these values; none where there are too few.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        if values.len() < FEWEST {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        // Ten values or more beyond it.
        let share = (10.0 / values.len() as f64).clamp(0.02, 0.1);
        let quantiles: Vec<f64> =
            (0..=KEPT).map(|at| quantile(&values, (1.0 - share) * at as f64 / KEPT as f64)).collect();
        let threshold = quantiles[KEPT];
        let beyond: Vec<f64> =
            values.iter().filter(|value| **value > threshold).map(|value| value - threshold).collect();
        let mean = beyond.iter().sum::<f64>() / beyond.len().max(1) as f64;
        // Where many are equal there is no distance: the scale of what lies below stands in.
        let scale = threshold - quantiles[KEPT / 2];
        let excess = if mean > 1e-3 * scale { mean } else { 1e-3 * scale };
        let floor = 1e-9 * (1.0 + threshold.abs());
        Some(Self::Learnt { quantiles, share, excess: excess.max(floor) })
    }

    /// The probability of a value at least as large.
    pub fn probability(&self, value: f64) -> f64 {
        match self {
            Self::Normal => normal_tail(value).max(LEAST),
            Self::Learnt { quantiles, share, excess } => {
                let last = quantiles.len() - 1;
                if value >= quantiles[last] {
                    return (share * (-(value - quantiles[last]) / excess).exp()).max(LEAST);
                }
                // Of equal quantiles the lowest: the probability is of values as large or larger.
                let above = quantiles.partition_point(|quantile| *quantile < value);
                if above == 0 {
                    return 1.0;
                }
                let (low, high) = (quantiles[above - 1], quantiles[above]);
                let place = (above - 1) as f64 + (value - low) / (high - low);
                1.0 - (1.0 - share) * place / last as f64
            }
        }
    }

    /// The value that is met or exceeded with this probability.
    pub fn limit(&self, probability: f64) -> f64 {
        match self {
            Self::Normal => normal_quantile(probability),
            Self::Learnt { quantiles, share, excess } => {
                let last = quantiles.len() - 1;
                if probability <= *share {
                    return quantiles[last] + excess * (share / probability.max(LEAST)).ln();
                }
                let place = ((1.0 - probability) / (1.0 - share)).clamp(0.0, 1.0) * last as f64;
                let (below, part) = (place.floor() as usize, place.fract());
                let above = (below + 1).min(last);
                quantiles[below] + part * (quantiles[above] - quantiles[below])
            }
        }
    }

    /// Whether it can have been learnt.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Normal => true,
            Self::Learnt { quantiles, share, excess } => {
                quantiles.len() >= 2
                    && quantiles.iter().all(|value| value.is_finite())
                    && quantiles.is_sorted()
                    && (0.0..=1.0).contains(share)
                    && *excess > 0.0
                    && excess.is_finite()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    fn normal(count: usize) -> Vec<f64> {
        let mut random = Random::new(1, 0);
        (0..count).map(|_| random.normal()).collect()
    }

    #[test]
    fn the_tail_of_normal_values_is_that_of_the_normal_distribution_and_heavier_far_out() {
        let tail = Tail::of(normal(20_000)).unwrap();
        for z in [-1.0, 0.0, 1.0, 2.0, 2.5, 3.0] {
            let (ours, exact) = (tail.probability(z), normal_tail(z));
            assert!((ours / exact - 1.0).abs() < 0.35, "{z}: {ours} for {exact}");
        }
        assert!(tail.probability(6.0) > normal_tail(6.0) && tail.probability(6.0) < 1e-4);
        assert!(tail.probability(1e9) > 0.0 && Tail::of(normal(50)).is_none());
    }

    #[test]
    fn equal_values_are_as_likely_as_they_were_and_a_larger_one_is_not() {
        let tail = Tail::of(vec![1.0; 500]).unwrap();
        assert_eq!(tail.probability(0.5), 1.0);
        assert!(tail.probability(1.1) < 1e-6 && tail.is_sound());
        let mostly = Tail::of((0..1000).map(|at| if at < 900 { 0.0 } else { f64::from(at) }).collect()).unwrap();
        assert!((mostly.probability(1.0) - 0.1).abs() < 0.01 && mostly.probability(0.0) > 0.9);
    }

    proptest! {
        #[test]
        fn a_larger_value_is_never_likelier_and_the_limit_is_the_reverse(
            values in proptest::collection::vec(-50.0..50.0_f64, 100..300), a in -99.0..99.0_f64, more in 0.0..9.0_f64, p in 1e-9..0.999_f64,
        ) {
            let tail = Tail::of(values).unwrap();
            prop_assert!(tail.is_sound());
            prop_assert!((0.0..=1.0).contains(&tail.probability(a)) && tail.probability(a + more) <= tail.probability(a));
            prop_assert!((tail.probability(tail.limit(p)) / p - 1.0).abs() < 1e-6, "{p}");
        }
    }
}
