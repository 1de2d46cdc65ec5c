//! From a series to a model.
//!
//! A fit is two: once without the newest block, whose residuals give the prediction intervals and the metrics, and once
//! on everything, which is the model that is kept.

use super::actuals::{Actual, actuals, residuals, scores};
use super::floor::{bound, floor};
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
use crate::model::{Memo, Strategy, TrainingSet};
use crate::origin::{Origin, origins};
use crate::series::Frame;
use ndarray::Array2;
use serde_json::json;

/// The block held out is a fifth of the series, but no longer than this many days.
pub(super) const HELD_OUT_DAYS: usize = 56;

/// What a fit is for, beside the recipe and the series.
#[derive(Default, Clone, Copy)]
pub struct Purpose<'a> {
    /// The only issues that will be asked for; without them, any.
    pub issues: Option<&'a [usize]>,
    /// Fits of the same recipe on the same frame.
    pub memo: Option<&'a Memo>,
}

impl Model {
    /// Fits on the targets of `frame` before row `end` that are known by then.
    pub fn fit(recipe: &Recipe, frame: &Frame, end: usize, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        Self::fit_for(recipe, frame, end, Purpose::default(), checkpoint)
    }

    /// As [`Self::fit`], for a purpose.
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
        let phases = recipe.phases(&frame, &clock, end, purpose.issues);
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
        let forecaster = strategy.fit(training, checkpoint)?;
        let (held_out, mut forecasts) = match forecaster.held_out() {
            Some((origins, forecasts)) => (origins.to_vec(), forecasts.clone()),
            None => hold_out(recipe, training, &clock, checkpoint)?,
        };
        bound(&mut forecasts, floor);
        let actuals: Vec<Actual> = actuals(&frame, &held_out, &forecasts, end).collect();
        let naive = Strategy::SEASONAL_NAIVE.fit(TrainingSet { parameters: &json!({}), ..training }, checkpoint)?;
        let naive = naive.predict(&frame, &held_out, reach, checkpoint).ok();
        let held_out = json!({
            "from": rfc3339(frame.grid.time(held_out[0].issued)),
            "to": rfc3339(frame.grid.time(end)),
            "origins": held_out.len(),
            "model": scores(actuals.iter().copied()),
            "seasonal_naive": naive.map(|naive| scores(self::actuals(&frame, &held_out, &naive, end))),
        });
        let residuals = residuals(forecaster.as_ref(), &frame, &clock, &actuals);
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

/// Forecasts of the newest block by a model that has not seen it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn trees_beat_the_naive_forecast_where_weather_drives_demand() {
        let recipe = Recipe::new("xgboost", &json!({"rounds": 40}), &json!({}), 48).unwrap();
        let model = Model::fit(&recipe, &hourly_frame(4000), 4000, &mut || ()).unwrap();
        let rmse = |who: &str| model.held_out()[who]["rmse"].as_f64().unwrap();
        assert!(rmse("model") < 0.75 * rmse("seasonal_naive"), "{}", model.held_out());
    }

    #[test]
    fn fitted_bases_are_kept_with_the_model_and_found_before_its_end() {
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
