//! Additive explanation of a forecast: a baseline plus the contribution of each feature.
//!
//! Contributions are SHAP values (Lundberg and Lee, *A unified approach to interpreting model predictions*, 2017): for
//! trees see `xgboost/shap.rs`; for a linear function `weight * (value - mean)`, the exact SHAP value for independent
//! features (Štrumbelj and Kononenko, *Explaining prediction models and individual predictions with feature
//! contributions*, 2014). Those of a sum of models add up. Names of parts that are not features are in parentheses.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};

/// The forecast at the average value of every feature.
pub(crate) const BASE: &str = "(base)";
/// Effect of the bounds: the training range, no demand below zero, no solar generation at night.
pub(crate) const BOUNDS: &str = "(bounds)";
/// The intraday correction.
pub(crate) const RECENT_ERRORS: &str = "(recent errors)";
/// Past targets, if the strategy repeats them.
pub(crate) const HISTORY: &str = "(history)";
/// The trend of the level.
pub(crate) const TREND: &str = "(trend)";
/// The daily, weekly and yearly seasons.
pub(crate) const SEASONS: &str = "(seasons)";

/// The parts of some forecasts: each row sums to its forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Names of features; of other parts, in parentheses.
    pub names: Vec<String>,
    /// Feature values by forecast and part; NaN if missing or not a feature.
    pub values: Array2<f64>,
    /// Contributions by forecast and part, in the unit of the target.
    pub contributions: Array2<f64>,
}

impl Explanation {
    /// An empty explanation of `forecasts` forecasts.
    pub(crate) fn new(names: Vec<String>, forecasts: usize) -> Self {
        let shape = (forecasts, names.len());
        Self { names, values: Array2::from_elem(shape, f64::NAN), contributions: Array2::zeros(shape) }
    }

    /// An explanation with a single part.
    pub(crate) fn of_part(name: &str, forecasts: &Array2<f64>) -> Self {
        let mut whole = Self::new(vec![name.to_owned()], forecasts.len());
        whole.contributions.column_mut(0).assign(&Array1::from_iter(forecasts.iter().copied()));
        whole
    }

    /// The names of features, followed by those of other parts.
    pub(crate) fn names_of(features: &[String], others: &[&str]) -> Vec<String> {
        features.iter().cloned().chain(others.iter().map(|name| (*name).to_owned())).collect()
    }

    /// The index of a part; adds it with zero contributions if it is missing.
    pub(crate) fn part(&mut self, name: &str) -> usize {
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return at;
        }
        let forecasts = self.values.nrows();
        let shape = (forecasts, self.names.len() + 1);
        let longer = |old: &Array2<f64>, new: f64| {
            Array2::from_shape_fn(shape, |(row, column)| old.get((row, column)).copied().unwrap_or(new))
        };
        (self.values, self.contributions) = (longer(&self.values, f64::NAN), longer(&self.contributions, 0.0));
        self.names.push(name.to_owned());
        self.names.len() - 1
    }

    /// Adds another explanation of the same forecasts, weighted by forecast.
    pub(crate) fn add(&mut self, other: &Self, weights: ArrayView1<'_, f64>) {
        let parts: Vec<usize> = other.names.iter().map(|name| self.part(name)).collect();
        for ((row, at), value) in other.values.indexed_iter() {
            self.contributions[[row, parts[at]]] += weights[row] * other.contributions[[row, at]];
            let known = &mut self.values[[row, parts[at]]];
            if known.is_nan() {
                *known = *value;
            }
        }
    }

    /// Fills in the forecasts from `first` on from another explanation.
    pub(crate) fn fill(&mut self, first: usize, other: &Self) {
        for (at, name) in other.names.iter().enumerate() {
            let part = self.part(name);
            let rows = s![first..first + other.values.nrows(), part];
            self.values.slice_mut(rows).assign(&other.values.column(at));
            self.contributions.slice_mut(rows).assign(&other.contributions.column(at));
        }
    }

    /// Keeps these forecasts, in this order.
    pub(crate) fn keep(&mut self, forecasts: &[usize]) {
        self.values = self.values.select(Axis(0), forecasts);
        self.contributions = self.contributions.select(Axis(0), forecasts);
    }

    /// Fills in a forecast: the values of the features, which come first, and the contributions of all parts.
    pub(crate) fn set(
        &mut self,
        forecast: usize,
        features: ArrayView1<'_, f32>,
        contributions: impl Iterator<Item = f64>,
    ) {
        self.values.row_mut(forecast).iter_mut().zip(features).for_each(|(value, read)| *value = f64::from(*read));
        self.contributions.row_mut(forecast).iter_mut().zip(contributions).for_each(|(into, part)| *into = part);
    }

    /// The sum of the parts of each forecast.
    pub fn sums(&self) -> Vec<f64> {
        self.contributions.rows().into_iter().map(|row| row.sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_weighted_sum_has_the_parts_and_values_of_both() {
        let mut sum = Explanation::new(Vec::new(), 2);
        let first = Explanation {
            names: vec!["hour".to_owned(), BASE.to_owned()],
            values: array![[5.0, f64::NAN], [f64::NAN, f64::NAN]],
            contributions: array![[1.0, 10.0], [2.0, 20.0]],
        };
        let second = Explanation {
            names: vec![BASE.to_owned(), "hour".to_owned()],
            values: array![[f64::NAN, 7.0], [f64::NAN, 8.0]],
            contributions: array![[30.0, -1.0], [40.0, 0.0]],
        };
        sum.add(&first, array![0.5, 1.0].view());
        sum.add(&second, array![0.5, 0.0].view());
        assert_eq!(sum.names, ["hour", BASE]);
        assert_eq!(sum.contributions, array![[0.0, 20.0], [2.0, 20.0]]);
        assert_eq!((sum.values[[0, 0]], sum.values[[1, 0]]), (5.0, 8.0));
        assert_eq!(sum.sums(), [20.0, 22.0]);
    }
}
