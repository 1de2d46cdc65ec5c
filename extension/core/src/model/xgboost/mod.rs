//! Gradient boosted trees: a model for each day of lead, the lead within it a feature.
//!
//! Direct multi-horizon forecasting (Taieb et al., *A review and comparison of strategies for
//! multi-step ahead time series forecasting*, 2012) with XGBoost (Chen and Guestrin, 2016). A training
//! row imitates a forecast: an origin, one a day at the hour of the day at which the series ends, a
//! target up to the horizon ahead, and the features known at that origin.

mod booster;
mod parameters;
mod trees;
mod ubjson;

use super::{Forecaster, Lesson, ahead, same_columns, weight_of_age};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Sample, Table};
use crate::series::Frame;
pub(super) use booster::{Booster, Matrix};
use ndarray::{Array2, ArrayView2, Axis, s};
pub(super) use parameters::Parameters;
use serde_json::Value;
use trees::Trees;

/// Rows on which the trees that were read are compared with the booster that wrote them.
const COMPARED_ROWS: usize = 64;

/// Fitted boosters, by day of lead, and the spec of their features.
pub(super) struct Xgboost {
    spec: FeatureSpec,
    parameters: Parameters,
    boosters: Vec<Fitted>,
    feature_names: Vec<String>,
}

/// A booster as XGBoost wrote it, which is what is stored, and its trees.
struct Fitted {
    file: Vec<u8>,
    trees: Trees,
}

impl Fitted {
    /// Reads the trees and sees to it that they are the booster's.
    fn new(booster: &Booster, rows: ArrayView2<'_, f32>) -> Result<Self, Error> {
        let file = booster.save()?;
        let trees = Trees::read(&file, rows.ncols())?;
        let some = rows.slice(s![..rows.nrows().min(COMPARED_ROWS), ..]);
        if trees.predict(some)? != booster.predict(&Matrix::new(some)?)? {
            return Err(Error::Internal("the trees read from XGBoost's file are not the booster's".to_owned()));
        }
        Ok(Self { file, trees })
    }
}

impl Xgboost {
    pub(super) fn fit(lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(lesson.parameters)?;
        let table = Table::new(lesson.spec, lesson.frame)?;
        let (names, day) = (table.names(), lesson.frame.grid.rows_per_day());
        let samples = lesson.samples(table.history());
        let matrix = table.matrix(&samples)?;
        let lead_days = if parameters.by_lead_day { lesson.horizon.div_ceil(day) } else { 1 };
        let mut boosters = Vec::with_capacity(lead_days);
        for lead_day in 0..lead_days {
            let rows: Vec<usize> = (0..samples.len())
                .filter(|row| (samples[*row].lead() - 1) / day == lead_day || lead_days == 1)
                .collect();
            if rows.is_empty() {
                let need = table.history() + (lead_day + 1) * day;
                return Err(Error::TooLittleHistory { need, have: lesson.end });
            }
            let of_rows =
                |value: &dyn Fn(&Sample) -> f32| rows.iter().map(|row| value(&samples[*row])).collect::<Vec<_>>();
            let labels = of_rows(&|sample| lesson.frame.target[sample.target] as f32);
            let weights = of_rows(&|sample| {
                weight_of_age(parameters.half_life_days, (lesson.end - sample.target) as f64 / day as f64) as f32
            });
            let rows = matrix.select(Axis(0), &rows);
            let matrix = Matrix::new(rows.view())?.with_labels(&labels, &weights)?;
            let booster = Booster::train(&matrix, &parameters.for_booster(&names), parameters.rounds, checkpoint)?;
            boosters.push(Fitted::new(&booster, rows.view())?);
        }
        Ok(Self { spec: lesson.spec.clone(), parameters, boosters, feature_names: names })
    }

    pub(super) fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::DamagedArtifact("the boosters cannot be read".to_owned());
        let (names, files): (Vec<String>, Vec<&[u8]>) = postcard::from_bytes(state).map_err(|_| damaged())?;
        let fitted = |file: &[u8]| Ok(Fitted { file: file.to_vec(), trees: Trees::read(file, names.len())? });
        let boosters = files.into_iter().map(fitted).collect::<Result<Vec<_>, Error>>()?;
        if boosters.is_empty() {
            return Err(damaged());
        }
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, boosters, feature_names: names })
    }
}

impl Forecaster for Xgboost {
    fn predict(&self, frame: &Frame, origins: &[usize], horizon: usize) -> Result<Array2<f64>, Error> {
        let table = Table::new(&self.spec, frame)?;
        if let Some(have) = origins.iter().copied().find(|origin| *origin < table.history()) {
            return Err(Error::TooLittleHistory { need: table.history(), have });
        }
        same_columns(&self.feature_names, &table.names())?;
        let samples: Vec<Sample> = origins.iter().flat_map(|origin| ahead(*origin, horizon)).collect();
        let matrix = table.matrix(&samples)?;
        let day = frame.grid.rows_per_day();
        let mut forecasts = Array2::from_elem((origins.len(), horizon), f64::NAN);
        for (at, booster) in self.boosters.iter().enumerate() {
            // The last one serves all leads from its day on.
            let last = at + 1 == self.boosters.len();
            let rows: Vec<usize> = (0..samples.len())
                .filter(|row| matches!((samples[*row].lead() - 1) / day, d if d == at || last && d > at))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let predicted = booster.trees.predict(matrix.select(Axis(0), &rows).view())?;
            for (row, yhat) in rows.into_iter().zip(predicted) {
                forecasts[[row / horizon, row % horizon]] = f64::from(yhat);
            }
        }
        Ok(forecasts)
    }

    fn feature_names(&self) -> Vec<String> {
        self.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        serde_json::json!(self.parameters)
    }

    /// The feature names, and each booster in XGBoost's UBJ format.
    fn state(&self) -> Result<Vec<u8>, Error> {
        let files: Vec<&[u8]> = self.boosters.iter().map(|booster| booster.file.as_slice()).collect();
        postcard::to_allocvec(&(&self.feature_names, files)).map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use serde_json::json;

    fn fit(frame: &Frame) -> Xgboost {
        let (spec, parameters) = (FeatureSpec::default(), json!({"rounds": 20}));
        let lesson = Lesson { frame, end: 1400, horizon: 48, spec: &spec, parameters: &parameters, memo: None };
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
        let lesson = Lesson { frame: &frame, end: 1400, horizon: 48, spec: &spec, parameters: &parameters, memo: None };
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Xgboost::fit(lesson, &mut || {
                rounds += 1;
                assert!(rounds < 3, "stop");
            })
        }));
        assert!(stopped.is_err() && rounds == 3);
    }
}
