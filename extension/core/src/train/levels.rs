//! What the size of errors is proportional to, besides the time of day.

use crate::model::Forecaster;
use crate::origin::Origin;
use crate::series::Frame;
use std::ops::Range;

/// Upper bound of the clear-sky index: thin clouds near the sun exceed a clear sky.
const BRIGHTEST: f64 = 1.2;
/// Minimum variance by index, whose maximum is 0.36.
const LEAST_VARIANCE: f64 = 0.1;

/// The levels of some rows.
pub(super) struct Levels<'a> {
    forecaster: &'a dyn Forecaster,
    frame: &'a Frame,
    first: usize,
    /// Generation under a clear sky from row `first` on; `None` for demand.
    clear_sky: Option<Vec<f64>>,
}

impl<'a> Levels<'a> {
    pub fn new(forecaster: &'a dyn Forecaster, frame: &'a Frame, rows: Range<usize>) -> Self {
        let first = rows.start;
        Self { forecaster, frame, first, clear_sky: forecaster.clear_sky(frame, rows) }
    }

    /// The level of a row and its forecast from this origin: recent demand, or a function of the clear-sky index.
    pub fn at(&self, origin: Origin) -> impl Fn(usize, f64) -> f64 + '_ {
        let demand = self.clear_sky.is_none().then(|| self.forecaster.level(self.frame, origin));
        move |row, yhat| match (&self.clear_sky, demand) {
            (Some(clear), _) => of_index(yhat / clear[row - self.first].max(f64::MIN_POSITIVE)),
            (None, level) => level.unwrap_or_default(),
        }
    }
}

/// The standard deviation of errors of generation by the clear-sky index of the forecast: a clear and an overcast sky
/// are forecast well, broken clouds are not (Lorenz, Hurka, Heinemann and Beyer, *Irradiance forecasting for the power
/// prediction of grid-connected photovoltaic systems*, 2009, section IV).
fn of_index(index: f64) -> f64 {
    let index = index.clamp(0.0, BRIGHTEST);
    (index * (BRIGHTEST - index)).max(LEAST_VARIANCE).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_clouds_are_the_most_uncertain() {
        assert!(of_index(0.6) > 1.5 * of_index(0.05) && of_index(0.6) > 1.5 * of_index(1.15));
        assert_eq!([-1.0, f64::INFINITY].map(of_index), [LEAST_VARIANCE.sqrt(); 2]);
    }
}
