//! Accuracy on out-of-distribution days of a SIMULATED building: see `examples/simulate/house.rs`.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../examples/simulate/house.rs"]
mod house;
#[path = "../examples/simulate/trial.rs"]
mod trial;

use house::Hour;
use serde_json::{Value, json};
use trial::{Candidate, HOUSE, Trial, cold_and_sunny, frame};

const DAYS: u64 = 1005;
/// 1 December 2023.
const DECEMBER: usize = 883 * 24 + 5;

fn candidate(strategy: &'static str, parameters: Value) -> Candidate {
    Candidate { name: strategy, strategy, parameters, features: json!({}) }
}

fn expected(days: u64) -> Vec<f64> {
    house::simulate(1, days, false).iter().map(|hour| hour.demand).collect()
}

#[test]
fn heating_degrees_and_sun_halve_the_error_on_unseen_cold_and_sunny_days() {
    let hours = house::simulate(1, DAYS, true);
    let clear: Vec<f64> = hours.iter().map(|hour| house::clear_sky(hour.at)).collect();
    let (frame, expected) = (frame(&hours, true).unwrap(), expected(DAYS));
    let days = cold_and_sunny(&frame, &clear).unwrap();
    let trial = Trial {
        frame: &frame,
        end: DECEMBER,
        unseen: &days,
        scored: &days,
        expected: &expected,
        place: HOUSE,
        zone: "Etc/GMT-1",
    };
    let basic = trial.rmse(&Candidate::basic_trees()).unwrap();
    for strategy in ["lear", "ensemble"] {
        let rmse = trial.rmse(&candidate(strategy, json!({}))).unwrap();
        assert!(rmse[1] < 0.5 * basic[1] && rmse[0] < 0.6 * basic[0], "{strategy}: {rmse:?} for {basic:?}");
    }
    // Trees alone need the linear base for similar accuracy.
    let trees =
        |base: &str| trial.rmse(&candidate("xgboost", json!({"base": base, "monotone_heating": true}))).unwrap()[1];
    let (linear, mean) = (trees("linear"), trees("mean"));
    assert!(linear < 0.75 * basic[1] && linear < 0.6 * mean, "{linear} and {mean} for {basic:?}");
}

#[test]
fn the_behavioural_calendar_halves_the_error_at_christmas_and_helps_on_bridge_days() {
    // Training from July 2021: up to December 2024 with three Christmases, or up to March 2025 with bridge days.
    let (days, december, march) = (1450, 1265 * 24 + 5, 1369 * 24 + 5);
    let hours = house::simulate(1, days, true);
    let (plain, behavioural, expected) = (frame(&hours, false).unwrap(), frame(&hours, true).unwrap(), expected(days));
    let unseen = vec![false; hours.len()];
    let of = |frame, end, scored: fn(&Hour) -> bool| {
        let scored: Vec<bool> = hours.iter().map(scored).collect();
        let trial = Trial {
            frame,
            end,
            unseen: &unseen,
            scored: &scored,
            expected: &expected,
            place: HOUSE,
            zone: "Etc/GMT-1",
        };
        trial.rmse(&candidate("lear", json!({}))).unwrap()
    };
    let helps = |end, scored: fn(&Hour) -> bool, share: f64| {
        let (plain, behavioural) = (of(&plain, end, scored), of(&behavioural, end, scored));
        assert!(behavioural[1] < share * plain[1], "{behavioural:?} for {plain:?}");
    };
    helps(december, |hour| hour.flags.christmas, 0.5);
    helps(march, |hour| hour.flags.bridge, 0.8);
}
