//! Joint scenarios: paths of several series over all steps ahead.
//!
//! Quantiles describe the uncertainty of each hour separately. Controlling a battery or a heat pump requires knowing
//! whether a high evening follows a high morning, and whether all houses are high together. A scenario has one value
//! for each series and step. The marginal distribution of each step is that of its forecast; the dependence is that of
//! the forecast errors at past origins: their ranks, origin by origin, are an empirical copula. This is the Schaake
//! shuffle (Clark, Gangopadhyay, Hay, Rajagopalan and Wilby, *The Schaake Shuffle*, 2004), with errors in place of
//! observations, a form of ensemble copula coupling (Schefzik, Thorarinsdottir and Gneiting, *Uncertainty
//! Quantification in Complex Simulation Models Using Ensemble Copula Coupling*, 2013).
//!
//! An error of rank `r` among `n` origins stands for the probabilities from `(r - 1) / n` to `r / n`. The position of a
//! scenario within that interval is drawn once for all its steps. So there can be more scenarios than origins, the
//! marginals are kept, and a path is no rougher than the errors.

use crate::Checkpoint;
use crate::error::Error;
use crate::intervals::check_levels;
use crate::margin::{Margin, score};
use crate::portfolio::{common_step, seconds};
use crate::random::Random;
use chrono::{DateTime, Utc};
use ndarray::Array2;
use std::collections::HashMap;

/// Maximum number of scenarios, and of values in all of them: 200 MB.
const MOST_SCENARIOS: usize = 10_000;
const MOST_VALUES: usize = 25_000_000;

/// One step ahead of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which series.
    pub series: usize,
    /// Start of the step.
    pub valid_at: DateTime<Utc>,
    /// Hours from the issue to the end of the step.
    pub lead_hours: f64,
    /// Its quantiles, at the levels shared by all steps.
    pub quantiles: Vec<f64>,
}

/// A past forecast error of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastError {
    /// Which series.
    pub series: usize,
    /// When the forecast was issued.
    pub issued_at: DateTime<Utc>,
    /// Hours from the issue to the end of the step.
    pub lead_hours: f64,
    /// Actual minus forecast.
    pub error: f64,
}

/// Scenarios of all steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenarios {
    /// Values by scenario and step, in the order of the steps.
    pub values: Array2<f64>,
    /// Number of past origins used.
    pub origins: usize,
}

/// Draws scenarios; deterministic for a seed. Uses errors known when the first of the forecasts was issued, of origins
/// at which the errors of all steps are known.
pub fn scenarios(
    steps: &[Step],
    levels: &[f64],
    errors: &[PastError],
    count: usize,
    seed: u64,
    checkpoint: Checkpoint<'_>,
) -> Result<Scenarios, Error> {
    check(steps, levels, count)?;
    let length = common_step(steps.iter().map(|step| step.lead_hours))?;
    let now = steps.iter().map(|step| step.valid_at + length - seconds(step.lead_hours)).min();
    let known = errors.iter().filter(|past| Some(past.issued_at + seconds(past.lead_hours)) <= now);
    let errors = by_origin(steps, known);
    if errors.is_empty() {
        return Err(Error::NoJointResidual);
    }
    let mut random = Random::new(seed, 0);
    let scores: Vec<f64> = levels.iter().map(|level| score(*level)).collect();
    let margins = steps.iter().map(|step| Margin { scores: &scores, quantiles: &step.quantiles }).collect::<Vec<_>>();
    let ranks = ranks(&errors, &mut random, checkpoint);
    let origins = errors.len();
    let mut values = Array2::zeros((count, steps.len()));
    let mut order: Vec<usize> = Vec::new();
    for mut scenario in values.rows_mut() {
        checkpoint();
        // Every origin is used once before any is used again.
        if order.is_empty() {
            order = (0..origins).collect();
        }
        let ranks = ranks.row(order.swap_remove(random.below(order.len())));
        let within = random.uniform();
        for ((value, margin), rank) in scenario.iter_mut().zip(&margins).zip(ranks) {
            *value = margin.quantile((*rank as f64 + within) / origins as f64);
        }
    }
    Ok(Scenarios { values, origins })
}

