//! SARIMAX: a regression on seasons, weather and holidays with seasonal ARIMA errors.
//!
//! `y_t = X_t b + x_t`: dynamic regression (Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*, chapter
//! 10; Pankratz, *Forecasting with Dynamic Regression Models*, 1991). Fourier terms cover the day, the week and the
//! year, so that the ARIMA only has a daily season. The fit alternates: the ARIMA on the errors of the regression, then
//! the regression on series filtered by the ARIMA (generalised least squares).
//!
//! The order is found by [`search`](super::arima) for each choice of `d` and `D` up to their limits. Since likelihoods
//! of different differences are not comparable, the choice is the one with the most accurate forecasts of the newest
//! weeks of the history at all leads. All limits are parameters: at most `candidates` orders for each choice, on at
//! most `search_weeks`; a fit can be interrupted between any two steps. A year of hours takes one to two seconds.
//!
//! Service needs no refit: one pass of the ARIMA over the history gives the state at every origin. The crates
//! `anofox-forecast` and `augurs` were evaluated: the first does not accept missing values, searches for over a minute
//! on ten months of hours (version 0.19, daily season), and only forecasts from the end of its fit; the second has no
//! ARIMA.

mod fitting;
mod parameters;
#[cfg(test)]
mod reference;

use super::arima::{self, Arima};
use super::explanation::{BASE, Explanation, RECENT_ERRORS, SEASONS};
use super::regressors::Regressors;
use super::seasons::Seasons;
use super::{Definition, Forecaster, Origins, TrainingSet, each_as_known, each_explained_as_known};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{Calendar, FeatureSpec, Preset};
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::Array2;
use parameters::Parameters;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "sarimax",
    preset: Preset::Advanced,
    origins: Origins::Newest,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |json, _, grid| Parameters::from_json(json)?.history(grid),
    fit: |training, checkpoint| Ok(Box::new(Sarimax::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Sarimax::restore(spec, parameters, state)?)),
    state_of_v5: None,
    space: || {
        json!({
            "weeks": {"low": 8, "high": 104, "log": true},
            "daily_seasonality": {"low": 3, "high": 12},
            "off_work_seasonality": {"low": 0, "high": 10},
            "weekly_seasonality": {"low": 3, "high": 24},
            "max_seasonal_d": [0, 1],
            "degree_days": [true, false],
        })
    },
};

pub(super) struct Sarimax {
    parameters: Parameters,
    spec: FeatureSpec,
    fitted: Fitted,
}

/// The fitted state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    design: Design,
    /// Coefficients of the design's columns, in units of `unit`.
    coefficients: Vec<f64>,
    /// Model of the errors, in units of `unit`.
    arima: Arima,
    /// The largest absolute value of the target.
    unit: f64,
}

/// The columns of the regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Design {
    /// Fourier orders: daily, days off, weekly, yearly.
    seasons: [usize; 4],
    regressors: Regressors,
}

impl Design {
    fn seasons(&self) -> Seasons {
        let [daily, daily_off_work, weekly, yearly] = self.seasons;
        Seasons { daily, daily_off_work, weekly, yearly }
    }

    fn columns(&self) -> usize {
        1 + self.seasons().columns() + self.regressors.len()
    }

    /// Visits the rows of `frame` in `rows` in order.
    fn each_row(
        &self,
        frame: &Frame,
        spec: &FeatureSpec,
        rows: Range<usize>,
        mut show: impl FnMut(&[f64]),
    ) -> Result<(), Error> {
        let calendar = Calendar::new(spec, frame, rows.end);
        let regressors = self.regressors.columns(frame, rows.end)?;
        let seasons = self.seasons();
        let mut values = Vec::with_capacity(self.columns());
        for row in rows {
            values.clear();
            values.push(1.0);
            seasons.push(&calendar, row, &mut values);
            values.extend(regressors.iter().map(|column| column[row]));
            show(&values);
        }
        Ok(())
    }
}

