//! Non-negative least squares.
//!
//! Coordinate descent on the normal equations: each weight in turn is set to its optimum given the others, or to zero
//! (Franc, Hlaváč and Navara, *Sequential coordinate-wise algorithm for the non-negative least squares problem*, 2005).

use ndarray::{Array1, Array2};

/// Maximum number of rounds.
const MOST_ROUNDS: usize = 5_000;
/// Convergence: no weight changes by more than this share of the largest.
const STILL: f64 = 1e-9;

/// The weights `w` that minimise `w'Gw - 2 m'w`, for a Gram matrix `G` and moments `m`. To penalise, add the penalty to
/// the diagonal of `G`, and the penalty times the prior weights to `m`.
pub fn non_negative(gram: &Array2<f64>, moments: &Array1<f64>) -> Vec<f64> {
    let mut weights = Array1::<f64>::zeros(moments.len());
    for _ in 0..MOST_ROUNDS {
        let mut moved = 0.0_f64;
        for at in 0..weights.len() {
            if gram[[at, at]] > 0.0 {
                let slope = moments[at] - gram.row(at).dot(&weights);
                let weight = (weights[at] + slope / gram[[at, at]]).max(0.0);
                moved = moved.max((weight - weights[at]).abs());
                weights[at] = weight;
            }
        }
        if moved <= STILL * weights.fold(0.0, |most: f64, weight| most.max(*weight)) {
            break;
        }
    }
    weights.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn positive_weights_are_exact_and_negative_ones_are_zero() {
        // Columns (1, 0), (0, 1), (1, 1): the label (2, -1) is best fitted by the first alone.
        let gram = array![[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]];
        assert_eq!(non_negative(&gram, &array![2.0, -1.0, 1.0]), [2.0, 0.0, 0.0]);
        assert_eq!(non_negative(&Array2::zeros((2, 2)), &array![0.0, 0.0]), [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn the_solution_satisfies_the_kkt_conditions(rows in proptest::collection::vec(proptest::array::uniform4(-5.0..5.0_f64), 6..20)) {
            let rows = Array2::from_shape_fn((rows.len(), 4), |(row, column)| rows[row][column]);
            let (columns, labels) = (rows.slice(ndarray::s![.., ..3]), rows.column(3));
            let gram = columns.t().dot(&columns) + Array2::<f64>::eye(3);
            let moments = columns.t().dot(&labels);
            let weights = Array1::from(non_negative(&gram, &moments));
            // Karush-Kuhn-Tucker: zero gradient where a weight is positive, no ascent where it is zero.
            let slopes = &moments - &gram.dot(&weights);
            for (weight, slope) in weights.iter().zip(&slopes) {
                prop_assert!(*weight >= 0.0 && *slope <= 1e-4 && (*weight == 0.0 || slope.abs() <= 1e-4));
            }
        }
    }
}