fn check(steps: &[Step], levels: &[f64], count: usize) -> Result<(), Error> {
    check_levels(levels)?;
    if levels.len() < 2 {
        return Err(Error::InvalidArgument("scenarios need quantiles of two levels or more".to_owned()));
    }
    if !(1..=MOST_SCENARIOS).contains(&count) || count.saturating_mul(steps.len()) > MOST_VALUES {
        return Err(Error::InvalidArgument(format!(
            "{count} scenarios of {} steps: 1 to {MOST_SCENARIOS} scenarios with {MOST_VALUES} values in all can be \
             drawn",
            steps.len()
        )));
    }
    let complete = |step: &Step| step.quantiles.len() == levels.len() && step.quantiles.is_sorted();
    if !steps.iter().all(complete) {
        return Err(Error::InvalidArgument(format!(
            "every step needs a quantile of each of the {} levels, ascending",
            levels.len()
        )));
    }
    Ok(())
}

/// The errors of each complete origin, by step; oldest first.
fn by_origin<'a>(steps: &[Step], errors: impl Iterator<Item = &'a PastError>) -> Vec<Vec<f64>> {
    let key = |series: usize, lead_hours: f64| (series, seconds(lead_hours).num_seconds());
    let place: HashMap<_, _> =
        steps.iter().enumerate().map(|(at, step)| (key(step.series, step.lead_hours), at)).collect();
    let mut origins: HashMap<DateTime<Utc>, Vec<f64>> = HashMap::new();
    for past in errors {
        if let Some(at) = place.get(&key(past.series, past.lead_hours)) {
            origins.entry(past.issued_at).or_insert_with(|| vec![f64::NAN; steps.len()])[*at] = past.error;
        }
    }
    let mut complete: Vec<_> =
        origins.into_iter().filter(|(_, errors)| errors.iter().all(|error| error.is_finite())).collect();
    complete.sort_by_key(|(issued_at, _)| *issued_at);
    complete.into_iter().map(|(_, errors)| errors).collect()
}

