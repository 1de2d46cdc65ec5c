//! From a series to a model, and from a model to a forecast.
//!
//! [`Model::fit`] fits twice: once without the newest block, whose residuals give the prediction
//! intervals and the metrics, and once on everything, which is the model that is kept.

use crate::Checkpoint;
use crate::artifact::{self, Header};
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::intervals::{Intervals, Residual, check_levels};
use crate::metrics::Errors;
use crate::model::{Forecaster, Lesson, Memo, Strategy};
use crate::series::{DAY_SECONDS, Frame, Grid, rfc3339};
use chrono::{DateTime, Utc};
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

mod panel;
pub use panel::Member;

/// The block held out is a fifth of the series, but no longer than this many days.
const HELD_OUT_DAYS: usize = 56;

/// How a model is to be made; what the caller of `train` and `backtest` chooses.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The strategy.
    pub strategy: Strategy,
    /// Its hyperparameters as given.
    pub parameters: Value,
    /// What the features are made of.
    pub features: FeatureSpec,
    /// Most rows ahead.
    pub horizon: usize,
}

impl Recipe {
    /// Reads a recipe from what SQL hands over; every part is checked.
    pub fn new(strategy: &str, parameters: &Value, features: &Value, horizon: usize) -> Result<Self, Error> {
        let strategy = Strategy::parse(strategy)?;
        let features = FeatureSpec::from_json(features, strategy.preset())?;
        Ok(Self { strategy, parameters: strategy.read_parameters(parameters)?, features, horizon })
    }

    /// Refuses fewer rows before the end of a lesson than the longest lag and one season.
    pub fn check_history(&self, grid: &Grid, have: usize) -> Result<(), Error> {
        let history = self.strategy.history(&self.parameters, &self.features, grid)?;
        let need = history + grid.rows_in_hours(crate::features::SEASON_H)?;
        if have < need { Err(Error::TooLittleHistory { need, have }) } else { Ok(()) }
    }
}

/// One row of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// First row not known when it was made.
    pub origin: usize,
    /// Steps ahead; 1 is the row `origin`.
    pub lead: usize,
    /// The forecast, in the unit of the target.
    pub yhat: f64,
    /// Lower bound of the 90 % interval.
    pub lower: f64,
    /// Upper bound of the 90 % interval.
    pub upper: f64,
    /// The quantiles asked for.
    pub quantiles: Vec<f64>,
}

impl Forecast {
    /// The row it is about.
    pub fn target(&self) -> usize {
        self.origin + self.lead - 1
    }
}

/// A model that can forecast, be written and be read.
pub struct Model {
    header: Header,
    intervals: Intervals,
    forecaster: Box<dyn Forecaster>,
    held_out: Value,
    outlook_shares: Vec<f64>,
}

impl Model {
    /// Fits on the targets of `frame` before row `end`.
    pub fn fit(recipe: &Recipe, frame: &Frame, end: usize, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        Self::fit_again(recipe, frame, end, None, checkpoint)
    }

