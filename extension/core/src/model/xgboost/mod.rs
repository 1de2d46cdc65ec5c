//! Gradient boosted trees: one model for all leads, the lead a feature.
//!
//! Direct multi-horizon forecasting (Taieb et al., *A review and comparison of strategies for
//! multi-step ahead time series forecasting*, 2012) with XGBoost (Chen and Guestrin, 2016). A training
//! row imitates a forecast: an origin, one a day at the hour of the day at which the series ends, a
//! target up to the horizon ahead, and the features known at that origin.

mod booster;
mod parameters;

use super::{Forecaster, Lesson};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Sample, Table};
use crate::series::Frame;
use booster::{Booster, Matrix};
use ndarray::Array2;
pub(super) use parameters::Parameters;
use serde_json::Value;

/// A fitted booster and the spec of its features.
pub(super) struct Xgboost {
    spec: FeatureSpec,
    parameters: Parameters,
    booster: Booster,
    feature_names: Vec<String>,
}

impl Xgboost {
    pub(super) fn fit(lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(lesson.parameters)?;
        let table = Table::new(lesson.spec, lesson.frame)?;
        let samples = samples(&lesson, table.history());
        if samples.is_empty() {
            let need = table.history() + lesson.frame.grid.rows_per_day();
            return Err(Error::TooLittleHistory { need, have: lesson.end });
        }
        let labels: Vec<f32> = samples.iter().map(|sample| lesson.frame.target[sample.target] as f32).collect();
        let matrix = Matrix::new(table.matrix(&samples).view(), Some(&labels))?;
        let booster = Booster::train(&matrix, &parameters.for_booster(), parameters.rounds, checkpoint)?;
        Ok(Self { spec: lesson.spec.clone(), parameters, booster, feature_names: table.names() })
    }

    pub(super) fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let (names, model) = split_state(state)?;
        let booster = Booster::load(model, names.len())?;
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, booster, feature_names: names })
    }
}

impl Forecaster for Xgboost {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let table = Table::new(&self.spec, frame)?;
        if let Some(have) = origins.iter().copied().find(|origin| *origin < table.history()) {
            return Err(Error::TooLittleHistory { need: table.history(), have });
        }
        let names = table.names();
        if names != self.feature_names {
            return Err(Error::InvalidArgument(missing_columns(&self.feature_names, &names)));
        }
        let ahead = |origin: &usize| {
            let origin = *origin;
            (origin..origin + horizon).map(move |target| Sample { origin, target })
        };
        let samples: Vec<Sample> = origins.iter().flat_map(ahead).collect();
        let forecasts = self.booster.predict(&Matrix::new(table.matrix(&samples).view(), None)?)?;
        let forecasts: Vec<f64> = forecasts.into_iter().map(f64::from).collect();
        Array2::from_shape_vec((origins.len(), horizon), forecasts).map_err(|e| Error::Internal(e.to_string()))
    }

    fn feature_names(&self) -> Vec<String> {
        self.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    /// The feature names as JSON, a zero byte, and the booster in XGBoost's UBJ format.
    fn state(&self) -> Result<Vec<u8>, Error> {
        let mut state = serde_json::to_vec(&self.feature_names).map_err(|e| Error::Internal(e.to_string()))?;
        state.push(0);
        state.extend(self.booster.save()?);
        Ok(state)
    }
}

fn split_state(state: &[u8]) -> Result<(Vec<String>, &[u8]), Error> {
    let damaged = || Error::DamagedArtifact("the feature names cannot be read".to_owned());
    let end = state.iter().position(|byte| *byte == 0).ok_or_else(damaged)?;
    let names = serde_json::from_slice(&state[..end]).map_err(|_| damaged())?;
    Ok((names, &state[end + 1..]))
}

/// One origin a day, aligned with the end of the lesson; targets that are known.
fn samples(lesson: &Lesson<'_>, history: usize) -> Vec<Sample> {
    let day = lesson.frame.grid.rows_per_day();
    let first = history + (lesson.end.saturating_sub(history)) % day;
    (first..lesson.end)
        .step_by(day)
        .flat_map(|origin| {
            (origin..lesson.end.min(origin + lesson.horizon)).map(move |target| Sample { origin, target })
        })
        .filter(|sample| lesson.frame.target[sample.target].is_finite())
        .collect()
}

fn missing_columns(trained: &[String], given: &[String]) -> String {
    let missing: Vec<_> = trained.iter().filter(|name| !given.contains(name)).map(String::as_str).collect();
    let surplus: Vec<_> = given.iter().filter(|name| !trained.contains(name)).map(String::as_str).collect();
    match (missing.is_empty(), surplus.is_empty()) {
        (false, _) => format!("the model was trained with columns that the input lacks: {}", missing.join(", ")),
        (true, false) => format!("the input has columns that the model was not trained with: {}", surplus.join(", ")),
        (true, true) => "the input's columns are in another order than in training".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use serde_json::json;

    fn fit(frame: &Frame) -> Xgboost {
        let (spec, parameters) = (FeatureSpec::default(), json!({"rounds": 20}));
        let lesson = Lesson { frame, end: 1400, horizon: 48, spec: &spec, parameters: &parameters };
        Xgboost::fit(lesson, &mut || ()).unwrap()
    }

    #[test]
    fn a_reloaded_model_forecasts_the_same() {
        let frame = hourly_frame(1500);
        let model = fit(&frame);
        let restored = Xgboost::restore(&model.spec, &model.parameters(), &model.state().unwrap()).unwrap();
        let forecast = |model: &Xgboost| model.predict(&frame, &[1400], 48).unwrap();
        assert_eq!(forecast(&model), forecast(&restored));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let frame = hourly_frame(1500);
        assert_eq!(fit(&frame).state().unwrap(), fit(&frame).state().unwrap());
    }

    #[test]
    fn origins_share_the_hour_of_the_day_and_no_target_is_beyond_the_end() {
        let (frame, spec, parameters) = (hourly_frame(600), FeatureSpec::default(), json!({}));
        let lesson = Lesson { frame: &frame, end: 500, horizon: 48, spec: &spec, parameters: &parameters };
        let samples = samples(&lesson, 336);
        assert!(samples.iter().all(|s| s.origin % 24 == 500 % 24 && s.target < 500 && s.lead() <= 48));
        assert_eq!(samples[0].origin, 356);
    }

    #[test]
    fn an_input_without_the_trained_columns_names_them() {
        let frame = hourly_frame(1500);
        let model = fit(&frame);
        let mut bare = frame.clone();
        bare.regressors.retain(|regressor| regressor.name != "is_holiday");
        let error = model.predict(&bare, &[1400], 48).unwrap_err().to_string();
        assert_eq!(error, "the model was trained with columns that the input lacks: is_holiday");
    }

    #[test]
    fn training_can_be_stopped_between_rounds() {
        let frame = hourly_frame(1500);
        let (spec, parameters, mut rounds) = (FeatureSpec::default(), json!({"rounds": 1000}), 0);
        let lesson = Lesson { frame: &frame, end: 1400, horizon: 48, spec: &spec, parameters: &parameters };
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Xgboost::fit(lesson, &mut || {
                rounds += 1;
                assert!(rounds < 3, "stop");
            })
        }));
        assert!(stopped.is_err() && rounds == 3);
    }
}
