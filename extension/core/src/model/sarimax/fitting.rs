//! The fit: alternates regression and ARIMA, and selects the differences by forecast accuracy.

use super::parameters::season;
use super::{Design, Fitted, Parameters, dot};
use crate::Checkpoint;
use crate::error::Error;
use crate::model::TrainingSet;
use crate::model::arima::{self, Arima, Limits, Order};
use crate::model::normal::Normal;
use crate::model::regressors::Regressors;
use crate::model::seasons::Seasons;
use ndarray::Array2;

/// Regularises collinear columns: a share of each column's own square.
const RIDGE: f64 = 1e-6;
/// Number of alternations after the order is found.
const TURNS: usize = 2;
/// Days before the end on which the choices of differences are evaluated.
const TRIAL_DAYS: usize = 56;

/// The fitting problem, in units of the largest value.
struct Problem {
    matrix: Array2<f64>,
    target: Vec<f64>,
    season: usize,
    outlier_sigmas: f64,
    day: usize,
    horizon: usize,
}

pub(super) fn fit(
    parameters: &Parameters,
    training: TrainingSet<'_>,
    checkpoint: Checkpoint<'_>,
) -> Result<Fitted, Error> {
    let (frame, spec) = (training.frame, training.spec);
    let grid = &frame.grid;
    let end = training.end.min(frame.target.len());
    let first = end.saturating_sub(grid.rows_in_hours(parameters.weeks * 168)?);
    let target = &frame.target[first..end];
    let have = target.iter().filter(|value| value.is_finite()).count();
    let need = parameters.need(grid)?;
    if have < need {
        return Err(Error::TooLittleHistory { need, have });
    }
    let unit =
        target.iter().copied().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
    let unit = if unit > 0.0 { unit } else { 1.0 };
    let seasons = Seasons {
        daily: parameters.daily_seasonality as usize,
        daily_off_work: parameters.off_work_seasonality as usize,
        weekly: parameters.weekly_seasonality as usize,
        yearly: parameters.yearly_seasonality as usize,
    };
    let seasons = seasons.within(grid.rows_per_day(), target.len() as f64 / grid.rows_per_day() as f64);
    let design = Design {
        seasons: [seasons.daily, seasons.daily_off_work, seasons.weekly, seasons.yearly],
        regressors: Regressors::learn(frame, first, end, spec, parameters.degree_days, &[])?,
    };
    checkpoint();
    let mut values = Vec::with_capacity((end - first) * design.columns());
    design.each_row(frame, spec, first..end, |row| values.extend_from_slice(row))?;
    let matrix = Array2::from_shape_vec((end - first, design.columns()), values)
        .map_err(|error| Error::Internal(error.to_string()))?;
    let problem = Problem {
        matrix,
        target: target.iter().map(|value| value / unit).collect(),
        season: season(grid),
        outlier_sigmas: parameters.outlier_sigmas,
        day: grid.rows_per_day(),
        horizon: training.horizon,
    };
    let (coefficients, arima) =
        problem.solve(parameters, grid.rows_in_hours(parameters.search_weeks * 168)?, checkpoint)?;
    Ok(Fitted { design, coefficients, arima, unit })
}

