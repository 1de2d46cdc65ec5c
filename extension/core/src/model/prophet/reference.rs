//! Agreement with the Python package `prophet` 1.5 on the same series; see `tests/reference/make.py`.

use super::map::energy;
use super::*;
use crate::model::normal::Normal;
use crate::testing::{reference, reference_frame, training};

/// Stan stops before the optimum, so the curves differ slightly, and this fit has the higher density.
#[test]
fn forecasts_agree_with_the_python_package_within_two_percent_of_the_standard_deviation() {
    let (answers, mut frame) = (reference("prophet"), reference_frame(&["temperature_c", "is_holiday"]));
    let missing: Vec<usize> = serde_json::from_value(answers["missing"].clone()).unwrap();
    frame.target[missing[0]..missing[1]].fill(f64::NAN);
    let yhat: Vec<f64> = serde_json::from_value(answers["yhat"].clone()).unwrap();
    let end = yhat.len() - 72;
    let parameters = json!({
        "daily_seasonality": 4, "off_work_seasonality": 0, "weekly_seasonality": 3, "yearly_seasonality": 0,
        "lower_window": -1, "upper_window": 1, "degree_days": false,
    });
    let spec = FeatureSpec::default();
    let model = Prophet::fit(training(&frame, end, &spec, &parameters), &mut || ()).unwrap();

    let ours = model.predict(&frame, &[Origin::at(0)], yhat.len(), &mut || ()).unwrap();
    let mean = yhat.iter().sum::<f64>() / yhat.len() as f64;
    let deviation = (yhat.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / yhat.len() as f64).sqrt();
    let apart: Vec<f64> = ours.row(0).iter().zip(&yhat).map(|(a, b)| (a - b).abs() / deviation).collect();
    let most = |apart: &[f64]| apart.iter().copied().fold(0.0, f64::max);
    let average = apart.iter().sum::<f64>() / apart.len() as f64;
    assert!(most(&apart) < 0.02 && average < 0.005, "apart by {}, {average} on average", most(&apart));

    let Fitted { curve, coefficients, unit, sigma } = &model.fitted;
    let theirs = answers["sigma"].as_f64().unwrap();
    assert!((sigma * unit / theirs - 1.0).abs() < 5e-3, "noise of {} for {theirs}", sigma * unit);
    let mut rows = curve.rows(&spec, &frame, end).unwrap();
    let mut normal = Normal::new(curve.columns());
    for row in (0..end).filter(|row| frame.target[*row].is_finite()) {
        normal.add(rows.at(row), frame.target[row] / unit);
    }
    let ours = energy(&normal, &curve.priors(&model.parameters), coefficients, *sigma);
    let theirs = answers["energy"].as_f64().unwrap();
    assert!(ours < theirs && ours > theirs - 2.0, "{ours} for {theirs}");
}