    /// As [`Self::fit`], where fits of the same recipe on the same frame are kept in `memo`.
    pub fn fit_again(
        recipe: &Recipe,
        frame: &Frame,
        end: usize,
        memo: Option<&Memo>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, Error> {
        let grid = &frame.grid;
        recipe.check_history(grid, end)?;
        recipe.features.check_past(frame)?;
        let features = recipe.features.fitted(frame, end);
        let Recipe { horizon, ref parameters, .. } = *recipe;
        let lesson = Lesson { frame, end, horizon, spec: &features, parameters, memo };
        let day = grid.rows_per_day();
        let held_out_days = (end / day / 5).clamp(1, HELD_OUT_DAYS);
        let origins: Vec<usize> = (1..=held_out_days).rev().map(|days| end - days * day).collect();
        let forecaster = recipe.strategy.fit(lesson, checkpoint)?;
        let (origins, forecasts) = match forecaster.held_out() {
            Some((origins, forecasts)) => (origins.to_vec(), forecasts.clone()),
            None => {
                let spec = recipe.features.fitted(frame, origins[0]);
                let first = Lesson { end: origins[0], spec: &spec, ..lesson };
                let first = recipe.strategy.fit(first, checkpoint)?;
                let forecasts = first.predict(frame, &origins, recipe.horizon)?;
                (origins, forecasts)
            }
        };
        let truths: Vec<Truth> = truths(frame, &origins, &forecasts, end).collect();
        let naive = Strategy::SeasonalNaive.fit(Lesson { parameters: &json!({}), ..lesson }, checkpoint)?;
        let naive = naive.predict(frame, &origins, recipe.horizon).ok();
        let held_out = json!({
            "from": rfc3339(grid.time(origins[0])),
            "to": rfc3339(grid.time(end)),
            "origins": origins.len(),
            "model": scores(truths.iter().copied()),
            "seasonal_naive": naive.map(|naive| scores(self::truths(frame, &origins, &naive, end))),
        });
        let residuals = residuals(forecaster.as_ref(), frame, &truths);
        let intervals = Intervals::learn(day, recipe.horizon, &residuals);
        let header = Header {
            strategy: recipe.strategy.name().to_owned(),
            step_seconds: grid.step().num_seconds(),
            horizon: recipe.horizon,
            regressors: frame.regressors.iter().map(|regressor| regressor.name.clone()).collect(),
            features,
            parameters: forecaster.parameters(),
            trained_until: grid.time(end).timestamp(),
        };
        let all: Vec<usize> = (end % day..end).step_by(day).collect();
        let outlook_shares = frame.outlook_shares(&all, recipe.horizon);
        Ok(Self { header, intervals, forecaster, held_out, outlook_shares })
    }

    /// The model as bytes; see [`artifact`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let state = postcard::to_allocvec(&(&self.intervals, self.forecaster.state()?));
        artifact::encode(&self.header, &state.map_err(|error| Error::Internal(error.to_string()))?)
    }

