//! The forecasting strategies, behind one trait and in one table.
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
    /// Forecasts `horizon` rows from each of `origins`: origins by leads, counted from the origin's row; empty without
    /// origins. Reads no target at or after the origin, nor data not known at the issue. Calls the checkpoint at least
    /// once per origin.
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error>;

    /// The contributions to the forecasts of [`Self::predict`]: a row for each, ordered by origin.
    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error>;

    /// The features it reads, in order; empty if it reads only the target.
    fn feature_names(&self) -> Vec<String>;

    /// Its parameters, including defaults.
    fn parameters(&self) -> Value;

    /// Out-of-sample forecasts of the newest origins made in training: origins, and origins by leads. `None` if the
    /// strategy makes none.
    fn held_out(&self) -> Option<(&[Origin], &Array2<f64>)> {
        None
    }

    /// The level of demand at `origin`, which its errors are proportional to.
    fn level(&self, frame: &Frame, origin: Origin) -> f64 {
        recent_level(frame, origin)
    }

    /// Generation in each of `rows` under a clear sky; `None` if it forecasts demand. The errors of generation depend
    /// on the clear-sky index of a forecast, instead of [`Self::level`].
    fn clear_sky(&self, _frame: &Frame, _rows: Range<usize>) -> Option<Vec<f64>> {
        None
    }

    /// Hard bounds of each of `rows`, regardless of weather, if known: no solar generation at night. Forecasts and
    /// intervals are clamped to them; a row with equal bounds is excluded from accuracy.
    fn bounds(&self, _frame: &Frame, _rows: Range<usize>) -> Option<Vec<(f64, f64)>> {
        None
    }

    /// Its trees in XGBoost's own format, if it consists of trees plus the returned offset and scale.
    fn boosters(&self) -> Result<Vec<OfLeadDay>, Error> {
        Ok(Vec::new())
    }

    /// The fitted state, as read by [`Definition::restore`].
    fn state(&self) -> Result<Vec<u8>, Error>;
}

/// The trees of a phase and a day of lead, for other programs.
pub struct OfLeadDay {
    /// Row of the local day at which forecasts start.
    pub slot: usize,
    /// Day of lead, from 1; the last one also covers all later ones.
    pub lead_day: usize,
    /// The trees as an XGBoost file.
    pub ubj: Vec<u8>,
    /// What is added to their prediction, and the scale of the sum.
    pub around: Value,
}

/// Days before the origin whose mean absolute target is the recent level.
const LEVEL_DAYS: usize = 7;

/// Mean absolute target of the [`LEVEL_DAYS`] days before the origin; zero if none is known.
fn recent_level(frame: &Frame, origin: Origin) -> f64 {
    let first = origin.row.saturating_sub(LEVEL_DAYS * frame.grid.rows_per_day());
    let target = frame.known_target(origin, first);
    let known = target.iter().filter(|value| value.is_finite());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value.abs(), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// A training set.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSet<'a> {
    /// The series.
    pub frame: &'a Frame,
    /// First row whose target must not be read.
    pub end: usize,
    /// Maximum horizon of forecasts, in rows.
    pub horizon: usize,
    /// The feature spec.
    pub spec: &'a FeatureSpec,
    /// Hyperparameters as given by the user.
    pub parameters: &'a Value,
    /// The local times of day of the forecast origins.
    pub phases: &'a [Phase],
    /// Cached fits on the same frame with the same spec and parameters.
    pub memo: Option<&'a Memo>,
}

impl TrainingSet<'_> {
    /// Training samples of a phase: origins a day apart, none before `oldest`, with known targets.
    fn samples(&self, clock: &Clock, phase: Phase, oldest: usize) -> Vec<Sample> {
        origins(phase, self.frame, clock, oldest..self.end)
            .flat_map(|origin| ahead(origin, self.horizon.min(self.end - origin.row)))
            .filter(|sample| self.frame.target[sample.target].is_finite())
            .collect()
    }
}

/// Half-lives in days to search; 0 weights all days equally.
const HALF_LIVES: [u32; 5] = [0, 60, 120, 240, 480];

/// The weight of a day by age; a half-life of 0 weights all equally.
fn weight_of_age(half_life_days: u32, days_ago: f64) -> f64 {
    if half_life_days == 0 { 1.0 } else { 0.5_f64.powf(days_ago / f64::from(half_life_days)) }
}

/// Rows of features computed per batch: larger batches need more memory and are not faster.
const ROWS_AT_ONCE: usize = 20_000;

