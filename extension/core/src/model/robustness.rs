//! Robustness tests for all strategies in [`Strategy::ALL`].
//!
//! Each case corrupts a series. A strategy must give finite forecasts whose typical error is below the spread of the
//! demand, or an error that says what it needs; it must never panic or forecast NaN.

use super::Strategy;
use crate::error::Error;
use crate::series::Frame;
use crate::testing::hourly_frame;
use crate::train::{Forecast, Model, Purpose, Recipe};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

const END: usize = 150 * 24 + 7;
const HORIZON: usize = 72;
/// Maximum median error, in mean deviations of the demand: a forecast of the mean has about one, and so has the week
/// before, since the demand follows the weather.
const BLIND: f64 = 1.3;
/// The same for strategies that use the weather.
const SIGHTED: f64 = 0.6;

/// Five months starting in winter, which include a clock change in Zurich, and three days ahead.
fn frame() -> Frame {
    hourly_frame(END + HORIZON)
}

/// A strategy under test.
struct Case {
    name: &'static str,
    recipe: Recipe,
}

fn case(name: &'static str, strategy: &str, parameters: &Value, past: &[&str]) -> Case {
    let features = json!({"time_zone": "Europe/Zurich", "past": past});
    Case { name, recipe: Recipe::new(strategy, parameters, &features, HORIZON).unwrap() }
}

/// Every strategy for demand, with fast settings; the trees with either base.
fn all() -> Vec<Case> {
    all_with(&[])
}

/// These and the strategy for solar generation, for properties that hold for any series.
fn every() -> Vec<Case> {
    let features = json!({"time_zone": "Europe/Zurich", "latitude": 47.4, "longitude": 8.5});
    let solar = Case { name: "solar", recipe: Recipe::new("solar", &json!({}), &features, HORIZON).unwrap() };
    all().into_iter().chain([solar]).collect()
}

fn all_with(past: &[&str]) -> Vec<Case> {
    let quick = |strategy: Strategy| {
        let quick = match strategy.name() {
            "xgboost" => json!({"rounds": 60}),
            "global" => json!({"trees": {"rounds": 60}, "max_rows": 20_000}),
            "sarimax" => json!({"candidates": 4, "search_weeks": 8, "weeks": 16}),
            "ensemble" => json!({"members": [{"strategy": "lear"}, {"strategy": "profile"}]}),
            _ => json!({}),
        };
        case(strategy.name(), strategy.name(), &quick, past)
    };
    let linear = case("xgboost on base linear", "xgboost", &json!({"base": "linear", "rounds": 60}), past);
    let demand = Strategy::ALL.into_iter().filter(|strategy| strategy.name() != "solar");
    demand.map(quick).chain([linear]).collect()
}

/// Fits ten days before `end`, reloads the model, and forecasts from there on.
fn forecast(case: &Case, frame: &Frame, end: usize) -> Result<Vec<Forecast>, Error> {
    let day = frame.grid.rows_per_day();
    let first = end.saturating_sub(10 * day);
    let issues: Vec<usize> = (first..=end).step_by(day).collect();
    let model = fit(case, frame, first, &issues)?;
    Model::from_bytes(&model.to_bytes()?)?.forecast(frame, &issues, HORIZON, &[], &mut || ())
}

