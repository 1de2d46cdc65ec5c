//! LEAR: one penalised linear autoregression for each hour ahead.
//!
//! *Lasso-estimated autoregressive* models (Uniejewski, Nowotarski and Weron, 2016; Lago, Marcjasz, De
//! Schutter and Weron, *Forecasting day-ahead electricity prices*, 2021) are the strongest linear forecasters of hourly
//! load and price. For each day of lead and local hour of the day there is one linear function of
//! everything known at the issue time that could matter: every hour of the last two days, the hours around
//! the same hour a week ago, means of the same day type, extremes, the weather of the target and of the
//! day before, heating and cooling degrees with squares and weekend terms, the day type.
//!
//! The penalty is ridge's by default, chosen by generalised cross-validation; or LASSO's. The target is
//! learnt plain or on a log scale, where effects multiply. A forecast is held within 15 % outside of the range
//! seen, since a linear function knows no bounds.
//!
//! Rows are origins a day apart, at the time of day at which the lesson ends. Asked from another time of day,
//! the model forecasts from the last such origin before it.

mod parameters;

use super::linear::{Linear, Range, Standardised, lasso, ridge};
use super::target::Target;
use super::{Forecaster, Lesson, ahead, same_columns, weight_of_age};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Sample, Table};
use crate::series::{DAY_SECONDS, Frame, Grid};
use chrono::Timelike;
use ndarray::{Array2, Axis};
pub(super) use parameters::Parameters;
use parameters::Penalty;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fitted functions, by day of lead and local time of day.
pub(super) struct Lear {
    spec: FeatureSpec,
    parameters: Parameters,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    feature_names: Vec<String>,
    /// Local time of day at which origins stand, in rows.
    phase: usize,
    rows_per_day: usize,
    target: Target,
    range: Range,
    /// Day of lead times rows per day plus local row of the day.
    functions: Vec<Option<Linear>>,
}

impl Lear {
    pub(super) fn fit(lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(lesson.parameters)?;
        let frame = lesson.frame;
        let (day, grid) = (frame.grid.rows_per_day(), &frame.grid);
        let table = Table::new(lesson.spec, frame)?;
        let history = table.history();
        let oldest = history.max(lesson.end.saturating_sub(parameters.window_days as usize * day));
        let samples = lesson.samples(oldest);
        if samples.is_empty() {
            return Err(Error::TooLittleHistory { need: history + day, have: lesson.end });
        }
        let seen = &frame.target[..lesson.end];
        let range = Range::of(seen);
        let target = Target::of(parameters.target, seen);
        let matrix = table.matrix(&samples)?;
        let slot = |sample: &Sample| (sample.lead() - 1) / day * day + local_row(lesson.spec, grid, sample.target);
        let mut rows_of = vec![Vec::new(); lesson.horizon.div_ceil(day) * day];
        for (row, sample) in samples.iter().enumerate() {
            rows_of[slot(sample)].push(row);
        }
        let mut functions = Vec::with_capacity(rows_of.len());
        for rows in rows_of {
            checkpoint();
            if rows.is_empty() {
                functions.push(None);
                continue;
            }
            let labels: Vec<f64> = rows.iter().map(|row| target.to_scale(frame.target[samples[*row].target])).collect();
            let weights: Vec<f64> = rows
                .iter()
                .map(|row| {
                    weight_of_age(parameters.half_life_days, (lesson.end - samples[*row].target) as f64 / day as f64)
                })
                .collect();
            let data = Standardised::new(matrix.select(Axis(0), &rows).view(), &labels, &weights);
            functions.push(Some(match parameters.penalty {
                Penalty::Ridge => ridge(&data, None)?.0,
                Penalty::Lasso => lasso(&data, None).0,
            }));
        }
        let phase = local_row(lesson.spec, grid, lesson.end);
        let state = State { feature_names: table.names(), phase, rows_per_day: day, target, range, functions };
        Ok(Self { spec: lesson.spec.clone(), parameters, state })
    }

    pub(super) fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = |what: String| Error::DamagedArtifact(format!("LEAR's state: {what}"));
        let state: State = postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
        let columns = state.feature_names.len();
        let sound = state.rows_per_day > 0
            && state.functions.len().is_multiple_of(state.rows_per_day)
            && state.functions.iter().any(Option::is_some)
            && state.range.is_sound()
            && state.target.is_sound()
            && state.functions.iter().flatten().all(|function| function.is_sound(columns));
        if !sound {
            return Err(damaged("impossible numbers".to_owned()));
        }
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, state })
    }

    /// The origin to forecast from: `origin` itself where its local time is the trained one, give or take
    /// the hour of daylight saving, else the last such origin before it.
    fn aligned(&self, grid: &Grid, origin: usize) -> usize {
        let day = self.state.rows_per_day;
        let hour = day.div_ceil(24);
        let since = (local_row(&self.spec, grid, origin) + day - self.state.phase) % day;
        if since <= hour || since + hour >= day { origin } else { origin.saturating_sub(since) }
    }

    /// The function for a sample; beyond the longest lead, that of the last day of lead.
    fn function(&self, grid: &Grid, sample: &Sample) -> Option<&Linear> {
        let day = self.state.rows_per_day;
        let days = self.state.functions.len() / day;
        let lead_day = ((sample.lead() - 1) / day).min(days - 1);
        let slot = local_row(&self.spec, grid, sample.target);
        let at = |lead_day: usize| self.state.functions[lead_day * day + slot].as_ref();
        at(lead_day).or_else(|| (0..days).rev().find_map(at))
    }

    fn forecast(&self, frame: &Frame, sample: &Sample, row: ndarray::ArrayView1<'_, f32>) -> f64 {
        let State { range, target, .. } = &self.state;
        match self.function(&frame.grid, sample) {
            Some(function) => range.hold(target.unscaled(function.at(row))),
            None => range.middle(),
        }
    }
}

impl Forecaster for Lear {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let table = Table::new(&self.spec, frame)?;
        same_columns(&self.state.feature_names, &table.names())?;
        let mut samples = Vec::with_capacity(origins.len() * horizon);
        for origin in origins {
            let aligned = self.aligned(&frame.grid, *origin);
            if aligned < table.history() {
                return Err(Error::TooLittleHistory { need: table.history() + origin - aligned, have: *origin });
            }
            samples.extend(ahead(*origin, horizon).map(|sample| Sample { origin: aligned, ..sample }));
        }
        let matrix = table.matrix(&samples)?;
        let forecasts = samples.iter().zip(matrix.rows()).map(|(sample, row)| self.forecast(frame, sample, row));
        Array2::from_shape_vec((origins.len(), horizon), forecasts.collect())
            .map_err(|e| Error::Internal(e.to_string()))
    }

    fn feature_names(&self) -> Vec<String> {
        self.state.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        postcard::to_allocvec(&self.state).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// Which row of its local day a row is.
fn local_row(spec: &FeatureSpec, grid: &Grid, row: usize) -> usize {
    let seconds = i64::from(grid.time(row).with_timezone(&spec.time_zone).num_seconds_from_midnight());
    (seconds.min(DAY_SECONDS - 1) / grid.step().num_seconds()) as usize
}