impl Problem {
    fn solve(
        &self,
        parameters: &Parameters,
        search: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Vec<f64>, Arima), Error> {
        let start = self.regress(None)?;
        let errors = self.errors(&start);
        if let Some((order, seasonal)) = parameters.order.zip(parameters.seasonal_order) {
            let order = Order { plain: order.map(to_usize), seasonal: seasonal.map(to_usize), season: self.season };
            let arima = arima::fit(&errors, order, f64::INFINITY, 0, checkpoint);
            return self.turns(start, arima, checkpoint);
        }
        let limits = Limits {
            plain: parameters.max_order as usize,
            seasonal: parameters.max_seasonal_order as usize,
            candidates: parameters.candidates as usize,
        };
        let recent = &errors[errors.len().saturating_sub(search)..];
        let mut best: Option<(f64, (Vec<f64>, Arima))> = None;
        for d in 0..=parameters.max_d as usize {
            for seasonal_d in 0..=parameters.max_seasonal_d as usize {
                let arima = arima::search(recent, self.season, [d, seasonal_d], f64::INFINITY, limits, checkpoint);
                let fitted = self.turns(start.clone(), arima, checkpoint)?;
                let error = self.trial(&fitted);
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, fitted));
                }
            }
        }
        best.map(|(_, fitted)| fitted).ok_or_else(|| Error::Internal("no order was tried".to_owned()))
    }

    /// Alternates regression and ARIMA.
    fn turns(&self, start: Vec<f64>, arima: Arima, checkpoint: Checkpoint<'_>) -> Result<(Vec<f64>, Arima), Error> {
        let (mut coefficients, mut arima) = (start, arima);
        for _ in 0..TURNS {
            coefficients = self.regress(Some((&coefficients, &arima)))?;
            arima = arima::fit(&self.errors(&coefficients), arima.order, f64::INFINITY, 0, checkpoint);
        }
        Ok((coefficients, arima))
    }

    /// The errors of the regression; missing where the target is.
    fn errors(&self, coefficients: &[f64]) -> Vec<f64> {
        let lines = self.matrix.rows().into_iter().map(|row| dot(row.iter(), coefficients));
        self.target.iter().zip(lines).map(|(y, line)| y - line).collect()
    }

    /// Least squares; if an ARIMA is given with its coefficients, on series filtered by it.
    fn regress(&self, given: Option<(&[f64], &Arima)>) -> Result<Vec<f64>, Error> {
        let mut normal = Normal::new(self.matrix.ncols());
        match given {
            None => {
                for (row, y) in self.matrix.rows().into_iter().zip(&self.target).filter(|(_, y)| y.is_finite()) {
                    normal.add(&row.to_vec(), *y);
                }
            }
            Some((coefficients, arima)) => {
                let whiten = |series: &[f64]| arima.filter(series, f64::INFINITY).innovations().to_vec();
                let mut matrix = self.matrix.clone();
                for mut column in matrix.columns_mut() {
                    let whitened = whiten(&column.to_vec());
                    column.iter_mut().zip(whitened).for_each(|(cell, value)| *cell = value);
                }
                // The innovations of the errors equal those of the target minus those of the regression.
                let errors = whiten(&self.errors(coefficients));
                for (at, row) in matrix.rows().into_iter().enumerate().skip(arima.order.reach()) {
                    if self.target[at].is_finite() {
                        normal.add(&row.to_vec(), errors[at] + dot(row.iter(), coefficients));
                    }
                }
            }
        }
        let penalty: Vec<f64> = normal.gram.diag().iter().map(|square| RIDGE * (square + 1e-6)).collect();
        normal.solve(&penalty).ok_or_else(|| Error::Internal("the regression has no solution".to_owned()))
    }

    /// Mean squared error of simulated daily forecasts over the newest weeks.
    fn trial(&self, (coefficients, arima): &(Vec<f64>, Arima)) -> f64 {
        let errors = self.errors(coefficients);
        let filtered = arima.filter(&errors, arima::clip(self.outlier_sigmas, arima.sigma));
        let (mut sum, mut count) = (0.0, 0.0);
        for days in 1..=TRIAL_DAYS {
            let Some(origin) =
                errors.len().checked_sub(days * self.day).filter(|origin| *origin >= arima.order.reach())
            else {
                break;
            };
            let ahead = arima.forecast(&filtered, origin, self.horizon);
            for (yhat, truth) in ahead.iter().zip(&errors[origin..]).filter(|(_, truth)| truth.is_finite()) {
                sum += (yhat - truth).powi(2);
                count += 1.0;
            }
        }
        if count > 0.0 { sum / count } else { f64::MAX }
    }
}

fn to_usize(order: u32) -> usize {
    order as usize
}
