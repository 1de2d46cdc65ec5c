//! Agreement with `statsmodels` 0.15 (exact likelihood by the Kalman filter) for a given order; see
//! `tests/reference/make.py`.

use super::*;
use crate::testing::{reference, reference_frame, training};

#[test]
fn coefficients_noise_and_forecasts_agree_with_statsmodels() {
    let (answers, mut frame) = (reference("sarimax"), reference_frame(&["temperature_c", "is_off_work"]));
    let numbers = |name: &str| -> Vec<f64> { serde_json::from_value(answers[name].clone()).unwrap() };
    let missing: Vec<usize> = serde_json::from_value(answers["missing"].clone()).unwrap();
    frame.target[missing[0]..missing[1]].fill(f64::NAN);
    let end = frame.target.len() - 72;
    let parameters = json!({
        "order": answers["order"], "seasonal_order": answers["seasonal_order"], "daily_seasonality": 2,
        "off_work_seasonality": 0, "weekly_seasonality": 0, "degree_days": false, "outlier_sigmas": 1e6,
    });
    let spec = FeatureSpec::default();
    let training = TrainingSet { horizon: 72, ..training(&frame, end, &spec, &parameters) };
    let model = Sarimax::fit(training, &mut || ()).unwrap();
    let arima = &model.fitted.arima;
    for (ours, theirs) in arima.coefficients.iter().zip(numbers("coefficients")) {
        assert!((ours - theirs).abs() < 0.01, "{:?} for {:?}", arima.coefficients, numbers("coefficients"));
    }
    let sigma = arima.sigma * model.fitted.unit;
    let theirs = answers["sigma"].as_f64().unwrap();
    assert!((sigma / theirs - 1.0).abs() < 0.01, "noise of {sigma} for {theirs}");
    let ours = model.predict(&frame, &[Origin::at(end)], 72, &mut || ()).unwrap();
    let apart = ours.iter().zip(numbers("yhat")).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);
    assert!(apart < 0.05 * theirs, "forecasts are apart by {apart}, where the noise is {theirs}");
}
