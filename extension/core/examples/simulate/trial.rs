//! Trials: forecasts of out-of-distribution days.

use anyhow::{Context, Result};
use edf_core::series::Frame;
use edf_core::train::{Model, Recipe};
use serde_json::{Value, json};

use crate::house::{Hour, LATITUDE, LONGITUDE};

/// A strategy with its parameters and features, and its name in the table.
pub struct Candidate {
    pub name: &'static str,
    pub strategy: &'static str,
    pub parameters: Value,
    pub features: Value,
}

impl Candidate {
    /// The usual baseline: trees on basic features.
    pub fn basic_trees() -> Self {
        let parameters = json!({"base": "mean", "eta": 0.1, "rounds": 150, "colsample_bytree": 0.7, "max_bin": 256});
        Self { name: "xgboost, basic", strategy: "xgboost", parameters, features: json!({"preset": "basic"}) }
    }
}

/// Plain has the holiday flag only; otherwise the full behavioural calendar.
pub fn frame(hours: &[Hour], behavioural: bool) -> Result<Frame> {
    let times: Vec<_> = hours.iter().map(|hour| hour.at).collect();
    let target: Vec<_> = hours.iter().map(|hour| Some(hour.demand)).collect();
    type Column = (&'static str, fn(&Hour) -> f64);
    let mut columns: Vec<Column> = vec![
        ("temperature_c", |hour| hour.temperature),
        ("ghi_w_m2", |hour| hour.irradiance),
        ("is_holiday", |hour| f64::from(u8::from(hour.flags.holiday))),
    ];
    if behavioural {
        columns.push(("is_bridge_day", |hour| f64::from(u8::from(hour.flags.bridge))));
        columns.push(("is_christmas_period", |hour| f64::from(u8::from(hour.flags.christmas))));
        columns.push(("is_day_before_holiday", |hour| f64::from(u8::from(hour.flags.day_before))));
    }
    let names: Vec<_> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let values: Vec<_> =
        columns.iter().flat_map(|(_, value)| hours.iter().map(move |hour| Some(value(hour)))).collect();
    Ok(Frame::new(&times, &target, &names, &values)?)
}

/// Whether each row is on a cold and sunny day: mean temperature in the coldest quarter of November to March, and most
/// of the clear-sky irradiance. `clear` is the clear-sky irradiance.
pub fn cold_and_sunny(frame: &Frame, clear: &[f64]) -> Result<Vec<bool>> {
    use chrono::Datelike;
    let column = |name: &str| frame.regressor(name).context("no weather").map(|found| &found.values);
    let (temperature, irradiance) = (column("temperature_c")?, column("ghi_w_m2")?);
    let days = frame.grid.len() / 24;
    let mean = |values: &[f64], day: usize| values[day * 24..day * 24 + 24].iter().sum::<f64>() / 24.0;
    let winter = |day: &usize| matches!(frame.grid.time(day * 24 + 12).month(), 11 | 12 | 1 | 2 | 3);
    let mut cold: Vec<f64> = (0..days).filter(winter).map(|day| mean(temperature, day)).collect();
    cold.sort_by(f64::total_cmp);
    let limit = cold[cold.len() / 4];
    let both = |day: usize| {
        winter(&day) && mean(temperature, day) <= limit && mean(irradiance, day) >= 0.65 * mean(clear, day)
    };
    Ok((0..frame.grid.len()).map(|row| row / 24 < days && both(row / 24)).collect())
}

/// What is forecast and scored.
pub struct Trial<'a> {
    pub frame: &'a Frame,
    /// End of the training set; forecasts of a day start there and on every following day.
    pub end: usize,
    /// Rows before `end` that are excluded from training.
    pub unseen: &'a [bool],
    /// Rows that are scored.
    pub scored: &'a [bool],
    /// Expected demand; the demand itself if that is unknown.
    pub expected: &'a [f64],
    pub place: Option<(f64, f64)>,
    pub zone: &'a str,
}

impl Trial<'_> {
    /// Root mean squared errors of the scored rows, relative to the demand and to the expected demand.
    pub fn rmse(&self, candidate: &Candidate) -> Result<[f64; 2]> {
        let mut training = self.frame.clone();
        for (value, _) in training.target.iter_mut().zip(self.unseen).take(self.end).filter(|(_, unseen)| **unseen) {
            *value = f64::NAN;
        }
        let mut features = candidate.features.clone();
        features["time_zone"] = json!(self.zone);
        if let Some((latitude, longitude)) = self.place
            && features.get("preset") != Some(&json!("basic"))
        {
            (features["latitude"], features["longitude"]) = (json!(latitude), json!(longitude));
        }
        let recipe = Recipe::new(candidate.strategy, &candidate.parameters, &features, 24)?;
        let model = Model::fit(&recipe, &training, self.end, &mut || ())?;
        let is_scored = |origin: &usize| self.scored[*origin..origin + 24].iter().any(|scored| *scored);
        let origins = (self.end..self.frame.grid.len() - 24).step_by(24).filter(is_scored);
        let (mut squares, mut n) = ([0.0, 0.0], 0.0);
        for origin in origins {
            // Everything before a forecast's origin is known, including excluded days.
            for forecast in model.forecast(self.frame, &[origin], 24, &[], &mut || ())? {
                let row = forecast.target();
                if self.scored[row] && self.frame.target[row].is_finite() {
                    squares[0] += (forecast.yhat - self.frame.target[row]).powi(2);
                    squares[1] += (forecast.yhat - self.expected[row]).powi(2);
                    n += 1.0;
                }
            }
        }
        Ok(squares.map(|squares| f64::sqrt(squares / n)))
    }
}

pub const HOUSE: Option<(f64, f64)> = Some((LATITUDE, LONGITUDE));
