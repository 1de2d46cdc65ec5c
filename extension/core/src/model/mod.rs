//! The strategies: each one a way to forecast, behind one trait and in one table.
//!
//! A strategy is a folder with a [`Definition`]; [`Strategy::ALL`] lists them.

mod arima;
#[cfg(test)]
mod clock_changes;
mod ensemble;
mod explanation;
mod global;
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
mod solar;
mod target;
mod xgboost;

use crate::Checkpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset, Sample, Table};
use crate::grid::Grid;
use crate::origin::{Origin, Phase, origins};
use crate::series::Frame;
pub use explanation::Explanation;
pub(crate) use explanation::{BASE, BOUNDS, RECENT_ERRORS};
pub use memo::Memo;
use ndarray::{Array2, Axis};
use serde_json::Value;
use std::ops::Range;
pub use xgboost::TreeFile;
pub(crate) use xgboost::of_files;

/// A fitted model.
pub trait Forecaster {
    /// Forecasts `horizon` rows from each of `origins`: origins by leads, counted from the origin's row; none of no
    /// origins. Reads no target at or after the origin, nor what was not known when it was issued. The checkpoint is
    /// called for each origin at least.
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error>;

    /// What adds up to the forecasts of [`Self::predict`]: a row for each, origin after origin.
    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error>;

    /// The features that it reads, in order; empty where it reads only the target.
    fn feature_names(&self) -> Vec<String>;

    /// Its parameters, with the defaults filled in.
    fn parameters(&self) -> Value;

    /// Forecasts of the newest origins made while learning, by models that had not seen what came: origins,
    /// and origins by leads. None where the strategy makes none.
    fn held_out(&self) -> Option<(&[Origin], &Array2<f64>)> {
        None
    }

    /// The level of demand at `origin` that its errors grow with.
    fn level(&self, frame: &Frame, origin: Origin) -> f64 {
        recent_level(frame, origin, LEVEL_DAYS)
    }

    /// Between which values each of `rows` lies whatever the weather, where that is known: the sun does not shine at
    /// night. Forecasts and intervals are held within; a row whose bounds are equal is no test of them.
    fn bounds(&self, _frame: &Frame, _rows: Range<usize>) -> Option<Vec<(f64, f64)>> {
        None
    }

    /// Its trees in XGBoost's own format, where it is made of nothing else but what is around them.
    fn boosters(&self) -> Result<Vec<OfLeadDay>, Error> {
        Ok(Vec::new())
    }

    /// Its fitted state, to be read by [`Definition::restore`].
    fn state(&self) -> Result<Vec<u8>, Error>;
}

/// The trees of a phase and a day of lead, for other programs.
pub struct OfLeadDay {
    /// Local row of the day at which forecasts start.
    pub slot: usize,
    /// Day of lead, from 1 on; the last one is also that of all later ones.
    pub lead_day: usize,
    /// The trees as a file of XGBoost.
    pub ubj: Vec<u8>,
    /// What is added to their prediction, and the scale of the sum.
    pub around: Value,
}

/// Days before the origin over which the recent level is the mean of the absolute target.
const LEVEL_DAYS: usize = 7;

/// Mean absolute target of so many days before the origin; zero where none is known.
fn recent_level(frame: &Frame, origin: Origin, days: usize) -> f64 {
    let first = origin.row.saturating_sub(days * frame.grid.rows_per_day());
    let target = frame.known_target(origin, first);
    let known = target.iter().filter(|value| value.is_finite());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value.abs(), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// What to learn from.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSet<'a> {
    /// The series.
    pub frame: &'a Frame,
    /// First row whose target must not be read.
    pub end: usize,
    /// Most rows ahead of an origin that the model will be asked for.
    pub horizon: usize,
    /// What the features are made of.
    pub spec: &'a FeatureSpec,
    /// Hyperparameters as the user gave them.
    pub parameters: &'a Value,
    /// The local times of day from which the model will be asked.
    pub phases: &'a [Phase],
    /// Fits made before on the same frame with the same spec and parameters, where somebody fits again and again.
    pub memo: Option<&'a Memo>,
}

impl TrainingSet<'_> {
    /// What a forecast from a phase would have been asked: origins a day apart, none before `oldest`; targets that are
    /// known.
    fn samples(&self, clock: &Clock, phase: Phase, oldest: usize) -> Vec<Sample> {
        origins(phase, self.frame, clock, oldest..self.end)
            .flat_map(|origin| ahead(origin, self.horizon.min(self.end - origin.row)))
            .filter(|sample| self.frame.target[sample.target].is_finite())
            .collect()
    }
}

