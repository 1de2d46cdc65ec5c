//! Global: one model for many series, used for those without history.
//!
//! A model fitted across series learns patterns that no single series shows (Montero-Manso and Hyndman, *Principles and
//! algorithms for forecasting groups of time series: Locality and globality*, 2021). Here it solves the cold start: a
//! new building is forecast from others of its archetype. Demand is divided by its [`Scale`], so that small and large
//! buildings are comparable; static regressors, such as the floor area, distinguish them.
//!
//! To learn to forecast from little history, the trees see each series twice: whole, and cut into windows ([`lives`])
//! that each start without history and end after four weeks.

mod parameters;
mod scale;

use super::explanation::{BASE, Explanation};
use super::xgboost::{Booster, COMPARED_ROWS, Matrix, StoredCovers, Trees, set_covers, with_covers};
use super::{Definition, Forecaster, Origins, TrainingSet, ahead, same_columns};
use crate::Checkpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset, Sample, Table};
use crate::lives::{Life, lives};
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::{Array2, ArrayView2, Axis, s};
use parameters::Parameters;
use scale::Scale;
use serde_json::{Value, json};

/// Its entry in the table of strategies. Its trees are trained on several times of day together, so it can start from
/// any row.
pub(super) const STRATEGY: Definition = Definition {
    name: "global",
    preset: Preset::Advanced,
    origins: Origins::Pooled,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    // It needs no history.
    history: |_, _, _| Ok(1),
    fit: |training, checkpoint| Ok(Box::new(Global::fit_panel(&[training], checkpoint)?)),
    fit_panel: Some(|trainings, checkpoint| Ok(Box::new(Global::fit_panel(trainings, checkpoint)?))),
    restore: |spec, parameters, state| Ok(Box::new(Global::restore(spec, parameters, state)?)),
    state_of_v5: None,
    // Its trees can be tuned as `xgboost`.
    space: || json!({"max_rows": {"low": 50_000, "high": 1_000_000, "log": true}}),
};

/// Trees by day of lead, and the demand per unit of size.
struct Global {
    spec: FeatureSpec,
    parameters: Parameters,
    scale: Scale,
    days: Vec<Trees>,
    feature_names: Vec<String>,
}

impl Global {
    /// Trains on several series, whose training sets only differ in frame and end.
    fn fit_panel(trainings: &[TrainingSet<'_>], checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let Some(first) = trainings.first() else {
            return Err(Error::InvalidArgument("there is no series to train on".to_owned()));
        };
        let (spec, day) = (first.spec, first.frame.grid.rows_per_day());
        let mut parameters = Parameters::from_json(first.parameters)?;
        let trees = parameters.trees()?;
        let scales = Scale::learn(trainings, &parameters.size, parameters.prior_days);
        parameters.prior_days = Some(scales.of_all.prior_days);
        let lead_days = first.horizon.div_ceil(day);
        let mut days: Vec<Examples> = (0..lead_days).map(|_| Examples::default()).collect();
        let mut feature_names = Vec::new();
        let lives = trainings.iter().map(lives_of).collect::<Result<Vec<_>, Error>>()?;
        let rows: usize = lives.iter().flatten().map(|life| life.origins.len() * first.horizon).sum();
        let thin = rows.div_ceil(parameters.max_rows as usize).max(1);
        for (at, ((lives, scale), training)) in lives.iter().zip(&scales.without_each).zip(trainings).enumerate() {
            for life in lives {
                checkpoint();
                let frame = life.frame(training.frame);
                let origins = life.origins.iter().copied().skip(at % thin).step_by(thin);
                let samples: Vec<Sample> = origins
                    .flat_map(|origin| ahead(origin, first.horizon))
                    .filter(|sample| sample.target < life.end() && frame.target[sample.target].is_finite())
                    .collect();
                let Features { names, matrix, .. } = features(spec, &frame, &samples, scale, checkpoint)?;
                feature_names = names;
                for (sample, row) in samples.iter().zip(matrix.rows()) {
                    let examples = &mut days[(sample.lead() - 1) / day];
                    examples.features.extend(row);
                    let label = frame.target[sample.target] / scale.at(&frame, sample.origin);
                    examples.labels.push(label as f32);
                }
            }
        }
        let settings = trees.for_booster(&feature_names);
        let fit = |examples: Examples, checkpoint: Checkpoint<'_>| {
            let shape = (examples.labels.len(), feature_names.len());
            let matrix =
                ArrayView2::from_shape(shape, &examples.features).map_err(|e| Error::Internal(e.to_string()))?;
            let weights = vec![1.0; examples.labels.len()];
            let learnt_from = Matrix::new(matrix)?.with_labels(&examples.labels, &weights)?;
            let some = matrix.slice(s![..shape.0.min(COMPARED_ROWS), ..]).to_owned();
            drop(examples);
            let booster = Booster::train(&learnt_from, &settings, trees.rounds, checkpoint)?;
            Trees::of(&booster, some.view())
        };
        let mut fitted = Vec::with_capacity(lead_days);
        for (lead_day, examples) in days.into_iter().enumerate() {
            if examples.labels.is_empty() {
                let have = trainings.iter().map(|training| training.end).max().unwrap_or(0);
                return Err(Error::TooLittleHistory { need: (lead_day + 2) * day, have });
            }
            fitted.push(fit(examples, checkpoint)?);
        }
        Ok(Self { spec: spec.clone(), parameters, scale: scales.of_all, days: fitted, feature_names })
    }

    fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::DamagedArtifact("the global model's state cannot be read".to_owned());
        let ((mut scale, feature_names, mut days), covers): ((Scale, Vec<String>, Vec<Trees>), _) =
            with_covers(state).map_err(|_| damaged())?;
        set_covers(days.iter_mut(), covers)?;
        let parameters = Parameters::from_json(parameters)?;
        scale.prior_days = parameters.prior_days.unwrap_or(scale.prior_days);
        days.iter().try_for_each(|trees| trees.check(feature_names.len()))?;
        if days.is_empty() || !scale.is_sound() {
            return Err(damaged());
        }
        Ok(Self { spec: spec.clone(), parameters, scale, days, feature_names })
    }
}

