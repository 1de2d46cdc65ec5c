//! What is believed of the weights of a linear function and of its noise: normal-inverse-gamma, which is conjugate.
//!
//! ```text
//! y = x'w + e,  e ~ N(0, s²)      w | s² ~ N(mean, s² precision⁻¹),  s² ~ InverseGamma(a, b)
//! ```
//!
//! Rows update the four by sums (Gelman et al., *Bayesian Data Analysis*, 2013, chapter 14), in one batch or in several
//! alike. A further row is Student's t around `x'mean` with `2a` degrees of freedom and squared scale
//! `b/a (1 + x' precision⁻¹ x)`: exact, with all that is not known of the weights and of the noise in it.

use super::super::cholesky::Factor;
use crate::error::Error;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::TAU;

/// Sums over rows: all that a posterior needs to know of them.
#[derive(Debug, Clone)]
pub struct Moments {
    /// `X'X`; the lower triangle is filled.
    pub gram: Array2<f64>,
    /// `X'y`.
    pub moment: Vec<f64>,
    /// `y'y`.
    pub squares: f64,
    /// Rows.
    pub rows: f64,
    /// Sum of the logarithms of their weights.
    pub log_weights: f64,
}

impl Moments {
    /// Of no row.
    pub fn new(columns: usize) -> Self {
        Self {
            gram: Array2::zeros((columns, columns)),
            moment: vec![0.0; columns],
            squares: 0.0,
            rows: 0.0,
            log_weights: 0.0,
        }
    }

    /// Adds a row whose noise has a variance of one by `weight`.
    pub fn add(&mut self, x: &[f64], y: f64, weight: f64) {
        for (i, value) in x.iter().enumerate() {
            let value = weight * value;
            for (cell, other) in self.gram.row_mut(i).iter_mut().zip(&x[..=i]) {
                *cell += value * other;
            }
            self.moment[i] += value * y;
        }
        self.squares += weight * y * y;
        self.rows += 1.0;
        self.log_weights += weight.ln();
    }
}

/// A belief, before or after rows were seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// Expected weights.
    pub mean: Vec<f64>,
    /// Their precision in units of the noise: the lower triangle, row by row.
    pub precision: Vec<f64>,
    /// Half the degrees of freedom of the noise.
    pub a: f64,
    /// That times the noise's variance.
    pub b: f64,
}

impl Posterior {
    /// Weights that are known independently of each other.
    pub fn independent(mean: Vec<f64>, precisions: &[f64], a: f64, b: f64) -> Self {
        let mut precision = Vec::with_capacity(mean.len() * (mean.len() + 1) / 2);
        for (row, value) in precisions.iter().enumerate() {
            precision.extend((0..=row).map(|column| if column == row { *value } else { 0.0 }));
        }
        Self { mean, precision, a, b }
    }

    /// The precision as a matrix with a full lower triangle.
    pub fn matrix(&self) -> Array2<f64> {
        let mut matrix = Array2::zeros((self.mean.len(), self.mean.len()));
        let mut cells = self.precision.iter();
        for row in 0..self.mean.len() {
            for (cell, value) in matrix.row_mut(row).iter_mut().zip(cells.by_ref().take(row + 1)) {
                *cell = *value;
            }
        }
        matrix
    }

    /// The factors of the precision.
    pub fn factor(&self) -> Result<Factor, Error> {
        Factor::new(&self.matrix()).ok_or_else(singular)
    }

    /// After these rows, with the logarithm of the probability that they had before.
    pub fn update(&self, seen: &Moments) -> Result<(Self, f64), Error> {
        let p = self.mean.len();
        let prior = self.factor()?;
        let mut matrix = self.matrix();
        matrix += &seen.gram;
        let factor = Factor::new(&matrix).ok_or_else(singular)?;
        // Around the prior's mean, so that little is left to cancel.
        let gram = |i: usize, j: usize| seen.gram[[i.max(j), i.min(j)]];
        let along: Vec<f64> = (0..p).map(|i| (0..p).map(|j| gram(i, j) * self.mean[j]).sum()).collect();
        let rest: Vec<f64> = seen.moment.iter().zip(&along).map(|(moment, along)| moment - along).collect();
        let squares = seen.squares
            - self
                .mean
                .iter()
                .zip(seen.moment.iter().zip(&along))
                .map(|(m, (xy, xxm))| m * (2.0 * xy - xxm))
                .sum::<f64>();
        let step = factor.solve(&rest);
        let left = (squares - rest.iter().zip(&step).map(|(r, s)| r * s).sum::<f64>()).max(0.0);
        let (a, b) = (self.a + 0.5 * seen.rows, self.b + 0.5 * left);
        let evidence = 0.5 * (seen.log_weights - seen.rows * TAU.ln())
            + 0.5 * (prior.log_determinant() - factor.log_determinant())
            + self.a * self.b.ln()
            - a * b.ln()
            + ln_gamma(a)
            - ln_gamma(self.a);
        let mean = self.mean.iter().zip(&step).map(|(mean, step)| mean + step).collect();
        let precision =
            (0..p).flat_map(|row| matrix.row(row).iter().take(row + 1).copied().collect::<Vec<_>>()).collect();
        Ok((Self { mean, precision, a, b }, evidence))
    }

