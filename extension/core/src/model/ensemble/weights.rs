//! Convex weights with least squared error, shrunk towards equal weights.

/// Number of gradient steps; the problem has a handful of unknowns.
const STEPS: usize = 500;

/// The weights `w >= 0` with sum 1 that minimise `w' E w + shrinkage * tr(E)/m * |w - 1/m|^2`, where `E` holds the
/// summed products of the members' errors (`m` by `m`, row-major). Equal weights without any errors.
///
/// As the weights sum to one, the error of the combination is the weighted sum of the errors, so this is least squares
/// on the simplex (Bates and Granger, 1969). Solved by projected gradient descent.
pub fn convex_weights(products: &[f64], members: usize, shrinkage: f64) -> Vec<f64> {
    let equal = 1.0 / members as f64;
    let mut weights = vec![equal; members];
    let trace: f64 = (0..members).map(|at| products[at * members + at]).sum();
    if trace.is_nan() || trace <= 0.0 {
        return weights;
    }
    let pull = shrinkage * trace / members as f64;
    // The trace bounds the largest eigenvalue.
    let step = 1.0 / (trace + pull);
    for _ in 0..STEPS {
        let gradient: Vec<f64> = (0..members)
            .map(|row| {
                let product: f64 = (0..members).map(|at| products[row * members + at] * weights[at]).sum();
                product + pull * (weights[row] - equal)
            })
            .collect();
        weights.iter_mut().zip(gradient).for_each(|(weight, slope)| *weight -= step * slope);
        project_on_simplex(&mut weights);
    }
    weights
}

/// Projects onto the simplex (Duchi, Shalev-Shwartz, Singer and Chandra, 2008).
fn project_on_simplex(weights: &mut [f64]) {
    let mut sorted = weights.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (at, value) in sorted.iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (at + 1) as f64;
        if *value > candidate {
            shift = candidate;
        }
    }
    weights.iter_mut().for_each(|weight| *weight = (*weight - shift).max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn independent_errors_are_weighted_by_the_inverse_of_their_variance() {
        let weights = convex_weights(&[1.0, 0.0, 0.0, 3.0], 2, 0.0);
        assert!((weights[0] - 0.75).abs() < 1e-9, "{weights:?}");
    }

    #[test]
    fn weights_are_equal_with_full_shrinkage_or_without_errors() {
        let weights = convex_weights(&[1.0, 0.0, 0.0, 3.0], 2, 1e6);
        assert!((weights[0] - 0.5).abs() < 1e-5, "{weights:?}");
        assert_eq!(convex_weights(&[0.0; 4], 2, 0.1), [0.5, 0.5]);
    }

    proptest! {
        #[test]
        fn weights_are_convex(errors in proptest::collection::vec(-10.0..10.0_f64, 12)) {
            let (rows, members) = (4, 3);
            let product = |a: usize, b: usize| -> f64 {
                (0..rows).map(|row| errors[row * members + a] * errors[row * members + b]).sum()
            };
            let products: Vec<f64> = (0..9).map(|at| product(at / 3, at % 3)).collect();
            let weights = convex_weights(&products, members, 0.1);
            prop_assert!(weights.iter().all(|weight| *weight >= 0.0));
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
