//! The scale of a series, by which its demand is divided.

use crate::model::TrainingSet;
use crate::origin::Origin;
use crate::series::Frame;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Days before the issue time whose mean absolute demand is the scale.
const SCALE_DAYS: usize = 28;
/// Bounds of the prior weight, in days of history.
pub const LEAST_PRIOR_DAYS: f64 = 0.25;
pub const MOST_PRIOR_DAYS: f64 = 28.0;
/// Prior weight of models trained before it was estimated.
const PRIOR_DAYS: f64 = 3.0;

/// The mean absolute demand of the last four weeks, shrunk towards the demand expected from the size, which counts like
/// some days of history: without history, only the size counts.
///
/// This is the posterior mean of a level sampled by days, with normal logarithms: the weight of the prior, in days, is
/// the ratio of the variance of a day to that of the levels of the series (empirical Bayes; Efron and Morris,
/// *Data analysis using Stein's estimator and its generalizations*, 1975).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Demand per unit of size.
    intensity: f64,
    /// The regressor for the size; if empty or missing, all sizes are one.
    size: String,
    /// Weight of the size as a prior, in days of history; a parameter of the model.
    #[serde(skip, default = "prior_days_before")]
    pub prior_days: f64,
}

fn prior_days_before() -> f64 {
    PRIOR_DAYS
}

/// The scale of all series, and for each series the scale estimated from the others, as for a new series.
pub struct Scales {
    pub of_all: Scale,
    pub without_each: Vec<Scale>,
}

impl Scale {
    /// The intensity is the geometric mean over the series.
    pub fn learn(trainings: &[TrainingSet<'_>], size: &str, prior_days: Option<f64>) -> Scales {
        let logs: Vec<f64> = trainings
            .iter()
            .map(|training| {
                let (sum, known) = absolute(&training.frame.target[..training.end]);
                (sum / known / size_of(training.frame, size)).ln()
            })
            .collect();
        let prior_days = prior_days.unwrap_or_else(|| {
            let logs = |of_days: usize| -> Vec<Vec<f64>> {
                let rows = |training: &TrainingSet<'_>| of_days * training.frame.grid.rows_per_day();
                trainings.iter().map(|training| logs_by(rows(training), training, size)).collect()
            };
            prior_days_of(&logs(1), &logs(7))
        });
        let scale = |intensity| Scale { intensity, size: size.to_owned(), prior_days };
        let mean = |left_out: Option<usize>| {
            let counts = |at: &usize| Some(*at) != left_out && logs[*at].is_finite();
            let counted: Vec<f64> = (0..logs.len()).filter(counts).map(|at| logs[at]).collect();
            let mean = counted.iter().sum::<f64>() / counted.len() as f64;
            // Only zeros, or no values.
            if mean.is_finite() { mean.exp() } else { 1.0 }
        };
        let others = |at| if logs.len() > 1 { mean(Some(at)) } else { mean(None) };
        Scales { of_all: scale(mean(None)), without_each: (0..logs.len()).map(|at| scale(others(at))).collect() }
    }

    /// The scale at `origin`, from targets before it.
    pub fn at(&self, frame: &Frame, origin: Origin) -> f64 {
        let (sum, known) = absolute(&recent(frame, origin));
        let prior = self.prior_days * frame.grid.rows_per_day() as f64;
        let scale = (sum + prior * self.intensity * size_of(frame, &self.size)) / (known + prior);
        if scale > 0.0 && scale.is_finite() { scale } else { 1.0 }
    }

    pub fn is_sound(&self) -> bool {
        self.intensity > 0.0 && self.intensity.is_finite()
    }
}

/// Number of days with known demand in the last four weeks.
pub fn known_days(frame: &Frame, origin: Origin) -> f64 {
    absolute(&recent(frame, origin)).1 / frame.grid.rows_per_day() as f64
}

fn recent(frame: &Frame, origin: Origin) -> Cow<'_, [f64]> {
    frame.known_target(origin, origin.row.saturating_sub(SCALE_DAYS * frame.grid.rows_per_day()))
}

/// The first known value of the size regressor.
fn size_of(frame: &Frame, name: &str) -> f64 {
    let values = frame.regressor(name).into_iter().flat_map(|regressor| &regressor.values);
    values.copied().find(|size| size.is_finite() && *size > 0.0).unwrap_or(1.0)
}

/// The logarithm of the mean absolute demand per unit of size, for each span of `rows` rows; NaN if fewer than two
/// thirds are known.
fn logs_by(rows: usize, training: &TrainingSet<'_>, size: &str) -> Vec<f64> {
    let size = size_of(training.frame, size);
    let spans = training.frame.target[..training.end].chunks(rows).map(absolute);
    let log =
        |(sum, known): (f64, f64)| if 3.0 * known >= 2.0 * rows as f64 { (sum / known / size).ln() } else { f64::NAN };
    spans.map(log).map(|log| if log.is_finite() { log } else { f64::NAN }).collect()
}

/// The ratio of the variance of a day, from differences of successive days, to the variance of the weekly levels of all
/// series; the former default if there is too little data.
fn prior_days_of(days: &[Vec<f64>], weeks: &[Vec<f64>]) -> f64 {
    let steps = days.iter().flat_map(|days| days.windows(2)).map(|pair| (pair[1] - pair[0]).powi(2) / 2.0);
    let levels: Vec<f64> = weeks.iter().flatten().copied().filter(|level| level.is_finite()).collect();
    let mean = average(levels.iter().copied());
    let prior =
        average(steps.filter(|step| step.is_finite())) / average(levels.iter().map(|level| (level - mean).powi(2)));
    if days.len() < 2 || prior.is_nan() { PRIOR_DAYS } else { prior.clamp(LEAST_PRIOR_DAYS, MOST_PRIOR_DAYS) }
}

/// The mean; NaN without values.
fn average(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Sum and number of the absolute known values.
fn absolute(values: &[f64]) -> (f64, f64) {
    let known = values.iter().filter(|value| value.is_finite());
    known.fold((0.0, 0.0), |(sum, count), value| (sum + value.abs(), count + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_weight_is_the_ratio_of_daily_to_level_variance() {
        // Days that alternate by 0.2: a variance of 0.02. Weeks of 0, 0.4, 0.4 and 0.8: a variance of 0.08.
        let days = vec![vec![0.0, 0.2, 0.0, f64::NAN, 0.2], vec![0.6, 0.8]];
        let weeks = vec![vec![0.0, f64::NAN, 0.4], vec![0.4, 0.8]];
        assert!((prior_days_of(&days, &weeks) - 0.25).abs() < 1e-9);
        let far = vec![vec![0.0, 0.04], vec![0.04, 0.08]];
        assert!((prior_days_of(&days, &far) - 25.0).abs() < 1e-6);
        // All weeks of all series are equal: the size determines the level. No noise: a single day determines it.
        assert_eq!(prior_days_of(&days, &[vec![0.3, 0.3], vec![0.3]]), MOST_PRIOR_DAYS);
        assert_eq!(prior_days_of(&[vec![0.0, 0.0], vec![0.4, 0.4]], &weeks), LEAST_PRIOR_DAYS);
        // A single series, or nothing to compare.
        assert_eq!(prior_days_of(&days[..1], &weeks), PRIOR_DAYS);
        assert_eq!(prior_days_of(&[vec![0.1], vec![0.2]], &weeks), PRIOR_DAYS);
        assert_eq!(prior_days_of(&days, &[vec![f64::NAN], vec![]]), PRIOR_DAYS);
    }
}
