//! Trains a model on a series.
//!
//! There are two fits: one without the newest block, whose residuals give the prediction intervals and the metrics, and
//! one on everything, which is kept. Imported trees are not fitted: their intervals and metrics come from data newer
//! than their training set.

use super::actuals::{Actual, actuals, residuals, scores};
use super::bounds::{Bounds, floor};
use super::{Model, Recipe, reaching};
use crate::Checkpoint;
use crate::artifact::Header;
use crate::clean::Plausible;
use crate::clock::Clock;
use crate::confidence::Learnt;
use crate::error::Error;
use crate::grid::rfc3339;
use crate::intervals::Intervals;
use crate::intraday::Intraday;
use crate::model::{Forecaster, Memo, Strategy, TrainingSet, TreeFile, of_files};
use crate::origin::{Origin, Phases, origins};
use crate::series::Frame;
use ndarray::Array2;
use serde_json::json;

/// The held-out block is a fifth of the series, but at most this many days.
pub(super) const HELD_OUT_DAYS: usize = 56;

/// The purpose of a fit, besides the recipe and the series.
#[derive(Default, Clone, Copy)]
pub struct Purpose<'a> {
    /// The only issues that will be forecast; `None` allows any.
    pub issues: Option<&'a [usize]>,
    /// Cached fits of the same recipe on the same frame.
    pub memo: Option<&'a Memo>,
    /// Trees to use instead of fitting.
    pub trees: Option<Imported<'a>>,
}

/// Trees trained elsewhere.
#[derive(Clone, Copy)]
pub struct Imported<'a> {
    /// By phase and day of lead.
    pub files: &'a [TreeFile],
    /// The first row after their training set.
    pub trained_until: usize,
}

/// Minimum days of forecasts for the intervals of imported trees.
const LEAST_DAYS: usize = 14;

impl Model {
    /// Fits on the targets of `frame` before row `end` that are known by then.
    pub fn fit(recipe: &Recipe, frame: &Frame, end: usize, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        Self::fit_for(recipe, frame, end, Purpose::default(), checkpoint)
    }

