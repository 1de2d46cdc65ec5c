//! Which rows are learnt from: faults that nobody has labelled are left out.
//!
//! A Huber M-estimate (*Robust estimation of a location parameter*, 1964), by reweighted least squares, bends to no few
//! gross outliers; rows that lie further from it than `trim` robust standard deviations (1.4826 times the median
//! absolute residual) are then left out, and the others count whole: a reweighted least squares estimate (Rousseeuw and
//! Leroy, *Robust Regression and Outlier Detection*, 1987). So the posterior of the rest stays the conjugate one.

use super::super::scaling::{median, quantile};
use super::posterior::{Moments, Posterior};
use crate::error::Error;

/// Huber's constant: 95 % as efficient as least squares where noise is normal.
const HUBER: f64 = 1.345;
const ROUNDS: usize = 20;
/// At most this share of the rows is left out.
const MOST_LEFT_OUT: f64 = 0.25;
/// The median absolute deviation of the standard normal distribution, reversed.
const NORMAL: f64 = 1.4826;

/// A row of the regression.
#[derive(Debug, Clone)]
pub struct Row {
    /// The features, a one first.
    pub x: Vec<f64>,
    /// The target.
    pub y: f64,
    /// Variance of its noise, in units of the group's.
    pub variance: f64,
}

impl Row {
    /// The residual, in units of its noise.
    pub fn residual(&self, mean: &[f64]) -> f64 {
        let expected: f64 = mean.iter().zip(&self.x).map(|(mean, value)| mean * value).sum();
        (self.y - expected) / self.variance.sqrt()
    }
}

/// The Huber estimate of the weights, given a prior, and the robust standard deviation of the residuals.
pub fn huber(rows: &[&Row], prior: &Posterior) -> Result<(Vec<f64>, f64), Error> {
    let (mut mean, mut scale) = (prior.mean.clone(), f64::INFINITY);
    for _ in 0..ROUNDS {
        let mut moments = Moments::new(mean.len());
        for row in rows {
            let far = row.residual(&mean).abs() / (HUBER * scale);
            moments.add(&row.x, row.y, 1.0 / (row.variance * far.max(1.0)));
        }
        let new = prior.update(&moments)?.0.mean;
        let residuals: Vec<f64> = rows.iter().map(|row| row.residual(&new).abs()).collect();
        let all = residuals.iter().sum::<f64>() / residuals.len().max(1) as f64;
        // Where half of the days are exactly alike, such as without heating, the median is nothing.
        let new_scale = if residuals.is_empty() { 1.0 } else { (NORMAL * median(residuals)).max(0.1 * all) };
        let moved = mean.iter().zip(&new).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        (mean, scale) = (new, new_scale.max(1e-12));
        if moved < 1e-6 * scale {
            break;
        }
    }
    Ok((mean, scale))
}

/// Which rows are learnt from.
pub fn inliers(rows: &[&Row], prior: &Posterior, trim: Option<f64>) -> Result<Vec<bool>, Error> {
    let Some(trim) = trim.filter(|_| !rows.is_empty()) else { return Ok(vec![true; rows.len()]) };
    let (mean, scale) = huber(rows, prior)?;
    let far: Vec<f64> = rows.iter().map(|row| row.residual(&mean).abs()).collect();
    let mut sorted = far.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let limit = (trim * scale).max(quantile(&sorted, 1.0 - MOST_LEFT_OUT));
    Ok(far.iter().map(|far| *far <= limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_fault_of_two_months_does_not_bend_the_line() {
        let mut random = Random::new(3, 0);
        let rows: Vec<Row> = (0..365)
            .map(|day| {
                let (x, fault) = (random.normal(), if day < 60 { 25.0 } else { 0.0 });
                Row { x: vec![1.0, x], y: 10.0 + 2.0 * x + random.normal() + fault, variance: 1.0 }
            })
            .collect();
        let all: Vec<&Row> = rows.iter().collect();
        let prior = Posterior::independent(vec![0.0; 2], &[1e-3; 2], 1.0, 1.0);
        let kept = inliers(&all, &prior, Some(4.0)).unwrap();
        assert!(kept[..60].iter().all(|kept| !kept));
        assert!(kept[60..].iter().filter(|kept| !**kept).count() <= 2);
        assert!(inliers(&all, &prior, None).unwrap().into_iter().all(|kept| kept));
    }
}
