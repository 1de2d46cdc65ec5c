//! Ridge regression, with the penalty chosen by generalised cross-validation.
//!
//! With the eigenvalues `s` of the Gram matrix `X'X` and `z` the labels' moments `X'y` along its eigenvectors, the
//! solution, residual sum of squares and effective degrees of freedom for any penalty are sums over `s` and `z`, so one
//! decomposition serves the whole path. The penalty with the least `n RSS / (n - df)^2` is chosen (Golub, Heath and
//! Wahba, *Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter*, 1979).

use super::{Linear, Standardised};
use crate::error::Error;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::{Array1, Array2};

/// Candidate penalties, as multiples of the number of rows: from 1e-6 to 1e2, ten per decade.
const PENALTIES: i32 = 81;

/// Fits with the penalty of least generalised cross-validation error, or with `penalty` per row if given. Returns the
/// function and the penalty per row.
pub fn ridge(data: &Standardised, penalty: Option<f64>) -> Result<(Linear, f64), Error> {
    let (n, p) = data.rows.dim();
    if p == 0 {
        return Ok((data.linear([]), 0.0));
    }
    let gram = data.rows.t().dot(&data.rows);
    let moments = data.rows.t().dot(&data.labels);
    if let Some(penalty) = penalty {
        return Ok((data.linear(solve(&gram, &moments, n as f64 * penalty)?), penalty));
    }
    let eigen = Mat::from_fn(p, p, |i, j| gram[[i, j]])
        .self_adjoint_eigen(Side::Lower)
        .map_err(|error| Error::Internal(format!("eigendecomposition: {error:?}")))?;
    let (vectors, values) = (eigen.U(), eigen.S());
    let values: Vec<f64> = (0..p).map(|i| values.column_vector()[i].max(0.0)).collect();
    let along: Vec<f64> = (0..p).map(|i| (0..p).map(|j| vectors[(j, i)] * moments[j]).sum()).collect();
    let total = data.labels.dot(&data.labels);
    let rows = n as f64;
    let error = |penalty: f64| {
        let (mut freedom, mut residual) = (1.0, total);
        for (s, z) in values.iter().zip(&along) {
            let d = s + penalty;
            freedom += s / d;
            residual -= z * z * (s + 2.0 * penalty) / (d * d);
        }
        let free = rows - freedom;
        if free < 0.05 * rows { f64::INFINITY } else { rows * residual.max(0.0) / (free * free) }
    };
    let path = (0..PENALTIES).map(|step| rows * 10_f64.powf(-6.0 + 0.1 * f64::from(step)));
    let best = path.map(|penalty| (error(penalty), penalty)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(rows, |b| b.1);
    let shrunk: Vec<f64> = values.iter().zip(&along).map(|(s, z)| z / (s + best)).collect();
    let weights: Array1<f64> = (0..p).map(|j| (0..p).map(|i| vectors[(j, i)] * shrunk[i]).sum()).collect();
    Ok((data.linear(weights), best / rows))
}

/// The weights for a given penalty, by Cholesky factorisation: a tenth of the cost of the decomposition.
fn solve(gram: &Array2<f64>, moments: &Array1<f64>, penalty: f64) -> Result<Vec<f64>, Error> {
    let p = moments.len();
    let system = Mat::from_fn(p, p, |i, j| gram[[i, j]] + if i == j { penalty } else { 0.0 });
    let factors = system.llt(Side::Lower).map_err(|error| Error::Internal(format!("Cholesky factors: {error:?}")))?;
    let weights = factors.solve(Mat::from_fn(p, 1, |i, _| moments[i]));
    Ok((0..p).map(|i| weights[(i, 0)]).collect())
}
