//! Bounds of forecasts, regardless of the strategy.

use crate::features::FeatureSpec;
use crate::model::Forecaster;
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::Array2;

/// The lower bound: zero for a series that was never negative, unless the spec says otherwise.
pub(super) fn floor(spec: &FeatureSpec, target: &[f64]) -> Option<f64> {
    let mut known = target.iter().filter(|value| value.is_finite());
    spec.non_negative.unwrap_or_else(|| known.all(|value| *value >= 0.0)).then_some(0.0)
}

/// The bounds of some rows: the series' lower bound and the model's own bounds.
pub(super) struct Bounds {
    floor: f64,
    first: usize,
    /// Bounds from row `first` on; `None` if the model has none.
    rows: Vec<(f64, f64)>,
}

impl Bounds {
    /// For `rows` rows from each of `origins`.
    pub fn new(
        forecaster: &dyn Forecaster,
        frame: &Frame,
        origins: &[Origin],
        rows: usize,
        floor: Option<f64>,
    ) -> Self {
        let first = origins.iter().map(|origin| origin.row).min().unwrap_or(0);
        let last = origins.iter().map(|origin| origin.row).max().unwrap_or(0);
        let rows = forecaster.bounds(frame, first..last + rows).unwrap_or_default();
        Self { floor: floor.unwrap_or(f64::NEG_INFINITY), first, rows }
    }

    fn of(&self, row: usize) -> (f64, f64) {
        let own = row.checked_sub(self.first).and_then(|at| self.rows.get(at)).copied();
        own.map_or((self.floor, f64::INFINITY), |(least, most)| (least.max(self.floor), most))
    }

    /// Clamps a value.
    pub fn clamp(&self, row: usize, value: f64) -> f64 {
        match self.of(row) {
            (least, _) if value < least => least,
            (_, most) if value > most => most,
            _ => value,
        }
    }

    /// Clamps forecasts from these origins.
    pub fn apply(&self, origins: &[Origin], forecasts: &mut Array2<f64>) {
        for ((at, ahead), yhat) in forecasts.indexed_iter_mut() {
            *yhat = self.clamp(origins[at].row + ahead, *yhat);
        }
    }

    /// Whether a row has only one possible value, so that its residual is not informative.
    pub fn is_certain(&self, row: usize) -> bool {
        let (least, most) = self.of(row);
        least >= most
    }
}
