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

use super::target::Target;
use super::{Forecaster, Lesson, ahead, same_columns, weight_of_age};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Sample, Table};
use crate::series::Frame;
pub(super) use booster::{Booster, Matrix};
use ndarray::{Array2, Axis};
pub(super) use parameters::Parameters;
use serde_json::Value;
pub(super) use trees::{COMPARED_ROWS, Trees};

/// Fitted trees, by day of lead, and the spec of their features.
pub(super) struct Xgboost {
    spec: FeatureSpec,
    parameters: Parameters,
    days: Vec<Trees>,
    target: Target,
    feature_names: Vec<String>,
}

impl Xgboost {
    pub(super) fn fit(lesson: Lesson<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(lesson.parameters)?;
        let table = Table::new(lesson.spec, lesson.frame)?;
        let (names, day) = (table.names(), lesson.frame.grid.rows_per_day());
        let lead_days = if parameters.by_lead_day { lesson.horizon.div_ceil(day) } else { 1 };
        let mut samples = lesson.samples(table.history());
        let surplus = samples.len().saturating_sub(parameters.max_rows as usize * lead_days);
        samples.drain(..surplus);
        let matrix = table.matrix(&samples)?;
        let target = Target::of(parameters.target, &lesson.frame.target[..lesson.end]);
        let pairs = parameters.for_booster(&names);
        let learnt_from = |rows: &[usize]| {
            let of_rows = |value: &dyn Fn(&Sample) -> f64| {
                rows.iter().map(|row| value(&samples[*row]) as f32).collect::<Vec<_>>()
            };
            let labels = of_rows(&|sample| target.to_scale(lesson.frame.target[sample.target]));
            let age = |sample: &Sample| (lesson.end - sample.target) as f64 / day as f64;
            let weights = of_rows(&|sample| weight_of_age(parameters.half_life_days, age(sample)));
            Matrix::new(matrix.select(Axis(0), rows).view())?.with_labels(&labels, &weights)
        };
        let mut days = Vec::with_capacity(lead_days);
        for lead_day in 0..lead_days {
            let rows: Vec<usize> = (0..samples.len())
                .filter(|row| (samples[*row].lead() - 1) / day == lead_day || lead_days == 1)
                .collect();
            if rows.is_empty() {
                let need = table.history() + (lead_day + 1) * day;
                return Err(Error::TooLittleHistory { need, have: lesson.end });
            }
            let mut rounds = parameters.rounds;
            let (older, newest) = newest_block(&samples, &rows, lesson.end, day);
            if parameters.early_stopping_rounds > 0 && !older.is_empty() && !newest.is_empty() {
                let (older, newest) = (learnt_from(&older)?, learnt_from(&newest)?);
                let patience = parameters.early_stopping_rounds;
                rounds = Booster::best_rounds(&older, &newest, &pairs, rounds, patience, checkpoint)?;
            }
            let booster = Booster::train(&learnt_from(&rows)?, &pairs, rounds, checkpoint)?;
            let some = &rows[..rows.len().min(COMPARED_ROWS)];
            days.push(Trees::of(&booster, matrix.select(Axis(0), some).view())?);
        }
        Ok(Self { spec: lesson.spec.clone(), parameters, days, target, feature_names: names })
    }

    pub(super) fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::DamagedArtifact("the trees cannot be read".to_owned());
        let (names, target, days): (Vec<String>, Target, Vec<Trees>) =
            postcard::from_bytes(state).map_err(|_| damaged())?;
        days.iter().try_for_each(|trees| trees.check(names.len()))?;
        if days.is_empty() || !target.is_sound() {
            return Err(damaged());
        }
        let parameters = Parameters::from_json(parameters)?;
        Ok(Self { spec: spec.clone(), parameters, days, target, feature_names: names })
    }
}

