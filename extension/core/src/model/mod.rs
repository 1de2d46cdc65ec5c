//! The strategies: each one a way to forecast, behind one trait.

mod arima;
mod clock;
mod ensemble;
mod global;
mod history;
mod lear;
mod linear;
mod memo;
mod mstl;
mod normal;
mod profile;
mod prophet;
mod regressors;
#[cfg(test)]
mod robustness;
mod sarimax;
mod seasonal_naive;
mod seasons;
mod target;
mod xgboost;

use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset, Sample};
use crate::series::{Frame, Grid};
pub(crate) use global::lives;
use history::{AsKnown, WithoutPast, WithoutSpikes};
pub use memo::Memo;
use ndarray::Array2;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A fitted model.
pub trait Forecaster {
    /// Forecasts `horizon` rows from each of `origins` (first row not known): origins by leads; none of no origins. Reads
    /// no target at or after the origin.
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error>;

    /// The features that it reads, in order; empty where it reads only the target.
    fn feature_names(&self) -> Vec<String>;

    /// Its parameters, with the defaults filled in.
    fn parameters(&self) -> Value;

    /// Forecasts of the newest origins made while learning, by models that had not seen what came: origins,
    /// and origins by leads. None where the strategy makes none.
    fn held_out(&self) -> Option<(&[usize], &Array2<f64>)> {
        None
    }

    /// The level of demand at `origin` that its errors grow with.
    fn level(&self, frame: &Frame, origin: usize) -> f64 {
        crate::intervals::level(frame, origin)
    }

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
    /// Fits made before on the same frame with the same spec and parameters, where somebody fits again and again.
    pub memo: Option<&'a Memo>,
}

impl Lesson<'_> {
    /// What a forecast would have been asked: origins a day apart that stand at the time of day at which the
    /// lesson ends, none before `oldest`; targets that are known.
    fn samples(&self, oldest: usize) -> Vec<Sample> {
        let day = self.frame.grid.rows_per_day();
        let first = oldest + self.end.saturating_sub(oldest) % day;
        (first..self.end)
            .step_by(day)
            .flat_map(|origin| ahead(origin, self.horizon.min(self.end - origin)))
            .filter(|sample| self.frame.target[sample.target].is_finite())
            .collect()
    }
}

/// How much a day so long ago counts, where a half-life of 0 counts all alike.
fn weight_of_age(half_life_days: u32, days_ago: f64) -> f64 {
    if half_life_days == 0 { 1.0 } else { 0.5_f64.powf(days_ago / f64::from(half_life_days)) }
}

/// The samples of one origin.
fn ahead(origin: usize, horizon: usize) -> impl Iterator<Item = Sample> {
    (origin..origin + horizon).map(move |target| Sample { origin, target })
}

