//! Made-up rows for tests.

use super::observations::{Columns, Observations};
use crate::random::Random;
use ndarray::Array2;

/// Standard normal numbers.
pub fn matrix(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(seed, 42);
    Array2::from_shape_simple_fn((rows, columns), || random.normal())
}

/// Rows by features as observations; the features are called a, b, ...
pub fn observations(rows: Array2<f64>) -> Observations {
    Observations::new(columns(&rows)).unwrap()
}

/// The same before they are checked.
pub fn columns(rows: &Array2<f64>) -> Columns {
    Columns {
        names: (0..rows.ncols()).map(|at| char::from(b'a' + at as u8).to_string()).collect(),
        features: rows.t().iter().map(|value| Some(*value).filter(|value| !value.is_nan())).collect(),
        rows: rows.nrows(),
        ..Columns::default()
    }
}
