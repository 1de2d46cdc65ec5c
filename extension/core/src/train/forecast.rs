//! Forecasts with a trained model.

use super::actuals::{Actual, actuals, residuals};
use super::bounds::Bounds;
use super::levels::Levels;
use super::{Model, reaching};
use crate::Checkpoint;
use crate::artifact::Header;
use crate::clean::Implausible;
use crate::clock::Clock;
use crate::confidence::{Asked, Reads};
use crate::error::Error;
use crate::grid::{MAX_ROWS, rfc3339};
use crate::intervals::{Ahead, check_levels};
use crate::model::{Origins, Strategy};
use crate::origin::{Origin, newest_origin, past_origins};
use crate::series::{Availability, Frame};
use chrono::{DateTime, TimeDelta, Utc};
use ndarray::{Array2, ArrayView1};
use std::borrow::Cow;

/// Maximum number of residuals since the training used for a forecast's intervals: a year of three days ahead at 15
/// minutes has twenty times as many.
const MOST_RESIDUALS: usize = 2_000_000;
/// Maximum number of days between the end of the input and an issue.
const MAX_DAYS_AFTER: usize = 31;

/// One row of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The row at whose start it was issued.
    pub issued: usize,
    /// Lead in steps from the issue; 1 is the row `issued`.
    pub lead: usize,
    /// The forecast, in the unit of the target.
    pub yhat: f64,
    /// Lower bound of the 90 % interval.
    pub lower: f64,
    /// Upper bound of the 90 % interval.
    pub upper: f64,
    /// The quantiles asked for.
    pub quantiles: Vec<f64>,
    /// Similarity of its inputs to the training data, between 0 and 1; see [`crate::confidence`].
    pub confidence: f64,
}

impl Forecast {
    /// The target row.
    pub fn target(&self) -> usize {
        self.issued + self.lead - 1
    }
}

/// Forecasts of the strategy for some issues, before the intraday correction.
pub(super) struct Made<'a> {
    pub frame: Cow<'a, Frame>,
    pub implausible: Vec<Implausible>,
    pub clock: Clock,
    /// Origins of the issues.
    pub asked: Vec<Origin>,
    /// Origins of the days since the training.
    past: Vec<Origin>,
    /// Both.
    all: Vec<Origin>,
    pub bounds: Bounds,
    /// Forecasts by origin and lead, clamped to the bounds.
    forecasts: Array2<f64>,
}

impl Made<'_> {
    /// The forecasts from one of the origins.
    pub fn of(&self, origin: Origin) -> ArrayView1<'_, f64> {
        self.forecasts.row(self.all.iter().position(|other| *other == origin).unwrap_or(0))
    }
}

impl Model {
    /// Forecasts `horizon` rows from each of the ascending `issues`, with quantiles at these levels, from data known at
    /// each issue. The days since the training are forecast too, so that the intervals of each issue use the residuals
    /// known by then.
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

    /// Like [`Self::forecast`]; also returns the implausible regressor values.
    pub fn forecast_and_tell(
        &self,
        frame: &Frame,
        issues: &[usize],
        horizon: usize,
        levels: &[f64],
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Vec<Forecast>, Vec<Implausible>), Error> {
        let last = issues.iter().copied().max().unwrap_or(0);
        let (given, made) = (frame, self.make(frame, issues, horizon, checkpoint)?);
        let Made { frame, clock, past, all, bounds, forecasts, .. } = &made;
        let is_past = |actual: &Actual| past.binary_search_by_key(&actual.origin.row, |origin| origin.row).is_ok();
        let tells = |actual: &Actual| is_past(actual) && !bounds.is_certain(actual.target());
        let actuals: Vec<Actual> = actuals(frame, all, forecasts, last).filter(tells).collect();
        let residuals = residuals(self.forecaster.as_ref(), frame, clock, &actuals);
        let given = reaching(Cow::Borrowed(given), last + horizon);
        let stand = Strategy::parse(&self.header.strategy)?.origins();
        let trust = Asked {
            frame: &given,
            plausible: &self.header.plausible,
            reads: &self.reads(),
            usual_delay: self.header.phases.usual_delay(),
            weight_of_demand: if stand == Origins::Pooled { 0.5 } else { 1.0 },
        };
        let first = issues.iter().copied().min().unwrap_or(0);
        let levels_of_rows = Levels::new(self.forecaster.as_ref(), frame, first..last + horizon);
        let mut rows = Vec::with_capacity(issues.len() * horizon);
        for origin in &made.asked {
            let now = frame.grid.time(origin.issued).timestamp();
            let mut intervals = self.intervals.clone();
            intervals.calibrate(&residuals, now, checkpoint);
            let (fan, level) = (intervals.fan(now), levels_of_rows.at(*origin));
            let confidence = self.header.learnt.confidence(&trust, *origin, horizon);
            let (forecasts, corrections) = (made.of(*origin), self.corrections(&made, *origin, horizon));
            rows.extend((0..horizon).map(|ahead| {
                let (row, lead) = (origin.issued + ahead, origin.gap() + ahead + 1);
                let within = |value: f64| bounds.clamp(row, value);
                let yhat = within(forecasts[lead - 1] + corrections[ahead]);
                let from_origin = Ahead { lead, slot: clock.slot(row), level: level(row, yhat) };
                let (lower, upper) = fan.interval(from_origin, yhat);
                let quantiles = fan.quantiles(from_origin, yhat, levels).into_iter().map(within).collect();
                Forecast {
                    issued: origin.issued,
                    lead: ahead + 1,
                    yhat,
                    lower: within(lower),
                    upper: within(upper),
                    quantiles,
                    confidence: confidence[ahead],
                }
            }));
        }
        Ok((rows, made.implausible))
    }

