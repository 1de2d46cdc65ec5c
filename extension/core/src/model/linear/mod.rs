//! Penalised linear regression on standardised columns.
//!
//! A fit centres and scales each column, drops those without variance, and replaces missing values by the column's
//! mean. [`ridge`] and [`lasso`] work on the same [`Standardised`] rows.

mod lasso;
mod non_negative;
#[cfg(test)]
mod reference;
mod ridge;

pub(super) use lasso::lasso;
pub(super) use non_negative::non_negative;
pub(super) use ridge::ridge;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// A fitted linear function of the columns of a matrix. It is stored in 32 bits and rounded to them in the fit, so that
/// it is the same after reloading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Linear {
    /// Value at the mean of every column.
    pub intercept: f64,
    /// For each selected column: its index, mean, and weight per unit.
    pub terms: Vec<Term>,
}

/// Serialised form: the intercept, then index, mean and weight of each term.
#[derive(Serialize, Deserialize)]
struct Stored(f64, Vec<(u32, f32, f32)>);

impl From<Stored> for Linear {
    fn from(Stored(intercept, terms): Stored) -> Self {
        let term =
            |(column, mean, weight)| Term { column: column as usize, mean: f64::from(mean), weight: f64::from(weight) };
        Self { intercept, terms: terms.into_iter().map(term).collect() }
    }
}

impl From<Linear> for Stored {
    fn from(linear: Linear) -> Self {
        let terms = linear.terms.into_iter();
        Self(linear.intercept, terms.map(|term| (term.column as u32, term.mean as f32, term.weight as f32)).collect())
    }
}

/// Serialised form in artifact format 5.
#[derive(Deserialize)]
pub(super) struct LinearV5 {
    intercept: f64,
    terms: Vec<Term>,
}

impl From<LinearV5> for Linear {
    fn from(LinearV5 { intercept, terms }: LinearV5) -> Self {
        Self { intercept, terms }
    }
}

/// The term of one column.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(super) struct Term {
    pub column: usize,
    pub mean: f64,
    pub weight: f64,
}

impl Linear {
    /// The value at a row; missing columns are replaced by their mean.
    pub fn at(&self, row: ArrayView1<'_, f32>) -> f64 {
        self.intercept + self.contributions(row).map(|(_, part)| part).sum::<f64>()
    }

    /// The contributions of the columns of a row.
    pub fn contributions<'a>(&'a self, row: ArrayView1<'a, f32>) -> impl Iterator<Item = (usize, f64)> + 'a {
        let part = move |term: &Term| match f64::from(row[term.column]) {
            value if value.is_finite() => term.weight * (value - term.mean),
            _ => 0.0,
        };
        self.terms.iter().map(move |term| (term.column, part(term)))
    }

    /// Scales the slopes by a share, rounded as stored.
    #[must_use]
    pub fn flattened(mut self, share: f64) -> Self {
        self.terms.iter_mut().for_each(|term| term.weight = f64::from((term.weight * share) as f32));
        self
    }

    /// Whether it can be applied to rows with this many columns.
    pub fn is_sound(&self, columns: usize) -> bool {
        let sound = |term: &Term| term.column < columns && term.mean.is_finite() && term.weight.is_finite();
        self.intercept.is_finite() && self.terms.iter().all(sound)
    }
}

/// The range of the training values, since linear extrapolation is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Range {
    least: f64,
    most: f64,
}

impl Range {
    /// Margin beyond the range, as a share of it.
    const BEYOND_SHARE: f64 = 0.15;

    /// The range of the finite values, at least one of which is required.
    pub fn of(values: &[f64]) -> Self {
        let known = || values.iter().copied().filter(|value| value.is_finite());
        Self { least: known().fold(f64::INFINITY, f64::min), most: known().fold(f64::NEG_INFINITY, f64::max) }
    }

    /// Clamps to the range plus margin.
    pub fn clamp(self, value: f64) -> f64 {
        let (least, most) = self.bounds();
        value.clamp(least, most)
    }

    /// The range plus margin.
    pub fn bounds(self) -> (f64, f64) {
        let beyond = Self::BEYOND_SHARE * (self.most - self.least);
        (self.least - beyond, self.most + beyond)
    }

    pub fn middle(self) -> f64 {
        f64::midpoint(self.least, self.most)
    }

    pub fn is_sound(self) -> bool {
        self.least.is_finite() && self.most.is_finite() && self.least <= self.most
    }
}

/// Rows whose columns have weighted mean zero and variance one, and centred labels, both multiplied by the root of the
/// row's weight.
pub(super) struct Standardised {
    columns: Vec<(usize, f64, f64)>,
    pub rows: Array2<f64>,
    pub labels: Array1<f64>,
    mean_label: f64,
}

impl Standardised {
    /// From `rows` by columns, with a label and a positive weight for each row.
    pub fn new(rows: ArrayView2<'_, f32>, labels: &[f64], weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mean_label = labels.iter().zip(weights).map(|(label, weight)| label * weight).sum::<f64>() / total;
        let scale = rows.nrows() as f64 / total;
        let roots: Vec<f64> = weights.iter().map(|weight| (weight * scale).sqrt()).collect();
        let spread = |column: usize| spread(rows.column(column), weights).map(|(mean, spread)| (column, mean, spread));
        let columns: Vec<_> = (0..rows.ncols()).filter_map(spread).collect();
        let mut standard = Array2::zeros((rows.nrows(), columns.len()));
        for ((column, mean, spread), mut into) in columns.iter().zip(standard.axis_iter_mut(Axis(1))) {
            for ((cell, value), root) in into.iter_mut().zip(rows.column(*column)).zip(&roots) {
                if value.is_finite() {
                    *cell = root * (f64::from(*value) - mean) / spread;
                }
            }
        }
        let labels = labels.iter().zip(&roots).map(|(label, root)| root * (label - mean_label)).collect();
        Self { columns, rows: standard, labels, mean_label }
    }

    /// Converts weights of standardised columns to a function of the original columns.
    fn linear(&self, weights: impl IntoIterator<Item = f64>) -> Linear {
        let rounded = |value: f64| f64::from(value as f32);
        let term = |((column, mean, spread), weight): (&(usize, f64, f64), f64)| {
            (weight != 0.0).then_some(Term { column: *column, mean: rounded(*mean), weight: rounded(weight / spread) })
        };
        let terms = self.columns.iter().zip(weights).filter_map(term).collect();
        Linear { intercept: self.mean_label, terms }
    }
}

/// Weighted mean and standard deviation of the known values; `None` if they are constant.
fn spread(column: ArrayView1<'_, f32>, weights: &[f64]) -> Option<(f64, f64)> {
    let known = || column.iter().map(|value| f64::from(*value)).zip(weights).filter(|(value, _)| value.is_finite());
    let total: f64 = known().map(|(_, weight)| weight).sum();
    let mean = known().map(|(value, weight)| weight * value).sum::<f64>() / total;
    let variance = known().map(|(value, weight)| weight * (value - mean).powi(2)).sum::<f64>() / total;
    let spread = variance.sqrt();
    (spread > 1e-9 * mean.abs() && spread > 0.0 && spread.is_finite()).then_some((mean, spread))
}
