//! What every strategy must stand, tested for all of them alike: a new one joins by being in [`Strategy::ALL`].
//!
//! Each case spoils a series. A strategy copes, with finite forecasts whose typical error stays below the spread of
//! the demand, or says what it needs; it never panics and never forecasts NaN.

use super::{Forecaster, Lesson, Strategy};
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::series::Frame;
use crate::testing::hourly_frame;
use chrono::{DateTime, TimeDelta, Utc};
use ndarray::Array2;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

const END: usize = 150 * 24 + 7;
const HORIZON: usize = 72;

/// Five months that begin in winter, so that the clocks in Zurich change within, and three days ahead.
fn frame() -> Frame {
    hourly_frame(END + HORIZON)
}

fn spec() -> FeatureSpec {
    FeatureSpec { time_zone: chrono_tz::Europe::Zurich, ..FeatureSpec::default() }
}

/// A strategy as it is tried here.
struct Case {
    name: &'static str,
    strategy: Strategy,
    parameters: Value,
}

/// Every strategy, quick ones; the trees with either base.
fn all() -> Vec<Case> {
    let case = |strategy: Strategy| {
        let quick = match strategy {
            Strategy::Xgboost => json!({"rounds": 60}),
            Strategy::Global => json!({"trees": {"rounds": 60}, "max_rows": 20_000}),
            Strategy::Sarimax => json!({"candidates": 4, "search_weeks": 8, "weeks": 16}),
            Strategy::Ensemble => json!({"members": [{"strategy": "lear"}, {"strategy": "profile"}]}),
            _ => json!({}),
        };
        Case { name: strategy.name(), strategy, parameters: strategy.read_parameters(&quick).unwrap() }
    };
    let mean = Strategy::Xgboost.read_parameters(&json!({"base": "mean", "rounds": 60})).unwrap();
    let mean = Case { name: "xgboost on base mean", strategy: Strategy::Xgboost, parameters: mean };
    Strategy::ALL.into_iter().map(case).chain([mean]).collect()
}

fn fit(case: &Case, frame: &Frame, end: usize) -> Result<Box<dyn Forecaster>, Error> {
    let (spec, parameters) = (spec(), &case.parameters);
    let lesson = Lesson { frame, end, horizon: HORIZON, spec: &spec, parameters, memo: None };
    case.strategy.fit(lesson, &mut || ())
}

/// Fits ten days before `end` and forecasts from there on, through the model's bytes.
fn forecast(case: &Case, frame: &Frame, end: usize) -> Result<(Vec<usize>, Array2<f64>), Error> {
    let day = frame.grid.rows_per_day();
    let first = end.saturating_sub(10 * day);
    let model = fit(case, frame, first)?;
    let model = case.strategy.restore(&spec(), &model.parameters(), &model.state()?)?;
    let origins: Vec<usize> = (first..=end).step_by(day).collect();
    let forecasts = model.predict(frame, &origins, HORIZON)?;
    Ok((origins, forecasts))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn errors(origins: &[usize], forecasts: &Array2<f64>, truth: &[f64]) -> Vec<f64> {
    let error = |((at, ahead), yhat): ((usize, usize), &f64)| (truth[origins[at] + ahead] - yhat).abs();
    forecasts.indexed_iter().map(error).collect()
}

/// Copes on `frame`, or refuses for a reason that its user can act upon. `truth` is the demand without the spoiling.
fn stands(tried: &Case, case: &str, frame: &Frame, end: usize, truth: &[f64]) -> bool {
    let name = tried.name;
    match catch_unwind(AssertUnwindSafe(|| forecast(tried, frame, end))) {
        Err(_) => panic!("{name} panics: {case}"),
        Ok(Err(Error::TooLittleHistory { .. } | Error::InvalidArgument(_))) => false,
        Ok(Err(error)) => panic!("{name} fails: {case}: {error}"),
        Ok(Ok((origins, forecasts))) => {
            assert!(forecasts.iter().all(|yhat| yhat.is_finite()), "{name} forecasts what is no number: {case}");
            if !truth.is_empty() {
                let error = median(errors(&origins, &forecasts, truth));
                let mean = truth.iter().sum::<f64>() / truth.len() as f64;
                let spread = truth.iter().map(|value| (value - mean).abs()).sum::<f64>() / truth.len() as f64;
                // The mean deviation is about 0.8 standard deviations.
                let limit = 1.7 * spread.max(1e-3 * mean.abs());
                assert!(error <= limit, "{name} is off by {error:e}, more than {limit:e}: {case}");
            }
            true
        }
    }
}

/// Every strategy must cope.
fn all_cope(case: &str, spoil: impl Fn(&mut Frame)) {
    let mut frame = frame();
    spoil(&mut frame);
    let truth = frame.target.clone();
    all_cope_with(case, &frame, &truth);
}

fn all_cope_with(case: &str, frame: &Frame, truth: &[f64]) {
    for tried in all() {
        assert!(stands(&tried, case, frame, END, truth), "{} refuses: {case}", tried.name);
    }
}

/// The same pseudo-random rows every time: about one in `n`.
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
    all_cope_with("a fifth of the hours, a week and the newest hours are missing", &spoilt, &whole.target);
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
    all_cope("all regressors are missing", |frame| frame.regressors.iter_mut().for_each(|r| r.values.fill(f64::NAN)));
    all_cope("there are no regressors", |frame| frame.regressors.clear());
}

