//! LASSO by cyclic coordinate descent, with the penalty chosen by the corrected Akaike criterion.
//!
//! Follows a geometric path down from the penalty that selects no column, with warm starts (Friedman, Hastie and
//! Tibshirani, *Regularization Paths for Generalized Linear Models via Coordinate Descent*, 2010). The number of
//! selected columns is an unbiased estimate of the degrees of freedom (Zou, Hastie and Tibshirani, 2007), so the
//! penalty with the least AICc is chosen.

use super::{Linear, Standardised};
use ndarray::{Array1, Array2};

/// Steps of the path, down to this share of the penalty that selects no column.
const STEPS: i32 = 40;
const SMALLEST: f64 = 1e-3;
/// Maximum number of sweeps over the columns at one penalty.
const SWEEPS: usize = 200;

/// Fits with the penalty of least AICc, or with `penalty`. The objective is `RSS / (2 n) + penalty * sum |weight|`.
/// Returns the function and the penalty.
pub fn lasso(data: &Standardised, penalty: Option<f64>) -> (Linear, f64) {
    let (n, p) = data.rows.dim();
    let rows = n as f64;
    let gram: Array2<f64> = data.rows.t().dot(&data.rows) / rows;
    let moments: Array1<f64> = data.rows.t().dot(&data.labels) / rows;
    let total = data.labels.dot(&data.labels) / rows;
    let mut weights = Array1::<f64>::zeros(p);
    let mut gradient = moments.clone();
    if let Some(penalty) = penalty {
        descend(&gram, &mut weights, &mut gradient, penalty, 1e-14 * total);
        return (data.linear(weights), penalty);
    }
    let largest = moments.iter().fold(0.0_f64, |most, moment| most.max(moment.abs()));
    let mut best = (f64::INFINITY, weights.clone(), largest);
    for step in 1..=STEPS {
        let penalty = largest * SMALLEST.powf(f64::from(step) / f64::from(STEPS));
        // Precise enough to compare penalties.
        descend(&gram, &mut weights, &mut gradient, penalty, 1e-7 * total);
        let left = weights.iter().filter(|weight| **weight != 0.0).count() as f64 + 1.0;
        if left + 2.0 > 0.8 * rows {
            break;
        }
        // RSS / n = y'y - w'm - w'(m - Gw), all per row.
        let residual = (total - weights.dot(&moments) - weights.dot(&gradient)).max(f64::MIN_POSITIVE);
        let criterion = rows * residual.ln() + 2.0 * left * rows / (rows - left - 1.0);
        if criterion < best.0 {
            best = (criterion, weights.clone(), penalty);
        }
    }
    (data.linear(best.1), best.2)
}

/// Sweeps over the columns until no step lowers the objective by more than `enough`; updates `gradient` to equal
/// `moments - gram * weights`.
fn descend(gram: &Array2<f64>, weights: &mut Array1<f64>, gradient: &mut Array1<f64>, penalty: f64, enough: f64) {
    for _ in 0..SWEEPS {
        let mut moved = 0.0_f64;
        for column in 0..weights.len() {
            let diagonal = gram[[column, column]];
            let pull = gradient[column] + diagonal * weights[column];
            let new = pull.signum() * (pull.abs() - penalty).max(0.0) / diagonal;
            let change = new - weights[column];
            if change != 0.0 {
                weights[column] = new;
                gradient.scaled_add(-change, &gram.column(column));
                moved = moved.max(diagonal * change * change);
            }
        }
        if moved <= enough {
            return;
        }
    }
}
