//! Prophet: an additive model of a trend with changepoints, seasons, holidays and regressors.
//!
//! The model of Taylor and Letham, *Forecasting at scale* (The American Statistician 72, 2018), in its additive form
//! with linear growth: a piecewise linear trend whose changepoints have a Laplace prior, so that few matter; Fourier
//! seasons; an effect per holiday column and day around it; regressors; normal noise. The forecast is the maximum a
//! posteriori curve, as in the Python package `prophet`; `tests/reference/prophet.py` computes the reference results.
//!
//! The crate `augurs-prophet` has the model but not the optimiser: it runs Stan's as a child process (a downloaded
//! binary and temporary files) or in WebAssembly through wasmtime (a compiler, threads and signal handlers inside the
//! backend). Neither belongs in a database server. So [`map`] implements the fit: for given noise the problem is convex
//! and is solved to its optimum, while Stan's L-BFGS stops nearby.
//!
//! Hours are local, so that seasons and holidays follow local time. Recent values do not affect the forecast: Prophet
//! is a curve through all of the history and must be refitted as that grows.

mod curve;
mod map;
mod parameters;
#[cfg(test)]
mod reference;

use super::explanation::Explanation;
use super::{Definition, Forecaster, Origins, TrainingSet, each_as_known, each_explained_as_known};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset};
use crate::origin::Origin;
use crate::series::Frame;
use curve::Curve;
use ndarray::Array2;
use parameters::Parameters;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "prophet",
    preset: Preset::Advanced,
    origins: Origins::Newest,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    // A fit needs two weeks; a forecast needs no history.
    history: |json, _, grid| Parameters::from_json(json)?.need(grid),
    fit: |training, checkpoint| Ok(Box::new(Prophet::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Prophet::restore(spec, parameters, state)?)),
    state_of_v5: None,
    space: || {
        json!({
            "weeks": [26, 52, 104, 156],
            "changepoint_prior_scale": {"low": 0.001, "high": 0.5, "log": true},
            "seasonality_prior_scale": {"low": 0.1, "high": 100, "log": true},
            "holidays_prior_scale": {"low": 0.1, "high": 100, "log": true},
            "regressors_prior_scale": {"low": 0.1, "high": 100, "log": true},
            "off_work_seasonality": {"low": 0, "high": 10},
            "degree_days": [true, false],
        })
    },
};

pub(super) struct Prophet {
    parameters: Parameters,
    spec: FeatureSpec,
    fitted: Fitted,
}

/// The fitted state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    curve: Curve,
    /// Coefficients of the columns, in units of `unit`.
    coefficients: Vec<f64>,
    /// The largest absolute value of the target.
    unit: f64,
    /// Standard deviation of the noise, in units of `unit`.
    sigma: f64,
}

impl Prophet {
    pub fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(training.parameters)?;
        let (frame, end) = (training.frame, training.end.min(training.frame.target.len()));
        let first = end.saturating_sub(frame.grid.rows_in_hours(parameters.weeks * 168)?);
        let known: Vec<usize> = (first..end).filter(|row| frame.target[*row].is_finite()).collect();
        let need = parameters.need(&frame.grid)?;
        if known.len() < need {
            return Err(Error::TooLittleHistory { need, have: known.len() });
        }
        let unit = known.iter().map(|row| frame.target[*row].abs()).fold(0.0, f64::max);
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let curve = Curve::new(&parameters, training.spec, frame, &known)?;
        let mut rows = curve.rows(training.spec, frame, end)?;
        let mut normal = super::normal::Normal::new(curve.columns());
        for (i, row) in known.iter().enumerate() {
            if i % 1000 == 0 {
                checkpoint();
            }
            normal.add(rows.at(*row), frame.target[*row] / unit);
        }
        let (coefficients, sigma) = map::fit(&normal, &curve.priors(&parameters), checkpoint)?;
        let fitted = Fitted { curve, coefficients, unit, sigma };
        Ok(Self { parameters, spec: training.spec.clone(), fitted })
    }

    pub fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = |what: String| Error::DamagedArtifact(format!("its state: {what}"));
        let fitted: Fitted = serde_json::from_slice(state).map_err(|error| damaged(error.to_string()))?;
        fitted.curve.check()?;
        let numbers = fitted.coefficients.iter().chain([&fitted.unit, &fitted.sigma]);
        if fitted.coefficients.len() != fitted.curve.columns() || !numbers.copied().all(f64::is_finite) {
            return Err(damaged("its coefficients do not fit its columns".to_owned()));
        }
        Ok(Self { parameters: Parameters::from_json(parameters)?, spec: spec.clone(), fitted })
    }

    fn forecast(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let Fitted { curve, coefficients, unit, .. } = &self.fitted;
        let end = origins.iter().map(|origin| origin.row).max().unwrap_or(0) + horizon;
        let mut rows = curve.rows(&self.spec, frame, end)?;
        Ok(Array2::from_shape_fn((origins.len(), horizon), |(at, ahead)| {
            checkpoint();
            let row = rows.at(origins[at].row + ahead);
            unit * row.iter().zip(coefficients).map(|(value, c)| value * c).sum::<f64>()
        }))
    }
}

impl Forecaster for Prophet {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        each_as_known(frame, origins, horizon, checkpoint, |frame, origins, checkpoint| {
            self.forecast(frame, origins, horizon, checkpoint)
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
            let Fitted { curve, coefficients, unit, .. } = &self.fitted;
            let end = origins.iter().map(|origin| origin.row).max().unwrap_or(0) + horizon;
            let mut rows = curve.rows(&self.spec, frame, end)?;
            let mut explanation = Explanation::new(Vec::new(), origins.len() * horizon);
            let parts: Vec<usize> = curve.parts().iter().map(|name| explanation.part(name)).collect();
            let targets = origins.iter().flat_map(|origin| origin.row..origin.row + horizon);
            for (forecast, row) in targets.enumerate() {
                checkpoint();
                for (column, (value, coefficient)) in rows.at(row).iter().zip(coefficients).enumerate() {
                    let at = [forecast, parts[column]];
                    explanation.contributions[at] += unit * value * coefficient;
                    // A day may be a holiday and close to another one.
                    if let Some(read) = curve.read(column, *value) {
                        explanation.values[at] = read.max(explanation.values[at]);
                    }
                }
            }
            Ok(explanation)
        })
    }

    fn feature_names(&self) -> Vec<String> {
        self.fitted.curve.regressor_names()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self.fitted).map_err(|error| Error::Internal(error.to_string()))
    }
}