/// Refuses an input whose features are not those trained with.
fn same_columns(trained: &[String], given: &[String]) -> Result<(), Error> {
    if trained == given {
        return Ok(());
    }
    let missing: Vec<_> = trained.iter().filter(|name| !given.contains(name)).map(String::as_str).collect();
    let surplus: Vec<_> = given.iter().filter(|name| !trained.contains(name)).map(String::as_str).collect();
    Err(Error::InvalidArgument(match (missing.is_empty(), surplus.is_empty()) {
        (false, _) => format!("the model was trained with columns that the input lacks: {}", missing.join(", ")),
        (true, false) => format!("the input has columns that the model was not trained with: {}", surplus.join(", ")),
        (true, true) => "the input's columns are in another order than in training".to_owned(),
    }))
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
    /// One penalised linear autoregression for each hour ahead.
    Lear,
    /// Gradient boosted trees on lags, weather and calendar.
    Xgboost,
    /// A weighted mean of others, corrected by what they got wrong lately.
    Ensemble,
    /// One model of all series of a kind, for those without a history.
    Global,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 9] = [
        Self::SeasonalNaive,
        Self::Profile,
        Self::Mstl,
        Self::Prophet,
        Self::Sarimax,
        Self::Lear,
        Self::Xgboost,
        Self::Ensemble,
        Self::Global,
    ];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Profile => "profile",
            Self::Mstl => "mstl",
            Self::Prophet => "prophet",
            Self::Sarimax => "sarimax",
            Self::Lear => "lear",
            Self::Xgboost => "xgboost",
            Self::Ensemble => "ensemble",
            Self::Global => "global",
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
            Self::Lear => lear::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Xgboost => xgboost::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Ensemble => ensemble::Parameters::from_json(parameters).map(|read| json!(read)),
            Self::Global => global::Parameters::from_json(parameters).map(|read| json!(read)),
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
            Self::Lear | Self::Xgboost => spec.history(grid),
            Self::Ensemble => ensemble::Parameters::from_json(parameters)?.history(spec, grid),
            // It copes with none.
            Self::Global => Ok(1),
        }
    }

    /// The features that it reads where the user names no other.
    pub fn preset(self) -> Preset {
        match self {
            Self::Lear => Preset::Linear,
            _ => Preset::Advanced,
        }
    }

    /// Fits a model; `checkpoint` is called between rounds.
    pub fn fit(self, lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Box<dyn Forecaster>, Error> {
        let frame = history::without_spikes(lesson.frame, lesson.end);
        Ok(Box::new(WithoutSpikes(self.fit_cleaned(Lesson { frame: &frame, ..lesson }, checkpoint)?)))
    }

    /// Fits a model on several series, where the strategy can.
    pub(crate) fn fit_panel(
        self,
        lessons: &[Lesson<'_>],
        checkpoint: Checkpoint<'_>,
    ) -> Result<Box<dyn Forecaster>, Error> {
        let frames: Vec<_> = lessons.iter().map(|lesson| history::without_spikes(lesson.frame, lesson.end)).collect();
        let lessons: Vec<Lesson<'_>> =
            lessons.iter().zip(&frames).map(|(lesson, frame)| Lesson { frame, ..*lesson }).collect();
        match self {
            Self::Global => Ok(Box::new(WithoutSpikes(Box::new(global::Global::fit_panel(&lessons, checkpoint)?)))),
            _ => Err(Error::NotSupported(format!("strategy \"{}\" learns from one series", self.name()))),
        }
    }

    /// As [`Self::fit`], on a frame without spikes; the model is to be shown such frames too.
    fn fit_cleaned(self, lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Box<dyn Forecaster>, Error> {
        let past = self.past_ahead(lesson.spec);
        let frame = history::without_past(Cow::Borrowed(lesson.frame), &past);
        let lesson = Lesson { frame: &frame, ..lesson };
        let fitted: Box<dyn Forecaster> = match self {
            Self::SeasonalNaive => Box::new(seasonal_naive::SeasonalNaive::fit(lesson)?),
            Self::Profile => Box::new(profile::Profile::fit(lesson)?),
            Self::Mstl => Box::new(mstl::Mstl::fit(lesson, checkpoint)?),
            Self::Prophet => Box::new(AsKnown(prophet::Prophet::fit(lesson, checkpoint)?)),
            Self::Sarimax => Box::new(AsKnown(sarimax::Sarimax::fit(lesson, checkpoint)?)),
            Self::Lear => Box::new(lear::Lear::fit(lesson, checkpoint)?),
            Self::Xgboost => Box::new(xgboost::Xgboost::fit(lesson, checkpoint)?),
            Self::Ensemble => Box::new(ensemble::Ensemble::fit(lesson, checkpoint)?),
            Self::Global => Box::new(global::Global::fit(lesson, checkpoint)?),
        };
        Ok(if past.is_empty() { fitted } else { Box::new(WithoutPast { model: fitted, past }) })
    }

    /// The regressors that a model of this strategy must not be shown: it would read them at the target's hour, where
    /// the spec says that they are known only up to the issue time. Features read them as they may.
    fn past_ahead(self, spec: &FeatureSpec) -> Vec<String> {
        match self {
            Self::Lear | Self::Xgboost | Self::Ensemble | Self::Global => Vec::new(),
            Self::SeasonalNaive | Self::Profile | Self::Mstl | Self::Prophet | Self::Sarimax => spec.past.clone(),
        }
    }

    /// A fitted model from its [`Forecaster::state`], parameters and spec.
    pub fn restore(self, spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Box<dyn Forecaster>, Error> {
        Ok(Box::new(WithoutSpikes(self.restore_cleaned(spec, parameters, state)?)))
    }

    /// What [`Self::fit_cleaned`] gave.
    fn restore_cleaned(
        self,
        spec: &FeatureSpec,
        parameters: &Value,
        state: &[u8],
    ) -> Result<Box<dyn Forecaster>, Error> {
        let fitted: Box<dyn Forecaster> = match self {
            Self::SeasonalNaive => Box::new(seasonal_naive::SeasonalNaive::from_parameters(parameters)?),
            Self::Profile => Box::new(profile::Profile::restore(spec, parameters)?),
            Self::Mstl => Box::new(mstl::Mstl::restore(spec, parameters, state)?),
            Self::Prophet => Box::new(AsKnown(prophet::Prophet::restore(spec, parameters, state)?)),
            Self::Sarimax => Box::new(AsKnown(sarimax::Sarimax::restore(spec, parameters, state)?)),
            Self::Lear => Box::new(lear::Lear::restore(spec, parameters, state)?),
            Self::Xgboost => Box::new(xgboost::Xgboost::restore(spec, parameters, state)?),
            Self::Ensemble => Box::new(ensemble::Ensemble::restore(spec, parameters, state)?),
            Self::Global => Box::new(global::Global::restore(spec, parameters, state)?),
        };
        let past = self.past_ahead(spec);
        Ok(if past.is_empty() { fitted } else { Box::new(WithoutPast { model: fitted, past }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn origins_share_the_hour_of_the_day_and_no_target_is_beyond_the_end() {
        let (frame, spec, parameters) = (hourly_frame(600), FeatureSpec::default(), json!({}));
        let lesson = Lesson { frame: &frame, end: 500, horizon: 48, spec: &spec, parameters: &parameters, memo: None };
        let samples = lesson.samples(336);
        assert!(samples.iter().all(|s| s.origin % 24 == 500 % 24 && s.target < 500 && s.lead() <= 48));
        assert_eq!(samples[0].origin, 356);
    }
}