    /// Like [`Self::fit`], for a purpose.
    pub fn fit_for(
        recipe: &Recipe,
        frame: &Frame,
        end: usize,
        purpose: Purpose<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, Error> {
        recipe.check_history(&frame.grid, end)?;
        recipe.features.check_past(frame)?;
        let frame = frame.known_by(end);
        let plausible = Plausible::learn(&frame, end);
        let (frame, implausible) = plausible.apply(&frame);
        let features = recipe.features.fitted(&frame, end)?;
        let Recipe { strategy, horizon, ref parameters, .. } = *recipe;
        let day = frame.grid.rows_per_day();
        let clock = Clock::new(&frame.grid, features.time_zone, end + 1);
        let phases = match purpose.trees {
            None => recipe.phases(&frame, &clock, end, purpose.issues),
            Some(Imported { files, .. }) => {
                let mut slots: Vec<usize> = Vec::new();
                for file in files {
                    if file.slot >= day {
                        return Err(Error::InvalidArgument(format!("issue_slot {} is not below {day}", file.slot)));
                    }
                    if !slots.contains(&file.slot) {
                        slots.push(file.slot);
                    }
                }
                if slots.is_empty() {
                    return Err(Error::InvalidArgument("there are no files".to_owned()));
                }
                Phases::at_slots(&frame, &clock, end, &slots)
            }
        };
        let reach = horizon + phases.longest_gap(day);
        let frame = reaching(frame, end + reach);
        let training = TrainingSet {
            frame: &frame,
            end,
            horizon: reach,
            spec: &features,
            parameters,
            phases: phases.all(),
            memo: purpose.memo,
        };
        let floor = floor(&features, &frame.target[..end]);
        let forecaster = match purpose.trees {
            None => strategy.fit(training, checkpoint)?,
            Some(Imported { files, .. }) => of_files(training, files, checkpoint)?,
        };
        let (held_out, mut forecasts) = match (purpose.trees, forecaster.held_out()) {
            (Some(trees), _) => unseen(trees.trained_until, forecaster.as_ref(), training, &clock, checkpoint)?,
            (None, Some((origins, forecasts))) => (origins.to_vec(), forecasts.clone()),
            (None, None) => hold_out(recipe, training, &clock, checkpoint)?,
        };
        let bounds = Bounds::new(forecaster.as_ref(), &frame, &held_out, reach, floor);
        bounds.apply(&held_out, &mut forecasts);
        let actuals: Vec<Actual> = actuals(&frame, &held_out, &forecasts, end).collect();
        let uncertain = |actual: &&Actual| !bounds.is_certain(actual.target());
        let uncertain: Vec<Actual> = actuals.iter().filter(uncertain).copied().collect();
        let naive = Strategy::SEASONAL_NAIVE.fit(TrainingSet { parameters: &json!({}), ..training }, checkpoint)?;
        let naive = naive.predict(&frame, &held_out, reach, checkpoint).ok();
        let held_out = json!({
            "from": rfc3339(frame.grid.time(held_out[0].issued)),
            "to": rfc3339(frame.grid.time(end)),
            "origins": held_out.len(),
            "model": scores(actuals.iter().copied()),
            "seasonal_naive": naive.map(|naive| scores(self::actuals(&frame, &held_out, &naive, end))),
        });
        let residuals = residuals(forecaster.as_ref(), &frame, &clock, &uncertain);
        let intervals = Intervals::learn(day, reach, &residuals, checkpoint);
        let all: Vec<usize> = (end % day..end).step_by(day).collect();
        let vintage_shares = frame.vintage_shares(&all, horizon);
        let header = Header {
            strategy: strategy.name().to_owned(),
            step_seconds: frame.grid.step().num_seconds(),
            horizon,
            regressors: frame.regressor_names(),
            features,
            parameters: forecaster.parameters(),
            trained_until: frame.grid.time(end).timestamp(),
            phases,
            availability_seconds: recipe.availability.map(|delay| delay.num_seconds()),
            floor,
            plausible,
            intraday: Intraday::learn(day, &residuals, checkpoint),
            learnt: Learnt::learn(&frame, end),
        };
        Ok(Self { header, intervals, forecaster, held_out, vintage_shares, implausible })
    }
}

/// Forecasts of the newest block by a model fitted without it.
fn hold_out(
    recipe: &Recipe,
    training: TrainingSet<'_>,
    clock: &Clock,
    checkpoint: Checkpoint<'_>,
) -> Result<(Vec<Origin>, Array2<f64>), Error> {
    let TrainingSet { frame, end, .. } = training;
    let day = frame.grid.rows_per_day();
    let days = (end / day / 5).clamp(1, HELD_OUT_DAYS);
    let first = end.saturating_sub(days * day).max(1);
    let phases = &training.phases[..1];
    let mut held_out: Vec<Origin> = origins(phases[0], frame, clock, first..end).collect();
    held_out.retain(|origin| origin.issued < end);
    if held_out.is_empty() {
        held_out.push(Origin::at(end - day.min(end - 1)));
    }
    let until = held_out[0].row;
    let known = frame.known_by(until);
    let spec = recipe.features.fitted(&known, until)?;
    let set = TrainingSet { frame: &known, end: until, spec: &spec, phases, memo: None, ..training };
    let forecasts = recipe.strategy.fit(set, checkpoint)?.predict(frame, &held_out, training.horizon, checkpoint)?;
    Ok((held_out, forecasts))
}

/// Forecasts of the days after the training set of `forecaster`.
fn unseen(
    trained_until: usize,
    forecaster: &dyn Forecaster,
    training: TrainingSet<'_>,
    clock: &Clock,
    checkpoint: Checkpoint<'_>,
) -> Result<(Vec<Origin>, Array2<f64>), Error> {
    let TrainingSet { frame, end, .. } = training;
    let day = frame.grid.rows_per_day();
    let from = trained_until.max(end.saturating_sub(HELD_OUT_DAYS * day)).max(1);
    let mut origins: Vec<Origin> = origins(training.phases[0], frame, clock, from..end).collect();
    origins.retain(|origin| origin.issued < end);
    if origins.len() < LEAST_DAYS {
        return Err(Error::TooLittleHistory { need: trained_until + LEAST_DAYS * day, have: end });
    }
    let forecasts = forecaster.predict(frame, &origins, training.horizon, checkpoint)?;
    Ok((origins, forecasts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn exported_trees_can_be_imported_and_forecast_the_same() {
        let frame = hourly_frame(4000);
        let recipe = Recipe::new("xgboost", &json!({"rounds": 40, "base": "mean"}), &json!({}), 48).unwrap();
        let model = Model::fit(&recipe, &frame, 3000, &mut || ()).unwrap();
        let files: Vec<TreeFile> = model
            .boosters()
            .unwrap()
            .into_iter()
            .map(|file| TreeFile { slot: file.slot, lead_day: file.lead_day, ubj: file.ubj })
            .collect();
        let import = |recipe: &Recipe, files: &[TreeFile], trained_until, end| {
            let purpose = Purpose { trees: Some(Imported { files, trained_until }), ..Purpose::default() };
            Model::fit_for(recipe, &frame, end, purpose, &mut || ())
        };
        let back = import(&recipe, &files, 3000, 3600).unwrap();
        let again = Model::from_bytes(&back.to_bytes().unwrap()).unwrap();
        let yhat = |model: &Model| -> Vec<f64> {
            // At the time of day of the training: no intraday correction.
            model.forecast(&frame, &[3000 + 24 * 30], 48, &[], &mut || ()).unwrap().iter().map(|f| f.yhat).collect()
        };
        assert_eq!(yhat(&again), yhat(&back));
        let apart = yhat(&model).iter().zip(yhat(&back)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-9, "{apart}");
        assert_eq!(back.held_out()["from"], rfc3339(frame.grid.time(3000)));

        let refused = |result: Result<Model, Error>| result.err().unwrap().to_string();
        assert!(refused(import(&recipe, &files, 3500, 3600)).contains("history"));
        let other = Recipe::new("xgboost", &json!({}), &json!({"lags_h": [24, 48]}), 48).unwrap();
        assert!(refused(import(&other, &files, 3000, 3600)).contains("columns"));
        assert!(refused(import(&recipe, &files[1..], 3000, 3600)).contains("days of lead must be 1, 2"));
        assert!(refused(import(&recipe, &[], 3000, 3600)).contains("no files"));
        for (change, text) in [(vec![], "cut"), (b"{}".to_vec(), "learner is missing")] {
            let files = [TreeFile { slot: 0, lead_day: 1, ubj: change }];
            let said = refused(import(&recipe, &files, 3000, 3600));
            assert!(said.contains("issue_slot 0 and lead_day 1") && said.contains(text), "{said}");
        }
    }

    #[test]
    fn trees_beat_the_naive_forecast_where_weather_drives_demand() {
        let recipe = Recipe::new("xgboost", &json!({"rounds": 40}), &json!({}), 48).unwrap();
        let model = Model::fit(&recipe, &hourly_frame(4000), 4000, &mut || ()).unwrap();
        let rmse = |who: &str| model.held_out()[who]["rmse"].as_f64().unwrap();
        assert!(rmse("model") < 0.75 * rmse("seasonal_naive"), "{}", model.held_out());
    }

    #[test]
    fn fitted_bases_are_stored_with_the_model_and_ignore_later_rows() {
        let mut frame = hourly_frame(4000);
        for row in 0..4000 {
            let temperature = frame.regressors[0].values[row];
            frame.target[row] += 2.0 * (10.0 - temperature).max(0.0) - 0.4 * (18.0 - temperature).max(0.0);
        }
        let fit = |frame: &Frame, strategy, parameters| {
            let recipe = Recipe::new(strategy, &parameters, &json!({"fit_bases": true}), 24).unwrap();
            Model::fit(&recipe, frame, 3600, &mut || ()).unwrap()
        };
        let mut later = frame.clone();
        later.target[3600..].iter_mut().for_each(|value| *value *= 9.0);
        let quick = json!({"members": [{"strategy": "lear"}, {"strategy": "xgboost", "parameters": {"rounds": 5}}]});
        for (strategy, parameters) in [("xgboost", json!({"rounds": 5})), ("ensemble", quick)] {
            let model = fit(&frame, strategy, parameters.clone());
            let base = model.header().features.heating_base_c;
            assert!((base - 10.0).abs() <= 1.0, "{strategy}: {base}");
            assert_eq!(fit(&later, strategy, parameters).header(), model.header());
            let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
            let forecast = |model: &Model| model.forecast(&frame, &[3600], 24, &[], &mut || ()).unwrap();
            assert_eq!(forecast(&again), forecast(&model));
        }
    }
}
