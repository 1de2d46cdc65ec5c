//! Ensemble: a weighted combination of strategies, each corrected for its recent bias.
//!
//! Linear models adapt to the last days and extrapolate, trees find thresholds and interactions; their errors differ,
//! so that a convex combination is more accurate than either (Bates and Granger, *The Combination of Forecasts*, 1969).
//! In training, each member is fitted on the data before the held-out blocks and forecasts the following block, as in
//! service; [`Online`] updates the corrections and weights from these forecasts, day by day. The members are then
//! refitted on everything.
//!
//! In service, the members forecast the days since the training (without being refitted), and the same [`Online`] steps
//! are applied, so that weights and corrections are as recent as the input.

mod online;
mod parameters;
mod weights;

use super::explanation::{Explanation, RECENT_ERRORS};
use super::{Definition, Forecaster, Origins, TrainingSet};
use crate::Checkpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset};
use crate::origin::{Origin, Phase, origins, past_origins};
use crate::series::Frame;
use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use online::{Online, OnlineV5};
use parameters::Parameters;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "ensemble",
    preset: Preset::Advanced,
    origins: Origins::Phases,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |json, spec, grid| Parameters::from_json(json)?.history(spec, grid),
    fit: |training, checkpoint| Ok(Box::new(Ensemble::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Ensemble::restore(spec, parameters, state)?)),
    state_of_v5: Some(state_of_v5),
    // Each of its members can be tuned separately.
    space: || {
        json!({
            "correction_half_life_days": {"low": 0.5, "high": 14, "log": true},
            "correction_share": {"low": 0, "high": 1},
            "weight_half_life_days": {"low": 7, "high": 112, "log": true},
            "shrinkage": {"low": 0.01, "high": 10, "log": true},
        })
    },
};

/// Days in a held-out block: the usual time until a model is replaced.
const BLOCK_DAYS: usize = 14;
/// Maximum number of held-out blocks.
const BLOCKS: usize = 4;

/// The members, and the initial state of corrections and weights.
struct Ensemble {
    spec: FeatureSpec,
    parameters: Parameters,
    members: Vec<Fitted>,
    online: Online,
    /// Phase of the origins that corrections and weights are learned from.
    phase: Phase,
    /// Earliest origin in service, in seconds since 1970.
    starts_at: i64,
    held_out: (Vec<Origin>, Array2<f64>),
}

/// The serialised state.
#[derive(Serialize, Deserialize)]
struct State {
    /// Spec (JSON) and state of each member.
    members: Vec<(String, Vec<u8>)>,
    online: Online,
    phase: Phase,
    starts_at: i64,
}

/// The state in artifact format 5.
#[derive(Deserialize)]
struct StateV5 {
    members: Vec<Vec<u8>>,
    online: OnlineV5,
    starts_at: i64,
}

/// A member's model and its feature spec.
struct Fitted {
    spec: FeatureSpec,
    model: Box<dyn Forecaster>,
}

/// Converts a state of format 5 that was fitted for origins at `slot`.
fn state_of_v5(spec: &FeatureSpec, parameters: &Value, state: &[u8], slot: usize) -> Result<Vec<u8>, Error> {
    let old: StateV5 = postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
    let strategies = Parameters::from_json(parameters)?.members()?;
    let members = strategies.iter().zip(&old.members);
    let members = members.map(|((strategy, given), state)| {
        let spec = match strategy.preset() {
            Preset::Linear => spec.linear_of_v5(),
            _ => spec.clone(),
        };
        Ok((to_json(&spec)?, strategy.state_of_v5(&spec, given, state, slot)?))
    });
    let members = members.collect::<Result<_, Error>>()?;
    let state = State { members, online: old.online.into(), phase: Phase { slot, delay: 0 }, starts_at: old.starts_at };
    postcard::to_allocvec(&state).map_err(|error| Error::Internal(error.to_string()))
}

fn to_json(spec: &FeatureSpec) -> Result<String, Error> {
    serde_json::to_string(spec).map_err(|error| Error::Internal(error.to_string()))
}

fn damaged(what: String) -> Error {
    Error::DamagedArtifact(format!("the ensemble's state: {what}"))
}

