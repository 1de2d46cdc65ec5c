//! Gradient boosted trees: a model for each day of lead, the lead within it a feature.
//!
//! Direct multi-horizon forecasting (Taieb et al., *A review and comparison of strategies for
//! multi-step ahead time series forecasting*, 2012) with XGBoost (Chen and Guestrin, 2016). A training
//! row imitates a forecast: an origin, one a day at the hour of the day at which the series ends, a
//! target up to the horizon ahead, and the features known at that origin.
//!
//! Trees stay flat beyond the values that they have learnt. With a linear base they learn what a ridge regression on
//! the same features leaves over, and it goes on where they end.

mod booster;
mod parameters;
mod trees;
mod ubjson;

use super::linear::{Linear, Range, Standardised, Term, ridge};
use super::target::Target;
use super::{Forecaster, Lesson, ahead, same_columns, weight_of_age};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Sample, Table};
use crate::series::Frame;
pub(super) use booster::{Booster, Matrix};
use ndarray::{Array2, ArrayView2, Axis};
pub(super) use parameters::Parameters;
use parameters::{Base, rises_with_heating};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub(super) use trees::{COMPARED_ROWS, Trees};

/// Fitted trees, by day of lead, and the spec of their features.
pub(super) struct Xgboost {
    spec: FeatureSpec,
    parameters: Parameters,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    feature_names: Vec<String>,
    target: Target,
    range: Range,
    days: Vec<Day>,
}

/// The model of a day of lead.
#[derive(Serialize, Deserialize)]
struct Day {
    base: Option<Linear>,
    trees: Trees,
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
        let seen: Vec<f64> = samples.iter().map(|sample| lesson.frame.target[sample.target]).collect();
        let target = Target::of(parameters.target, &lesson.frame.target[..lesson.end]);
        let age = |sample: &Sample| (lesson.end - sample.target) as f64 / day as f64;
        let examples = Examples {
            features: table.matrix(&samples)?,
            names: &names,
            labels: seen.iter().map(|value| target.to_scale(*value)).collect(),
            weights: samples.iter().map(|sample| weight_of_age(parameters.half_life_days, age(sample))).collect(),
        };
        let pairs = parameters.for_booster(&names);
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
                let base = examples.base(&parameters, &older)?;
                let (older, newest) =
                    (examples.matrix(&older, base.as_ref())?, examples.matrix(&newest, base.as_ref())?);
                let patience = parameters.early_stopping_rounds;
                rounds = Booster::best_rounds(&older, &newest, &pairs, rounds, patience, checkpoint)?;
            }
            let base = examples.base(&parameters, &rows)?;
            let booster = Booster::train(&examples.matrix(&rows, base.as_ref())?, &pairs, rounds, checkpoint)?;
            let some = &rows[..rows.len().min(COMPARED_ROWS)];
            let trees = Trees::of(&booster, examples.features.select(Axis(0), some).view())?;
            days.push(Day { base, trees });
        }
        let state = State { feature_names: names, target, range: Range::of(&seen), days };
        Ok(Self { spec: lesson.spec.clone(), parameters, state })
    }

    pub(super) fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::DamagedArtifact("the trees cannot be read".to_owned());
        let state: State = postcard::from_bytes(state).map_err(|_| damaged())?;
        let columns = state.feature_names.len();
        state.days.iter().try_for_each(|day| day.trees.check(columns))?;
        let bases_are_sound = state.days.iter().all(|day| day.base.as_ref().is_none_or(|base| base.is_sound(columns)));
        if state.days.is_empty() || !state.target.is_sound() || !state.range.is_sound() || !bases_are_sound {
            return Err(damaged());
        }
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, state })
    }

    /// Forecasts of rows of features.
    fn forecast(&self, day: &Day, rows: ArrayView2<'_, f32>) -> Result<Vec<f64>, Error> {
        let State { target, range, .. } = &self.state;
        let predicted = day.trees.predict(rows)?.into_iter().map(f64::from);
        Ok(match &day.base {
            None => predicted.map(|value| target.unscaled(value)).collect(),
            Some(base) => {
                let sums = predicted.zip(rows.rows()).map(|(value, row)| value + base.at(row));
                sums.map(|value| range.hold(target.unscaled(value))).collect()
            }
        })
    }
}

/// All rows that may be learnt from.
struct Examples<'a> {
    features: Array2<f32>,
    names: &'a [String],
    labels: Vec<f64>,
    weights: Vec<f64>,
}

