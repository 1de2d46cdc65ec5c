//! Estimates ARIMA coefficients by minimising the sum of squared innovations.
//!
//! Conditional sum of squares (Box and Jenkins), minimised by Levenberg-Marquardt. Every polynomial is parametrised by
//! partial autocorrelations between -1 and 1, so that all fits are stationary and invertible (Monahan, *A note on
//! enforcing stationarity in autoregressive-moving average models*, 1984). Innovations are clipped at `clip` here as in
//! service.

use super::{Arima, Order, Terms};
use crate::Checkpoint;
use crate::model::normal;
use ndarray::Array2;

const MOST_STEPS: usize = 40;
/// Relative improvement per step below which the fit has converged.
const LEAST_GAIN: f64 = 1e-9;
const DIFFERENCE: f64 = 1e-5;
/// Maximum absolute partial autocorrelation: a unit root is left to `d` and `D`.
const LARGEST: f64 = 0.998;

/// Fits `order` to `x` (NaN is missing). The first `skip` rows are excluded from all sums, so that orders can be
/// compared.
pub(in crate::model) fn fit(x: &[f64], order: Order, clip: f64, skip: usize, checkpoint: Checkpoint<'_>) -> Arima {
    let skip = skip.max(order.reach());
    let known = x.iter().skip(skip).filter(|value| value.is_finite()).count();
    let innovations = |free: &[f64]| {
        let terms = Terms::new(order, &coefficients(order, free));
        let mut innovations = terms.filter(x, clip, order.reach()).innovations;
        innovations.drain(..skip.min(x.len()));
        innovations
    };
    let squares = |e: &[f64]| e.iter().map(|e| e * e).sum::<f64>();
    let k = order.coefficients();
    let mut free = vec![0.0; k];
    let mut here = innovations(&free);
    let mut sum = squares(&here);
    let mut damping = 1e-3;
    'steps: for _ in 0..if k == 0 { 0 } else { MOST_STEPS } {
        checkpoint();
        let slopes: Vec<Vec<f64>> = (0..k)
            .map(|i| {
                let mut moved = free.clone();
                moved[i] += DIFFERENCE;
                innovations(&moved).iter().zip(&here).map(|(there, here)| (there - here) / DIFFERENCE).collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let normal = Array2::from_shape_fn((k, k), |(i, j)| dot(&slopes[i], &slopes[j]));
        let gradient: Vec<f64> = slopes.iter().map(|slope| -dot(slope, &here)).collect();
        loop {
            let mut damped = normal.clone();
            damped
                .diag_mut()
                .iter_mut()
                .for_each(|cell| *cell += damping * (*cell + 1e-9 * sum.max(f64::MIN_POSITIVE)));
            let step = normal::solve(damped, gradient.clone());
            let moved: Option<Vec<f64>> =
                step.map(|step| free.iter().zip(step).map(|(f, s)| f + s.clamp(-1.0, 1.0)).collect());
            if let Some(moved) = moved {
                let there = innovations(&moved);
                let new = squares(&there);
                if new < sum {
                    let gain = (sum - new) / sum;
                    (free, here, sum) = (moved, there, new);
                    damping = (damping / 10.0).max(1e-9);
                    if gain < LEAST_GAIN {
                        break 'steps;
                    }
                    break;
                }
            }
            damping *= 10.0;
            if damping > 1e6 {
                break 'steps;
            }
        }
    }
    let sigma = if known > 0 { (sum / known as f64).sqrt() } else { 0.0 };
    Arima { order, coefficients: coefficients(order, &free), sigma }
}

/// Converts unconstrained numbers to `phi`, `theta`, `Phi`, `Theta`.
fn coefficients(order: Order, free: &[f64]) -> Vec<f64> {
    let [p, _, q] = order.plain;
    let [sp, _, sq] = order.seasonal;
    let mut coefficients = Vec::with_capacity(free.len());
    let mut from = 0;
    for (length, sign) in [(p, 1.0), (q, -1.0), (sp, 1.0), (sq, -1.0)] {
        coefficients.extend(stationary(&free[from..from + length]).into_iter().map(|c| sign * c));
        from += length;
    }
    coefficients
}

/// Coefficients of a stationary autoregression from its partial autocorrelations (Durbin and Levinson).
fn stationary(free: &[f64]) -> Vec<f64> {
    let mut phi: Vec<f64> = Vec::with_capacity(free.len());
    for value in free {
        let partial = LARGEST * value.tanh();
        let reversed: Vec<f64> = phi.iter().rev().copied().collect();
        phi.iter_mut().zip(reversed).for_each(|(c, r)| *c -= partial * r);
        phi.push(partial);
    }
    phi
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic noise of about unit variance.
    pub fn noise(n: usize) -> Vec<f64> {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        (0..n).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect()
    }

    #[test]
    fn the_coefficients_of_a_simulation_are_estimated() {
        let order = Order { plain: [1, 0, 1], seasonal: [1, 0, 0], season: 24 };
        let truth = [0.7, 0.3, 0.5];
        let terms = Terms::new(order, &truth);
        let (mut x, mut e) = (Vec::new(), Vec::new());
        for (t, noise) in noise(6000).into_iter().enumerate() {
            x.push(terms.ahead(&x, &e, t) + noise);
            e.push(noise);
        }
        x[3000..3050].fill(f64::NAN);
        let fitted = fit(&x, order, f64::INFINITY, 0, &mut || ());
        for (found, truth) in fitted.coefficients.iter().zip(truth) {
            assert!((found - truth).abs() < 0.05, "{fitted:?}");
        }
        assert!((fitted.sigma - 1.0).abs() < 0.03);
    }

    #[test]
    fn empty_and_constant_series_are_fitted_without_nan() {
        let order = Order { plain: [2, 0, 2], seasonal: [1, 0, 1], season: 24 };
        for x in [vec![], vec![f64::NAN; 100], vec![0.0; 400], vec![3.0; 400]] {
            let fitted = fit(&x, order, f64::INFINITY, 0, &mut || ());
            assert!(fitted.check().is_ok(), "{fitted:?}");
        }
    }
}
