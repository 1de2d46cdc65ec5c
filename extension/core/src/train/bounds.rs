//! Between which values forecasts lie, whatever they are made of.

use crate::features::FeatureSpec;
use crate::model::Forecaster;
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::Array2;

/// The lower bound of a series that never was negative, unless something else is said.
pub(super) fn floor(spec: &FeatureSpec, target: &[f64]) -> Option<f64> {
    let mut known = target.iter().filter(|value| value.is_finite());
    spec.non_negative.unwrap_or_else(|| known.all(|value| *value >= 0.0)).then_some(0.0)
}

/// The bounds of some rows: the series' floor, and what the model knows whatever the weather.
pub(super) struct Bounds {
    floor: f64,
    first: usize,
    /// From `first` on; none where the model knows none.
    rows: Vec<(f64, f64)>,
}

impl Bounds {
    /// Of so many rows from each of `origins`.
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

    /// The nearest value within.
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

    /// Whether a row can only have one value: a forecast of it says nothing about forecasts.
    pub fn is_certain(&self, row: usize) -> bool {
        let (least, most) = self.of(row);
        least >= most
    }
}
