//! Maximum a posteriori estimate of the coefficients and the noise.
//!
//! For noise `s`, the density is maximal where `|y - Xb|^2 + 2 s^2 (sum b^2 / (2 scale^2) + sum |b| / scale)` is
//! minimal, a convex problem. The absolute value is majorised by a parabola that touches it at the current `b`, so that
//! each step is a penalised least squares problem and none decreases the density (Hunter and Li,
//! *Variable selection using MM algorithms*, 2005). The optimal noise for given coefficients has a closed form; the two
//! steps alternate. All of it works on `X'X`: the series is read once.

use crate::Checkpoint;
use crate::error::Error;
use crate::model::normal::Normal;

/// Scale of Prophet's half-normal prior on the noise.
const NOISE_SCALE: f64 = 0.5;
const MOST_STEPS: usize = 1000;
/// Relative change below which the fit has converged.
const LEAST_CHANGE: f64 = 1e-7;
/// Bounds the curvature of the parabola for a coefficient near zero.
const LEAST_BEND: f64 = 1e-8;
/// Regularises collinear and zero columns; weaker than every prior.
const RIDGE: f64 = 1e-10;
/// Minimum variance, so that the priors count for a series without noise.
const LEAST_VARIANCE: f64 = 1e-12;

/// The prior of a coefficient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Prior {
    Normal(f64),
    Laplace(f64),
}

/// Coefficients and the standard deviation of the noise.
pub(super) fn fit(normal: &Normal, priors: &[Prior], checkpoint: Checkpoint<'_>) -> Result<(Vec<f64>, f64), Error> {
    let singular = || Error::Internal("the least squares of Prophet have no solution".to_owned());
    let penalty = |variance: f64, b: &[f64]| -> Vec<f64> {
        let each = priors.iter().zip(b).zip(normal.gram.diag()).map(|((prior, b), square)| match prior {
            Prior::Normal(scale) => variance / scale.powi(2) + RIDGE * (1.0 + square),
            Prior::Laplace(scale) => variance / (scale * b.abs().max(LEAST_BEND)) + RIDGE * (1.0 + square),
        });
        each.collect()
    };
    let mut b = vec![1.0; priors.len()];
    let mut variance = (normal.squares / normal.rows.max(1) as f64).max(LEAST_VARIANCE);
    for step in 0..MOST_STEPS {
        if step % 10 == 0 {
            checkpoint();
        }
        let moved = normal.solve(&penalty(variance, &b)).ok_or_else(singular)?;
        let change = moved.iter().zip(&b).map(|(new, old)| (new - old).abs()).fold(0.0, f64::max);
        let size = moved.iter().map(|b| b.abs()).fold(0.0, f64::max);
        b = moved;
        let before = variance;
        variance = best_variance(normal.rows as f64, normal.residual(&b)).max(LEAST_VARIANCE);
        if change <= LEAST_CHANGE * size && (variance - before).abs() <= LEAST_CHANGE * before {
            break;
        }
    }
    Ok((b, variance.sqrt()))
}

/// The minimiser of `n/2 ln v + residual / (2 v) + v / (2 NOISE_SCALE^2)`.
fn best_variance(n: f64, residual: f64) -> f64 {
    let prior = NOISE_SCALE.powi(-2);
    // The root of `prior v^2 + n v - residual`, in a form without cancellation.
    2.0 * residual / (n + (n * n + 4.0 * prior * residual).sqrt()).max(f64::MIN_POSITIVE)
}

/// The negative log posterior density, up to a constant.
#[cfg(test)]
pub(super) fn energy(normal: &Normal, priors: &[Prior], b: &[f64], sigma: f64) -> f64 {
    let beliefs = priors.iter().zip(b).map(|(prior, b)| match prior {
        Prior::Normal(scale) => (b / scale).powi(2) / 2.0,
        Prior::Laplace(scale) => b.abs() / scale,
    });
    let noise = normal.rows as f64 * sigma.ln() + (sigma / NOISE_SCALE).powi(2) / 2.0;
    normal.residual(b) / (2.0 * sigma * sigma) + noise + beliefs.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Normal, Vec<Prior>) {
        let mut normal = Normal::new(4);
        for i in 0..400_usize {
            let noise = (i.wrapping_mul(2_654_435_761) % 1009) as f64 / 1009.0 - 0.5;
            let t = i as f64 / 400.0;
            let row = [1.0, t, (t - 0.3).max(0.0), (t - 0.7).max(0.0)];
            normal.add(&row, 0.2 + 0.5 * row[1] - 0.8 * row[2] + 0.1 * noise);
        }
        (normal, vec![Prior::Normal(5.0), Prior::Normal(5.0), Prior::Laplace(0.05), Prior::Laplace(0.05)])
    }

    #[test]
    fn the_posterior_density_is_maximal() {
        let (normal, priors) = sample();
        let (b, sigma) = fit(&normal, &priors, &mut || ()).unwrap();
        let best = energy(&normal, &priors, &b, sigma);
        for at in 0..4 {
            for step in [-1e-3, 1e-3] {
                let mut moved = b.clone();
                moved[at] += step;
                assert!(energy(&normal, &priors, &moved, sigma) > best, "coefficient {at}");
            }
        }
        assert!(energy(&normal, &priors, &b, 1.01 * sigma) > best && energy(&normal, &priors, &b, 0.99 * sigma) > best);
    }

    #[test]
    fn an_unnecessary_changepoint_is_zero() {
        let (normal, priors) = sample();
        let (b, _) = fit(&normal, &priors, &mut || ()).unwrap();
        assert!(b[2] < -0.7 && b[3].abs() < 1e-3, "{b:?}");
    }

    #[test]
    fn noise_free_series_and_zero_columns_are_fitted() {
        let mut normal = Normal::new(2);
        (0..100).for_each(|_| normal.add(&[1.0, 0.0], 0.5));
        let (b, sigma) = fit(&normal, &[Prior::Normal(5.0), Prior::Normal(10.0)], &mut || ()).unwrap();
        assert!((b[0] - 0.5).abs() < 1e-6 && b[1] == 0.0 && sigma < 1e-5);
    }
}
