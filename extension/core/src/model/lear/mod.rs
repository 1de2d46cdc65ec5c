//! LEAR: one penalised linear autoregression per hour ahead.
//!
//! *Lasso-estimated autoregressive* models (Uniejewski, Nowotarski and Weron, 2016; Lago, Marcjasz, De Schutter and
//! Weron, *Forecasting day-ahead electricity prices*, 2021) are the strongest linear forecasters of hourly load and
//! price. For each day of lead and local hour of the day there is one linear function of all relevant inputs known at
//! the issue time: every hour of the last two days, the hours around the same hour a week ago, means of the same day
//! type, extremes, the weather of the target and of the day before, heating and cooling degrees with squares and
//! weekend terms, the day type.
//!
//! The penalty is ridge by default, chosen by generalised cross-validation, or LASSO. The target is plain or on a log
//! scale, on which effects are multiplicative. Forecasts are clamped to the range of the training set plus 15 % on
//! either side, since linear extrapolation is unbounded.
//!
//! A training row is an origin at one of the local times of day of the phases; each phase has its own functions. The
//! penalties of the first phase are reused for the others.

mod parameters;

use super::explanation::{BASE, BOUNDS, Explanation};
use super::linear::{Linear, LinearV5, Range, Standardised, lasso, ridge};
use super::target::Target;
use super::{Definition, Forecaster, Origins, TrainingSet, ahead, some_at_once, table_as_trained, weight_of_age};
use crate::Checkpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, Known, Preset, Sample, Table};
use crate::origin::{Origin, Phase};
use crate::series::Frame;
use ndarray::{Array2, ArrayView1, Axis};
use parameters::{Parameters, Penalty};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Minimum rows of a function, as a share of the largest one: smaller ones come from clock changes only.
const LEAST_SHARE: f64 = 0.1;

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "lear",
    preset: Preset::Linear,
    origins: Origins::Phases,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |_, spec, grid| spec.history(grid),
    fit: |training, checkpoint| Ok(Box::new(Lear::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Lear::restore(spec, parameters, state)?)),
    state_of_v5: Some(|_, _, state, _| state_of_v5(state)),
    space: || {
        json!({
            "penalty": ["ridge", "lasso"],
            "target": ["plain", "log"],
            "window_days": {"low": 84, "high": 1460, "log": true},
            "half_life_days": super::HALF_LIVES,
        })
    },
};

/// The fitted functions, by phase, day of lead and local time of day.
struct Lear {
    spec: FeatureSpec,
    parameters: Parameters,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    feature_names: Vec<String>,
    rows_per_day: usize,
    target: Target,
    range: Range,
    phases: Vec<Functions>,
}

/// The functions of a phase.
#[derive(Serialize, Deserialize)]
struct Functions {
    /// Row of the local day of its origins.
    slot: usize,
    /// Index: day of lead times rows per day plus row of the local day.
    by_slot: Vec<Option<Linear>>,
}

/// The state in artifact format 5.
#[derive(Deserialize)]
struct StateV5 {
    feature_names: Vec<String>,
    phase: usize,
    rows_per_day: usize,
    target: Target,
    range: Range,
    functions: Vec<Option<LinearV5>>,
}

/// Converts a state of format 5.
fn state_of_v5(state: &[u8]) -> Result<Vec<u8>, Error> {
    let old: StateV5 = postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
    let by_slot = old.functions.into_iter().map(|function| function.map(Linear::from)).collect();
    let StateV5 { feature_names, phase, rows_per_day, target, range, .. } = old;
    let phases = vec![Functions { slot: phase, by_slot }];
    let state = State { feature_names, rows_per_day, target, range, phases };
    postcard::to_allocvec(&state).map_err(|error| Error::Internal(error.to_string()))
}

fn damaged(what: String) -> Error {
    Error::DamagedArtifact(format!("LEAR's state: {what}"))
}

/// Inputs shared by the functions of all phases.
struct Fit<'a> {
    training: TrainingSet<'a>,
    parameters: &'a Parameters,
    table: &'a Table<'a>,
    target: Target,
    oldest: usize,
}

