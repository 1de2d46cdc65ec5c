//! Hyperparameter search by tree-structured Parzen estimators.
//!
//! Bergstra, Bardenet, Bengio and Kégl, *Algorithms for Hyper-Parameter Optimization*, 2011. The first trial has the
//! strategy's defaults, the next ones are random. From then on, the best [`GOOD_SHARE`] of the trials and the others
//! each define a density over every dimension; candidates are drawn from the density of the good trials, and the one
//! with the highest ratio of the two densities is tried.
//!
//! [`next_trial`] is a function of the space, the trials so far and a seed: a resumed search gives the same trials as
//! an uninterrupted one.

mod parzen;
mod space;

use crate::Checkpoint;
use crate::error::Error;
use crate::random::Random;
use parzen::Parzen;
use serde::Deserialize;
use serde_json::Value;
pub use space::Space;
use space::{Dimension, Point};

/// Number of trials before the densities are used.
const STARTUP: usize = 10;
/// Share of the trials that count as good.
const GOOD_SHARE: f64 = 0.15;
/// Number of candidates drawn for each dimension.
const CANDIDATES: usize = 24;
/// Number of attempts to propose a point that was not tried before.
const ATTEMPTS: usize = 32;

/// Maximum number of trials in one search.
const MOST_TRIALS: usize = 10_000;

/// A trial and its result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Trial {
    /// The hyperparameters.
    pub parameters: Value,
    /// The error to minimise; `None` if the trial failed.
    pub score: Option<f64>,
}

/// The next trial; `None` if all points were tried.
pub fn next_trial(
    space: &Space,
    trials: &[Trial],
    seed: u64,
    checkpoint: Checkpoint<'_>,
) -> Result<Option<Value>, Error> {
    if trials.len() >= MOST_TRIALS {
        return Err(Error::InvalidArgument(format!("a search has at most {MOST_TRIALS} trials")));
    }
    if trials.iter().any(|trial| trial.score.is_some_and(|score| !score.is_finite())) {
        return Err(Error::NonFiniteArgument("trials"));
    }
    // Trials outside the space are ignored.
    let tried: Vec<(Point, Option<f64>)> =
        trials.iter().filter_map(|trial| Some((space.point(&trial.parameters)?, trial.score))).collect();
    if tried.is_empty() {
        return Ok(Some(space.start().clone()));
    }
    let is_new = |point: &Point| tried.iter().all(|(other, _)| other != point);
    let mut random = Random::new(seed, trials.len() as u64);
    let (good, bad) = split(&tried);
    for _ in 0..ATTEMPTS {
        let propose = |dimension: (usize, &Dimension)| {
            checkpoint();
            propose(dimension, tried.len(), &good, &bad, &mut random)
        };
        let point: Point = space.dimensions().enumerate().map(propose).collect();
        if is_new(&point) {
            return Ok(Some(space.parameters(&point)));
        }
    }
    // Collisions this frequent mean that there are few points: take the first new one.
    let all = space.points().unwrap_or(0);
    Ok((0..all.min(tried.len() + 1)).map(|at| space.nth(at)).find(is_new).map(|point| space.parameters(&point)))
}

/// The best trials, and the others including failed ones.
fn split(tried: &[(Point, Option<f64>)]) -> (Vec<&Point>, Vec<&Point>) {
    let mut scored: Vec<(f64, &Point)> =
        tried.iter().filter_map(|(point, score)| score.map(|score| (score, point))).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let good = ((scored.len() as f64 * GOOD_SHARE).ceil() as usize).min(scored.len());
    let failed = tried.iter().filter(|(_, score)| score.is_none()).map(|(point, _)| point);
    let (good, bad) = scored.split_at(good);
    (good.iter().map(|(_, point)| *point).collect(), bad.iter().map(|(_, point)| *point).chain(failed).collect())
}