    /// The reverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (header, state) = artifact::decode(bytes)?;
        let damaged = |error: String| Error::DamagedArtifact(error);
        let strategy = Strategy::parse(&header.strategy).map_err(|error| damaged(error.to_string()))?;
        let (intervals, state): (Intervals, &[u8]) =
            postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
        if !intervals.is_sound((DAY_SECONDS / header.step_seconds) as usize) {
            return Err(damaged("its intervals hold impossible numbers".to_owned()));
        }
        let forecaster = strategy.restore(&header.features, &header.parameters, state)?;
        Ok(Self { header, intervals, forecaster, held_out: Value::Null, outlook_shares: Vec::new() })
    }

    /// What a forecast needs to know beside the fitted state.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The features that it reads, in order.
    pub fn feature_names(&self) -> Vec<String> {
        self.forecaster.feature_names()
    }

    /// Errors on the block that was held out: `model` and `seasonal_naive` with `rmse`, `mae`, `mape_pct`; of several
    /// series, those of newcomers.
    pub fn held_out(&self) -> &Value {
        &self.held_out
    }

    /// By day of lead, the share of the training's hours whose regressors were read as they were forecast;
    /// the others were read as they came.
    pub fn outlook_shares(&self) -> &[f64] {
        &self.outlook_shares
    }

    /// Forecasts `horizon` rows from each of the ascending `origins`, with quantiles of these levels; targets at
    /// or after an origin are not read for it. Days since the training are forecast too, so that the
    /// intervals of each origin rest also on the residuals known by then.
    pub fn forecast(
        &self,
        frame: &Frame,
        origins: &[usize],
        horizon: usize,
        levels: &[f64],
    ) -> Result<Vec<Forecast>, Error> {
        let last = origins.iter().copied().max().unwrap_or(0);
        let past = self.since_training(frame, last)?;
        let whole = self.header.horizon;
        let (behind, forecasts) = if horizon == whole {
            // Together, since they share most of the work.
            let mut all = [&past, origins].concat();
            all.sort_unstable();
            all.dedup();
            let forecasts = self.forecaster.predict(frame, &all, whole)?;
            let of = |some: &[usize]| {
                let rows: Vec<usize> = some.iter().filter_map(|origin| all.binary_search(origin).ok()).collect();
                forecasts.select(Axis(0), &rows)
            };
            (of(&past), of(origins))
        } else {
            (self.forecaster.predict(frame, &past, whole)?, self.forecaster.predict(frame, origins, horizon)?)
        };
        let mut intervals = self.intervals.clone();
        let truths: Vec<Truth> = truths(frame, &past, &behind, last).collect();
        intervals.join(&residuals(self.forecaster.as_ref(), frame, &truths));
        let mut rows = Vec::with_capacity(forecasts.len());
        for (origin, forecasts) in origins.iter().copied().zip(forecasts.rows()) {
            let level = self.forecaster.level(frame, origin);
            let fan = intervals.fan(frame.grid.time(origin).timestamp(), level);
            rows.extend(forecasts.iter().copied().enumerate().map(|(ahead, yhat)| {
                let lead = ahead + 1;
                let (lower, upper) = fan.interval(lead, yhat);
                Forecast { origin, lead, yhat, lower, upper, quantiles: fan.quantiles(lead, yhat, levels) }
            }));
        }
        Ok(rows)
    }

    /// Origins a day apart since the training ended, before `last`, that the frame has the history for.
    fn since_training(&self, frame: &Frame, last: usize) -> Result<Vec<usize>, Error> {
        let Header { strategy, parameters, features, trained_until, .. } = &self.header;
        let history = Strategy::parse(strategy)?.history(parameters, features, &frame.grid)?;
        Ok(frame.grid.days_since(*trained_until, history, last))
    }

    /// Forecasts from `issued_at`, by default the row after the last known target, over an input whose
    /// columns are checked against the ones trained with.
    pub fn forecast_at(
        &self,
        mut frame: Frame,
        issued_at: Option<DateTime<Utc>>,
        horizon: usize,
        levels: &[f64],
    ) -> Result<(Frame, Vec<Forecast>), Error> {
        check_levels(levels)?;
        let header = &self.header;
        if frame.grid.step().num_seconds() != header.step_seconds {
            return Err(Error::InvalidArgument(format!(
                "the input steps by {} s, the model was trained on steps of {} s",
                frame.grid.step().num_seconds(),
                header.step_seconds
            )));
        }
        if !(1..=header.horizon).contains(&horizon) {
            return Err(Error::InvalidArgument(format!(
                "a horizon of {horizon} steps is not between 1 and the {} that the model was trained for",
                header.horizon
            )));
        }
        let origin = match issued_at {
            Some(time) => frame.grid.row(time)?,
            None => frame.end_of_target(),
        };
        let (end, have) = (origin + horizon, frame.grid.len());
        let ahead: Vec<&str> =
            header.regressors.iter().filter(|name| !header.features.past.contains(name)).map(String::as_str).collect();
        if end > have && !ahead.is_empty() {
            return Err(Error::InvalidArgument(format!(
                "the input ends before {}, a forecast of {horizon} steps from {} needs the regressors ({}) up to {}",
                rfc3339(frame.grid.time(have)),
                rfc3339(frame.grid.time(origin)),
                ahead.join(", "),
                rfc3339(frame.grid.time(end)),
            )));
        }
        frame.extend(end);
        let forecasts = self.forecast(&frame, &[origin], horizon, levels)?;
        Ok((frame, forecasts))
    }
}

/// A forecast and what came of it.
#[derive(Clone, Copy)]
struct Truth {
    origin: usize,
    lead: usize,
    actual: f64,
    yhat: f64,
}

/// What is left of each, in the order of the origins.
fn residuals(forecaster: &dyn Forecaster, frame: &Frame, truths: &[Truth]) -> Vec<Residual> {
    let of_origin = truths.chunk_by(|a, b| a.origin == b.origin).flat_map(|of_origin| {
        let origin = of_origin[0].origin;
        let (issued_at, level) = (frame.grid.time(origin).timestamp(), forecaster.level(frame, origin));
        let residual = move |t: &Truth| Residual { issued_at, lead: t.lead, error: t.actual - t.yhat, level };
        of_origin.iter().map(residual)
    });
    of_origin.collect()
}

/// The forecasts whose target is known and lies before `end`.
fn truths<'a>(
    frame: &'a Frame,
    origins: &'a [usize],
    forecasts: &'a Array2<f64>,
    end: usize,
) -> impl Iterator<Item = Truth> + 'a {
    forecasts.indexed_iter().filter_map(move |((at, ahead), yhat)| {
        let target = origins[at] + ahead;
        let actual = *frame.target.get(target).filter(|_| target < end)?;
        actual.is_finite().then_some(Truth { origin: origins[at], lead: ahead + 1, actual, yhat: *yhat })
    })
}