fn fit(case: &Case, frame: &Frame, end: usize, issues: &[usize]) -> Result<Model, Error> {
    let purpose = Purpose { issues: Some(issues), memo: None, ..Purpose::default() };
    Model::fit_for(&case.recipe, frame, end, purpose, &mut || ())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn errors(forecasts: &[Forecast], truth: &[f64]) -> Vec<f64> {
    forecasts.iter().map(|forecast| (truth[forecast.target()] - forecast.yhat).abs()).collect()
}

/// Whether it forecasts `frame`; panics unless it does so or returns an actionable error. `truth` is the uncorrupted
/// demand.
fn stands(tried: &Case, case: &str, frame: &Frame, end: usize, truth: &[f64], limit: f64) -> bool {
    let name = tried.name;
    let limit = if matches!(name, "seasonal_naive" | "profile" | "mstl") { limit.max(BLIND) } else { limit };
    match catch_unwind(AssertUnwindSafe(|| forecast(tried, frame, end))) {
        Err(_) => panic!("{name} panics: {case}"),
        Ok(Err(Error::TooLittleHistory { .. } | Error::InvalidArgument(_))) => false,
        Ok(Err(error)) => panic!("{name} fails: {case}: {error}"),
        Ok(Ok(forecasts)) => {
            let numbers = forecasts.iter().flat_map(|f| [f.lower, f.yhat, f.upper]);
            assert!(numbers.into_iter().all(f64::is_finite), "{name} forecasts NaN or infinity: {case}");
            if !truth.is_empty() {
                let error = median(errors(&forecasts, truth));
                let mean = truth.iter().sum::<f64>() / truth.len() as f64;
                let deviation = truth.iter().map(|value| (value - mean).abs()).sum::<f64>() / truth.len() as f64;
                let limit = limit * deviation.max(1e-3 * mean.abs());
                assert!(error <= limit, "{name} is off by {error:e}, more than {limit:e}: {case}");
            }
            true
        }
    }
}

/// Every strategy must give a forecast.
fn all_cope(case: &str, spoil: impl Fn(&mut Frame)) {
    all_cope_within(SIGHTED, case, spoil);
}

/// Like [`all_cope`], with a different limit.
fn all_cope_within(limit: f64, case: &str, spoil: impl Fn(&mut Frame)) {
    let mut frame = frame();
    spoil(&mut frame);
    let truth = frame.target.clone();
    frame.clean();
    all_cope_with(limit, case, &frame, &truth);
}

fn all_cope_with(limit: f64, case: &str, frame: &Frame, truth: &[f64]) {
    for tried in all() {
        assert!(stands(&tried, case, frame, END, truth, limit), "{} refuses: {case}", tried.name);
    }
}

/// Deterministic pseudo-random rows: about one in `n`.
fn one_in(n: usize, row: usize) -> bool {
    (row.wrapping_mul(2_654_435_761) % 1_000_003).is_multiple_of(n)
}

#[test]
fn a_whole_series() {
    all_cope("nothing is wrong", |_| ());
}

#[test]
fn missing_hours_of_demand() {
    let whole = frame();
    let mut spoilt = whole.clone();
    for row in 0..END {
        let gap = (2000..2168).contains(&row) || (END - 5..END).contains(&row) || row < 30;
        if gap || one_in(5, row) {
            spoilt.target[row] = f64::NAN;
        }
    }
    all_cope_with(SIGHTED, "a fifth of the hours, a week and the newest hours are missing", &spoilt, &whole.target);
}

#[test]
fn missing_weather() {
    all_cope("weather is missing here and there, and for the last three days ahead", |frame| {
        for row in 0..END + HORIZON {
            if one_in(4, row) || (1000..1200).contains(&row) || row >= END - 20 {
                frame.regressors[0].values[row] = f64::NAN;
            }
        }
    });
}

#[test]
fn regressors_that_are_all_missing_or_absent() {
    all_cope_within(BLIND, "all regressors are missing", |frame| {
        frame.regressors.iter_mut().for_each(|r| r.values.fill(f64::NAN))
    });
    all_cope_within(BLIND, "there are no regressors", |frame| frame.regressors.clear());
}

#[test]
fn past_regressors_are_never_read_ahead() {
    let frame = frame();
    let mut without = frame.clone();
    without.regressors[0].values[END..].fill(f64::NAN);
    for tried in all_with(&["temperature_c"]) {
        let model = fit(&tried, &frame, END, &[END]).unwrap();
        let yhat = |model: &Model, frame: &Frame| model.forecast(frame, &[END], HORIZON, &[], &mut || ()).unwrap();
        assert_eq!(yhat(&model, &frame), yhat(&model, &without), "{}", tried.name);
        let again = fit(&tried, &without, END, &[END]).unwrap();
        assert_eq!(yhat(&model, &frame), yhat(&again, &frame), "{}", tried.name);
    }
}

#[test]
fn impossible_regressor_values() {
    all_cope("the thermometer shows 1000 degrees for a day ahead", |frame| {
        frame.regressors[0].values[END - 24..END].fill(1000.0);
    });
}

#[test]
fn a_shift_of_the_level() {
    all_cope_within(BLIND, "demand trebles seven weeks before the end", |frame| {
        frame.target[100 * 24..].iter_mut().for_each(|value| *value *= 3.0);
    });
    all_cope_within(2.6, "demand rises by more than half in the week before the first forecast", |frame| {
        frame.target[133 * 24..].iter_mut().for_each(|value| *value += 8.0);
    });
}

#[test]
fn spikes_of_a_meter() {
    let whole = frame();
    let mut spoilt = whole.clone();
    for (row, spike) in [(1500, 1e4), (2500, -1e4), (END - 300, 1e4), (END - 100, 5e3), (END - 30, 1e4)] {
        spoilt.target[row] = spike;
    }
    spoilt.clean();
    all_cope_with(SIGHTED, "five hours are a thousand times too high or low", &spoilt, &whole.target);
}

#[test]
fn zero_and_negative_demand() {
    all_cope("nights are zero", |frame| {
        frame.target.iter_mut().enumerate().for_each(|(row, v)| *v = if row % 24 < 7 { 0.0 } else { *v });
    });
    all_cope("the roof feeds back more than the house uses", |frame| {
        frame.target.iter_mut().for_each(|value| *value -= 12.0);
    });
    let whole = frame();
    let mut spoilt = whole.clone();
    spoilt.target[1000..1000 + 3 * 168].fill(0.0);
    spoilt.clean();
    all_cope_with(SIGHTED, "the house stood empty for three weeks", &spoilt, &whole.target);
}

#[test]
fn constant_demand() {
    for constant in [0.0, 5.0, -3.0] {
        all_cope("demand never changes", |frame| frame.target.fill(constant));
    }
}

#[test]
fn units_of_any_size() {
    for unit in [1e-6, 1e9] {
        all_cope("demand in odd units", |frame| frame.target.iter_mut().for_each(|value| *value *= unit));
    }
}

#[test]
fn three_months() {
    let frame = hourly_frame(90 * 24 + HORIZON);
    for tried in all() {
        assert!(stands(&tried, "three months", &frame, 90 * 24, &frame.target, SIGHTED), "{} refuses", tried.name);
    }
}

#[test]
fn a_holiday_without_training_examples() {
    all_cope("the first holiday lies ahead", |frame| {
        frame.regressors[1].values.fill(0.0);
        frame.regressors[1].values[END - 24..END].fill(1.0);
    });
}

#[test]
fn too_little_history() {
    for rows in [3, 30, 200, 400, 800] {
        let frame = hourly_frame(rows + HORIZON);
        for tried in every() {
            stands(&tried, &format!("{rows} hours"), &frame, rows, &[], SIGHTED);
        }
    }
    let mut frame = frame();
    frame.target.fill(f64::NAN);
    for tried in every() {
        let refused = !stands(&tried, "no demand is known", &frame, END, &[], SIGHTED);
        assert!(refused, "{} forecasts from nothing", tried.name);
    }
}

#[test]
fn other_steps_than_an_hour() {
    for minutes in [15, 30, 120, 1440] {
        let rows = 120 * 1440 / minutes as usize;
        let start: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
        let times: Vec<_> = (0..(rows + HORIZON) as i64).map(|i| start + TimeDelta::minutes(minutes * i)).collect();
        let target: Vec<_> = (0..rows + HORIZON)
            .map(|row| {
                let hours = row as f64 * minutes as f64 / 60.0;
                Some(
                    5.0 + (hours / 24.0 * std::f64::consts::TAU).sin()
                        + if (hours / 24.0) % 7.0 < 5.0 { 2.0 } else { 0.0 },
                )
            })
            .collect();
        let frame = Frame::new(&times, &target, &[], &[]).unwrap();
        for tried in all() {
            let case = format!("steps of {minutes} minutes");
            assert!(stands(&tried, &case, &frame, rows, &frame.target, SIGHTED), "{} refuses: {case}", tried.name);
        }
    }
}

#[test]
fn no_target_at_or_after_an_issue_is_read() {
    let (whole, issues) = (frame(), [END - 240, END - 101, END - 24]);
    for tried in every() {
        let model = fit(&tried, &whole, issues[0], &issues).unwrap();
        let together = model.forecast(&whole, &issues, HORIZON, &[], &mut || ()).unwrap();
        for (at, issued) in issues.into_iter().enumerate() {
            let mut known = whole.clone();
            known.target[issued..].fill(f64::NAN);
            let alone = model.forecast(&known, &[issued], HORIZON, &[], &mut || ()).unwrap();
            for (alone, together) in alone.iter().zip(&together[at * HORIZON..]) {
                let apart = (alone.yhat - together.yhat).abs();
                assert!(apart < 1e-9, "{} from row {issued}: {alone:?} and {together:?}", tried.name);
            }
        }
        let mut known = whole.clone();
        known.target[issues[0]..].fill(1e6);
        let again = fit(&tried, &known, issues[0], &issues).unwrap();
        assert_eq!(model.to_bytes().unwrap(), again.to_bytes().unwrap(), "{} trains on later rows", tried.name);
    }
}

/// Every hour is received three hours after its end; on every third day, every fifth hour days later.
fn late(frame: &mut Frame) {
    let end = |row: usize| frame.grid.end_seconds(row);
    let late = |row: usize| if row.is_multiple_of(5) && (row / 24).is_multiple_of(3) { 50 * 3600 } else { 3 * 3600 };
    frame.known_at = Some((0..frame.grid.len()).map(|row| end(row) + late(row)).collect());
}

#[test]
fn data_received_later_is_not_read() {
    let mut whole = frame();
    late(&mut whole);
    let issued = END - 20;
    let mut later = whole.clone();
    for row in (0..END).filter(|row| !whole.was_known(*row, issued)) {
        later.target[row] += 3.0;
        later.regressors[0].values[row] += 0.0;
    }
    for tried in every() {
        let model = fit(&tried, &whole, END - 240, &[issued]).unwrap();
        let yhat = |frame: &Frame| model.forecast(frame, &[issued], HORIZON, &[], &mut || ()).unwrap();
        assert_eq!(yhat(&whole), yhat(&later), "{}", tried.name);
        assert_eq!(yhat(&whole)[0].target(), issued);
        // As if those rows did not exist.
        let mut without = whole.known_by(issued).into_owned();
        without.known_at = whole.known_at.clone();
        assert_eq!(yhat(&whole), yhat(&without), "{}", tried.name);
    }
}

#[test]
fn every_strategy_forecasts_with_late_readings_at_any_hour() {
    let mut frame = frame();
    late(&mut frame);
    for tried in all() {
        let model = Model::fit(&tried.recipe, &frame, END - 240, &mut || ()).unwrap();
        let issues: Vec<usize> = (END - 240..END).step_by(37).collect();
        let forecasts = model.forecast(&frame, &issues, HORIZON, &[], &mut || ()).unwrap();
        let error = median(errors(&forecasts, &frame.target));
        let limit = if matches!(tried.name, "seasonal_naive" | "profile" | "mstl") { 2.3 } else { 1.1 };
        assert!(error < limit, "{}: {error}", tried.name);
    }
}

#[test]
fn a_frame_of_recent_weeks_gives_nearly_the_same_forecast() {
    let whole = frame();
    let first = END - 60 * 24;
    let recent = whole.since(first);
    for tried in every() {
        let model = fit(&tried, &whole, END, &[END]).unwrap();
        let long = model.forecast(&whole, &[END], HORIZON, &[], &mut || ()).unwrap();
        let short = model.forecast(&recent, &[END - first], HORIZON, &[], &mut || ()).unwrap();
        let apart = long.iter().zip(&short).fold(0.0_f64, |most, (a, b)| most.max((a.yhat - b.yhat).abs()));
        assert!(apart < 0.1, "{}: {apart}", tried.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn invalid_states_are_rejected(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        for tried in every() {
            let keeps_state = !matches!(tried.name, "seasonal_naive" | "profile");
            let Recipe { strategy, ref features, ref parameters, .. } = tried.recipe;
            let restored = strategy.restore(features, parameters, &bytes);
            prop_assert!(restored.is_err() || !keeps_state, "{}", tried.name);
        }
    }
}