/// Half-lives in days that are worth trying; 0 counts all days alike.
const HALF_LIVES: [u32; 5] = [0, 60, 120, 240, 480];

/// How much a day so long ago counts, where a half-life of 0 counts all alike.
fn weight_of_age(half_life_days: u32, days_ago: f64) -> f64 {
    if half_life_days == 0 { 1.0 } else { 0.5_f64.powf(days_ago / f64::from(half_life_days)) }
}

/// Rows of features that are made at once: more take memory and no less time.
const ROWS_AT_ONCE: usize = 20_000;

/// The origins of so many rows each, some at a time.
fn some_at_once(origins: &[Origin], horizon: usize) -> impl Iterator<Item = &[Origin]> {
    origins.chunks((ROWS_AT_ONCE / horizon.max(1)).max(1))
}

/// The samples of one origin.
fn ahead(origin: Origin, horizon: usize) -> impl Iterator<Item = Sample> {
    (origin.row..origin.row + horizon).map(move |target| Sample { origin, target })
}

/// Forecasts of a strategy that reads the frame as it is: where what is known differs from issue to issue, each origin
/// is shown its own view.
fn each_as_known(
    frame: &Frame,
    origins: &[Origin],
    horizon: usize,
    checkpoint: Checkpoint<'_>,
    forecast: impl Fn(&Frame, &[Origin], Checkpoint<'_>) -> Result<Array2<f64>, Error>,
) -> Result<Array2<f64>, Error> {
    if !frame.has_versions() {
        return forecast(frame, origins, checkpoint);
    }
    let mut forecasts = Array2::zeros((origins.len(), horizon));
    for (mut leads, origin) in forecasts.axis_iter_mut(Axis(0)).zip(origins) {
        leads.assign(&forecast(&frame.as_known(*origin), &[*origin], checkpoint)?.row(0));
    }
    Ok(forecasts)
}

/// What adds up to the forecasts of such a strategy.
fn each_explained_as_known(
    frame: &Frame,
    origins: &[Origin],
    horizon: usize,
    checkpoint: Checkpoint<'_>,
    explain: impl Fn(&Frame, &[Origin], Checkpoint<'_>) -> Result<Explanation, Error>,
) -> Result<Explanation, Error> {
    if !frame.has_versions() {
        return explain(frame, origins, checkpoint);
    }
    let mut explanation = Explanation::new(Vec::new(), origins.len() * horizon);
    for (at, origin) in origins.iter().enumerate() {
        explanation.fill(at * horizon, &explain(&frame.as_known(*origin), &[*origin], checkpoint)?);
    }
    Ok(explanation)
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

/// The features of an input that has the columns trained with, and the history that origins look back on.
fn table_as_trained<'a>(
    spec: &'a FeatureSpec,
    trained: &[String],
    frame: &'a Frame,
    origins: &[Origin],
    checkpoint: Checkpoint<'_>,
) -> Result<Table<'a>, Error> {
    let table = Table::new(spec, frame, checkpoint)?;
    same_columns(trained, &table.names())?;
    match origins.iter().find(|origin| origin.row < table.history()) {
        Some(origin) => Err(Error::TooLittleHistory { need: table.history(), have: origin.row }),
        None => Ok(table),
    }
}

type Fitted = Result<Box<dyn Forecaster>, Error>;
type StateOfV5 = fn(&FeatureSpec, &Value, &[u8], usize) -> Result<Vec<u8>, Error>;

/// Where the origins of a strategy stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origins {
    /// At the newest known row: what it learns does not depend on their time of day.
    Newest,
    /// At the newest known row: it learns the times of day of several phases together.
    Pooled,
    /// At a phase: it learns for each phase what the newest rows mean.
    Phases,
}

