//! Ensemble: several strategies side by side, corrected by what they got wrong lately, weighted by how they
//! have done.
//!
//! Linear models follow the last days and extend beyond what they have seen, trees find thresholds and
//! interactions; their errors differ, so that a convex combination is better than either (Bates and Granger, *The
//! Combination of Forecasts*, 1969). While learning, each member is fitted on the part before the held-out
//! blocks and forecasts the block after, as it would have in service; [`Online`] learns the corrections
//! and weights from these forecasts, day after day. The members are then fitted once more on everything.
//!
//! In service, days that have come since are forecast again by the members (which are not fitted anew) and
//! put through the same [`Online`] steps, so that weights and corrections are as fresh as the input.

mod online;
mod parameters;
mod weights;

use super::{Forecaster, Lesson};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::series::Frame;
use ndarray::{Array2, Array3, Axis, s};
use online::Online;
pub(super) use parameters::Parameters;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Days of a held-out block: as long as a model is usually in service before the next one.
const BLOCK_DAYS: usize = 14;
/// Held-out blocks, at most.
const BLOCKS: usize = 4;

/// The members, and the state from which corrections and weights go on.
pub(super) struct Ensemble {
    spec: FeatureSpec,
    parameters: Parameters,
    members: Vec<Box<dyn Forecaster>>,
    online: Online,
    /// The first origin in service, in seconds since 1970.
    starts_at: i64,
    held_out: (Vec<usize>, Array2<f64>),
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct State {
    members: Vec<Vec<u8>>,
    online: Online,
    starts_at: i64,
}

impl Ensemble {
    pub(super) fn fit(lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(lesson.parameters)?;
        let members = parameters.members()?;
        let (frame, day) = (lesson.frame, lesson.frame.grid.rows_per_day());
        // Bases that are found on the history differ with its end, and would not be those of the fit that is recalled.
        let memo = lesson.memo.filter(|_| !lesson.spec.fit_bases);
        let fit = |member: usize, end: usize, checkpoint: Checkpoint<'_>| {
            let (strategy, given) = &members[member];
            // A block's members know of their features' spec no more than what came before it, either.
            let spec = if end == lesson.end { lesson.spec.clone() } else { lesson.spec.fitted(frame, end) };
            let spec = Parameters::spec_of(*strategy, &spec);
            if let Some(state) = memo.and_then(|memo| memo.recall(member, end)) {
                return strategy.restore_cleaned(&spec, given, &state);
            }
            let lesson = Lesson { end, spec: &spec, parameters: given, ..lesson };
            let fitted = strategy.fit_cleaned(lesson, checkpoint)?;
            memo.map_or(Ok(()), |memo| memo.keep(member, end, fitted.as_ref()))?;
            Ok(fitted)
        };
        if lesson.end < 2 * day {
            return Err(Error::TooLittleHistory { need: 2 * day, have: lesson.end });
        }
        let days = (lesson.end / day / 5).clamp(1, BLOCKS * BLOCK_DAYS);
        let origins: Vec<usize> = (1..=days).rev().map(|back| lesson.end - back * day).collect();
        // Whole blocks before the end, so that a lesson that ends a block later asks for the same ones.
        let blocks: Vec<&[usize]> = origins.rchunks(BLOCK_DAYS).rev().collect();
        let mut forecasts = Array3::zeros((members.len(), origins.len(), lesson.horizon));
        for (member, mut into) in forecasts.axis_iter_mut(Axis(0)).enumerate() {
            let mut first = 0;
            for held in &blocks {
                let ahead = fit(member, held[0], checkpoint)?.predict(frame, held, lesson.horizon)?;
                into.slice_mut(s![first..first + held.len(), ..]).assign(&ahead);
                first += held.len();
            }
        }
        let mut online = Online::new(members.len(), lesson.horizon, day, &parameters);
        let mut combined = Array2::zeros((origins.len(), lesson.horizon));
        for (at, origin) in origins.iter().enumerate() {
            online.observe(frame, *origin);
            let yhat = online.issue(&frame.grid, *origin, forecasts.index_axis(Axis(1), at));
            combined.row_mut(at).assign(&yhat);
        }
        online.observe(frame, lesson.end);
        let members = (0..members.len()).map(|member| fit(member, lesson.end, checkpoint)).collect::<Result<_, _>>()?;
        // The next lesson that asks anything ends later and holds out as many blocks.
        lesson.memo.inspect(|memo| memo.forget_before(origins[0]));
        let starts_at = frame.grid.time(lesson.end).timestamp();
        Ok(Self { spec: lesson.spec.clone(), parameters, members, online, starts_at, held_out: (origins, combined) })
    }

    pub(super) fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = |what: String| Error::DamagedArtifact(format!("the ensemble's state: {what}"));
        let parameters = Parameters::from_json(parameters)?;
        let state: State = postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
        let strategies = parameters.members()?;
        if strategies.len() != state.members.len() || !state.online.is_sound(strategies.len()) {
            return Err(damaged("impossible numbers".to_owned()));
        }
        let members = strategies
            .iter()
            .zip(&state.members)
            .map(|((strategy, given), state)| {
                strategy.restore_cleaned(&Parameters::spec_of(*strategy, spec), given, state)
            })
            .collect::<Result<_, _>>()?;
        let held_out = (Vec::new(), Array2::zeros((0, 0)));
        Ok(Self { spec: spec.clone(), parameters, members, online: state.online, starts_at: state.starts_at, held_out })
    }

    fn ahead(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array3<f64>, Error> {
        let mut forecasts = Array3::zeros((self.members.len(), origins.len(), horizon));
        for (member, mut into) in self.members.iter().zip(forecasts.axis_iter_mut(Axis(0))) {
            into.assign(&member.predict(frame, origins, horizon)?);
        }
        Ok(forecasts)
    }
}

