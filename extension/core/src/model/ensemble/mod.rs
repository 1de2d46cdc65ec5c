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

use super::{Forecaster, Lesson, Strategy};
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
        let fit = |strategy: Strategy, given: &Value, end: usize, checkpoint: Checkpoint<'_>| {
            let spec = Parameters::spec_of(strategy, lesson.spec);
            strategy.fit(Lesson { end, spec: &spec, parameters: given, ..lesson }, checkpoint)
        };
        let days = (lesson.end / day / 5).clamp(1, BLOCKS * BLOCK_DAYS);
        let origins: Vec<usize> = (1..=days).rev().map(|back| lesson.end - back * day).collect();
        let mut forecasts = Array3::zeros((members.len(), origins.len(), lesson.horizon));
        for (at, (strategy, given)) in members.iter().enumerate() {
            for (block, held) in origins.chunks(BLOCK_DAYS).enumerate() {
                let fitted = fit(*strategy, given, held[0], checkpoint)?;
                let first = block * BLOCK_DAYS;
                let ahead = fitted.predict(frame, held, lesson.horizon)?;
                forecasts.slice_mut(s![at, first..first + held.len(), ..]).assign(&ahead);
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
        let members = members
            .iter()
            .map(|(strategy, given)| fit(*strategy, given, lesson.end, checkpoint))
            .collect::<Result<_, _>>()?;
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
            .map(|((strategy, given), state)| strategy.restore(&Parameters::spec_of(*strategy, spec), given, state))
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

    /// Origins a day apart since the first in service, up to `last`, that the frame has the history for.
    fn since(&self, frame: &Frame, last: usize) -> Result<Vec<usize>, Error> {
        let day = frame.grid.rows_per_day();
        let history = self.parameters.history(&self.spec, &frame.grid)?.max(day);
        let seconds = self.starts_at - frame.grid.time(0).timestamp();
        let first = seconds.div_euclid(frame.grid.step().num_seconds());
        // An input that starts later is joined at the same time of day.
        let first = if first < 0 { first.rem_euclid(day as i64) } else { first } as usize;
        Ok((first..=last).step_by(day).filter(|origin| *origin >= history).collect())
    }
}

impl Forecaster for Ensemble {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let last = origins.iter().copied().max().unwrap_or(0);
        let past = self.since(frame, last)?;
        let past_forecasts = self.ahead(frame, &past, self.online.horizon())?;
        let forecasts = self.ahead(frame, origins, horizon)?;
        let mut order: Vec<usize> = (0..origins.len()).collect();
        order.sort_by_key(|at| origins[*at]);
        let mut combined = Array2::zeros((origins.len(), horizon));
        let (mut online, mut done) = (self.online.clone(), 0);
        for at in order {
            while let Some(origin) = past.get(done).filter(|past| **past <= origins[at]) {
                online.observe(frame, *origin);
                online.issue(&frame.grid, *origin, past_forecasts.index_axis(Axis(1), done));
                done += 1;
            }
            let yhat = online.combine(&frame.grid, origins[at], forecasts.index_axis(Axis(1), at));
            combined.row_mut(at).assign(&yhat);
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