/// The training windows of a series, and the whole series.
fn lives_of(training: &TrainingSet<'_>) -> Result<Vec<Life>, Error> {
    let TrainingSet { frame, end, phases, spec, .. } = *training;
    let clock = Clock::new(&frame.grid, spec.time_zone, end);
    let day = frame.grid.rows_per_day();
    let mut all = lives(frame, &clock, end, usize::MAX / day, phases, spec)?;
    all.push(Life::whole(&clock, end, phases, spec.history(&frame.grid)?));
    Ok(all)
}

/// The training rows of a day of lead.
#[derive(Default)]
struct Examples {
    features: Vec<f32>,
    labels: Vec<f32>,
}

/// The features of some samples.
struct Features {
    names: Vec<String>,
    /// Which features are in the unit of the target, and so are divided by the scale.
    of_target: Vec<bool>,
    matrix: Array2<f32>,
}

/// The features of the spec, those in the unit of the target divided by the scale, and the number of known days.
fn features(
    spec: &FeatureSpec,
    frame: &Frame,
    samples: &[Sample],
    scale: &Scale,
    checkpoint: Checkpoint<'_>,
) -> Result<Features, Error> {
    let table = Table::new(spec, frame, checkpoint)?;
    let mut names = table.names();
    names.push("known_days".to_owned());
    let of_target: Vec<bool> = table.features().iter().map(|feature| feature.unit == "target").collect();
    let columns = of_target.len();
    let mut matrix = Array2::from_elem((samples.len(), columns + 1), f32::NAN);
    matrix.slice_mut(s![.., ..columns]).assign(&table.matrix(samples, checkpoint)?);
    for (sample, mut row) in samples.iter().zip(matrix.rows_mut()) {
        let (unit, days) = (scale.at(frame, sample.origin) as f32, scale::known_days(frame, sample.origin));
        for (cell, of_target) in row.iter_mut().zip(&of_target) {
            if *of_target {
                *cell /= unit;
            }
        }
        row[columns] = days as f32;
    }
    Ok(Features { names, of_target, matrix })
}

impl Global {
    /// Visits the trees of each day of lead with the features and indices of their samples.
    fn each_day(
        &self,
        frame: &Frame,
        samples: &[Sample],
        matrix: &Array2<f32>,
        checkpoint: Checkpoint<'_>,
        mut show: impl FnMut(&Trees, &[usize], ArrayView2<'_, f32>, Checkpoint<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (day, last) = (frame.grid.rows_per_day(), self.days.len() - 1);
        for (lead_day, trees) in self.days.iter().enumerate() {
            let serves = |sample: &Sample| ((sample.lead() - 1) / day).min(last) == lead_day;
            let rows: Vec<usize> = (0..samples.len()).filter(|row| serves(&samples[*row])).collect();
            if !rows.is_empty() {
                checkpoint();
                show(trees, &rows, matrix.select(Axis(0), &rows).view(), checkpoint)?;
            }
        }
        Ok(())
    }
}

impl Forecaster for Global {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let samples: Vec<Sample> = origins.iter().flat_map(|origin| ahead(*origin, horizon)).collect();
        let Features { names, matrix, .. } = features(&self.spec, frame, &samples, &self.scale, checkpoint)?;
        same_columns(&self.feature_names, &names)?;
        let mut forecasts = Array2::zeros((origins.len(), horizon));
        self.each_day(frame, &samples, &matrix, checkpoint, |trees, rows, features, _| {
            for (row, yhat) in rows.iter().zip(trees.predict(features)?) {
                let scale = self.scale.at(frame, samples[*row].origin);
                forecasts[[row / horizon, row % horizon]] = f64::from(yhat) * scale;
            }
            Ok(())
        })?;
        Ok(forecasts)
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        let samples: Vec<Sample> = origins.iter().flat_map(|origin| ahead(*origin, horizon)).collect();
        let Features { names, of_target, matrix } = features(&self.spec, frame, &samples, &self.scale, checkpoint)?;
        same_columns(&self.feature_names, &names)?;
        let mut explanation = Explanation::new(Explanation::names_of(&names, &[BASE]), samples.len());
        self.each_day(frame, &samples, &matrix, checkpoint, |trees, rows, features, checkpoint| {
            let values = trees.explain(features, checkpoint)?;
            for ((row, features), (base, parts)) in rows.iter().zip(features.rows()).zip(values) {
                let scale = self.scale.at(frame, samples[*row].origin);
                explanation.set(*row, features, parts.into_iter().chain([base]).map(|part| scale * part));
                let read = explanation.values.row_mut(*row);
                read.into_iter().zip(&of_target).filter(|(_, of)| **of).for_each(|(value, _)| *value *= scale);
            }
            Ok(())
        })?;
        Ok(explanation)
    }

    fn feature_names(&self) -> Vec<String> {
        self.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn level(&self, frame: &Frame, origin: Origin) -> f64 {
        self.scale.at(frame, origin)
    }

    /// The scale, the feature names, and the trees by day of lead; then their covers.
    fn state(&self) -> Result<Vec<u8>, Error> {
        let covers: Vec<StoredCovers> = self.days.iter().map(|trees| StoredCovers::from(&trees.covers)).collect();
        postcard::to_allocvec(&(&self.scale, &self.feature_names, &self.days, covers))
            .map_err(|error| Error::Internal(error.to_string()))
    }
}
