//! Penalised least squares on normal equations that are accumulated row by row: memory does not grow with the series.

use ndarray::Array2;

/// `X'X`, `X'y` and `y'y` of the rows added so far.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    /// `X'X`; only the lower triangle is filled.
    pub gram: Array2<f64>,
    /// `X'y`.
    pub moment: Vec<f64>,
    /// `y'y`.
    pub squares: f64,
    /// Number of rows.
    pub rows: usize,
}

impl Normal {
    pub fn new(columns: usize) -> Self {
        Self { gram: Array2::zeros((columns, columns)), moment: vec![0.0; columns], squares: 0.0, rows: 0 }
    }

    pub fn add(&mut self, row: &[f64], y: f64) {
        for (i, value) in row.iter().enumerate() {
            // Most flags and many trend columns are zero.
            if *value == 0.0 {
                continue;
            }
            for (cell, other) in self.gram.row_mut(i).iter_mut().zip(&row[..=i]) {
                *cell += value * other;
            }
            self.moment[i] += value * y;
        }
        self.squares += y * y;
        self.rows += 1;
    }

    /// The coefficients that minimise `|y - Xb|^2 + sum penalty b^2`; `None` if the system is singular.
    pub fn solve(&self, penalty: &[f64]) -> Option<Vec<f64>> {
        let mut system = self.gram.clone();
        for (cell, penalty) in system.diag_mut().iter_mut().zip(penalty) {
            *cell += penalty;
        }
        solve(system, self.moment.clone())
    }

    /// `|y - Xb|^2`.
    pub fn residual(&self, b: &[f64]) -> f64 {
        let mut sum = self.squares;
        for (i, bi) in b.iter().enumerate() {
            let row = self.gram.row(i);
            let off: f64 = row.iter().zip(&b[..i]).map(|(g, bj)| g * bj).sum();
            sum += bi * (row[i] * bi + 2.0 * off - 2.0 * self.moment[i]);
        }
        sum.max(0.0)
    }
}

/// Solves a positive definite system, given by its lower triangle, by Cholesky factorisation.
pub(super) fn solve(mut a: Array2<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    // With a unit diagonal, a small pivot means linearly dependent columns and not a small unit.
    let scale: Vec<f64> = a.diag().iter().map(|value| if *value > 0.0 { value.sqrt() } else { 1.0 }).collect();
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            let value = a[[i, j]] / (scale[i] * scale[j]) - dot;
            if i > j {
                a[[i, j]] = value / a[[j, j]];
            } else if value > 1e-13 && value.is_finite() {
                a[[j, j]] = value.sqrt();
            } else {
                return None;
            }
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[[i, k]] * b[k]).sum();
        b[i] = (b[i] / scale[i] - dot) / a[[i, i]];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[[k, i]] * b[k]).sum();
        b[i] = (b[i] - dot) / a[[i, i]];
    }
    b.iter_mut().zip(scale).for_each(|(value, scale)| *value /= scale);
    b.iter().all(|value| value.is_finite()).then_some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_fitted_and_a_penalty_shrinks_it() {
        let mut normal = Normal::new(3);
        for i in 0..50 {
            let (x, z) = (f64::from(i % 7), f64::from(i % 5));
            normal.add(&[1.0, x, z], 2.0 + 3.0 * x - z);
        }
        let b = normal.solve(&[0.0; 3]).unwrap();
        for (found, true_value) in b.iter().zip([2.0, 3.0, -1.0]) {
            assert!((found - true_value).abs() < 1e-9, "{b:?}");
        }
        assert!(normal.residual(&b) < 1e-9);
        let shrunk = normal.solve(&[0.0, 100.0, 0.0]).unwrap();
        assert!(shrunk[1] < 3.0 && normal.residual(&shrunk) > 1.0);
    }

    #[test]
    fn collinear_columns_have_no_solution_without_a_penalty() {
        let mut normal = Normal::new(2);
        (0..9).for_each(|i| normal.add(&[1.0, 1.0], f64::from(i)));
        assert_eq!(normal.solve(&[0.0; 2]), None);
        assert!(normal.solve(&[1e-6; 2]).is_some());
    }
}
