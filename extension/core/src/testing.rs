//! Synthetic series for unit tests: a daily and weekly pattern, weather, and a little noise, all deterministic.

use crate::features::FeatureSpec;
use crate::model::TrainingSet;
use crate::origin::Phase;
use crate::series::Frame;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::f64::consts::TAU;

/// `rows` hours from Monday 2024-01-01 with a temperature and a holiday flag.
pub fn hourly_frame(rows: usize) -> Frame {
    let start: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
    let times: Vec<_> = (0..rows as i64).map(|h| start + TimeDelta::hours(h)).collect();
    let temperature = |row: usize| {
        let wave = |amplitude: f64, hours: f64| amplitude * (TAU * row as f64 / hours).sin();
        8.0 + wave(4.0, 24.0) + wave(5.0, 24.0 * 11.3) + wave(3.0, 24.0 * 4.7)
    };
    let noise = |row: usize| ((row.wrapping_mul(2_654_435_761)) % 1000) as f64 / 1000.0 - 0.5;
    let target: Vec<_> = (0..rows)
        .map(|row| {
            let workday = if (row / 24) % 7 < 5 { 3.0 } else { 0.0 };
            let daily = 5.0 + 2.0 * (TAU * (row % 24) as f64 / 24.0).sin();
            Some(daily + workday + 0.4 * (18.0 - temperature(row)).max(0.0) + noise(row))
        })
        .collect();
    let holiday = (0..rows).map(|row| Some(f64::from(u8::from(row / 24 == 120))));
    let regressors: Vec<_> = (0..rows).map(|row| Some(temperature(row))).chain(holiday).collect();
    let names = ["temperature_c".to_owned(), "is_holiday".to_owned()];
    Frame::new(&times, &target, &names, &regressors).unwrap()
}

/// A training set for 48 rows ahead, from midnight.
pub fn training<'a>(frame: &'a Frame, end: usize, spec: &'a FeatureSpec, parameters: &'a Value) -> TrainingSet<'a> {
    TrainingSet { frame, end, horizon: 48, spec, parameters, phases: &[Phase { slot: 0, delay: 0 }], memo: None }
}

/// Results of a reference implementation, or their common input `series`; written by `tests/reference/make.py`.
pub fn reference(name: &str) -> Value {
    // Read at run time: checkouts may share a build cache.
    let path = std::env::var("CARGO_MANIFEST_DIR").unwrap() + &format!("/../../tests/reference/{name}.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The input series of the reference implementations, with these of its regressors.
pub fn reference_frame(regressors: &[&str]) -> Frame {
    let series = reference("series");
    let column = |name: &str| -> Vec<Option<f64>> { serde_json::from_value(series[name].clone()).unwrap() };
    let target = column("y");
    let start: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
    let times: Vec<_> = (0..target.len() as i64).map(|h| start + TimeDelta::hours(h)).collect();
    let names: Vec<_> = regressors.iter().map(|name| (*name).to_owned()).collect();
    let values: Vec<_> = regressors.iter().flat_map(|name| column(name)).collect();
    Frame::new(&times, &target, &names, &values).unwrap()
}
