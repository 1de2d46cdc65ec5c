//! Tests that forecasts are as accurate in the two weeks after a clock change as in other weeks.
//!
//! Habits follow local time, the sun does not. Models are fitted once a year and forecast a day every morning for three
//! years. The fortnights after the six changes are compared with the other fortnights by a permutation test (Good,
//! *Permutation, Parametric and Bootstrap Tests of Hypotheses*, 2005): is the ratio of their RMSE higher than for
//! randomly chosen fortnights?

use super::{Strategy, TrainingSet};
use crate::clock::Clock;
use crate::features::FeatureSpec;
use crate::origin::{Origin, Phase};
use crate::random::Random;
use crate::series::Frame;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::f64::consts::TAU;

const YEAR: usize = 365 * 24;
/// Years used for training only, and years forecast.
const LEARNT: usize = 2;
const SCORED: usize = 3;
const HORIZON: usize = 24;
const FORTNIGHT: usize = 14 * 24;
/// Number of random samples of fortnights.
const PICKS: usize = 4000;
/// Significance level.
const LEAST_P: f64 = 0.01;

/// Demand by hour of the local day, on a working day and on other days.
const WORKDAY: [f64; 24] =
    [2., 2., 2., 2., 2., 3., 7., 9., 6., 4., 4., 5., 6., 5., 4., 4., 5., 8., 10., 9., 7., 5., 3., 2.];
const DAY_OFF: [f64; 24] =
    [3., 2., 2., 2., 2., 2., 2., 3., 6., 8., 8., 7., 8., 7., 5., 5., 5., 6., 8., 8., 7., 6., 4., 3.];

fn wall(frame: &Frame) -> Clock {
    Clock::new(&frame.grid, chrono_tz::Europe::Zurich, frame.grid.len())
}

/// Five years and one day from local midnight, with autocorrelated noise. The demand follows the residents' habits,
/// entirely or, with `by_weather`, to the smaller part: the rest is heating, reduced at night.
fn series(by_weather: bool) -> Frame {
    let rows = (LEARNT + SCORED) * YEAR + HORIZON;
    let start: DateTime<Utc> = "2020-12-31T23:00:00Z".parse().unwrap();
    let times: Vec<_> = (0..rows as i64).map(|hour| start + TimeDelta::hours(hour)).collect();
    let mut frame = Frame::new(&times, &vec![Some(1.0); rows], &[], &[]).unwrap();
    let (clock, mut random) = (wall(&frame), Random::new(11, u64::from(by_weather)));
    let (mut noise, mut front) = (0.0, 0.0);
    let (mut target, mut temperature) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        noise = 0.7 * noise + 0.5 * random.normal();
        front = 0.99 * front + 0.5 * random.normal();
        let sun = |hours: f64, of_day: f64| -(TAU * (row as f64 - hours) / of_day).cos();
        let outside = 9.0 + 9.0 * sun(20.0 * 24.0, YEAR as f64) + 3.0 * sun(3.0, 24.0) + front;
        let slot = clock.slot(row);
        let habit = if clock.weekday(row) < 6 { WORKDAY[slot] } else { DAY_OFF[slot] };
        let heating = (16.0 - outside).max(0.0) * if (6..22).contains(&slot) { 0.6 } else { 0.3 };
        let demand = if by_weather { 0.5 * habit + heating } else { habit };
        target.push(Some(demand + 3.0 + noise));
        temperature.push(Some(outside));
    }
    let names = ["temperature_c".to_owned()];
    if by_weather {
        frame = Frame::new(&times, &target, &names, &temperature).unwrap();
    } else {
        frame = Frame::new(&times, &target, &[], &[]).unwrap();
    }
    frame
}

/// The squared error of each row forecast at most a day ahead, with days in a time zone; NaN elsewhere.
fn squared_errors(frame: &Frame, strategy: &str, parameters: &Value, zone: Tz) -> Vec<f64> {
    let strategy = Strategy::parse(strategy).unwrap();
    let parameters = strategy.read_parameters(parameters).unwrap();
    let spec = FeatureSpec::from_json(&json!({"time_zone": zone.name()}), strategy.preset()).unwrap();
    let clock = Clock::new(&frame.grid, zone, frame.grid.len());
    let phases = [Phase { slot: 5, delay: 0 }];
    let mut errors = vec![f64::NAN; frame.grid.len()];
    for year in LEARNT..LEARNT + SCORED {
        let issues = clock.at_slot(phases[0].slot, year * YEAR..(year + 1) * YEAR);
        let origins: Vec<Origin> = issues.map(Origin::at).collect();
        let (end, parameters, phases) = (origins[0].row, &parameters, phases.as_slice());
        let spec = &spec.fitted(frame, end).unwrap();
        let set = TrainingSet { frame, end, horizon: HORIZON, spec, parameters, phases, memo: None };
        let model = strategy.fit(set, &mut || ()).unwrap();
        for ((at, ahead), yhat) in model.predict(frame, &origins, HORIZON, &mut || ()).unwrap().indexed_iter() {
            let row = origins[at].row + ahead;
            errors[row] = (frame.target[row] - yhat).powi(2);
        }
    }
    errors
}