    /// The strategy's forecasts for these issues.
    pub(super) fn make<'a>(
        &self,
        frame: &'a Frame,
        issues: &[usize],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Made<'a>, Error> {
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
        // In one batch, since they share most of the work.
        let mut all = [past.as_slice(), &asked].concat();
        all.sort_by_key(|origin| (origin.row, origin.issued));
        all.dedup();
        let mut forecasts = self.forecaster.predict(&frame, &all, reach, checkpoint)?;
        if forecasts.iter().any(|yhat| !yhat.is_finite()) {
            return Err(Error::InvalidArgument(
                "the forecast is not finite: the input has extremely large values".to_owned(),
            ));
        }
        let bounds = Bounds::new(self.forecaster.as_ref(), &frame, &all, reach, self.header.floor);
        bounds.apply(&all, &mut forecasts);
        Ok(Made { frame, implausible, clock, asked, past, all, bounds, forecasts })
    }

    /// The intraday correction from the rows known at the issue that are newer than the origin.
    pub(super) fn corrections(&self, made: &Made<'_>, origin: Origin, horizon: usize) -> Vec<f64> {
        let (Made { frame, clock, .. }, forecasts) = (made, made.of(origin));
        let newest = origin.row.max(origin.issued.saturating_sub(frame.grid.rows_per_day()));
        let known = (newest..origin.issued).filter(|row| frame.was_known(*row, origin.issued));
        let actuals = known.filter(|row| frame.target[*row].is_finite()).map(|row| {
            let lead = row - origin.row + 1;
            Actual { origin, lead, actual: frame.target[row], yhat: forecasts[lead - 1] }
        });
        let actuals: Vec<Actual> = actuals.collect();
        // The usual case of a strategy that starts from the newest row: the levels of generation take time to compute.
        if actuals.is_empty() {
            return vec![0.0; horizon];
        }
        let known = residuals(self.forecaster.as_ref(), frame, clock, &actuals);
        let rows = origin.issued..origin.issued + horizon;
        let levels = Levels::new(self.forecaster.as_ref(), frame, rows.clone());
        let level = levels.at(origin);
        let ahead = rows.map(|row| {
            let lead = row - origin.row + 1;
            Ahead { lead, slot: clock.slot(row), level: level(row, forecasts[lead - 1]) }
        });
        self.header.intraday.corrections(&known, &ahead.collect::<Vec<_>>())
    }

    /// For each regressor, when the model reads it.
    fn reads(&self) -> Vec<Option<Reads>> {
        let Header { regressors, features, .. } = &self.header;
        let reads_some = !self.feature_names().is_empty();
        let when = |name| if features.past.contains(name) { Reads::AtIssue } else { Reads::Ahead };
        regressors.iter().map(|name| reads_some.then(|| when(name))).collect()
    }

    /// Origins a day apart since the end of the training whose issue is before `last` and for which the frame has the
    /// history; for a very old model only the newest ones.
    fn since_training(&self, frame: &Frame, clock: &Clock, last: usize, reach: usize) -> Result<Vec<Origin>, Error> {
        let Header { strategy, parameters, features, trained_until, phases, .. } = &self.header;
        let history = Strategy::parse(strategy)?.history(parameters, features, &frame.grid)?;
        let first = frame.grid.first_at_or_after(*trained_until).max(history).max(1);
        let mut since: Vec<Origin> =
            past_origins(phases.first(), frame, clock, first..last, last.saturating_sub(1)).collect();
        let surplus = since.len().saturating_sub(MOST_RESIDUALS / reach);
        since.drain(..surplus);
        Ok(since)
    }

    /// Forecasts from `issued_at`, by default the time at which all of the input was known, after checking the input's
    /// columns against those of the training; also returns the implausible regressor values.
    pub fn forecast_at(
        &self,
        frame: Frame,
        issued_at: Option<DateTime<Utc>>,
        horizon: usize,
        levels: &[f64],
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Frame, Vec<Forecast>, Vec<Implausible>), Error> {
        check_levels(levels)?;
        let (frame, issued) = self.input(frame, issued_at, horizon)?;
        let (forecasts, implausible) = self.forecast_and_tell(&frame, &[issued], horizon, levels, checkpoint)?;
        Ok((frame, forecasts, implausible))
    }

    /// The validated input of a forecast, and the row of its issue.
    pub(super) fn input(
        &self,
        mut frame: Frame,
        issued_at: Option<DateTime<Utc>>,
        horizon: usize,
    ) -> Result<(Frame, usize), Error> {
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
        Ok((frame, issued))
    }
}