    /// `x'mean`.
    pub fn expected(&self, x: &[f64]) -> f64 {
        self.mean.iter().zip(x).map(|(mean, value)| mean * value).sum()
    }

    /// The noise's variance.
    pub fn noise(&self) -> f64 {
        self.b / self.a
    }

    /// Whether it can have been learnt, of so many weights.
    pub fn is_sound(&self, weights: usize) -> bool {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        self.mean.len() == weights
            && self.precision.len() == weights * (weights + 1) / 2
            && finite(&self.mean)
            && finite(&self.precision)
            && [self.a, self.b].iter().all(|value| *value > 0.0 && value.is_finite())
    }
}

fn singular() -> Error {
    Error::InvalidArgument("features are too large or too correlated for their weights to be estimated".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prior() -> Posterior {
        Posterior::independent(vec![1.0, 0.5, -0.5], &[0.1, 1.0, 2.0], 2.0, 3.0)
    }

    fn moments(rows: &[[f64; 4]]) -> Moments {
        let mut moments = Moments::new(3);
        rows.iter().for_each(|[x, z, y, w]| moments.add(&[1.0, *x, *z], *y, *w));
        moments
    }

    #[test]
    fn the_evidence_of_one_row_is_its_predictive_density() {
        let (prior, x, y) = (prior(), [1.0, 0.3, -1.2], 4.0);
        let mut seen = Moments::new(3);
        seen.add(&x, y, 1.0);
        let scale = (prior.noise() * (1.0 + prior.factor().unwrap().quadratic(&x))).sqrt();
        let (freedom, t) = (2.0 * prior.a, (y - prior.expected(&x)) / scale);
        let density = ln_gamma(0.5 * (freedom + 1.0))
            - ln_gamma(0.5 * freedom)
            - 0.5 * (freedom * std::f64::consts::PI).ln()
            - scale.ln()
            - 0.5 * (freedom + 1.0) * (t * t / freedom).ln_1p();
        assert!((prior.update(&seen).unwrap().1 - density).abs() < 1e-9);
    }

    #[test]
    fn what_depends_on_each_other_has_a_posterior_by_its_prior_and_none_without() {
        let rows: Vec<[f64; 4]> = (0..20).map(|i| [f64::from(i), f64::from(i), 3.0 * f64::from(i), 1.0]).collect();
        assert!(prior().update(&moments(&rows)).is_ok());
        let flat = Posterior::independent(vec![0.0; 3], &[0.0; 3], 1.0, 1.0);
        assert!(flat.update(&moments(&rows)).is_err());
        assert!(prior().is_sound(3) && !prior().is_sound(2));
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-7 * (1.0 + a.abs()))
    }

    proptest! {
        #[test]
        fn two_batches_are_as_one_in_any_order(
            rows in proptest::collection::vec([-9.0..9.0_f64, -9.0..9.0, -99.0..99.0, 0.1..5.0], 2..40), at in 0.0..1.0_f64,
        ) {
            let (one, evidence) = prior().update(&moments(&rows)).unwrap();
            let (first, second) = rows.split_at((at * rows.len() as f64) as usize);
            for parts in [[first, second], [second, first]] {
                let (half, before) = prior().update(&moments(parts[0])).unwrap();
                let (two, after) = half.update(&moments(parts[1])).unwrap();
                prop_assert!(close(&one.mean, &two.mean) && close(&one.precision, &two.precision));
                prop_assert!(close(&[one.a, one.b], &[two.a, two.b]) && close(&[evidence], &[before + after]));
            }
        }
    }
}