/// The first rows of the fortnights after the clock changes, and of the others.
fn fortnights(frame: &Frame) -> (Vec<usize>, Vec<usize>) {
    let clock = wall(frame);
    let (first, last) = (LEARNT * YEAR + 24, (LEARNT + SCORED) * YEAR);
    let changes: Vec<usize> = (first..last).filter(|row| clock.tick(*row) - clock.tick(row - 1) != 1).collect();
    let (mut others, mut row) = (Vec::new(), first);
    for until in changes.iter().copied().chain([last]) {
        while row + FORTNIGHT <= until {
            others.push(row);
            row += FORTNIGHT;
        }
        row = until + FORTNIGHT;
    }
    (changes, others)
}

/// The p value of the fortnights after the changes, and their ratio of RMSE.
fn chance(frame: &Frame, errors: &[f64]) -> (f64, f64) {
    let (after, others) = fortnights(frame);
    let mean = |first: &usize| {
        let known: Vec<f64> = errors[*first..first + FORTNIGHT].iter().copied().filter(|e| e.is_finite()).collect();
        assert!(known.len() > FORTNIGHT - 24);
        known.iter().sum::<f64>() / known.len() as f64
    };
    let mut losses: Vec<f64> = after.iter().chain(&others).map(mean).collect();
    let ratio = |losses: &[f64]| {
        let (some, rest) = losses.split_at(after.len());
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        (mean(some) / mean(rest)).sqrt()
    };
    let found = ratio(&losses);
    let mut random = Random::new(5, 0);
    let mut as_bad = 1;
    for _ in 0..PICKS {
        for at in 0..after.len() {
            let with = at + random.below(losses.len() - at);
            losses.swap(at, with);
        }
        as_bad += usize::from(ratio(&losses) >= found);
    }
    (f64::from(as_bad as u32) / (PICKS + 1) as f64, found)
}

/// The strategies, with fast settings.
fn strategies() -> [(&'static str, Value); 5] {
    [
        ("seasonal_naive", json!({})),
        ("profile", json!({})),
        ("lear", json!({})),
        ("xgboost", json!({"rounds": 40})),
        ("ensemble", json!({"members": [{"strategy": "lear"}, {"strategy": "profile"}]})),
    ]
}

fn all_are_as_good(frame: &Frame) {
    let bad: Vec<String> = strategies()
        .into_iter()
        .filter_map(|(strategy, parameters)| {
            let (p, ratio) = chance(frame, &squared_errors(frame, strategy, &parameters, chrono_tz::Europe::Zurich));
            println!("{strategy}: RMSE after a change {ratio:.3} of that of other weeks, p {p:.4}");
            (p < LEAST_P).then(|| format!("{strategy}: {ratio:.3} of the RMSE of other weeks, p {p:.4}"))
        })
        .collect();
    assert!(bad.is_empty(), "the weeks after a clock change are worse than others: {bad:?}");
}

#[test]
fn clock_changes_do_not_reduce_accuracy_for_demand_by_habit() {
    let frame = series(false);
    let (after, others) = fortnights(&frame);
    assert_eq!((after.len(), others.len() > 60), (2 * SCORED, true));
    all_are_as_good(&frame);
}

#[test]
fn clock_changes_do_not_reduce_accuracy_for_demand_by_weather() {
    all_are_as_good(&series(true));
}

#[test]
fn the_test_detects_days_in_utc() {
    let frame = series(false);
    for strategy in ["seasonal_naive", "profile"] {
        let (p, ratio) = chance(&frame, &squared_errors(&frame, strategy, &json!({}), chrono_tz::UTC));
        assert!(p < LEAST_P, "{strategy}: {ratio:.3} of the RMSE of other weeks, p {p:.4}");
    }
}
