//! Tests on a synthetic roof whose plane is not in the model, under variable clouds.

use super::sky::{Plane, Weather};
use super::*;
use crate::testing::hourly_frame;
use crate::train::{Forecast, Model, Recipe};
use crate::vintages::{Versions, Vintages};
use proptest::prelude::*;

const DAYS: usize = 240;
const END: usize = DAYS * 24 + 6;

/// Clear-sky index: varies between days, and between hours within them.
fn cloud(row: usize) -> f64 {
    // Mixed as in SplitMix64, so that the days are independent.
    let random = |n: usize| {
        let mixed = (n as u64 ^ (n as u64 >> 30)).wrapping_add(1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0.15 + 0.85 * random(row / 24 + 7) + 0.2 * (random(row) - 0.5)).clamp(0.05, 1.0)
}

/// Hours from January on with temperature and irradiance, and the output of 4 kW of panels.
fn roof(place: Place, rows: usize, plane: &Plane) -> Frame {
    roof_under(place, rows, plane, cloud)
}

/// The same with this clear-sky index by row.
fn roof_under(place: Place, rows: usize, plane: &Plane, cloud: impl Fn(usize) -> f64) -> Frame {
    let mut frame = hourly_frame(rows);
    let sky = Sky::new(place, &frame.grid, 0..rows, &mut || ());
    let weather = |row| {
        let temperature_c = frame.regressors[0].values[row];
        let clear = sky.clear(row, Weather { irradiance_w_m2: f64::NAN, temperature_c });
        Weather { irradiance_w_m2: clear.irradiance_w_m2 * cloud(row), temperature_c }
    };
    let weather: Vec<Weather> = (0..rows).map(weather).collect();
    frame.target = (0..rows).map(|row| 4.0 * sky.yield_of(plane, place, &frame.grid, row, weather[row])).collect();
    let irradiance = weather.iter().map(|weather| weather.irradiance_w_m2).collect();
    frame.regressors[1] = Regressor { name: "ghi_w_m2".to_owned(), values: irradiance };
    frame
}

fn zurich() -> Place {
    place_of(&FeatureSpec { latitude: Some(47.4), longitude: Some(8.5), ..FeatureSpec::default() }).unwrap()
}

fn south_west() -> Frame {
    roof(zurich(), END + 72, &Plane::new(37.0, 205.0))
}

fn recipe(more: Value) -> Recipe {
    let mut features = json!({"latitude": 47.4, "longitude": 8.5, "time_zone": "Europe/Zurich"});
    features.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Recipe::new("solar", &json!({}), &features, 72).unwrap()
}

fn fit(frame: &Frame, end: usize, more: Value) -> Model {
    Model::fit(&recipe(more), frame, end, &mut || ()).unwrap()
}

/// Fits four weeks before the end and forecasts a day ahead on each day since.
fn forecasts(frame: &Frame, more: Value) -> Vec<Forecast> {
    let issues: Vec<usize> = (END - 28 * 24..=END - 24).step_by(24).collect();
    fit(frame, issues[0], more).forecast(frame, &issues, 24, &[], &mut || ()).unwrap()
}

/// Relative absolute error.
fn error(forecasts: &[Forecast], truth: &[f64]) -> f64 {
    let apart: f64 = forecasts.iter().map(|forecast| (forecast.yhat - truth[forecast.target()]).abs()).sum();
    apart / forecasts.iter().map(|forecast| truth[forecast.target()]).sum::<f64>()
}

#[test]
fn an_unknown_plane_is_estimated() {
    let frame = south_west();
    let found = error(&forecasts(&frame, json!({})), &frame.target);
    assert!(found < 0.03, "{found}");
}

#[test]
fn without_a_place_the_error_names_the_setting() {
    let recipe = Recipe::new("solar", &json!({}), &json!({}), 24).unwrap();
    let error = Model::fit(&recipe, &south_west(), END, &mut || ()).err().unwrap();
    assert!(matches!(error, Error::InvalidArgument(_)) && error.to_string().contains("\"latitude\" and \"longitude\""));
}

#[test]
fn without_irradiance_it_beats_persistence() {
    let frame = south_west();
    let yesterday: Vec<f64> = (0..END).map(|row| if row < 24 { 0.0 } else { frame.target[row - 24] }).collect();
    let blind = forecasts(&frame, json!({"irradiance": "none"}));
    let naive: Vec<Forecast> =
        blind.iter().map(|forecast| Forecast { yhat: yesterday[forecast.target()], ..forecast.clone() }).collect();
    let (blind, naive) = (error(&blind, &frame.target), error(&naive, &frame.target));
    assert!(blind < 0.85 * naive, "{blind} and {naive}");
}

#[test]
fn irradiance_of_another_location_gets_no_weight() {
    let mut frame = south_west();
    let blind = error(&forecasts(&frame, json!({"irradiance": "none"})), &frame.target);
    frame.regressors[1].values.rotate_right(3 * 24);
    let misled = error(&forecasts(&frame, json!({})), &frame.target);
    assert!(misled < 1.1 * blind, "{misled} and {blind}");
}

#[test]
fn nights_have_zero_forecasts_and_intervals_and_days_are_covered() {
    let mut frame = south_west();
    // The forecast of clouds is wrong.
    (0..END).for_each(|row| frame.regressors[1].values[row] *= 0.6 + 0.8 * cloud(row + 5));
    let forecasts = forecasts(&frame, json!({}));
    let night = |forecast: &&Forecast| !zurich().is_lit(&frame.grid, forecast.target());
    let nights: Vec<&Forecast> = forecasts.iter().filter(night).collect();
    assert!(nights.len() > 200 && nights.iter().all(|night| [night.lower, night.yhat, night.upper] == [0.0; 3]));
    let days: Vec<&Forecast> = forecasts.iter().filter(|forecast| !night(forecast)).collect();
    let inside = days.iter().filter(|day| (day.lower..=day.upper).contains(&frame.target[day.target()])).count();
    let share = inside as f64 / days.len() as f64;
    assert!((0.85..0.96).contains(&share), "{share}");
}

#[test]
fn intervals_are_widest_under_broken_clouds() {
    let skies = [0.08, 0.6, 1.0];
    let mut frame = roof_under(zurich(), END + 72, &Plane::new(37.0, 205.0), |row| skies[row / 24 % 3]);
    // The forecast of irradiance is off by up to a tenth.
    (0..END).for_each(|row| frame.regressors[1].values[row] *= 0.9 + 0.2 * cloud(row + 5));
    let forecasts = forecasts(&frame, json!({}));
    let [overcast, broken, clear] = [0, 1, 2].map(|sky| {
        let at_noon = |row: usize| row / 24 % 3 == sky && (10..14).contains(&(row % 24));
        let widths: Vec<f64> = forecasts.iter().filter(|f| at_noon(f.target())).map(|f| f.upper - f.lower).collect();
        widths.iter().sum::<f64>() / widths.len() as f64
    });
    assert!(broken > overcast && broken > 1.1 * clear, "{overcast} {broken} {clear}");
}

#[test]
fn forecasts_adapt_to_an_enlarged_roof() {
    let (mut frame, more) = (south_west(), roof(zurich(), END + 72, &Plane::new(20.0, 280.0)));
    (END - 60 * 24..END).for_each(|row| frame.target[row] += 1.5 * more.target[row]);
    let found = error(&forecasts(&frame, json!({})), &frame.target);
    assert!(found < 0.13, "{found}");
}

#[test]
fn snow_gives_zero_and_is_soon_forgotten() {
    let mut frame = south_west();
    let whole = frame.target.clone();
    frame.target[20 * 24..75 * 24].fill(0.0);
    frame.target[END - 42 * 24..END - 21 * 24].fill(0.0);
    let forecasts = forecasts(&frame, json!({}));
    let (under, after) = (END - 21 * 24, END - 19 * 24);
    let mean = |forecasts: &[Forecast]| forecasts.iter().map(|f| f.yhat).sum::<f64>() / forecasts.len() as f64;
    let lies: Vec<Forecast> = forecasts.iter().filter(|f| f.target() < under).cloned().collect();
    let gone: Vec<Forecast> = forecasts.into_iter().filter(|f| f.target() >= after).collect();
    assert!(mean(&lies) < 0.1 * mean(&gone), "{} and {}", mean(&lies), mean(&gone));
    let found = error(&gone, &whole);
    assert!(found < 0.05, "{found}");
    frame.target.fill(0.0);
    assert!(self::forecasts(&frame, json!({})).iter().all(|f| [f.lower, f.yhat, f.upper] == [0.0; 3]));
}

#[test]
fn an_inverter_limit_is_detected_and_not_exceeded() {
    let mut frame = south_west();
    frame.target.iter_mut().for_each(|value| *value = value.min(2.0));
    let forecasts = forecasts(&frame, json!({}));
    assert!(forecasts.iter().all(|f| f.upper <= 2.0) && forecasts.iter().any(|f| f.yhat > 1.98));
    let found = error(&forecasts, &frame.target);
    assert!(found < 0.04, "{found}");
}

#[test]
fn missing_hours_of_generation_and_weather_are_tolerated() {
    let mut frame = south_west();
    let whole = frame.target.clone();
    for row in 0..END {
        if row % 5 == 0 || (2000..2300).contains(&row) {
            frame.target[row] = f64::NAN;
        }
        if row % 7 == 0 {
            frame.regressors[1].values[row] = f64::NAN;
        }
        if row % 3 == 0 {
            frame.regressors[0].values[row] = f64::NAN;
        }
    }
    let forecasts = forecasts(&frame, json!({}));
    let found = error(&forecasts, &whole);
    assert!(found < 0.15 && forecasts.iter().all(|forecast| forecast.upper.is_finite()), "{found}");
}

#[test]
fn small_negative_values_at_night_are_accepted_and_demand_is_rejected() {
    let mut frame = south_west();
    frame.target.iter_mut().for_each(|value| *value -= 0.004);
    assert!(forecasts(&frame, json!({})).iter().all(|forecast| forecast.lower >= 0.0));
    frame.target.iter_mut().for_each(|value| *value = -*value);
    let error = Model::fit(&recipe(json!({})), &frame, END, &mut || ()).err().unwrap();
    assert!(error.to_string().contains("positive numbers"), "{error}");
}

#[test]
fn irradiance_is_read_from_forecast_vintages() {
    let mut frame = south_west();
    let (mut times, mut received, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for row in 72..END + 72 {
        times.push(frame.grid.time(row));
        received.push(frame.grid.time(row - 72));
        values.push(Some(0.5 * frame.regressors[1].values[row]));
    }
    let names = ["ghi_w_m2".to_owned()];
    let versions = Versions { times: &times, received: &received, names: &names, values: &values };
    frame.vintages = Some(Vintages::new(&frame.grid, &frame.regressor_names(), &versions).unwrap());
    let model = fit(&frame, END, json!({}));
    let yhat = |frame: &Frame| model.forecast(frame, &[END], 72, &[], &mut || ()).unwrap();
    let before = yhat(&frame);
    // A forecast that is always half of the actual irradiance can be corrected, except for its higher diffuse share.
    let found = error(&before, &frame.target);
    assert!(found < 0.2, "{found}");
    frame.regressors[1].values[END..].fill(900.0);
    assert_eq!(yhat(&frame), before);
}

#[test]
fn a_model_round_trips_and_bounds_an_ensemble_at_night() {
    let frame = south_west();
    let model = fit(&frame, END, json!({}));
    let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let forecast = |model: &Model| model.forecast(&frame, &[END], 72, &[0.1], &mut || ()).unwrap();
    assert_eq!(forecast(&model), forecast(&again));
    assert_eq!(model.feature_names(), ["ghi_w_m2", "temperature_c"]);
    let members = json!({"members": [{"strategy": "solar"}, {"strategy": "profile"}]});
    let both = Recipe::new("ensemble", &members, &json!({"latitude": 47.4, "longitude": 8.5}), 72).unwrap();
    let both = Model::fit(&both, &frame, END, &mut || ()).unwrap();
    for forecast in forecast(&both) {
        let lit = zurich().is_lit(&frame.grid, forecast.target());
        assert!(lit || [forecast.lower, forecast.yhat, forecast.upper] == [0.0; 3], "{forecast:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn output_is_non_negative_and_zero_at_night_at_any_place_and_time(
        latitude in -75.0..75.0_f64, longitude in -180.0..180.0_f64, tilt in 0.0..90.0_f64, facing in 0.0..360.0_f64,
        end in 60 * 24..100 * 24_usize, zone in prop::sample::select(vec!["Europe/Zurich", "Australia/Lord_Howe", "UTC"]),
    ) {
        let features = json!({"latitude": latitude, "longitude": longitude, "time_zone": zone});
        let spec = FeatureSpec::from_json(&features, Preset::Advanced).unwrap();
        let place = place_of(&spec).unwrap();
        let frame = roof(place, end + 72, &Plane::new(tilt, facing));
        let recipe = Recipe::new("solar", &json!({}), &features, 72).unwrap();
        let model = Model::fit(&recipe, &frame, end, &mut || ()).unwrap();
        for forecast in model.forecast(&frame, &[end], 72, &[0.01, 0.99], &mut || ()).unwrap() {
            let numbers = [forecast.lower, forecast.yhat, forecast.upper, forecast.quantiles[0], forecast.quantiles[1]];
            prop_assert!(numbers.iter().all(|number| *number >= 0.0 && number.is_finite()));
            prop_assert!(place.is_lit(&frame.grid, forecast.target()) || numbers == [0.0; 5]);
        }
    }
}

#[test]
fn other_steps_than_an_hour() {
    use chrono::{DateTime, TimeDelta, Utc};
    for minutes in [15, 120] {
        let (rows, start) = (90 * 1440 / minutes as usize, "2024-03-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap());
        let times: Vec<_> = (0..rows as i64).map(|row| start + TimeDelta::minutes(minutes * row)).collect();
        let mut frame = Frame::new(&times, &vec![Some(0.0); rows], &[], &[]).unwrap();
        let (place, plane) = (zurich(), Plane::new(37.0, 205.0));
        let sky = Sky::new(place, &frame.grid, 0..rows, &mut || ());
        for row in 0..rows {
            let weather = sky.clear(row, Weather { irradiance_w_m2: 0.0, temperature_c: f64::NAN });
            frame.target[row] = sky.yield_of(&plane, place, &frame.grid, row, weather);
        }
        let issued = rows - 1440 / minutes as usize;
        let model = fit(&frame, issued, json!({}));
        let horizon = (rows - issued).min(72);
        let found = error(&model.forecast(&frame, &[issued], horizon, &[], &mut || ()).unwrap(), &frame.target);
        assert!(found < 0.05, "steps of {minutes} minutes: {found}");
    }
}