impl Examples<'_> {
    /// What the trees of these rows start from.
    fn base(&self, parameters: &Parameters, rows: &[usize]) -> Result<Option<Linear>, Error> {
        if parameters.base == Base::Mean {
            return Ok(None);
        }
        let mut features = self.features.select(Axis(0), rows);
        let of_rows = |values: &[f64]| rows.iter().map(|row| values[*row]).collect::<Vec<_>>();
        let (labels, weights) = (of_rows(&self.labels), of_rows(&self.weights));
        // The season would be drawn on beyond the months that were learnt.
        let mut left_out: Vec<usize> =
            (0..self.names.len()).filter(|column| self.names[*column].starts_with("year_")).collect();
        loop {
            left_out.iter().for_each(|column| features.column_mut(*column).fill(f32::NAN));
            let (linear, _) = ridge(&Standardised::new(features.view(), &labels, &weights), None)?;
            let falls = |term: &&Term| term.weight < 0.0 && rises_with_heating(&self.names[term.column]);
            left_out = linear.terms.iter().filter(falls).map(|term| term.column).collect();
            if left_out.is_empty() || !parameters.monotone_heating {
                return Ok(Some(linear));
            }
        }
    }

    /// These rows for the booster, labelled with what `base` leaves over.
    fn matrix(&self, rows: &[usize], base: Option<&Linear>) -> Result<Matrix, Error> {
        let features = self.features.select(Axis(0), rows);
        let explained = |row: usize| base.map_or(0.0, |base| base.at(self.features.row(row)));
        let labels: Vec<f32> = rows.iter().map(|row| (self.labels[*row] - explained(*row)) as f32).collect();
        let weights: Vec<f32> = rows.iter().map(|row| self.weights[*row] as f32).collect();
        Matrix::new(features.view())?.with_labels(&labels, &weights)
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
        same_columns(&self.state.feature_names, &table.names())?;
        let samples: Vec<Sample> = origins.iter().flat_map(|origin| ahead(*origin, horizon)).collect();
        let matrix = table.matrix(&samples)?;
        let day = frame.grid.rows_per_day();
        let mut forecasts = Array2::from_elem((origins.len(), horizon), f64::NAN);
        for (at, model) in self.state.days.iter().enumerate() {
            // The last one serves all leads from its day on.
            let last = at + 1 == self.state.days.len();
            let rows: Vec<usize> = (0..samples.len())
                .filter(|row| matches!((samples[*row].lead() - 1) / day, d if d == at || last && d > at))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let forecast = self.forecast(model, matrix.select(Axis(0), &rows).view())?;
            for (row, yhat) in rows.into_iter().zip(forecast) {
                forecasts[[row / horizon, row % horizon]] = yhat;
            }
        }
        Ok(forecasts)
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
    fn on_a_linear_base_trees_go_on_beyond_the_cold_that_they_have_learnt() {
        // Two days at the end are far colder than all before, and need as much more heating.
        let mut frame = hourly_frame(1500);
        let (cold, slope) = (1400..1448, 0.4);
        for row in cold.clone() {
            let warm = (18.0 - frame.regressors[0].values[row]).max(0.0);
            frame.regressors[0].values[row] = -12.0;
            frame.target[row] += slope * (30.0 - warm);
        }
        let error = |base: &str| {
            let model = fit_with(&frame, json!({"base": base, "rounds": 100}), &mut || ());
            let restored = Xgboost::restore(&model.spec, &model.parameters(), &model.state().unwrap()).unwrap();
            let yhat = restored.predict(&frame, &[1400], 48).unwrap();
            assert_eq!(yhat, model.predict(&frame, &[1400], 48).unwrap());
            cold.clone().zip(yhat).map(|(row, yhat)| (frame.target[row] - yhat).abs()).sum::<f64>() / 48.0
        };
        let (mean, linear) = (error("mean"), error("linear"));
        assert!(linear < 0.5 * mean, "{linear} and {mean}");
    }

    #[test]
    fn with_the_constraint_demand_never_falls_as_heating_degrees_rise() {
        let mut frame = hourly_frame(1500);
        // Windows are open when it is cold: without the constraint the model would learn so.
        let warm = frame.regressors[0].values.clone();
        frame.target.iter_mut().zip(warm).for_each(|(value, warm)| *value += 0.8 * warm);
        let falls = |base: &str, monotone: bool| {
            let model = fit_with(&frame, json!({"base": base, "rounds": 50, "monotone_heating": monotone}), &mut || ());
            let samples: Vec<Sample> = (900..1400).step_by(24).flat_map(|origin| ahead(origin, 24)).collect();
            let rows = Table::new(&model.spec, &frame).unwrap().matrix(&samples).unwrap();
            let names = model.feature_names();
            let heating = (0..names.len()).filter(|column| rises_with_heating(&names[*column]));
            let mut falls = 0;
            for column in heating {
                let mut colder = rows.clone();
                colder.column_mut(column).iter_mut().for_each(|value| *value += 4.0);
                let of = |rows: &Array2<f32>| model.forecast(&model.state.days[0], rows.view()).unwrap();
                falls += of(&rows).iter().zip(of(&colder)).filter(|(before, after)| *after < **before - 1e-6).count();
            }
            falls
        };
        for base in ["mean", "linear"] {
            assert!(falls(base, false) > 0 && falls(base, true) == 0, "{base}");
        }
    }

    #[test]
    fn a_linear_base_learns_no_season_that_it_would_draw_on() {
        let frame = hourly_frame(1500);
        let model = fit_with(&frame, json!({"base": "linear", "rounds": 5}), &mut || ());
        let columns = model.state.days.iter().flat_map(|day| &day.base.as_ref().unwrap().terms).map(|term| term.column);
        let names: Vec<&str> = columns.map(|column| model.state.feature_names[column].as_str()).collect();
        assert!(names.contains(&"temperature_c") && model.state.feature_names.iter().any(|name| name == "year_sin"));
        assert!(!names.iter().any(|name| name.starts_with("year_")));
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