/// Rows that end before the newest block, and those of forecasts made in it: the newest eighth of what is learnt from, at most
/// four weeks.
fn newest_block(samples: &[Sample], rows: &[usize], end: usize, day: usize) -> (Vec<usize>, Vec<usize>) {
    let first = rows.iter().map(|row| samples[*row].origin).min().unwrap_or(end);
    let start = end - ((end - first) / 8).min(28 * day);
    let (newest, older): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| samples[**row].origin >= start);
    (older.into_iter().filter(|row| samples[*row].target < start).collect(), newest)
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
        for (at, trees) in self.days.iter().enumerate() {
            // The last one serves all leads from its day on.
            let last = at + 1 == self.days.len();
            let rows: Vec<usize> = (0..samples.len())
                .filter(|row| matches!((samples[*row].lead() - 1) / day, d if d == at || last && d > at))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let predicted = trees.predict(matrix.select(Axis(0), &rows).view())?;
            for (row, yhat) in rows.into_iter().zip(predicted) {
                forecasts[[row / horizon, row % horizon]] = self.target.unscaled(f64::from(yhat));
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

    /// The feature names, the scale of the target, and the trees by day of lead.
    fn state(&self) -> Result<Vec<u8>, Error> {
        let state = postcard::to_allocvec(&(&self.feature_names, self.target, &self.days));
        state.map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use serde_json::json;

    fn fit_with(frame: &Frame, parameters: Value, checkpoint: Checkpoint<'_>) -> Xgboost {
        let spec = FeatureSpec::default();
        let end = frame.grid.len() - 100;
        let lesson = Lesson { frame, end, horizon: 48, spec: &spec, parameters: &parameters, memo: None };
        Xgboost::fit(lesson, checkpoint).unwrap()
    }

    fn fit(frame: &Frame) -> Xgboost {
        fit_with(frame, json!({"rounds": 20}), &mut || ())
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
    fn early_stopping_ends_the_search_and_takes_the_rounds_that_forecast_the_newest_block_best() {
        let frame = hourly_frame(1500);
        let mut boosted = 0;
        let rounds = |patience: u32| json!({"rounds": 400, "eta": 0.3, "early_stopping_rounds": patience});
        let stopped = fit_with(&frame, rounds(5), &mut || boosted += 1);
        // Two days of lead, each searched and fitted.
        assert!(boosted < 2 * 400, "{boosted}");
        let all = fit_with(&frame, rounds(0), &mut || ());
        assert!(stopped.state().unwrap().len() < all.state().unwrap().len() / 2);
    }

    #[test]
    fn the_newest_block_is_forecast_from_within_it_and_overlaps_with_nothing_learnt() {
        let samples: Vec<Sample> = (400..1400).step_by(24).flat_map(|origin| ahead(origin, 48)).collect();
        let rows: Vec<usize> = (0..samples.len()).collect();
        let (older, newest) = newest_block(&samples, &rows, 1400, 24);
        let start = newest.iter().map(|row| samples[*row].origin).min().unwrap();
        assert!((1400 - 125..1400).contains(&start));
        assert!(older.iter().all(|row| samples[*row].target < start) && older.len() > newest.len());
    }

    #[test]
    fn a_log_target_is_forecast_on_its_own_scale_and_survives_a_reload() {
        let frame = hourly_frame(1500);
        let (plain, log) = (fit(&frame), fit_with(&frame, json!({"rounds": 20, "target": "log"}), &mut || ()));
        let restored = Xgboost::restore(&log.spec, &log.parameters(), &log.state().unwrap()).unwrap();
        let of = |model: &Xgboost| model.predict(&frame, &[1400], 48).unwrap();
        assert_eq!(of(&log), of(&restored));
        let apart = (of(&log) - of(&plain)).mapv(f64::abs).sum() / of(&plain).mapv(f64::abs).sum();
        assert!(apart > 0.0 && apart < 0.1, "{apart}");
    }

    #[test]
    fn of_more_rows_than_are_learnt_from_the_oldest_are_left_out() {
        let mut frame = hourly_frame(2500);
        let few = json!({"rounds": 20, "max_rows": 1000});
        let before = fit_with(&frame, few.clone(), &mut || ());
        assert!(before.state().unwrap() != fit(&frame).state().unwrap());
        // 41 origins of each day of lead hold the newest thousand rows; what is older than their features changes nothing.
        frame.target[..2400 - 80 * 24].fill(1e3);
        assert!(before.state().unwrap() == fit_with(&frame, few, &mut || ()).state().unwrap());
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
