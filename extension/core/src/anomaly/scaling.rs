//! Columns on one scale: median zero, and a spread of one by the interquartile range.
//!
//! Medians and quartiles, and not mean and standard deviation, since the faults that are looked for are among the rows
//! that are learnt from. A column most of whose values are the same has no interquartile range: its standard deviation
//! counts. One whose values are all the same tells nothing and is zero everywhere.

use ndarray::{Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// How far from the median a value may lie, in spreads: what is further counts as so far, and sums stay finite.
const FURTHEST: f64 = 1e6;

/// Scale of one column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The median.
    pub typical: f64,
    /// The interquartile range, as NumPy's and scikit-learn's `RobustScaler` have it; zero where nothing varies.
    pub spread: f64,
    /// Share of the rows in which the column is known.
    pub known: f64,
}

impl Scale {
    /// Of a column in which NaN is missing.
    fn of(column: ArrayView1<'_, f64>) -> Self {
        let mut values: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let known = values.len() as f64 / column.len().max(1) as f64;
        if values.is_empty() {
            return Self { typical: 0.0, spread: 0.0, known };
        }
        let typical = quantile(&values, 0.5);
        let range = quantile(&values, 0.75) - quantile(&values, 0.25);
        let spread = if range > 0.0 { range } else { deviation(&values) };
        // Rounding makes the deviation of equal values a little more than nothing.
        let varies = values[0] < values[values.len() - 1] && spread.is_finite();
        Self { typical, spread: if varies { spread } else { 0.0 }, known }
    }

    /// A value on the common scale; NaN stays missing.
    pub fn apply(&self, value: f64) -> f64 {
        if self.spread > 0.0 || value.is_nan() {
            ((value - self.typical) / self.spread).clamp(-FURTHEST, FURTHEST)
        } else {
            0.0
        }
    }

    /// Whether it can have been fitted.
    fn is_sound(&self) -> bool {
        self.typical.is_finite() && self.spread.is_finite() && self.spread >= 0.0
    }
}

/// The scale of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling(pub Vec<Scale>);

impl Scaling {
    /// Of rows by columns.
    pub fn of(rows: ArrayView2<'_, f64>) -> Self {
        Self(rows.columns().into_iter().map(Scale::of).collect())
    }

    /// Every column as it comes.
    pub fn none(rows: ArrayView2<'_, f64>) -> Self {
        let as_it_comes = |mut scale: Scale| {
            (scale.typical, scale.spread) = (0.0, 1.0);
            scale
        };
        Self(Self::of(rows).0.into_iter().map(as_it_comes).collect())
    }

    /// Rows on the common scale.
    pub fn apply(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut scaled = rows.to_owned();
        for (scale, mut column) in self.0.iter().zip(scaled.columns_mut()) {
            column.mapv_inplace(|value| scale.apply(value));
        }
        scaled
    }

    /// Whether it fits so many columns.
    pub fn is_sound(&self, columns: usize) -> bool {
        self.0.len() == columns && self.0.iter().all(Scale::is_sound)
    }
}

/// A quantile of sorted values, interpolated as NumPy does.
pub(super) fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level * (sorted.len() - 1) as f64;
    let (below, share) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}

/// The median of values in any order, of which there must be one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(&values, 0.5)
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_column_has_median_zero_and_spread_one_and_one_without_spread_is_zero() {
        let rows = array![[1.0, 0.0, 7.0], [2.0, 0.0, 7.0], [3.0, 0.0, f64::NAN], [4.0, 0.0, 7.0], [1000.0, 5.0, 7.0]];
        let scaling = Scaling::of(rows.view());
        let scaled = scaling.apply(rows.view());
        assert_eq!(scaled.column(0).to_vec(), [-1.0, -0.5, 0.0, 0.5, 498.5]);
        // Its quartiles are equal: the standard deviation, which is 2.
        assert_eq!(scaled.column(1).to_vec(), [0.0, 0.0, 0.0, 0.0, 2.5]);
        assert!(scaled[[2, 2]].is_nan() && scaled[[3, 2]] == 0.0);
        assert_eq!(scaling.0[2].known, 0.8);
    }
}