impl Sarimax {
    pub fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(training.parameters)?;
        let fitted = fitting::fit(&parameters, training, checkpoint)?;
        Ok(Self { parameters, spec: training.spec.clone(), fitted })
    }

    pub fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = |what: String| Error::DamagedArtifact(format!("its state: {what}"));
        let fitted: Fitted = serde_json::from_slice(state).map_err(|error| damaged(error.to_string()))?;
        fitted.arima.check()?;
        fitted.design.regressors.check()?;
        let small = fitted.design.seasons.iter().all(|order| *order <= 1000);
        let finite = fitted.coefficients.iter().chain([&fitted.unit]).copied().all(f64::is_finite);
        if !small || !finite || fitted.unit <= 0.0 || fitted.coefficients.len() != fitted.design.columns() {
            return Err(damaged("its coefficients do not fit its columns".to_owned()));
        }
        Ok(Self { parameters: Parameters::from_json(parameters)?, spec: spec.clone(), fitted })
    }

    /// The regression at each row up to the last forecast, and the ARIMA's forecasts of its errors, both in units of
    /// `unit`.
    fn parts(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Vec<f64>, Array2<f64>), Error> {
        let Fitted { design, coefficients, arima, unit } = &self.fitted;
        let rows: Vec<usize> = origins.iter().map(|origin| origin.row).collect();
        let last = rows.iter().copied().max().unwrap_or(0).min(frame.target.len());
        let need = arima.order.reach();
        if let Some(have) = rows.iter().copied().find(|row| *row < need) {
            return Err(Error::TooLittleHistory { need, have });
        }
        let mut line = Vec::with_capacity(last + horizon);
        design.each_row(frame, &self.spec, 0..last + horizon, |row| {
            checkpoint();
            line.push(dot(row.iter(), coefficients));
        })?;
        let errors: Vec<f64> = frame.target[..last].iter().zip(&line).map(|(y, line)| y / unit - line).collect();
        let filtered = arima.filter(&errors, arima::clip(self.parameters.outlier_sigmas, arima.sigma));
        let mut ahead = Array2::zeros((origins.len(), horizon));
        for (mut leads, origin) in ahead.rows_mut().into_iter().zip(rows) {
            let errors = arima.forecast(&filtered, origin, horizon);
            leads.iter_mut().zip(errors).for_each(|(into, error)| *into = error);
        }
        Ok((line, ahead))
    }
}

impl Forecaster for Sarimax {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        each_as_known(frame, origins, horizon, checkpoint, |frame, origins, checkpoint| {
            let (line, mut forecasts) = self.parts(frame, origins, horizon, checkpoint)?;
            for ((at, ahead), yhat) in forecasts.indexed_iter_mut() {
                *yhat = self.fitted.unit * (line[origins[at].row + ahead] + *yhat);
            }
            Ok(forecasts)
        })
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        each_explained_as_known(frame, origins, horizon, checkpoint, |frame, origins, checkpoint| {
            let Fitted { design, coefficients, unit, .. } = &self.fitted;
            let (_, errors) = self.parts(frame, origins, horizon, checkpoint)?;
            let mut explanation = Explanation::new(Vec::new(), errors.len());
            let seasons = std::iter::repeat_n(SEASONS, design.seasons().columns());
            let of_columns = std::iter::once(BASE).chain(seasons).map(str::to_owned).chain(design.regressors.names());
            let parts: Vec<usize> = of_columns.map(|name| explanation.part(&name)).collect();
            let recent = explanation.part(RECENT_ERRORS);
            let first = design.columns() - design.regressors.len();
            for (at, origin) in origins.iter().enumerate() {
                let mut forecast = at * horizon;
                design.each_row(frame, &self.spec, origin.row..origin.row + horizon, |row| {
                    checkpoint();
                    for (column, (value, coefficient)) in row.iter().zip(coefficients).enumerate() {
                        explanation.contributions[[forecast, parts[column]]] += unit * value * coefficient;
                        if let Some(regressor) = column.checked_sub(first) {
                            let read = design.regressors.unscaled(regressor, *value);
                            explanation.values[[forecast, parts[column]]] = read;
                        }
                    }
                    explanation.contributions[[forecast, recent]] = unit * errors[[at, forecast - at * horizon]];
                    forecast += 1;
                })?;
            }
            Ok(explanation)
        })
    }

    fn feature_names(&self) -> Vec<String> {
        self.fitted.design.regressors.names()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self.fitted).map_err(|error| Error::Internal(error.to_string()))
    }
}

fn dot<'a>(row: impl Iterator<Item = &'a f64>, coefficients: &[f64]) -> f64 {
    row.zip(coefficients).map(|(value, c)| value * c).sum()
}