/// Splits the origins, of `horizon` rows each, into batches.
fn some_at_once(origins: &[Origin], horizon: usize) -> impl Iterator<Item = &[Origin]> {
    origins.chunks((ROWS_AT_ONCE / horizon.max(1)).max(1))
}

/// The samples of one origin.
fn ahead(origin: Origin, horizon: usize) -> impl Iterator<Item = Sample> {
    (origin.row..origin.row + horizon).map(move |target| Sample { origin, target })
}

/// Forecasts of a strategy that reads the frame directly: if the known data differs between issues, each origin gets
/// its own view.
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

/// The explanations of such a strategy.
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

/// Rejects an input whose features differ from those in training.
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

/// The feature table of an input, after checking its columns and the history of the origins.
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

/// Which rows are a strategy's origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origins {
    /// The newest known row: the fit does not depend on the time of day.
    Newest,
    /// The newest known row: the fit covers several phases together.
    Pooled,
    /// The rows of a phase: each phase has its own fit.
    Phases,
}

/// The definition of a strategy: its entry in the table.
pub struct Definition {
    /// Its name in SQL.
    name: &'static str,
    /// The default feature preset.
    preset: Preset,
    /// Which rows are its origins.
    origins: Origins,
    /// Validates hyperparameters and adds defaults.
    read_parameters: fn(&Value) -> Result<Value, Error>,
    /// Rows before the origin that a forecast reads, by parameters.
    history: fn(&Value, &FeatureSpec, &Grid) -> Result<usize, Error>,
    /// Fits a model; the checkpoint is called between rounds.
    fit: fn(TrainingSet<'_>, Checkpoint<'_>) -> Fitted,
    /// Fits a model on several series, if supported.
    fit_panel: Option<fn(&[TrainingSet<'_>], Checkpoint<'_>) -> Fitted>,
    /// Restores a fitted model from its spec, parameters and [`Forecaster::state`].
    restore: fn(&FeatureSpec, &Value, &[u8]) -> Fitted,
    /// Converts a state of artifact format 5, fitted for origins at a slot; `None` if it is unchanged.
    state_of_v5: Option<StateOfV5>,
    /// The default search space; it includes the default parameters.
    space: fn() -> Value,
}

/// A strategy, by name.
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
    /// All strategies.
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
    /// The baseline that every model must beat.
    pub const SEASONAL_NAIVE: Self = Self(&seasonal_naive::STRATEGY);
    /// The one that is trained on several series.
    pub const GLOBAL: Self = Self(&global::STRATEGY);

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "strategy",
            name: name.to_owned(),
            known: Self::ALL.iter().map(|strategy| strategy.name().to_owned()).collect(),
        })
    }

    /// The default feature preset.
    pub fn preset(self) -> Preset {
        self.0.preset
    }

    /// Which rows are its origins.
    pub fn origins(self) -> Origins {
        self.0.origins
    }

    /// Validates hyperparameters and adds defaults.
    pub fn read_parameters(self, parameters: &Value) -> Result<Value, Error> {
        (self.0.read_parameters)(parameters)
    }

    /// Rows before the origin that a forecast reads.
    pub fn history(self, parameters: &Value, spec: &FeatureSpec, grid: &Grid) -> Result<usize, Error> {
        (self.0.history)(parameters, spec, grid)
    }

    /// Fits a model; `checkpoint` is called between rounds.
    pub fn fit(self, training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Fitted {
        (self.0.fit)(training, checkpoint)
    }

    /// Fits a model on several series, if supported.
    pub(crate) fn fit_panel(self, trainings: &[TrainingSet<'_>], checkpoint: Checkpoint<'_>) -> Fitted {
        match self.0.fit_panel {
            Some(fit) => fit(trainings, checkpoint),
            None => Err(Error::NotSupported(format!("strategy \"{}\" can only be trained on one series", self.name()))),
        }
    }

    /// Restores a fitted model from its spec, parameters and [`Forecaster::state`].
    pub fn restore(self, spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Fitted {
        (self.0.restore)(spec, parameters, state)
    }

    /// Converts a state of artifact format 5, fitted for origins at `slot`.
    pub(crate) fn state_of_v5(
        self,
        spec: &FeatureSpec,
        parameters: &Value,
        state: &[u8],
        slot: usize,
    ) -> Result<Vec<u8>, Error> {
        self.0.state_of_v5.map_or_else(|| Ok(state.to_vec()), |read| read(spec, parameters, state, slot))
    }

    /// The default search space; it includes the default parameters.
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
    fn samples_share_the_hour_of_the_day_and_end_before_the_training_set_does() {
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
        assert_eq!([700, 0].map(|row| recent_level(&frame, Origin::at(row))), [3.0, 0.0]);
    }
}
