//! Agreement with the Python package `prophet` 1.5 on the same series; see `tests/reference/make.py`.

use super::*;
use crate::testing::{reference, reference_frame};
use serde_json::json;

#[test]
fn forecasts_agree_with_the_python_package_within_half_a_percent_of_the_demands_deviation() {
    let (answers, mut frame) = (reference("prophet"), reference_frame(&["temperature_c", "is_holiday"]));
    let missing: Vec<usize> = serde_json::from_value(answers["missing"].clone()).unwrap();
    frame.target[missing[0]..missing[1]].fill(f64::NAN);
    let yhat: Vec<f64> = serde_json::from_value(answers["yhat"].clone()).unwrap();
    let end = yhat.len() - 72;
    let parameters = json!({
        "daily_seasonality": 4, "off_work_seasonality": 0, "weekly_seasonality": 3, "yearly_seasonality": 0,
        "holidays": ["is_holiday"], "lower_window": -1, "upper_window": 1, "degree_days": false,
    });
    let spec = FeatureSpec::default();
    let lesson = Lesson { frame: &frame, end, horizon: 72, spec: &spec, parameters: &parameters };
    let model = Prophet::fit(lesson, &mut || ()).unwrap();
    let ours = model.predict(&frame, &[0, end], end).unwrap();
    let mean = yhat.iter().sum::<f64>() / yhat.len() as f64;
    let deviation = (yhat.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / yhat.len() as f64).sqrt();
    let apart = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() / deviation;
    let fitted = ours.row(0).iter().zip(&yhat).map(apart).fold(0.0, f64::max);
    let forecast = ours.row(1).iter().zip(&yhat[end..]).map(apart).fold(0.0, f64::max);
    assert!(fitted < 0.005 && forecast < 0.005, "apart by {fitted} in the history, by {forecast} ahead");
    let sigma = model.fitted.sigma * model.fitted.unit;
    let theirs = answers["sigma"].as_f64().unwrap();
    assert!((sigma / theirs - 1.0).abs() < 2e-3, "noise of {sigma} for {theirs}");
}