impl Forecaster for Ensemble {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let last = origins.iter().copied().max().unwrap_or(0);
        let history = self.parameters.history(&self.spec, &frame.grid)?;
        let past = frame.grid.days_since(self.starts_at, history, last + 1);
        let mut all = [&past, origins].concat();
        all.sort_unstable();
        all.dedup();
        let whole = if past.is_empty() { horizon } else { self.online.horizon() };
        let forecasts = self.ahead(frame, &all, whole)?;
        let mut combined = Array2::zeros((origins.len(), horizon));
        let mut online = self.online.clone();
        for (at, origin) in all.iter().enumerate() {
            let forecasts = forecasts.index_axis(Axis(1), at);
            let yhat = if past.binary_search(origin).is_ok() {
                online.observe(frame, *origin);
                online.issue(&frame.grid, *origin, forecasts)
            } else {
                online.combine(&frame.grid, *origin, forecasts)
            };
            for (asked, mut into) in origins.iter().zip(combined.rows_mut()) {
                if asked == origin {
                    into.assign(&yhat.slice(s![..horizon]));
                }
            }
        }
        Ok(combined)
    }

    fn feature_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.members.iter().flat_map(|member| member.feature_names()).collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    fn held_out(&self) -> Option<(&[usize], &Array2<f64>)> {
        Some((&self.held_out.0, &self.held_out.1))
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        let members = self.members.iter().map(|member| member.state()).collect::<Result<_, _>>()?;
        let state = State { members, online: self.online.clone(), starts_at: self.starts_at };
        postcard::to_allocvec(&state).map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Memo;
    use crate::testing::hourly_frame;
    use serde_json::json;

    fn fit(frame: &Frame, end: usize) -> Ensemble {
        let parameters = json!({"members": [
            {"strategy": "lear"}, {"strategy": "xgboost", "parameters": {"rounds": 20}}, {"strategy": "seasonal_naive"}
        ]});
        let spec = FeatureSpec::default();
        Ensemble::fit(Lesson { frame, end, horizon: 48, spec: &spec, parameters: &parameters, memo: None }, &mut || ())
            .unwrap()
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
    fn after_a_step_of_the_level_days_that_have_come_correct_the_forecast_without_a_new_fit() {
        let mut frame = hourly_frame(3000);
        frame.target[2400..].iter_mut().for_each(|value| *value += 6.0);
        let model = fit(&frame, 2400);
        let origin = 2400 + 24 * 12;
        let fresh = model.predict(&frame, &[origin], 48).unwrap();
        // The same model where the days since are not known.
        let mut without = frame.clone();
        without.target[2400..origin].fill(f64::NAN);
        let stale = model.predict(&without, &[origin], 48).unwrap();
        assert!(error(&frame, &fresh, origin) < 0.6 * error(&frame, &stale, origin));
    }

    #[test]
    fn forecasts_do_not_depend_on_what_else_is_asked() {
        let frame = hourly_frame(3000);
        let model = fit(&frame, 2400);
        let alone = model.predict(&frame, &[2520], 48).unwrap();
        let together = model.predict(&frame, &[2400, 2424, 2520, 2600], 48).unwrap();
        assert_eq!(alone.row(0), together.row(2));
    }

    #[test]
    fn fits_that_were_made_before_change_nothing() {
        let (frame, spec) = (hourly_frame(7500), FeatureSpec::default());
        let parameters =
            json!({"members": [{"strategy": "seasonal_naive"}, {"strategy": "xgboost", "parameters": {"rounds": 20}}]});
        let memo = Memo::default();
        let mut fits = 0;
        let mut forecast = |end: usize, memo: Option<&Memo>| {
            fits = 0;
            let lesson = Lesson { frame: &frame, end, horizon: 48, spec: &spec, parameters: &parameters, memo };
            let model = Ensemble::fit(lesson, &mut || fits += 1).unwrap();
            (model.predict(&frame, &[end, end + 48], 48).unwrap(), model.held_out().unwrap().1.clone(), fits)
        };
        let _ = forecast(7000, Some(&memo));
        let (again, alone) = (forecast(7000 + 14 * 24, Some(&memo)), forecast(7000 + 14 * 24, None));
        assert_eq!((&again.0, &again.1), (&alone.0, &alone.1));
        assert!(2 * again.2 <= alone.2, "{} rounds and functions of {}", again.2, alone.2);
    }

    #[test]
    fn held_out_forecasts_are_made_by_members_that_had_not_seen_what_came() {
        let frame = hourly_frame(3000);
        let mut later = frame.clone();
        later.target[2390..].iter_mut().for_each(|value| *value += 50.0);
        let held_out = |frame: &Frame| {
            let model = fit(frame, 2400);
            let (origins, forecasts) = model.held_out().unwrap();
            let before = origins.iter().position(|origin| *origin > 2390 - 24).unwrap_or(origins.len());
            forecasts.slice(s![..before, ..]).to_owned()
        };
        assert_eq!(held_out(&frame), held_out(&later));
    }
}