#[test]
fn no_strategy_reads_ahead_what_is_known_only_up_to_the_issue_time() {
    let frame = frame();
    let mut without = frame.clone();
    without.regressors[0].values[END..].fill(f64::NAN);
    let spec = FeatureSpec { past: vec!["temperature_c".to_owned()], ..spec() };
    for tried in all() {
        let Case { strategy, parameters, .. } = &tried;
        let lesson = |frame| Lesson { frame, end: END, horizon: HORIZON, spec: &spec, parameters, memo: None };
        let model = strategy.fit(lesson(&frame), &mut || ()).unwrap();
        let model = strategy.restore(&spec, parameters, &model.state().unwrap()).unwrap();
        let yhat = |frame: &Frame| model.predict(frame, &[END], HORIZON).unwrap();
        assert_eq!(yhat(&frame), yhat(&without), "{}", tried.name);
        let again = strategy.fit(lesson(&without), &mut || ()).unwrap();
        assert_eq!(yhat(&frame), again.predict(&frame, &[END], HORIZON).unwrap(), "{}", tried.name);
    }
}

#[test]
fn regressors_that_say_the_impossible() {
    all_cope("the thermometer shows 1000 degrees for a day ahead", |frame| {
        frame.regressors[0].values[END - 24..END].fill(1000.0);
    });
}

#[test]
fn a_shift_of_the_level() {
    all_cope("demand trebles seven weeks before the end", |frame| {
        frame.target[100 * 24..].iter_mut().for_each(|value| *value *= 3.0);
    });
    all_cope("demand rises by more than half in the week before the first forecast", |frame| {
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
    all_cope_with("five hours are a thousand times too high or low", &spoilt, &whole.target);
}

#[test]
fn zero_and_negative_demand() {
    all_cope("nights are zero", |frame| {
        frame.target.iter_mut().enumerate().for_each(|(row, v)| *v = if row % 24 < 7 { 0.0 } else { *v });
    });
    all_cope("the roof feeds back more than the house takes", |frame| {
        frame.target.iter_mut().for_each(|value| *value -= 12.0);
    });
    let whole = frame();
    let mut spoilt = whole.clone();
    spoilt.target[1000..1000 + 3 * 168].fill(0.0);
    all_cope_with("the house stood empty for three weeks", &spoilt, &whole.target);
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
        assert!(stands(&tried, "three months", &frame, 90 * 24, &frame.target), "{} refuses", tried.name);
    }
}

#[test]
fn a_holiday_that_no_training_day_was() {
    all_cope("the first holiday lies ahead", |frame| {
        frame.regressors[1].values.fill(0.0);
        frame.regressors[1].values[END - 24..END].fill(1.0);
    });
}

#[test]
fn too_little_of_everything() {
    for rows in [3, 30, 200, 400, 800] {
        let frame = hourly_frame(rows + HORIZON);
        for tried in all() {
            stands(&tried, &format!("{rows} hours"), &frame, rows, &[]);
        }
    }
    let mut frame = frame();
    frame.target.fill(f64::NAN);
    for tried in all() {
        let refused = !stands(&tried, "no demand is known", &frame, END, &[]);
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
            stands(&tried, &format!("steps of {minutes} minutes"), &frame, rows, &frame.target);
        }
    }
}

#[test]
fn no_target_at_or_after_an_origin_is_read() {
    let (whole, origins) = (frame(), [END - 240, END - 101, END - 24]);
    for tried in all() {
        let model = fit(&tried, &whole, origins[0]).unwrap();
        let together = model.predict(&whole, &origins, HORIZON).unwrap();
        for (at, origin) in origins.into_iter().enumerate() {
            let mut known = whole.clone();
            known.target[origin..].fill(f64::NAN);
            let alone = model.predict(&known, &[origin], HORIZON).unwrap();
            assert_eq!(alone.row(0), together.row(at), "{} from row {origin}", tried.name);
        }
        let mut known = whole.clone();
        known.target[origins[0]..].fill(1e6);
        let again = fit(&tried, &known, origins[0]).unwrap();
        assert_eq!(model.state().unwrap(), again.state().unwrap(), "{} fits on what comes later", tried.name);
    }
}

#[test]
fn a_frame_of_recent_weeks_gives_nearly_the_same_forecast() {
    let whole = frame();
    let first = END - 60 * 24;
    let times: Vec<_> = (first..END + HORIZON).map(|row| whole.grid.time(row)).collect();
    let some = |values: &[f64]| values[first..].iter().map(|value| Some(*value)).collect::<Vec<_>>();
    let names: Vec<_> = whole.regressors.iter().map(|r| r.name.clone()).collect();
    let regressors: Vec<_> = whole.regressors.iter().flat_map(|r| some(&r.values)).collect();
    let recent = Frame::new(&times, &some(&whole.target), &names, &regressors).unwrap();
    for tried in all() {
        let model = fit(&tried, &whole, END).unwrap();
        let long = model.predict(&whole, &[END], HORIZON).unwrap();
        let short = model.predict(&recent, &[END - first], HORIZON).unwrap();
        let apart = (&long - &short).iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        assert!(apart < 0.1, "{}: {apart}", tried.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_are_no_state_are_refused(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        for tried in all() {
            let keeps_state = !matches!(tried.strategy, Strategy::SeasonalNaive | Strategy::Profile);
            let restored = tried.strategy.restore(&spec(), &tried.parameters, &bytes);
            prop_assert!(restored.is_err() || !keeps_state, "{}", tried.name);
        }
    }
}