fn scores(truths: impl Iterator<Item = Truth>) -> Value {
    let mut errors = Errors::default();
    truths.for_each(|truth| errors.add(truth.actual, truth.yhat));
    json!({ "rmse": errors.rmse(), "mae": errors.mae(), "mape_pct": errors.mape() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    fn recipe(strategy: &str) -> Recipe {
        let parameters = if strategy == "xgboost" { json!({"rounds": 40}) } else { json!({}) };
        Recipe::new(strategy, &parameters, &json!({}), 48).unwrap()
    }

    #[test]
    fn every_strategy_survives_its_bytes_and_orders_its_interval() {
        let frame = hourly_frame(1500);
        for strategy in Strategy::ALL {
            let model = Model::fit(&recipe(strategy.name()), &frame, 1400, &mut || ()).unwrap();
            let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
            let forecasts = again.forecast(&frame, &[1400, 1450], 48, &[0.1, 0.9]).unwrap();
            assert_eq!(forecasts, model.forecast(&frame, &[1400, 1450], 48, &[0.1, 0.9]).unwrap());
            assert_eq!(forecasts.len(), 96);
            // Right after the training no day has come since, and fewer hours are asked for.
            assert_eq!(again.forecast(&frame, &[1400], 24, &[]).unwrap().len(), 24);
            assert!(forecasts.iter().all(|f| f.lower <= f.yhat && f.yhat <= f.upper && f.yhat.is_finite()));
        }
    }

    #[test]
    fn trees_beat_the_naive_forecast_where_weather_drives_demand() {
        let model = Model::fit(&recipe("xgboost"), &hourly_frame(4000), 4000, &mut || ()).unwrap();
        let rmse = |who: &str| model.held_out()[who]["rmse"].as_f64().unwrap();
        assert!(rmse("model") < 0.75 * rmse("seasonal_naive"), "{}", model.held_out());
    }

    #[test]
    fn a_series_shorter_than_the_longest_lag_and_a_season_is_refused() {
        let frame = hourly_frame(600);
        let fit = |end| Model::fit(&recipe("xgboost"), &frame, end, &mut || ()).map(|_| ());
        assert_eq!(fit(503), Err(Error::TooLittleHistory { need: 504, have: 503 }));
        assert_eq!(fit(504), Ok(()));
    }

    #[test]
    fn a_horizon_beyond_the_regressors_or_the_training_is_refused() {
        let model = Model::fit(&recipe("xgboost"), &hourly_frame(1500), 1500, &mut || ()).unwrap();
        let error = |horizon| model.forecast_at(hourly_frame(1500), None, horizon, &[]).unwrap_err().to_string();
        assert!(error(0).contains("horizon of 0 steps is not between 1 and the 48"));
        assert!(error(49).contains("horizon of 49 steps"));
        assert!(error(48).contains("needs the regressors (temperature_c, is_holiday) up to"));
    }

    #[test]
    fn what_is_known_only_up_to_the_issue_time_needs_no_rows_ahead_and_a_name_that_is_not_there_is_refused() {
        let mut frame = hourly_frame(1500);
        frame.regressors.truncate(1);
        let recipe = |name: &str| {
            let features = json!({ "past": [name] });
            Recipe::new("xgboost", &json!({"rounds": 5}), &features, 48).unwrap()
        };
        let model = Model::fit(&recipe("temperature_c"), &frame, 1500, &mut || ()).unwrap();
        let (extended, forecasts) = model.forecast_at(frame.clone(), None, 48, &[]).unwrap();
        assert_eq!((extended.grid.len(), forecasts.len()), (1548, 48));
        let error = Model::fit(&recipe("temperatur_c"), &frame, 1500, &mut || ()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("did you mean \"temperature_c\""), "{error}");
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
            let forecast = |model: &Model| model.forecast(&frame, &[3600], 24, &[]).unwrap();
            assert_eq!(forecast(&again), forecast(&model));
        }
    }

    #[test]
    fn without_regressors_the_hours_ahead_need_no_rows() {
        let mut frame = hourly_frame(1500);
        frame.regressors.clear();
        let model = Model::fit(&recipe("xgboost"), &frame, 1500, &mut || ()).unwrap();
        let (extended, forecasts) = model.forecast_at(frame, None, 48, &[]).unwrap();
        assert_eq!(forecasts.len(), 48);
        assert_eq!(extended.grid.len(), 1548);
    }
}