impl Ensemble {
    fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(training.parameters)?;
        let members = parameters.members()?;
        let (frame, day, end) = (training.frame, training.frame.grid.rows_per_day(), training.end);
        // With fitted bases the spec depends on the end of the history, so cached fits would not match.
        let memo = training.memo.filter(|_| !training.spec.fit_bases);
        let fit = |member: usize, until: usize, checkpoint: Checkpoint<'_>| {
            let (strategy, given) = &members[member];
            // The feature spec of a block's members is fitted on the data before the block only.
            let spec = if until == end { training.spec.clone() } else { training.spec.fitted(frame, until)? };
            let spec = Parameters::spec_of(*strategy, &spec).fitted(frame, until)?;
            let key = (member, until, training.phases[0].slot);
            if let Some(state) = memo.and_then(|memo| memo.recall(key)) {
                return Ok::<_, Error>(Fitted { model: strategy.restore(&spec, given, &state)?, spec });
            }
            // Held-out data is forecast from the first phase only, by models trained on the data known then.
            let phases = if until == end { training.phases } else { &training.phases[..1] };
            let known = frame.known_by(until);
            let set = TrainingSet { frame: &known, end: until, spec: &spec, parameters: given, phases, ..training };
            let model = strategy.fit(set, checkpoint)?;
            memo.map_or(Ok(()), |memo| memo.keep(key, model.as_ref()))?;
            Ok(Fitted { spec, model })
        };
        if end < 2 * day {
            return Err(Error::TooLittleHistory { need: 2 * day, have: end });
        }
        let phase = training.phases[0];
        let clock = Clock::new(&frame.grid, training.spec.time_zone, end + training.horizon + 1);
        let days = (end / day / 5).clamp(1, BLOCKS * BLOCK_DAYS);
        let mut held_out: Vec<Origin> = origins(phase, frame, &clock, (end - days * day).max(1)..end).collect();
        held_out.retain(|origin| origin.issued <= end);
        if held_out.is_empty() {
            held_out.push(Origin::at(end - day));
        }
        // Whole blocks before the end, so that a training set that ends one block later reuses their fits.
        let block = |origin: &Origin| (end - origin.row - 1) / (BLOCK_DAYS * day);
        let mut forecasts = Array3::zeros((members.len(), held_out.len(), training.horizon));
        for (member, mut into) in forecasts.axis_iter_mut(Axis(0)).enumerate() {
            let mut first = 0;
            for held in held_out.chunk_by(|a, b| block(a) == block(b)) {
                let until = end - (block(&held[0]) + 1) * BLOCK_DAYS * day;
                let model = fit(member, until.max(end - days * day), checkpoint)?.model;
                let ahead = model.predict(frame, held, training.horizon, checkpoint)?;
                into.slice_mut(s![first..first + held.len(), ..]).assign(&ahead);
                first += held.len();
            }
        }
        let mut online = Online::new(members.len(), training.horizon, day, &parameters);
        let mut combined = Array2::zeros((held_out.len(), training.horizon));
        for (at, origin) in held_out.iter().enumerate() {
            checkpoint();
            online.observe(frame, &clock, *origin);
            let of_members = forecasts.index_axis(Axis(1), at);
            combined.row_mut(at).assign(&online.combine(&clock, *origin, of_members));
            online.keep(&frame.grid, &clock, *origin, of_members);
        }
        let members = (0..members.len()).map(|member| fit(member, end, checkpoint)).collect::<Result<_, _>>()?;
        // Later training sets end later and hold out the same number of blocks.
        training.memo.inspect(|memo| memo.forget_before(end - days * day));
        let starts_at = frame.grid.time(held_out[held_out.len() - 1].row + 1).timestamp();
        Ok(Self {
            spec: training.spec.clone(),
            parameters,
            members,
            online,
            phase,
            starts_at,
            held_out: (held_out, combined),
        })
    }

    fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let parameters = Parameters::from_json(parameters)?;
        let State { members, online, phase, starts_at } =
            postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
        let strategies = parameters.members()?;
        if strategies.len() != members.len() || !online.is_sound(strategies.len()) {
            return Err(damaged("invalid values".to_owned()));
        }
        let members = strategies
            .iter()
            .zip(&members)
            .map(|((strategy, given), (spec, state))| {
                let spec: FeatureSpec = serde_json::from_str(spec).map_err(|error| damaged(error.to_string()))?;
                Ok(Fitted { model: strategy.restore(&spec, given, state)?, spec })
            })
            .collect::<Result<_, Error>>()?;
        let held_out = (Vec::new(), Array2::zeros((0, 0)));
        Ok(Self { spec: spec.clone(), parameters, members, online, phase, starts_at, held_out })
    }

    fn ahead(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array3<f64>, Error> {
        let mut forecasts = Array3::zeros((self.members.len(), origins.len(), horizon));
        for (member, mut into) in self.members.iter().zip(forecasts.axis_iter_mut(Axis(0))) {
            into.assign(&member.model.predict(frame, origins, horizon, checkpoint)?);
        }
        Ok(forecasts)
    }

    /// Visits each requested origin with the members' forecasts, corrections and weights as of that origin.
    fn each_asked(
        &self,
        frame: &Frame,
        asked: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
        mut show: impl FnMut(usize, &Online, &Clock, ArrayView2<'_, f64>),
    ) -> Result<(), Error> {
        let last = asked.iter().map(|origin| origin.row).max().unwrap_or(0);
        let clock = Clock::new(&frame.grid, self.spec.time_zone, last + horizon.max(self.online.horizon()) + 1);
        let history = self.parameters.history(&self.spec, &frame.grid)?;
        let first = frame.grid.first_at_or_after(self.starts_at).max(history).max(1);
        let until = asked.iter().map(|origin| origin.issued).max().unwrap_or(0);
        let past: Vec<Origin> = past_origins(self.phase, frame, &clock, first..last + 1, until).collect();
        let mut all = [&past, asked].concat();
        all.sort_by_key(|origin| (origin.issued, origin.row));
        all.dedup();
        let whole = if past.is_empty() { horizon } else { self.online.horizon().max(horizon) };
        let forecasts = self.ahead(frame, &all, whole, checkpoint)?;
        let mut online = self.online.clone();
        for (at, origin) in all.iter().enumerate() {
            checkpoint();
            let (forecasts, is_past) = (forecasts.index_axis(Axis(1), at), past.contains(origin));
            if is_past {
                online.observe(frame, &clock, *origin);
            }
            for (place, _) in asked.iter().enumerate().filter(|(_, asked)| *asked == origin) {
                show(place, &online, &clock, forecasts.slice(s![.., ..horizon]));
            }
            if is_past {
                online.keep(&frame.grid, &clock, *origin, forecasts);
            }
        }
        Ok(())
    }
}

impl Forecaster for Ensemble {
    fn predict(
        &self,
        frame: &Frame,
        asked: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let mut combined = Array2::zeros((asked.len(), horizon));
        self.each_asked(frame, asked, horizon, checkpoint, |at, online, clock, forecasts| {
            combined.row_mut(at).assign(&online.combine(clock, asked[at], forecasts));
        })?;
        Ok(combined)
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        let forecasts = origins.len() * horizon;
        let (mut weights, mut corrections) = (Array2::zeros((self.members.len(), forecasts)), vec![0.0; forecasts]);
        self.each_asked(frame, origins, horizon, checkpoint, |at, online, clock, _| {
            for ((member, lead), weight) in online.weights(horizon).indexed_iter() {
                weights[[member, at * horizon + lead]] = *weight;
                corrections[at * horizon + lead] += weight * online.correction(clock, origins[at], member, lead);
            }
        })?;
        let mut explanation = Explanation::new(Vec::new(), forecasts);
        for (member, weights) in self.members.iter().zip(weights.rows()) {
            explanation.add(&member.model.explain(frame, origins, horizon, checkpoint)?, weights);
        }
        let recent = explanation.part(RECENT_ERRORS);
        let into = explanation.contributions.column_mut(recent);
        into.into_iter().zip(corrections).for_each(|(into, correction)| *into += correction);
        Ok(explanation)
    }

    fn feature_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.members.iter().flat_map(|member| member.model.feature_names()).collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn held_out(&self) -> Option<(&[Origin], &Array2<f64>)> {
        Some((&self.held_out.0, &self.held_out.1))
    }

    /// The intersection of the members' bounds.
    fn bounds(&self, frame: &Frame, rows: Range<usize>) -> Option<Vec<(f64, f64)>> {
        let of_members = self.members.iter().filter_map(|member| member.model.bounds(frame, rows.clone()));
        of_members
            .reduce(|all, of_one| all.into_iter().zip(of_one).map(|(a, b)| (a.0.max(b.0), a.1.min(b.1))).collect())
    }

    /// That of the first member that has one.
    fn clear_sky(&self, frame: &Frame, rows: Range<usize>) -> Option<Vec<f64>> {
        self.members.iter().find_map(|member| member.model.clear_sky(frame, rows.clone()))
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        let members = self.members.iter().map(|member| Ok((to_json(&member.spec)?, member.model.state()?)));
        let members = members.collect::<Result<_, Error>>()?;
        let state = State { members, online: self.online.clone(), phase: self.phase, starts_at: self.starts_at };
        postcard::to_allocvec(&state).map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Memo;
    use crate::testing::{hourly_frame, training};

    fn fit(frame: &Frame, end: usize) -> Ensemble {
        let parameters = json!({"members": [
            {"strategy": "lear"}, {"strategy": "xgboost", "parameters": {"rounds": 20}}, {"strategy": "seasonal_naive"}
        ]});
        let spec = FeatureSpec::default();
        Ensemble::fit(training(frame, end, &spec, &parameters), &mut || ()).unwrap()
    }

    fn error(frame: &Frame, forecasts: &Array2<f64>, origin: usize) -> f64 {
        let squares = forecasts
            .row(0)
            .iter()
            .enumerate()
            .map(|(lead, yhat)| (yhat - frame.target[origin + lead]).powi(2))
            .sum::<f64>();
        squares.sqrt()
    }

    #[test]
    fn a_level_shift_is_corrected_from_new_days_without_a_refit() {
        let mut frame = hourly_frame(3000);
        frame.target[2400..].iter_mut().for_each(|value| *value += 6.0);
        let model = fit(&frame, 2400);
        let origin = 2400 + 24 * 12;
        let fresh = model.predict(&frame, &[Origin::at(origin)], 48, &mut || ()).unwrap();
        // The same model without data since the training.
        let mut without = frame.clone();
        without.target[2400..origin].fill(f64::NAN);
        let stale = model.predict(&without, &[Origin::at(origin)], 48, &mut || ()).unwrap();
        assert!(error(&frame, &fresh, origin) < 0.6 * error(&frame, &stale, origin));
    }

    #[test]
    fn forecasts_do_not_depend_on_the_other_issues_requested() {
        let frame = hourly_frame(3000);
        let model = fit(&frame, 2400);
        let alone = model.predict(&frame, &[Origin::at(2520)], 48, &mut || ()).unwrap();
        let together = model.predict(&frame, &[2400, 2424, 2520, 2592].map(Origin::at), 48, &mut || ()).unwrap();
        assert_eq!(alone.row(0), together.row(2));
    }

    #[test]
    fn cached_fits_do_not_change_results() {
        let (frame, spec) = (hourly_frame(7500), FeatureSpec::default());
        let trees = json!({"strategy": "xgboost", "parameters": {"rounds": 120, "max_depth": 2}});
        let parameters = json!({"members": [{"strategy": "seasonal_naive"}, trees]});
        let memo = Memo::default();
        let mut fits = 0;
        let mut forecast = |end: usize, memo: Option<&Memo>| {
            fits = 0;
            let phases = [Phase { slot: 7000 % 24, delay: 0 }];
            let training = TrainingSet { memo, phases: &phases, ..training(&frame, end, &spec, &parameters) };
            let model = Ensemble::fit(training, &mut || fits += 1).unwrap();
            let forecasts = model.predict(&frame, &[end, end + 48].map(Origin::at), 48, &mut || ()).unwrap();
            (forecasts, model.held_out().unwrap().1.clone(), fits)
        };
        let _ = forecast(7000, Some(&memo));
        let (again, alone) = (forecast(7000 + 14 * 24, Some(&memo)), forecast(7000 + 14 * 24, None));
        assert_eq!((&again.0, &again.1), (&alone.0, &alone.1));
        // Most fits are reused.
        assert!(again.2 + 5 * 120 <= alone.2, "{} checkpoints of {}", again.2, alone.2);
    }

    #[test]
    fn held_out_forecasts_use_members_trained_on_earlier_data_only() {
        let frame = hourly_frame(3000);
        let mut later = frame.clone();
        later.target[2390..].iter_mut().for_each(|value| *value += 50.0);
        let held_out = |frame: &Frame| {
            let model = fit(frame, 2400);
            let (origins, forecasts) = model.held_out().unwrap();
            let before = origins.iter().position(|origin| origin.row > 2390 - 24).unwrap_or(origins.len());
            forecasts.slice(s![..before, ..]).to_owned()
        };
        assert_eq!(held_out(&frame), held_out(&later));
    }
}
