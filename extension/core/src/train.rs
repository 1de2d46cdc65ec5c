//! From a series to a model, and from a model to a forecast.
//!
//! [`Model::fit`] fits twice: once without the newest block, whose residuals give the prediction
//! intervals and the metrics, and once on everything, which is the model that is kept.

use crate::Checkpoint;
use crate::artifact::{self, Header};
use crate::clean::{Implausible, Plausible};
use crate::clock::Clock;
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::grid::{Grid, MAX_ROWS, rfc3339};
use crate::intervals::{Intervals, Residual, check_levels};
use crate::metrics::Errors;
use crate::model::{Forecaster, Memo, Origins, Strategy, TrainingSet};
use crate::origin::{IssueHours, Origin, Phases, newest_origin, origins, rows_per_day};
use crate::series::{Availability, Frame};
use chrono::{DateTime, TimeDelta, Utc};
use ndarray::Array2;
use serde_json::{Value, json};
use std::borrow::Cow;

mod panel;
pub use panel::Member;

/// The block held out is a fifth of the series, but no longer than this many days.
const HELD_OUT_DAYS: usize = 56;
/// The most rows ahead that may be asked for.
pub const MAX_HORIZON: usize = 3_000;
/// Residuals since the training that a forecast's intervals rest on, at most: those of a year of three days ahead by
/// the quarter of an hour are a twentieth.
const MOST_RESIDUALS: usize = 2_000_000;
/// Days that an issue may lie after the end of its input.
const MAX_DAYS_AFTER: usize = 31;

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
    /// When forecasts are asked for.
    pub issue_hours: IssueHours,
    /// How long after its end a row is known, where that is assumed.
    pub availability: Option<TimeDelta>,
}

impl Recipe {
    /// Reads a recipe from what SQL hands over; every part is checked.
    pub fn new(strategy: &str, parameters: &Value, features: &Value, horizon: usize) -> Result<Self, Error> {
        let strategy = Strategy::parse(strategy)?;
        let features = FeatureSpec::from_json(features, strategy.preset())?;
        check_horizon(horizon)?;
        let parameters = strategy.read_parameters(parameters)?;
        let issue_hours = IssueHours::default();
        Ok(Self { strategy, parameters, features, horizon, issue_hours, availability: None })
    }

    /// Asked at these hours of the local day, each row being known so long after its end where the series does not say.
    #[must_use]
    pub fn issued(mut self, hours: &IssueHours, availability: Option<TimeDelta>) -> Self {
        (self.issue_hours, self.availability) = (hours.clone(), availability);
        self
    }

    /// Refuses fewer rows before the end of a training set than the longest lag and one season.
    pub fn check_history(&self, grid: &Grid, have: usize) -> Result<(), Error> {
        let history = self.strategy.history(&self.parameters, &self.features, grid)?;
        let need = history + grid.rows_in_hours(crate::features::SEASON_H)?;
        if have < need { Err(Error::TooLittleHistory { need, have }) } else { Ok(()) }
    }
}

/// Refuses no rows ahead, and more than any strategy is made for.
pub fn check_horizon(horizon: usize) -> Result<(), Error> {
    if (1..=MAX_HORIZON).contains(&horizon) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!("a horizon of {horizon} steps is not between 1 and {MAX_HORIZON}")))
}

/// One row of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The row at whose start it was issued.
    pub issued: usize,
    /// Steps ahead of the issue; 1 is the row `issued`.
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
        self.issued + self.lead - 1
    }
}

