//! The density of trial values in one dimension.
//!
//! For numbers, a mixture of a normal distribution around each value, narrower with more values (Scott's rule), and one
//! over the whole range, all truncated to it; for choices, their counts plus one pseudo-count shared among all.

use super::space::Dimension;
use crate::random::Random;
use statrs::function::erf::erf;
use std::f64::consts::{SQRT_2, TAU};

/// Standard deviation around a single value, as a share of the range.
const WIDTH: f64 = 0.2;

/// A density over one dimension.
pub(super) enum Parzen {
    /// Means and standard deviations, with equal weights.
    Normals(Vec<(f64, f64)>),
    /// Probabilities.
    Choices(Vec<f64>),
}

impl Parzen {
    pub fn new(dimension: &Dimension, values: Vec<f64>) -> Self {
        if let Dimension::Choice(choices) = dimension {
            let mut shares = vec![1.0 / choices.len() as f64; choices.len()];
            values.iter().for_each(|value| shares[dimension.at(*value)] += 1.0);
            let sum: f64 = shares.iter().sum();
            return Self::Choices(shares.into_iter().map(|share| share / sum).collect());
        }
        let width = WIDTH * (values.len().max(1) as f64).powf(-0.2);
        let normals = values.into_iter().map(|value| (value, width));
        Self::Normals(normals.chain([(0.5, 1.0)]).collect())
    }

    pub fn draw(&self, random: &mut Random) -> f64 {
        match self {
            Self::Choices(shares) => {
                let (asked, mut sum) = (random.uniform(), 0.0);
                let reached = |share: &f64| {
                    sum += share;
                    asked < sum
                };
                let at = shares.iter().position(reached).unwrap_or(shares.len() - 1);
                (at as f64 + 0.5) / shares.len() as f64
            }
            Self::Normals(normals) => {
                let (mean, width) = normals[random.below(normals.len())];
                // At least a third of the mass lies inside.
                (0..100)
                    .map(|_| mean + width * random.normal())
                    .find(|value| (0.0..=1.0).contains(value))
                    .unwrap_or(mean)
            }
        }
    }

    pub fn log_density(&self, value: f64) -> f64 {
        match self {
            Self::Choices(shares) => shares[((value * shares.len() as f64) as usize).min(shares.len() - 1)].ln(),
            Self::Normals(normals) => {
                let below = |limit: f64, (mean, width): (f64, f64)| 0.5 * (1.0 + erf((limit - mean) / width / SQRT_2));
                let density = |normal: &(f64, f64)| {
                    let inside = below(1.0, *normal) - below(0.0, *normal);
                    (-0.5 * ((value - normal.0) / normal.1).powi(2)).exp() / (normal.1 * TAU.sqrt() * inside)
                };
                (normals.iter().map(density).sum::<f64>() / normals.len() as f64).ln()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn range() -> Dimension {
        Dimension::Range { low: 0.0, high: 1.0, log: false, integer: false }
    }

    proptest! {
        #[test]
        fn a_density_integrates_to_one_and_draws_are_in_range(
            values in proptest::collection::vec(0.0..1.0_f64, 0..30), seed in any::<u64>()
        ) {
            let parzen = Parzen::new(&range(), values.clone());
            let cells = 2000;
            let density = |at| parzen.log_density((at as f64 + 0.5) / cells as f64).exp();
            let mass: f64 = (0..cells).map(density).sum::<f64>() / cells as f64;
            prop_assert!((mass - 1.0).abs() < 1e-3, "{mass}");
            let mut random = Random::new(seed, 0);
            prop_assert!((0..50).all(|_| (0.0..=1.0).contains(&parzen.draw(&mut random))));
            let choices = Dimension::Choice(vec![json!("a"), json!("b"), json!("c")]);
            let parzen = Parzen::new(&choices, values);
            let mass: f64 = [0.2, 0.5, 0.8].map(|value| parzen.log_density(value).exp()).iter().sum();
            prop_assert!((mass - 1.0).abs() < 1e-9);
            prop_assert!((0..50).all(|_| choices.at(parzen.draw(&mut random)) < 3));
        }
    }

    #[test]
    fn the_density_is_high_near_the_values() {
        let parzen = Parzen::new(&range(), vec![0.1, 0.12, 0.15, 0.9]);
        assert!(parzen.log_density(0.12) > parzen.log_density(0.5) + 0.3);
    }
}