/// Ranks from zero, by origin and step; ties, such as solar generation at night, are broken at random.
fn ranks(errors: &[Vec<f64>], random: &mut Random, checkpoint: Checkpoint<'_>) -> Array2<usize> {
    let steps = errors[0].len();
    let mut ranks = Array2::zeros((errors.len(), steps));
    for step in 0..steps {
        checkpoint();
        let mut sorted: Vec<(f64, f64, usize)> =
            errors.iter().enumerate().map(|(origin, errors)| (errors[step], random.uniform(), origin)).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for (rank, (_, _, origin)) in sorted.into_iter().enumerate() {
            ranks[[origin, step]] = rank;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

    fn start() -> DateTime<Utc> {
        "2026-01-01T05:00:00Z".parse().unwrap()
    }

    fn steps(series: usize, hours: usize) -> Vec<Step> {
        let step = |at: usize| Step {
            series: at / hours,
            valid_at: start() + TimeDelta::days(100) + TimeDelta::hours((at % hours) as i64),
            lead_hours: (at % hours + 1) as f64,
            quantiles: [-8.0, -3.0, 0.0, 3.0, 8.0].map(|off| 100.0 + off + at as f64).to_vec(),
        };
        (0..series * hours).map(step).collect()
    }

    /// Errors of `origins` origins a day apart; `error` takes the origin, series and hour.
    fn errors(
        origins: usize,
        series: usize,
        hours: usize,
        error: impl Fn(usize, usize, usize) -> f64,
    ) -> Vec<PastError> {
        let mut errors = Vec::new();
        for origin in 0..origins {
            for at in 0..series * hours {
                errors.push(PastError {
                    series: at / hours,
                    issued_at: start() + TimeDelta::days(origin as i64),
                    lead_hours: (at % hours + 1) as f64,
                    error: error(origin, at / hours, at % hours),
                });
            }
        }
        errors
    }

    fn draw(errors: &[PastError], count: usize) -> Scenarios {
        scenarios(&steps(2, 3), &LEVELS, errors, count, 7, &mut || ()).unwrap()
    }

    fn correlation(scenarios: &Array2<f64>, a: usize, b: usize) -> f64 {
        let (a, b) = (scenarios.column(a), scenarios.column(b));
        let (mean_a, mean_b) = (a.mean().unwrap(), b.mean().unwrap());
        let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
        sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
    }

    fn noise(n: usize) -> f64 {
        Random::new(3, n as u64).uniform() - 0.5
    }

    #[test]
    fn scenarios_have_the_dependence_of_past_errors() {
        // Both series are correlated; the last hour is anticorrelated.
        let of = |origin: usize, series: usize, hour: usize| {
            let common = noise(origin);
            (if hour == 2 { -common } else { common }) + 1e-3 * noise(1000 + 10 * origin + series)
        };
        let found = draw(&errors(90, 2, 3, of), 500);
        assert_eq!(found.origins, 90);
        assert!(correlation(&found.values, 0, 1) > 0.99 && correlation(&found.values, 0, 4) > 0.99);
        assert!(correlation(&found.values, 0, 2) < -0.98);
        // Independent errors give independent steps.
        let found = draw(&errors(90, 2, 3, |origin, series, hour| noise(origin * 100 + series * 10 + hour)), 500);
        assert!(correlation(&found.values, 0, 4).abs() < 0.3);
    }

    #[test]
    fn only_complete_origins_known_at_the_issue_count() {
        let mut all = errors(105, 2, 3, |origin, _, _| noise(origin));
        all[4].error = f64::NAN;
        // Issued at day 100: the origins of that day and later are not known, and the first lacks a step.
        assert_eq!(draw(&all, 10).origins, 99);
        let mut later = all.clone();
        later
            .iter_mut()
            .filter(|past| past.issued_at >= start() + TimeDelta::days(100))
            .for_each(|past| past.error = 1e9);
        assert_eq!(draw(&later, 10), draw(&all, 10));
        let none = scenarios(&steps(3, 3), &LEVELS, &all, 10, 7, &mut || ());
        assert_eq!(none, Err(Error::NoJointResidual));
    }

    #[test]
    fn invalid_requests_are_rejected() {
        let past = errors(5, 2, 3, |origin, _, _| noise(origin));
        let refusal = |steps: &[Step], levels: &[f64], count| {
            scenarios(steps, levels, &past, count, 7, &mut || ()).unwrap_err().to_string()
        };
        assert!(refusal(&steps(2, 3), &LEVELS, 0).contains("1 to 10000 scenarios"));
        assert!(refusal(&steps(2, 3), &LEVELS, 10_001).contains("1 to 10000 scenarios"));
        assert!(refusal(&steps(2, 3), &[0.5], 5).contains("two levels"));
        let mut crossed = steps(2, 3);
        crossed[1].quantiles[0] = 1e6;
        assert!(refusal(&crossed, &LEVELS, 5).contains("ascending"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn each_step_keeps_the_distribution_of_its_forecast(
            origins in 20_usize..95, seed in 0_u64..1000, shift in -200.0..200.0_f64
        ) {
            let mut steps = steps(2, 3);
            steps.iter_mut().flat_map(|step| &mut step.quantiles).for_each(|quantile| *quantile += shift);
            let past = errors(origins, 2, 3, |origin, series, hour| noise(origin * 7 + series + hour).round());
            let count = 40 * origins;
            let found = scenarios(&steps, &LEVELS, &past, count, seed, &mut || ()).unwrap();
            for (step, values) in steps.iter().zip(found.values.columns()) {
                for (level, quantile) in LEVELS.iter().zip(&step.quantiles) {
                    let below = values.iter().filter(|value| *value <= quantile).count() as f64 / count as f64;
                    prop_assert!((below - level).abs() < 1.0 / origins as f64, "{} below {}", below, level);
                }
                prop_assert!(step.quantiles[0] < 0.0 || values.iter().all(|value| *value >= 0.0));
            }
        }
    }
}
