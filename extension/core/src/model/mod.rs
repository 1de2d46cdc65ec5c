//! The strategies: each one a way to forecast, behind one trait.

mod arima;
mod clock;
mod history;
mod normal;
mod mstl;
mod profile;
mod prophet;
mod regressors;
#[cfg(test)]
mod robustness;
mod sarimax;
mod seasonal_naive;
mod seasons;
mod xgboost;

use crate::Checkpoint;
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::series::{Frame, Grid};
use ndarray::Array2;
use serde_json::{Value, json};

/// A fitted model.
pub trait Forecaster {
    /// Forecasts `horizon` rows from each of `origins` (first row not known): origins by leads. Reads
    /// no target at or after the origin.
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error>;

    /// The features that it reads, in order; empty where it reads only the target.
    fn feature_names(&self) -> Vec<String>;

    /// Its parameters, with the defaults filled in.
    fn parameters(&self) -> Value;

    /// Its fitted state, to be read by [`Strategy::restore`].
    fn state(&self) -> Result<Vec<u8>, Error>;
}

/// What to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// The series.
    pub frame: &'a Frame,
    /// First row whose target must not be read.
    pub end: usize,
    /// Most rows ahead that the model will be asked for.
    pub horizon: usize,
    /// What the features are made of.
    pub spec: &'a FeatureSpec,
    /// Hyperparameters as the user gave them.
    pub parameters: &'a Value,
}

/// A way to forecast, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The same hour one season ago.
    SeasonalNaive,
    /// The mean of the same local hour over days of the same type.
    Profile,
    /// Multiple seasonal-trend decomposition.
    Mstl,
    /// Piecewise linear trend, seasons, holidays and regressors.
    Prophet,
    /// Regression with seasonal ARIMA errors.
    Sarimax,
    /// Gradient boosted trees on lags, weather and calendar.
    Xgboost,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 6] =
        [Self::SeasonalNaive, Self::Profile, Self::Mstl, Self::Prophet, Self::Sarimax, Self::Xgboost];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Profile => "profile",
            Self::Mstl => "mstl",
            Self::Prophet => "prophet",
            Self::Sarimax => "sarimax",
            Self::Xgboost => "xgboost",
        }
    }

    /// The strategy of this name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "strategy",
            name: name.to_owned(),
            known: Self::ALL.iter().map(|strategy| strategy.name().to_owned()).collect(),
        })
    }

    /// Checks hyperparameters and fills in the defaults.
    pub fn read_parameters(self, parameters: &Value) -> Result<Value, Error> {
        match self {
            Self::SeasonalNaive => seasonal_naive::SeasonalNaive::from_parameters(parameters).map(|read| json!(read)),
            Self::Profile => profile::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Mstl => mstl::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Prophet => prophet::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Sarimax => sarimax::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Xgboost => xgboost::Parameters::from_json(parameters).map(|read| json!(read)),
        }
    }

    /// Rows back from the issue time that a forecast reads.
    pub fn history(self, parameters: &Value, spec: &FeatureSpec, grid: &Grid) -> Result<usize, Error> {
        match self {
            Self::SeasonalNaive => seasonal_naive::SeasonalNaive::from_parameters(parameters)?.season(grid),
            Self::Profile => profile::Parameters::from_json(parameters)?.history(grid),
            Self::Mstl => mstl::Parameters::from_json(parameters)?.history(grid),
            // The curve needs two weeks to be fitted, a forecast no history at all.
            Self::Prophet => prophet::Parameters::from_json(parameters)?.need(grid),
            Self::Sarimax => sarimax::Parameters::from_json(parameters)?.history(grid),
            Self::Xgboost => spec.history(grid),
        }
    }

    /// Fits a model; `checkpoint` is called between rounds.
    pub fn fit(self, lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Box<dyn Forecaster>, Error> {
        let frame = history::without_spikes(lesson.frame, lesson.end);
        let lesson = Lesson { frame: &frame, ..lesson };
        let fitted: Box<dyn Forecaster> = match self {
            Self::SeasonalNaive => Box::new(seasonal_naive::SeasonalNaive::fit(lesson)?),
            Self::Profile => Box::new(profile::Profile::fit(lesson)?),
            Self::Mstl => Box::new(mstl::Mstl::fit(lesson, checkpoint)?),
            Self::Prophet => Box::new(prophet::Prophet::fit(lesson, checkpoint)?),
            Self::Sarimax => Box::new(sarimax::Sarimax::fit(lesson, checkpoint)?),
            Self::Xgboost => Box::new(xgboost::Xgboost::fit(lesson, checkpoint)?),
        };
        Ok(Box::new(history::WithoutSpikes(fitted)))
    }

    /// A fitted model from its [`Forecaster::state`], parameters and spec.
    pub fn restore(self, spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Box<dyn Forecaster>, Error> {
        let fitted: Box<dyn Forecaster> = match self {
            Self::SeasonalNaive => Box::new(seasonal_naive::SeasonalNaive::from_parameters(parameters)?),
            Self::Profile => Box::new(profile::Profile::restore(spec, parameters)?),
            Self::Mstl => Box::new(mstl::Mstl::restore(spec, parameters, state)?),
            Self::Prophet => Box::new(prophet::Prophet::restore(spec, parameters, state)?),
            Self::Sarimax => Box::new(sarimax::Sarimax::restore(spec, parameters, state)?),
            Self::Xgboost => Box::new(xgboost::Xgboost::restore(spec, parameters, state)?),
        };
        Ok(Box::new(history::WithoutSpikes(fitted)))
    }
}
