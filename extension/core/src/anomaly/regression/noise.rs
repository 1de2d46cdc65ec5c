//! How noise grows with the level: a cold day's heating is further off than a mild one's.
//!
//! The standard deviation is taken to be linear in what a typical unit is expected to use, its two weights learnt
//! from absolute residuals (Carroll and Ruppert, *Transformation and Weighting in Regression*, 1988, chapter 3).
//! Given it the posterior is conjugate as before.

use serde::{Deserialize, Serialize};

/// The least standard deviation, as a share of the mean one.
const LEAST: f64 = 0.1;

/// Variance of the noise by level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Weights of a typical unit, the constant first.
    pub typical: Vec<f64>,
    /// Standard deviation at a level of zero, the mean one being about one.
    pub at_zero: f64,
    /// What it grows by with each unit of the target.
    pub slope: f64,
}

impl Noise {
    /// The same at every level.
    pub fn constant(typical: Vec<f64>) -> Self {
        Self { typical, at_zero: 1.0, slope: 0.0 }
    }

    /// Learnt from levels and absolute residuals.
    pub fn of(typical: Vec<f64>, pairs: &[(f64, f64)]) -> Self {
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len().max(1) as f64;
        let (level, size) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
        let variance = mean(&|pair| (pair.0 - level).powi(2));
        if pairs.len() < 30 || variance <= 1e-12 * level * level || size <= 0.0 {
            return Self::constant(typical);
        }
        let slope = mean(&|pair| (pair.0 - level) * (pair.1 - size)) / variance;
        // Not less than nothing at zero: the line goes through there at the steepest.
        let slope = slope.clamp(0.0, if level > 0.0 { size / level } else { 0.0 });
        Self { typical, at_zero: (size - slope * level) / size, slope: slope / size }
    }

    /// The level of a typical unit.
    pub fn level(typical: &[f64], x: &[f64]) -> f64 {
        typical.iter().zip(x).map(|(weight, value)| weight * value).sum::<f64>().max(0.0)
    }

    /// The variance of a row.
    pub fn variance(&self, x: &[f64]) -> f64 {
        (self.at_zero + self.slope * Self::level(&self.typical, x)).clamp(LEAST, 1.0 / LEAST).powi(2)
    }

    /// Whether it can have been learnt, of so many weights.
    pub fn is_sound(&self, weights: usize) -> bool {
        self.typical.len() == weights
            && self.typical.iter().chain([&self.at_zero, &self.slope]).all(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn noise_that_grows_with_the_level_is_found_to_and_other_noise_is_not() {
        let mut random = Random::new(4, 0);
        let levels: Vec<f64> = (0..4000).map(|_| 10.0 * random.uniform()).collect();
        let growing: Vec<_> = levels.iter().map(|level| (*level, (random.normal() * (1.0 + level)).abs())).collect();
        let noise = Noise::of(vec![0.0, 1.0], &growing);
        let ratio = (noise.variance(&[1.0, 9.0]) / noise.variance(&[1.0, 0.0])).sqrt();
        assert!((8.0..13.0).contains(&ratio), "{ratio}");
        let flat: Vec<_> = levels.iter().map(|level| (*level, random.normal().abs())).collect();
        let noise = Noise::of(vec![0.0, 1.0], &flat);
        assert!((noise.variance(&[1.0, 9.0]) / noise.variance(&[1.0, 0.0]) - 1.0).abs() < 0.2);
    }
}