/// A model that can forecast, be written and be read.
pub struct Model {
    header: Header,
    intervals: Intervals,
    forecaster: Box<dyn Forecaster>,
    held_out: Value,
    vintage_shares: Vec<f64>,
    implausible: Vec<Implausible>,
}

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
        let phases = phases_of(recipe, &frame, &clock, end, purpose.issues);
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
        };
        Ok(Self { header, intervals, forecaster, held_out, vintage_shares, implausible })
    }

    /// The model as bytes; see [`artifact`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let state = postcard::to_allocvec(&(&self.intervals, self.forecaster.state()?));
        artifact::encode(&self.header, &state.map_err(|error| Error::Internal(error.to_string()))?)
    }

    /// The reverse of [`Self::to_bytes`]; also of what an earlier release wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (header, state) = artifact::decode(bytes)?;
        let damaged = |error: String| Error::DamagedArtifact(error);
        let strategy = Strategy::parse(&header.strategy).map_err(|error| damaged(error.to_string()))?;
        let (intervals, state): (Intervals, &[u8]) =
            postcard::from_bytes(&state).map_err(|error| damaged(error.to_string()))?;
        let day = rows_per_day(header.step_seconds);
        if !intervals.is_sound(day) || !header.phases.is_sound(day) || !header.plausible.is_sound() {
            return Err(damaged("it holds impossible numbers".to_owned()));
        }
        let forecaster = strategy.restore(&header.features, &header.parameters, state)?;
        let (held_out, vintage_shares, implausible) = (Value::Null, Vec::new(), Vec::new());
        Ok(Self { header, intervals, forecaster, held_out, vintage_shares, implausible })
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
    pub fn vintage_shares(&self) -> &[f64] {
        &self.vintage_shares
    }

    /// Values of regressors that were not believed when it was fitted.
    pub fn implausible(&self) -> &[Implausible] {
        &self.implausible
    }

    /// Forecasts `horizon` rows from each of the ascending `issues`, with quantiles of these levels; what was not known
    /// when it was issued is not read for it. Days since the training are forecast too, so that the
    /// intervals of each issue rest also on the residuals known by then.
    pub fn forecast(
        &self,
        frame: &Frame,
        issues: &[usize],
        horizon: usize,
        levels: &[f64],
        checkpoint: Checkpoint<'_>,
    ) -> Result<Vec<Forecast>, Error> {
        Ok(self.forecast_and_tell(frame, issues, horizon, levels, checkpoint)?.0)
    }

    /// As [`Self::forecast`]; beside it the values of regressors that were not believed.
    pub fn forecast_and_tell(
        &self,
        frame: &Frame,
        issues: &[usize],
        horizon: usize,
        levels: &[f64],
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Vec<Forecast>, Vec<Implausible>), Error> {
        let Header { features, phases, .. } = &self.header;
        let last = issues.iter().copied().max().unwrap_or(0);
        let day = frame.grid.rows_per_day();
        let clock = Clock::new(&frame.grid, features.time_zone, last + horizon + 1);
        let (frame, implausible) = self.header.plausible.apply(frame);
        let stand = Strategy::parse(&self.header.strategy)?.origins();
        let origin = |issued: &usize| match stand {
            Origins::Phases => phases.origin(&frame, &clock, *issued),
            Origins::Newest | Origins::Pooled => Origin { issued: *issued, row: newest_origin(&frame, *issued) },
        };
        let asked: Vec<Origin> = issues.iter().map(origin).collect();
        let gap = asked.iter().map(|origin| origin.gap()).max().unwrap_or(0);
        let reach = (self.header.horizon + phases.longest_gap(day)).max(gap + horizon);
        let frame = reaching(frame, last + reach);
        let past = self.since_training(&frame, &clock, last, reach)?;
        // Together, since they share most of the work.
        let mut all = [past.as_slice(), &asked].concat();
        all.sort_by_key(|origin| (origin.row, origin.issued));
        all.dedup();
        let mut forecasts = self.forecaster.predict(&frame, &all, reach, checkpoint)?;
        if forecasts.iter().any(|yhat| !yhat.is_finite()) {
            return Err(Error::InvalidArgument(
                "the forecast is no finite number: the input holds values of absurd size".to_owned(),
            ));
        }
        bound(&mut forecasts, self.header.floor);
        let is_past = |actual: &Actual| past.binary_search_by_key(&actual.origin.row, |origin| origin.row).is_ok();
        let actuals: Vec<Actual> = actuals(&frame, &all, &forecasts, last).filter(is_past).collect();
        let residuals = residuals(self.forecaster.as_ref(), &frame, &clock, &actuals);
        let mut rows = Vec::with_capacity(issues.len() * horizon);
        for origin in &asked {
            let at = all.iter().position(|other| other == origin).unwrap_or(0);
            let now = frame.grid.time(origin.issued).timestamp();
            let mut intervals = self.intervals.clone();
            intervals.calibrate(&residuals, now, checkpoint);
            let fan = intervals.fan(now, self.forecaster.level(&frame, *origin));
            let floored = |value: f64| self.header.floor.map_or(value, |floor| value.max(floor));
            rows.extend((0..horizon).map(|ahead| {
                let (from_origin, slot) = (origin.gap() + ahead + 1, clock.slot(origin.issued + ahead));
                let yhat = forecasts[[at, from_origin - 1]];
                let (lower, upper) = fan.interval(from_origin, slot, yhat);
                let quantiles = fan.quantiles(from_origin, slot, yhat, levels).into_iter().map(floored).collect();
                Forecast {
                    issued: origin.issued,
                    lead: ahead + 1,
                    yhat,
                    lower: floored(lower),
                    upper: floored(upper),
                    quantiles,
                }
            }));
        }
        Ok((rows, implausible))
    }

    /// Origins a day apart since the training ended whose issue lies before `last`, that the frame has the history for;
    /// of a model that is very old the newest ones, which count.
    fn since_training(&self, frame: &Frame, clock: &Clock, last: usize, reach: usize) -> Result<Vec<Origin>, Error> {
        let Header { strategy, parameters, features, trained_until, phases, .. } = &self.header;
        let history = Strategy::parse(strategy)?.history(parameters, features, &frame.grid)?;
        let first = frame.grid.first_at_or_after(*trained_until).max(history).max(1);
        let since = origins(phases.first(), frame, clock, first..last);
        let mut since: Vec<Origin> = since.filter(|origin| origin.issued < last).collect();
        let surplus = since.len().saturating_sub(MOST_RESIDUALS / reach);
        since.drain(..surplus);
        Ok(since)
    }

    /// Forecasts from `issued_at`, by default the time at which all of the input was known, over an input whose
    /// columns are checked against the ones trained with; beside it the values of regressors that were not believed.
    pub fn forecast_at(
        &self,
        mut frame: Frame,
        issued_at: Option<DateTime<Utc>>,
        horizon: usize,
        levels: &[f64],
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Frame, Vec<Forecast>, Vec<Implausible>), Error> {
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
        if let (Some(seconds), None) = (header.availability_seconds, &frame.known_at) {
            frame.set_availability(Availability::After(TimeDelta::seconds(seconds)))?;
        }
        let issued = issue_row(&frame, issued_at)?;
        let (end, have) = (issued + horizon, frame.grid.len());
        let ahead: Vec<&str> =
            header.regressors.iter().filter(|name| !header.features.past.contains(name)).map(String::as_str).collect();
        if end > have && !ahead.is_empty() {
            return Err(Error::InvalidArgument(format!(
                "the input ends before {}, a forecast of {horizon} steps from {} needs the regressors ({}) up to {}",
                rfc3339(frame.grid.time(have)),
                rfc3339(frame.grid.time(issued)),
                ahead.join(", "),
                rfc3339(frame.grid.time(end)),
            )));
        }
        frame.extend(end);
        let (forecasts, implausible) = self.forecast_and_tell(&frame, &[issued], horizon, levels, checkpoint)?;
        Ok((frame, forecasts, implausible))
    }
}

