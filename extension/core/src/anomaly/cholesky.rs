//! Cholesky factors of a small positive definite matrix: solutions, quadratic forms, determinant.

use ndarray::Array2;

/// The lower factor, of a matrix scaled to ones on its diagonal.
pub struct Factor {
    lower: Array2<f64>,
    scale: Vec<f64>,
}

impl Factor {
    /// The factor of a symmetric matrix, of which the lower triangle is read; none where it is singular.
    pub fn new(matrix: &Array2<f64>) -> Option<Self> {
        let n = matrix.nrows();
        // With ones on the diagonal a small pivot means columns that depend on each other, and not a small unit.
        let scale: Vec<f64> = matrix.diag().iter().map(|value| value.sqrt()).collect();
        let mut lower = Array2::zeros((n, n));
        for row in 0..n {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|k| lower[[row, k]] * lower[[column, k]]).sum();
                let value = matrix[[row, column]] / (scale[row] * scale[column]) - dot;
                if row > column {
                    lower[[row, column]] = value / lower[[column, column]];
                } else if value > 1e-13 && value.is_finite() {
                    lower[[row, row]] = value.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Self { lower, scale })
    }

    /// `L⁻¹ b` of the scaled matrix: its squares add up to `b'A⁻¹b`.
    fn half(&self, b: &[f64]) -> Vec<f64> {
        let mut half = vec![0.0; b.len()];
        for (row, value) in b.iter().enumerate() {
            let dot: f64 = self.lower.row(row).iter().zip(&half[..row]).map(|(l, h)| l * h).sum();
            half[row] = (value / self.scale[row] - dot) / self.lower[[row, row]];
        }
        half
    }

    /// `b'A⁻¹b`.
    pub fn quadratic(&self, b: &[f64]) -> f64 {
        self.half(b).iter().map(|value| value * value).sum()
    }

    /// `A⁻¹b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.half(b);
        for row in (0..x.len()).rev() {
            let dot: f64 = (row + 1..x.len()).map(|k| self.lower[[k, row]] * x[k]).sum();
            x[row] = (x[row] - dot) / self.lower[[row, row]];
        }
        x.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value /= scale);
        x
    }

    /// Logarithm of the determinant.
    pub fn log_determinant(&self) -> f64 {
        2.0 * self.lower.diag().iter().zip(&self.scale).map(|(l, scale)| l.ln() + scale.ln()).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_system_is_solved_whatever_its_units() {
        let matrix = array![[4e12, 2e6], [2e6, 3.0]];
        let factor = Factor::new(&matrix).unwrap();
        let x = factor.solve(&[8e6, 7.0]);
        assert!((4e12 * x[0] + 2e6 * x[1] - 8e6).abs() < 1e-3 && (2e6 * x[0] + 3.0 * x[1] - 7.0).abs() < 1e-9);
        assert!((factor.quadratic(&[8e6, 7.0]) - (8e6 * x[0] + 7.0 * x[1])).abs() < 1e-6);
        assert!((factor.log_determinant() - (4e12 * 3.0 - 4e12_f64).ln()).abs() < 1e-9);
        assert!(Factor::new(&array![[1.0, 1.0], [1.0, 1.0]]).is_none());
        assert!(Factor::new(&array![[0.0, 0.0], [0.0, 1.0]]).is_none());
    }
}