impl Fit<'_> {
    /// The functions of a phase and their penalties; `penalties` of another phase are reused.
    fn phase(
        &self,
        phase: Phase,
        penalties: Option<&[Option<f64>]>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Functions, Vec<Option<f64>>), Error> {
        let TrainingSet { frame, end, horizon, .. } = self.training;
        let (day, clock) = (frame.grid.rows_per_day(), &self.table.calendar().clock);
        let samples = self.training.samples(clock, phase, self.oldest);
        if samples.is_empty() {
            return Err(Error::TooLittleHistory { need: self.table.history() + day, have: end });
        }
        let mut matrix = self.table.matrix(&samples, checkpoint)?;
        // A function serves one lead (plus or minus a clock change), and possibly later ones.
        let leads = self.table.features().iter().enumerate().filter(|(_, feature)| feature.known == Known::Lead);
        leads.for_each(|(column, _)| matrix.column_mut(column).fill(f32::NAN));
        let mut rows_of = vec![Vec::new(); horizon.div_ceil(day) * day];
        for (row, sample) in samples.iter().enumerate() {
            rows_of[(sample.lead() - 1) / day * day + clock.slot(sample.target)].push(row);
        }
        let most = rows_of.iter().map(Vec::len).max().unwrap_or(0);
        rows_of.iter_mut().filter(|rows| (rows.len() as f64) < LEAST_SHARE * most as f64).for_each(Vec::clear);
        let age = |sample: &Sample| (end - sample.target) as f64 / day as f64;
        let (mut by_slot, mut used) = (Vec::with_capacity(rows_of.len()), Vec::with_capacity(rows_of.len()));
        for (at, rows) in rows_of.into_iter().enumerate() {
            checkpoint();
            if rows.is_empty() {
                by_slot.push(None);
                used.push(None);
                continue;
            }
            let labels: Vec<f64> =
                rows.iter().map(|row| self.target.to_scale(frame.target[samples[*row].target])).collect();
            let weight = |row: &usize| weight_of_age(self.parameters.half_life_days, age(&samples[*row]));
            let weights: Vec<f64> = rows.iter().map(weight).collect();
            let data = Standardised::new(matrix.select(Axis(0), &rows).view(), &labels, &weights);
            let given = penalties.and_then(|penalties| penalties[at]);
            let (function, penalty) = match self.parameters.penalty {
                Penalty::Ridge => ridge(&data, given)?,
                Penalty::Lasso => lasso(&data, given),
            };
            by_slot.push(Some(function));
            used.push(Some(penalty));
        }
        Ok((Functions { slot: phase.slot, by_slot }, used))
    }
}

impl Lear {
    fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(training.parameters)?;
        let table = Table::new(training.spec, training.frame, checkpoint)?;
        let day = training.frame.grid.rows_per_day();
        let seen = &training.frame.target[..training.end];
        let (range, target) = (Range::of(seen), Target::of(parameters.target, seen));
        let window = parameters.window_days as usize * day;
        let oldest = table.history().max(training.end.saturating_sub(window));
        let fit = Fit { training, parameters: &parameters, table: &table, target, oldest };
        let (first, penalties) = fit.phase(training.phases[0], None, checkpoint)?;
        let mut phases = vec![first];
        for phase in &training.phases[1..] {
            phases.push(fit.phase(*phase, Some(&penalties), checkpoint)?.0);
        }
        let state = State { feature_names: table.names(), rows_per_day: day, target, range, phases };
        Ok(Self { spec: training.spec.clone(), parameters, state })
    }

    fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let state: State = postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
        let columns = state.feature_names.len();
        let sound = |functions: &Functions| {
            functions.by_slot.len().is_multiple_of(state.rows_per_day)
                && functions.slot < state.rows_per_day
                && functions.by_slot.iter().any(Option::is_some)
                && functions.by_slot.iter().flatten().all(|function| function.is_sound(columns))
        };
        let numbers = state.rows_per_day > 0 && state.range.is_sound() && state.target.is_sound();
        if !numbers || state.phases.is_empty() || !state.phases.iter().all(sound) {
            return Err(damaged("invalid values".to_owned()));
        }
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, state })
    }

    /// The functions of the phase of an origin.
    fn functions(&self, clock: &Clock, origin: Origin) -> Result<&Functions, Error> {
        let slot = clock.slot(origin.row);
        let found = self.state.phases.iter().find(|functions| functions.slot == slot);
        found.ok_or_else(|| Error::Internal(format!("no function was fitted for origins at row {slot} of the day")))
    }

    /// The function that forecasts a sample; `None` if its time of day has none.
    fn function<'a>(&self, functions: &'a Functions, clock: &Clock, sample: &Sample) -> Option<&'a Linear> {
        let day = self.state.rows_per_day;
        let days = functions.by_slot.len() / day;
        // Beyond the longest lead, or without a function, the nearest earlier day of lead is used.
        let (lead_day, slot) = (((sample.lead() - 1) / day).min(days - 1), clock.slot(sample.target));
        let at = |lead_day: usize| functions.by_slot[lead_day * day + slot].as_ref();
        (0..=lead_day).rev().find_map(at).or_else(|| (lead_day..days).find_map(at))
    }

    /// Visits each forecast with its features and its function.
    fn each_forecast(
        &self,
        table: &Table<'_>,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
        mut show: impl FnMut(ArrayView1<'_, f32>, Option<&Linear>),
    ) -> Result<(), Error> {
        let clock = &table.calendar().clock;
        for some in some_at_once(origins, horizon) {
            let samples: Vec<Sample> = some.iter().flat_map(|origin| ahead(*origin, horizon)).collect();
            let matrix = table.matrix(&samples, checkpoint)?;
            for (sample, row) in samples.iter().zip(matrix.rows()) {
                show(row, self.function(self.functions(clock, sample.origin)?, clock, sample));
            }
        }
        Ok(())
    }
}

