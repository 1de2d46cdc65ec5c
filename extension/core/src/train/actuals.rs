//! Pairs forecasts with actuals: residuals and scores.

use super::levels::Levels;
use crate::clock::Clock;
use crate::intervals::Residual;
use crate::metrics::Errors;
use crate::model::Forecaster;
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::Array2;
use serde_json::{Value, json};

/// A forecast and the actual value.
#[derive(Clone, Copy)]
pub(super) struct Actual {
    pub origin: Origin,
    /// Lead from the origin's row.
    pub lead: usize,
    pub actual: f64,
    pub yhat: f64,
}

impl Actual {
    /// The target row.
    pub fn target(&self) -> usize {
        self.origin.row + self.lead - 1
    }
}

/// The residuals, ordered by origin.
pub(super) fn residuals(
    forecaster: &dyn Forecaster,
    frame: &Frame,
    clock: &Clock,
    actuals: &[Actual],
) -> Vec<Residual> {
    let rows = || actuals.iter().map(Actual::target);
    let levels = Levels::new(forecaster, frame, rows().min().unwrap_or(0)..rows().max().map_or(0, |last| last + 1));
    let of_origin = actuals.chunk_by(|a, b| a.origin == b.origin).flat_map(|of_origin| {
        let origin = of_origin[0].origin;
        let (origin_at, level) = (frame.grid.time(origin.row).timestamp(), levels.at(origin));
        let residual = move |actual: &Actual| {
            let row = actual.target();
            let known_at =
                frame.known_at.as_ref().map_or_else(|| frame.grid.end_seconds(row), |known_at| known_at[row]);
            let error = actual.actual - actual.yhat;
            Residual {
                origin_at,
                known_at,
                lead: actual.lead,
                slot: clock.slot(row),
                error,
                level: level(row, actual.yhat),
            }
        };
        of_origin.iter().map(residual)
    });
    of_origin.collect()
}

/// The forecasts from their issue on whose target is known and before `end`.
pub(super) fn actuals<'a>(
    frame: &'a Frame,
    origins: &'a [Origin],
    forecasts: &'a Array2<f64>,
    end: usize,
) -> impl Iterator<Item = Actual> + 'a {
    forecasts.indexed_iter().filter_map(move |((at, ahead), yhat)| {
        let (origin, target) = (origins[at], origins[at].row + ahead);
        let actual = *frame.target.get(target).filter(|_| target >= origin.issued && target < end)?;
        actual.is_finite().then_some(Actual { origin, lead: ahead + 1, actual, yhat: *yhat })
    })
}

pub(super) fn scores(actuals: impl Iterator<Item = Actual>) -> Value {
    let mut errors = Errors::default();
    actuals.for_each(|actual| errors.add(actual.actual, actual.yhat));
    json!({ "rmse": errors.rmse(), "mae": errors.mae(), "mape_pct": errors.mape() })
}