/// What a strategy is: its row in the table.
pub struct Definition {
    /// Its name in SQL.
    name: &'static str,
    /// The features that it reads where the user names no other.
    preset: Preset,
    /// Where its origins stand.
    origins: Origins,
    /// Checks hyperparameters and fills in the defaults.
    read_parameters: fn(&Value) -> Result<Value, Error>,
    /// Rows back from the origin that a forecast reads, by parameters.
    history: fn(&Value, &FeatureSpec, &Grid) -> Result<usize, Error>,
    /// Fits a model; the checkpoint is called between rounds.
    fit: fn(TrainingSet<'_>, Checkpoint<'_>) -> Fitted,
    /// Fits a model on several series, where the strategy can.
    fit_panel: Option<fn(&[TrainingSet<'_>], Checkpoint<'_>) -> Fitted>,
    /// A fitted model from its spec, parameters and [`Forecaster::state`].
    restore: fn(&FeatureSpec, &Value, &[u8]) -> Fitted,
    /// A state of artifact format 5, fitted for origins at a slot, as one of today; none where it is the same.
    state_of_v5: Option<StateOfV5>,
    /// The hyperparameters that are worth trying; the defaults lie inside.
    space: fn() -> Value,
}

/// A way to forecast, by name.
#[derive(Clone, Copy)]
pub struct Strategy(&'static Definition);

impl PartialEq for Strategy {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl std::fmt::Debug for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 10] = [
        Self(&seasonal_naive::STRATEGY),
        Self(&profile::STRATEGY),
        Self(&mstl::STRATEGY),
        Self(&prophet::STRATEGY),
        Self(&sarimax::STRATEGY),
        Self(&lear::STRATEGY),
        Self(&xgboost::STRATEGY),
        Self(&ensemble::STRATEGY),
        Self(&global::STRATEGY),
        Self(&solar::STRATEGY),
    ];
    /// The floor that every model must beat.
    pub const SEASONAL_NAIVE: Self = Self(&seasonal_naive::STRATEGY);
    /// The one that learns from several series.
    pub const GLOBAL: Self = Self(&global::STRATEGY);

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The strategy of this name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "strategy",
            name: name.to_owned(),
            known: Self::ALL.iter().map(|strategy| strategy.name().to_owned()).collect(),
        })
    }

    /// The features that it reads where the user names no other.
    pub fn preset(self) -> Preset {
        self.0.preset
    }

    /// Where its origins stand.
    pub fn origins(self) -> Origins {
        self.0.origins
    }

    /// Checks hyperparameters and fills in the defaults.
    pub fn read_parameters(self, parameters: &Value) -> Result<Value, Error> {
        (self.0.read_parameters)(parameters)
    }

    /// Rows back from the origin that a forecast reads.
    pub fn history(self, parameters: &Value, spec: &FeatureSpec, grid: &Grid) -> Result<usize, Error> {
        (self.0.history)(parameters, spec, grid)
    }

    /// Fits a model; `checkpoint` is called between rounds.
    pub fn fit(self, training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Fitted {
        (self.0.fit)(training, checkpoint)
    }

    /// Fits a model on several series, where the strategy can.
    pub(crate) fn fit_panel(self, trainings: &[TrainingSet<'_>], checkpoint: Checkpoint<'_>) -> Fitted {
        match self.0.fit_panel {
            Some(fit) => fit(trainings, checkpoint),
            None => Err(Error::NotSupported(format!("strategy \"{}\" learns from one series", self.name()))),
        }
    }

    /// A fitted model from its spec, parameters and [`Forecaster::state`].
    pub fn restore(self, spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Fitted {
        (self.0.restore)(spec, parameters, state)
    }

    /// A state of artifact format 5, fitted for origins at `slot`, as one of today.
    pub(crate) fn state_of_v5(
        self,
        spec: &FeatureSpec,
        parameters: &Value,
        state: &[u8],
        slot: usize,
    ) -> Result<Vec<u8>, Error> {
        self.0.state_of_v5.map_or_else(|| Ok(state.to_vec()), |read| read(spec, parameters, state, slot))
    }

    /// The hyperparameters that are worth trying; the defaults lie inside.
    pub fn space(self) -> Value {
        (self.0.space)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hourly_frame, training};
    use serde_json::json;

    #[test]
    fn origins_share_the_hour_of_the_day_and_no_target_is_beyond_the_end() {
        let (frame, spec, parameters) = (hourly_frame(600), FeatureSpec::default(), json!({}));
        let clock = Clock::new(&frame.grid, chrono_tz::UTC, 600);
        let phase = Phase { slot: 500 % 24, delay: 0 };
        let set = TrainingSet { horizon: 48, ..training(&frame, 500, &spec, &parameters) };
        let samples = set.samples(&clock, phase, 336);
        assert!(samples.iter().all(|s| s.origin.row % 24 == 500 % 24 && s.target < 500 && s.lead() <= 48));
        assert_eq!(samples[0].origin, Origin::at(356));
    }

    #[test]
    fn the_level_is_that_of_the_week_before_the_origin() {
        let mut frame = hourly_frame(800);
        frame.target[532..700].fill(-3.0);
        frame.target[600] = f64::NAN;
        assert_eq!([700, 0].map(|row| recent_level(&frame, Origin::at(row), LEVEL_DAYS)), [3.0, 0.0]);
    }
}