/// The row of an issue time, by default the one at which all of the input was known; not far beyond the input.
pub fn issue_row(frame: &Frame, issued_at: Option<DateTime<Utc>>) -> Result<usize, Error> {
    let issued = match issued_at {
        Some(time) => frame.grid.row(time)?,
        None => frame.all_known(),
    };
    let most = frame.grid.len() + MAX_DAYS_AFTER * frame.grid.rows_per_day();
    if issued > most.min(MAX_ROWS) {
        return Err(Error::InvalidArgument(format!(
            "the issue time {} lies more than {MAX_DAYS_AFTER} days after the end of the input, {}",
            rfc3339(frame.grid.time(issued)),
            rfc3339(frame.grid.time(frame.grid.len())),
        )));
    }
    Ok(issued)
}

/// The times of day that a model of this recipe is fitted for.
fn phases_of(recipe: &Recipe, frame: &Frame, clock: &Clock, end: usize, issues: Option<&[usize]>) -> Phases {
    let phases = Phases::learn(frame, clock, end, &recipe.issue_hours);
    match (recipe.strategy.origins(), issues) {
        (Origins::Newest, _) => Phases::only(phases.first()),
        (Origins::Pooled | Origins::Phases, None) => phases,
        (Origins::Pooled | Origins::Phases, Some(issues)) => {
            let last = issues.iter().copied().max().unwrap_or(end);
            let clock = Clock::new(&frame.grid, recipe.features.time_zone, last + 1);
            phases.asked(frame, &clock, issues)
        }
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

/// The frame with at least so many rows.
fn reaching(frame: Cow<'_, Frame>, rows: usize) -> Cow<'_, Frame> {
    if frame.grid.len() >= rows {
        return frame;
    }
    let mut longer = frame.into_owned();
    longer.extend(rows);
    Cow::Owned(longer)
}

/// The lower bound of a series that never was negative, unless something else is said.
fn floor(spec: &FeatureSpec, target: &[f64]) -> Option<f64> {
    let mut known = target.iter().filter(|value| value.is_finite());
    spec.non_negative.unwrap_or_else(|| known.all(|value| *value >= 0.0)).then_some(0.0)
}

fn bound(forecasts: &mut Array2<f64>, floor: Option<f64>) {
    if let Some(floor) = floor {
        forecasts.mapv_inplace(|yhat| if yhat < floor { floor } else { yhat });
    }
}

/// A forecast and the actual value.
#[derive(Clone, Copy)]
struct Actual {
    origin: Origin,
    /// From the origin's row.
    lead: usize,
    actual: f64,
    yhat: f64,
}

/// The residuals, in the order of the origins.
fn residuals(forecaster: &dyn Forecaster, frame: &Frame, clock: &Clock, actuals: &[Actual]) -> Vec<Residual> {
    let of_origin = actuals.chunk_by(|a, b| a.origin == b.origin).flat_map(|of_origin| {
        let origin = of_origin[0].origin;
        let (origin_at, level) = (frame.grid.time(origin.row).timestamp(), forecaster.level(frame, origin));
        let residual = move |actual: &Actual| {
            let row = origin.row + actual.lead - 1;
            let known_at =
                frame.known_at.as_ref().map_or_else(|| frame.grid.end_seconds(row), |known_at| known_at[row]);
            let error = actual.actual - actual.yhat;
            Residual { origin_at, known_at, lead: actual.lead, slot: clock.slot(row), error, level }
        };
        of_origin.iter().map(residual)
    });
    of_origin.collect()
}

/// The forecasts from their issue on whose target is known and lies before `end`.
fn actuals<'a>(
    frame: &'a Frame,
    origins: &'a [Origin],
    forecasts: &'a Array2<f64>,
    end: usize,
) -> impl Iterator<Item = Actual> + 'a {
    forecasts.indexed_iter().filter_map(move |((at, ahead), yhat)| {
        let (origin, target) = (origins[at], origins[at].row + ahead);
        let actual = *frame.target.get(target).filter(|_| target >= origin.issued && target < end)?;
        actual.is_finite().then_some(Actual { origin, lead: ahead + 1, actual, yhat: *yhat })
    })
}

fn scores(actuals: impl Iterator<Item = Actual>) -> Value {
    let mut errors = Errors::default();
    actuals.for_each(|actual| errors.add(actual.actual, actual.yhat));
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
            let forecasts = again.forecast(&frame, &[1400, 1450], 48, &[0.1, 0.9], &mut || ()).unwrap();
            assert_eq!(forecasts, model.forecast(&frame, &[1400, 1450], 48, &[0.1, 0.9], &mut || ()).unwrap());
            assert_eq!(forecasts.len(), 96);
            // Right after the training no day has come since, and fewer hours are asked for.
            assert_eq!(again.forecast(&frame, &[1400], 24, &[], &mut || ()).unwrap().len(), 24);
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
        let error =
            |horizon| model.forecast_at(hourly_frame(1500), None, horizon, &[], &mut || ()).unwrap_err().to_string();
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
        let (extended, forecasts, _) = model.forecast_at(frame.clone(), None, 48, &[], &mut || ()).unwrap();
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
            let forecast = |model: &Model| model.forecast(&frame, &[3600], 24, &[], &mut || ()).unwrap();
            assert_eq!(forecast(&again), forecast(&model));
        }
    }

    #[test]
    fn without_regressors_the_hours_ahead_need_no_rows() {
        let mut frame = hourly_frame(1500);
        frame.regressors.clear();
        let model = Model::fit(&recipe("xgboost"), &frame, 1500, &mut || ()).unwrap();
        let (extended, forecasts, _) = model.forecast_at(frame, None, 48, &[], &mut || ()).unwrap();
        assert_eq!(forecasts.len(), 48);
        assert_eq!(extended.grid.len(), 1548);
    }
}