impl Forecaster for Lear {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let State { range, target, .. } = &self.state;
        let table = table_as_trained(&self.spec, &self.state.feature_names, frame, origins, checkpoint)?;
        let mut forecasts = Vec::with_capacity(origins.len() * horizon);
        self.each_forecast(&table, origins, horizon, checkpoint, |row, function| {
            let yhat = function.map(|function| range.clamp(target.unscaled(function.at(row))));
            forecasts.push(yhat.unwrap_or_else(|| range.middle()));
        })?;
        Array2::from_shape_vec((origins.len(), horizon), forecasts).map_err(|e| Error::Internal(e.to_string()))
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        let State { feature_names, range, target, .. } = &self.state;
        let table = table_as_trained(&self.spec, feature_names, frame, origins, checkpoint)?;
        let names = Explanation::names_of(feature_names, &[BASE, BOUNDS]);
        let mut explanation = Explanation::new(names, origins.len() * horizon);
        let mut forecast = 0;
        self.each_forecast(&table, origins, horizon, checkpoint, |row, function| {
            let mut parts = vec![0.0; feature_names.len()];
            let (base, beyond) = match function {
                Some(function) => {
                    function.contributions(row).for_each(|(column, part)| parts[column] += part);
                    target.unscaled_parts(function.intercept, &mut parts, range.bounds())
                }
                None => (range.middle(), 0.0),
            };
            explanation.set(forecast, row, parts.into_iter().chain([base, beyond]));
            forecast += 1;
        })?;
        Ok(explanation)
    }

    fn feature_names(&self) -> Vec<String> {
        self.state.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        postcard::to_allocvec(&self.state).map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hourly_frame, training};

    #[test]
    fn leads_beyond_the_horizon_use_the_last_function_despite_clock_changes() {
        let frame = hourly_frame(8760);
        let spec = FeatureSpec { time_zone: chrono_tz::Europe::Paris, ..FeatureSpec::preset(Preset::Linear) };
        let parameters = Parameters::from_json(&json!({})).map(|parameters| json!(parameters)).unwrap();
        let phases = [Phase { slot: 6, delay: 0 }];
        // Two and a half days, so that the third day has functions for half of its hours.
        let set = TrainingSet { phases: &phases, horizon: 60, ..training(&frame, 8000, &spec, &parameters) };
        let model = Lear::fit(set, &mut || ()).unwrap();
        // 05:00 UTC in winter, after both changes.
        let origin = Origin::at(8021);
        let yhat = model.predict(&frame, &[origin], 100, &mut || ()).unwrap();
        for (ahead, yhat) in yhat.iter().enumerate() {
            let actual = frame.target[origin.row + ahead];
            assert!((yhat - actual).abs() < 6.0, "lead {}: {yhat} for {actual}", ahead + 1);
        }
    }
}