/// The value of one dimension.
fn propose(
    (at, dimension): (usize, &Dimension),
    tried: usize,
    good: &[&Point],
    bad: &[&Point],
    random: &mut Random,
) -> f64 {
    if tried < STARTUP || good.is_empty() {
        return dimension.snap(random.uniform());
    }
    let density = |points: &[&Point]| Parzen::new(dimension, points.iter().map(|point| point[at]).collect());
    let (good, bad) = (density(good), density(bad));
    let gain = |value: f64| good.log_density(value) - bad.log_density(value);
    let drawn = (0..CANDIDATES).map(|_| dimension.snap(good.draw(random)));
    drawn.map(|value| (gain(value), value)).max_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.5, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Strategy;
    use proptest::prelude::*;
    use serde_json::json;

    fn strategy(name: &str) -> Strategy {
        Strategy::parse(name).unwrap()
    }

    fn search(space: &Space, seed: u64, trials: usize, score: impl Fn(&Value, usize) -> Option<f64>) -> Vec<Trial> {
        go_on(space, seed, trials, Vec::new(), score)
    }

    fn go_on(
        space: &Space,
        seed: u64,
        until: usize,
        mut trials: Vec<Trial>,
        score: impl Fn(&Value, usize) -> Option<f64>,
    ) -> Vec<Trial> {
        while trials.len() < until {
            let Some(parameters) = next_trial(space, &trials, seed, &mut || ()).unwrap() else { break };
            let score = score(&parameters, trials.len());
            trials.push(Trial { parameters, score });
        }
        trials
    }

    /// Minimal at eta 0.03, depth 7, and with one of three choices.
    fn bowl(parameters: &Value) -> f64 {
        let number = |name: &str| parameters[name].as_f64().unwrap();
        let chosen = if parameters["half_life_days"] == json!(120) { 0.0 } else { 1.0 };
        (number("eta") / 0.03).ln().powi(2) + ((number("max_depth") - 7.0) / 3.0).powi(2) + chosen
    }

    fn bowl_space() -> Space {
        let space = json!({
            "eta": {"low": 0.005, "high": 0.5, "log": true}, "max_depth": {"low": 2, "high": 12},
            "half_life_days": [0, 60, 120]
        });
        Space::from_json(strategy("xgboost"), Some(&space)).unwrap()
    }

    fn best(trials: &[Trial]) -> f64 {
        trials.iter().filter_map(|trial| trial.score).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_search_finds_a_minimum_that_random_search_misses() {
        let space = bowl_space();
        let mut found: Vec<f64> = Vec::new();
        let mut by_chance: Vec<f64> = Vec::new();
        for seed in 0..20 {
            found.push(best(&search(&space, seed, 60, |parameters, _| Some(bowl(parameters)))));
            // Without scores, every trial is random.
            let random = search(&space, seed, 60, |_, _| None);
            by_chance.push(random.iter().map(|trial| bowl(&trial.parameters)).fold(f64::INFINITY, f64::min));
        }
        found.sort_by(f64::total_cmp);
        by_chance.sort_by(f64::total_cmp);
        assert!(found[10] < 0.02 && found[10] < 0.5 * by_chance[10], "{} against {}", found[10], by_chance[10]);
    }

    #[test]
    fn a_small_space_is_exhausted() {
        let space = json!({"season_h": [24, 168]});
        let space = Space::from_json(strategy("seasonal_naive"), Some(&space)).unwrap();
        let trials = search(&space, 1, 50, |_, at| Some(at as f64));
        let seasons: Vec<_> = trials.iter().map(|trial| trial.parameters["season_h"].clone()).collect();
        assert_eq!(seasons, [json!(168), json!(24)]);
        let space = json!({"max_depth": {"low": 1, "high": 16}, "monotone_heating": [false, true]});
        let space = Space::from_json(strategy("xgboost"), Some(&space)).unwrap();
        assert_eq!(search(&space, 1, 50, |_, at| Some(at as f64)).len(), 32);
    }

    #[test]
    fn failed_trials_are_avoided_and_do_not_end_the_search() {
        let space = bowl_space();
        let fails = |parameters: &Value| parameters["max_depth"].as_f64().unwrap() > 6.0;
        let trials = search(&space, 3, 60, |parameters, _| (!fails(parameters)).then(|| bowl(parameters)));
        let late = trials[30..].iter().filter(|trial| trial.score.is_none()).count();
        assert!(late < 10, "{late} of the last 30 failed");
    }

    proptest! {
        #[test]
        fn proposals_are_new_points_of_the_space_and_survive_a_restart(
            seed in any::<u64>(), which in 0..Strategy::ALL.len(), pause in 0..25_usize,
            scores in proptest::collection::vec(proptest::option::of(0.0..9.0_f64), 25)
        ) {
            let strategy = Strategy::ALL[which];
            let space = Space::from_json(strategy, None).unwrap();
            let whole = search(&space, seed, 25, |_, at| scores[at]);
            let first = search(&space, seed, pause, |_, at| scores[at]);
            prop_assert_eq!(&go_on(&space, seed, 25, first, |_, at| scores[at]), &whole);
            for (at, trial) in whole.iter().enumerate() {
                prop_assert!(space.point(&trial.parameters).is_some(), "{}", trial.parameters);
                prop_assert!(strategy.read_parameters(&trial.parameters).is_ok(), "{}", trial.parameters);
                prop_assert!(whole[..at].iter().all(|other| other.parameters != trial.parameters));
            }
        }
    }
}