/// The row of an issue time, by default the one at which all of the input was known; rejects times too far after the
/// input.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::IssueHours;
    use crate::testing::hourly_frame;
    use crate::train::Recipe;
    use serde_json::json;

    fn recipe() -> Recipe {
        Recipe::new("xgboost", &json!({"rounds": 40}), &json!({}), 48).unwrap()
    }

    #[test]
    fn only_known_rows_newer_than_the_origin_correct_the_hours_ahead() {
        // Demand is a random walk from hour to hour, so that an hour predicts the next ones.
        let (mut frame, mut wander) = (hourly_frame(3600), 0.0);
        for row in 0..3600_usize {
            wander = 0.95 * wander + ((row.wrapping_mul(2_246_822_519)) % 1000) as f64 / 1000.0 - 0.5;
            frame.target[row] += 2.0 * wander;
        }
        let recipe =
            Recipe::new("lear", &json!({}), &json!({}), 48).unwrap().issued(&IssueHours::new(&[5]).unwrap(), None);
        let model = Model::fit(&recipe, &frame, 3000, &mut || ()).unwrap();
        let issues: Vec<usize> = (3000 + 11..3500).step_by(24).collect();
        let forecast = |frame: &Frame| model.forecast(frame, &issues, 6, &[], &mut || ()).unwrap();
        let rmse = |forecasts: &[Forecast]| {
            let errors = forecasts.iter().map(|f| (f.yhat - frame.target[f.target()]).powi(2));
            (errors.sum::<f64>() / forecasts.len() as f64).sqrt()
        };
        let corrected = forecast(&frame);
        // The same, with nothing known after 05:00.
        let mut late = frame.clone();
        issues.iter().for_each(|issued| late.target[issued - 6..*issued].fill(f64::NAN));
        assert!(rmse(&corrected) < 0.8 * rmse(&forecast(&late)));
        // Later rows change nothing.
        let mut later = frame.clone();
        later.target[issues[issues.len() - 1]..].iter_mut().for_each(|value| *value *= 9.0);
        let last = |forecasts: &[Forecast]| forecasts[forecasts.len() - 6..].to_vec();
        assert_eq!(last(&forecast(&later)), last(&corrected));
    }

    #[test]
    fn a_horizon_beyond_the_regressors_or_the_training_is_rejected() {
        let model = Model::fit(&recipe(), &hourly_frame(1500), 1500, &mut || ()).unwrap();
        let error =
            |horizon| model.forecast_at(hourly_frame(1500), None, horizon, &[], &mut || ()).unwrap_err().to_string();
        assert!(error(0).contains("horizon of 0 steps is not between 1 and the 48"));
        assert!(error(49).contains("horizon of 49 steps"));
        assert!(error(48).contains("needs the regressors (temperature_c, is_holiday) up to"));
    }

    #[test]
    fn past_regressors_need_no_rows_ahead_and_unknown_ones_are_rejected() {
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
    fn without_regressors_the_hours_ahead_need_no_rows() {
        let mut frame = hourly_frame(1500);
        frame.regressors.clear();
        let model = Model::fit(&recipe(), &frame, 1500, &mut || ()).unwrap();
        let (extended, forecasts, _) = model.forecast_at(frame, None, 48, &[], &mut || ()).unwrap();
        assert_eq!(forecasts.len(), 48);
        assert_eq!(extended.grid.len(), 1548);
    }
}
