//! How likely an alert is real: from the scores of detectors, learnt from what technicians found.
//!
//! ```text
//! log-odds = constant + sum of weight x evidence
//! ```
//!
//! Ridge logistic regression (le Cessie and van Houwelingen, *Ridge estimators in logistic regression*, 1992) whose
//! penalty draws to a prior and not to zero: the mode of the posterior under independent normal priors, by Newton's
//! method with halved steps. Without a label it is the prior, whose constant is the base rate of real faults and
//! whose weights say what a decade of rarity is worth; each label moves it a little, and contradicting labels stop
//! each other.
//!
//! A score `s` between 0 and 1 counts as its evidence `-log10(1 - s)`, less what it is on average where nothing is
//! wrong (`log10(e)`), so that a hundred quiet detectors say no more than the base rate. A missing score says
//! nothing. The interval of the probability is that of the log-odds, whose variance is that of Laplace's
//! approximation.

use super::cholesky::Factor;
use super::observations::Observations;
use super::parameters::Alerts;
use super::scaling::Scaling;
use super::verdict::{Part, Verdict};
use crate::Checkpoint;
use crate::error::Error;
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::f64::consts::LOG10_E;

/// The evidence of a score is at most so many decades: a score of one is no proof.
const MOST_EVIDENCE: f64 = 6.0;
/// Steps of Newton's method; a dozen is usual.
const MOST_STEPS: usize = 100;
/// Fewer labels are not left out in turn.
const FEWEST_LABELS: usize = 20;
const FOLDS: usize = 5;
/// Of the interval, on both sides.
const WIDTH: f64 = 1.644_854;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Whether features are scores.
    scores: bool,
    /// The constant first.
    weights: Vec<f64>,
    /// Precision of the weights, the lower triangle row by row.
    precision: Vec<f64>,
    scaling: Scaling,
}

impl Logistic {
    /// Learns from rows whose target is 1 where it was real, 0 where it was not; from none, if there is none.
    pub fn fit(
        rows: &Observations,
        parameters: &Alerts,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Self, Vec<Verdict>, Value), Error> {
        let target = rows.needed_target()?;
        if let Some(wrong) = target.iter().find(|label| !(label.is_nan() || **label == 0.0 || **label == 1.0)) {
            return Err(Error::InvalidArgument(format!("the label {wrong} is neither 1 (real) nor 0 (not real)")));
        }
        let mut prior = vec![(parameters.base_rate / (1.0 - parameters.base_rate)).ln()];
        for name in rows.names() {
            prior.push(parameters.weight_of(name)?);
        }
        if let Some(unknown) = parameters.weights.keys().find(|name| !rows.names().contains(name)) {
            let known = rows.names().to_vec();
            return Err(Error::UnknownName { kind: "feature of weights", name: unknown.clone(), known });
        }
        let labelled: Vec<(Vec<f64>, f64)> = (0..rows.len())
            .filter(|row| target[*row].is_finite())
            .map(|row| (evidence(parameters.scores, rows.row(row)), target[row]))
            .collect();
        let all: Vec<&(Vec<f64>, f64)> = labelled.iter().collect();
        let (weights, precision) = newton(&all, &prior, parameters.precision, checkpoint)?;
        let cells = (0..weights.len()).flat_map(|row| (0..=row).map(move |column| (row, column)));
        let model = Self {
            scores: parameters.scores,
            precision: cells.map(|cell| precision[cell]).collect(),
            weights,
            scaling: Scaling::of(rows.features().view()),
        };
        let metrics = json!({
            "labels": all.len(),
            "real": all.iter().filter(|(_, label)| *label == 1.0).count(),
            "log_loss": left_out(&all, &prior, parameters.precision, checkpoint)?,
            "log_loss_of_prior": loss(&all, &prior),
        });
        let own = model.score(rows, parameters, checkpoint)?;
        Ok((model, own, metrics))
    }

    /// The verdict on each row.
    pub fn score(
        &self,
        rows: &Observations,
        parameters: &Alerts,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Vec<Verdict>, Error> {
        let factor = self.factor()?;
        let verdict = |row| {
            if row % 1024 == 0 {
                checkpoint();
            }
            let x = evidence(self.scores, rows.row(row));
            let (odds, deviation) = (log_odds(&self.weights, &x), factor.quadratic(&x).sqrt());
            let probability = logistic(odds);
            Verdict {
                score: Some(probability),
                is_anomaly: Some(probability >= parameters.alarm_probability),
                raw: Some(odds),
                lower: Some(logistic(odds - WIDTH * deviation)),
                upper: Some(logistic(odds + WIDTH * deviation)),
                ..Verdict::default()
            }
        };
        Ok((0..rows.len()).map(verdict).collect())
    }

    fn factor(&self) -> Result<Factor, Error> {
        let mut matrix = Array2::zeros((self.weights.len(), self.weights.len()));
        let mut cells = self.precision.iter();
        for row in 0..self.weights.len() {
            for (cell, value) in matrix.row_mut(row).iter_mut().zip(cells.by_ref().take(row + 1)) {
                *cell = *value;
            }
        }
        Factor::new(&matrix).ok_or_else(|| Error::DamagedArtifact("it holds impossible numbers".to_owned()))
    }

    /// What each score adds to the log-odds.
    pub fn explain(&self, rows: &Observations) -> Vec<Part> {
        let x = evidence(self.scores, rows.row(0));
        let base = Part { feature: "(base)".to_owned(), contribution: self.weights[0], ..Part::default() };
        let part = |(at, name): (usize, &String)| Part {
            feature: name.clone(),
            value: Some(rows.row(0)[at]).filter(|value| value.is_finite()),
            typical: Some(self.scaling.0[at].typical),
            contribution: self.weights[at + 1] * x[at + 1],
            would_explain: None,
        };
        std::iter::once(base).chain(rows.names().iter().enumerate().map(part)).collect()
    }

    /// What is typical of each score.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// Whether it can have been fitted, to so many features.
    pub fn is_sound(&self, features: usize) -> bool {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        self.weights.len() == features + 1
            && self.precision.len() == (features + 1) * (features + 2) / 2
            && finite(&self.weights)
            && finite(&self.precision)
            && self.scaling.is_sound(features)
    }
}

/// A row as the regression reads it, a one first.
fn evidence(scores: bool, row: ArrayView1<'_, f64>) -> Vec<f64> {
    let read = |value: f64| match (value.is_nan(), scores) {
        (true, _) => 0.0,
        (false, true) => (-(1.0 - value.clamp(0.0, 1.0)).log10()).min(MOST_EVIDENCE) - LOG10_E,
        (false, false) => value.clamp(-1e6, 1e6),
    };
    std::iter::once(1.0).chain(row.iter().map(|value| read(*value))).collect()
}

fn log_odds(weights: &[f64], x: &[f64]) -> f64 {
    weights.iter().zip(x).map(|(weight, value)| weight * value).sum()
}

fn logistic(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

/// `-log` of the probability of a label, without overflow.
fn surprise(odds: f64, label: f64) -> f64 {
    let against = if label == 1.0 { -odds } else { odds };
    against.max(0.0) + (-against.abs()).exp().ln_1p()
}

/// Mean surprise; none without labels.
fn loss(rows: &[&(Vec<f64>, f64)], weights: &[f64]) -> Option<f64> {
    let sum: f64 = rows.iter().map(|(x, label)| surprise(log_odds(weights, x), *label)).sum();
    (!rows.is_empty()).then(|| sum / rows.len() as f64)
}

/// Mean surprise of labels that were left out in turn; none where they are too few.
fn left_out(
    rows: &[&(Vec<f64>, f64)],
    prior: &[f64],
    penalty: f64,
    checkpoint: Checkpoint<'_>,
) -> Result<Option<f64>, Error> {
    if rows.len() < FEWEST_LABELS {
        return Ok(None);
    }
    let mut sum = 0.0;
    for fold in 0..FOLDS {
        let of = |own: bool| {
            let wanted = rows.iter().enumerate().filter(move |(at, _)| (at % FOLDS == fold) == own);
            wanted.map(|(_, row)| *row).collect::<Vec<_>>()
        };
        let (weights, _) = newton(&of(false), prior, penalty, checkpoint)?;
        sum += of(true).iter().map(|(x, label)| surprise(log_odds(&weights, x), *label)).sum::<f64>();
    }
    Ok(Some(sum / rows.len() as f64))
}

/// The mode of the posterior and its precision.
fn newton(
    rows: &[&(Vec<f64>, f64)],
    prior: &[f64],
    penalty: f64,
    checkpoint: Checkpoint<'_>,
) -> Result<(Vec<f64>, Array2<f64>), Error> {
    let objective = |weights: &[f64]| {
        let apart: f64 = weights.iter().zip(prior).map(|(weight, prior)| (weight - prior).powi(2)).sum();
        rows.iter().map(|(x, label)| surprise(log_odds(weights, x), *label)).sum::<f64>() + 0.5 * penalty * apart
    };
    let mut weights = prior.to_vec();
    let mut value = objective(&weights);
    for _ in 0..MOST_STEPS {
        checkpoint();
        let mut slope: Vec<f64> = weights.iter().zip(prior).map(|(weight, prior)| penalty * (weight - prior)).collect();
        let mut curve = Array2::<f64>::eye(prior.len()) * penalty;
        for (x, label) in rows {
            let probability = logistic(log_odds(&weights, x));
            let spread = probability * (1.0 - probability);
            for (i, value) in x.iter().enumerate() {
                slope[i] += (probability - label) * value;
                for (cell, other) in curve.row_mut(i).iter_mut().zip(&x[..=i]) {
                    *cell += spread * value * other;
                }
            }
        }
        let Some(factor) = Factor::new(&curve) else { break };
        let step = factor.solve(&slope);
        let decrement: f64 = step.iter().zip(&slope).map(|(step, slope)| step * slope).sum();
        if decrement.abs() <= 1e-12 * (1.0 + value.abs()) {
            return Ok((weights, curve));
        }
        let mut share = 1.0;
        let taken = loop {
            let next: Vec<f64> = weights.iter().zip(&step).map(|(weight, step)| weight - share * step).collect();
            let there = objective(&next);
            if there <= value - 1e-4 * share * decrement {
                break Some((next, there));
            }
            share *= 0.5;
            if share < 1e-10 {
                break None;
            }
        };
        // No step lowers it any more: it is as low as numbers tell, or it cannot be told.
        let Some((next, there)) = taken else {
            if decrement.abs() <= 1e-6 * (1.0 + value.abs()) {
                return Ok((weights, curve));
            }
            break;
        };
        (weights, value) = (next, there);
    }
    Err(Error::NotConverged { what: "the regression on labels", steps: MOST_STEPS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::observations::Columns;
    use crate::anomaly::testing::columns;
    use crate::random::Random;
    use proptest::prelude::*;

    fn fitted(rows: &Array2<f64>, labels: Vec<Option<f64>>, parameters: &Value) -> (Logistic, Vec<Verdict>, Value) {
        let rows = Observations::new(Columns { target: Some(labels), ..columns(rows) }).unwrap();
        Logistic::fit(&rows, &Alerts::read(parameters).unwrap(), &mut || ()).unwrap()
    }

    #[test]
    fn without_labels_it_is_the_prior_and_quiet_detectors_say_less_than_the_base_rate() {
        let rows = ndarray::array![[0.5, 0.5], [0.999, 0.5], [0.999, 0.9999], [1.0, 1.0], [f64::NAN, f64::NAN]];
        let (model, own, metrics) = fitted(&rows, vec![None; 5], &json!({"weights": {"b": 2.0}}));
        assert_eq!(model.weights, [(0.01_f64 / 0.99).ln(), 1.0, 2.0]);
        let scores: Vec<f64> = own.iter().map(|verdict| verdict.score.unwrap()).collect();
        assert!((scores[4] - 0.01).abs() < 1e-12 && scores[0] < 0.01, "{scores:?}");
        let exact = logistic((0.01_f64 / 0.99).ln() + 3.0 - LOG10_E + 2.0 * (4.0 - LOG10_E));
        assert!((scores[2] - exact).abs() < 1e-9 && scores[3] > scores[2] && scores[3] < 1.0);
        assert_eq!((metrics["labels"].as_u64(), metrics["log_loss"].as_f64()), (Some(0), None));
        assert!(own.iter().all(|v| v.lower < v.score && v.score < v.upper));
    }

    /// Rows whose label depends on the first score by far more than on the second.
    fn labelled(count: usize) -> (Array2<f64>, Vec<Option<f64>>) {
        let mut random = Random::new(6, 0);
        let rows = Array2::from_shape_simple_fn((count, 2), || 1.0 - 10_f64.powf(-4.0 * random.uniform()));
        let labels = rows.rows().into_iter().map(|row| {
            let odds = -3.0 - 2.0 * (1.0 - row[0]).log10();
            Some(f64::from(u8::from(random.uniform() < logistic(odds))))
        });
        let labels = labels.collect();
        (rows, labels)
    }

    #[test]
    fn with_labels_it_is_calibrated_and_better_than_the_prior_and_a_hundred_help() {
        let (rows, labels) = labelled(4000);
        let (model, own, metrics) = fitted(&rows, labels.clone(), &json!({}));
        assert!(model.weights[1] > 1.6 && model.weights[2].abs() < 0.3, "{:?}", model.weights);
        // By fifths of the probability, as many are real as it says.
        let mut pairs: Vec<(f64, f64)> = own.iter().zip(&labels).map(|(v, l)| (v.score.unwrap(), l.unwrap())).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        for fifth in pairs.chunks(800) {
            let mean = |of: &dyn Fn(&(f64, f64)) -> f64| fifth.iter().map(of).sum::<f64>() / 800.0;
            assert!((mean(&|pair| pair.0) - mean(&|pair| pair.1)).abs() < 0.05);
        }
        assert!(metrics["log_loss"].as_f64().unwrap() < 0.8 * metrics["log_loss_of_prior"].as_f64().unwrap());
        let few = ndarray::s![..100, ..];
        let (_, _, metrics) = fitted(&rows.slice(few).to_owned(), labels[..100].to_vec(), &json!({}));
        assert!(metrics["log_loss"].as_f64().unwrap() < metrics["log_loss_of_prior"].as_f64().unwrap());
    }

    #[test]
    fn labels_that_contradict_or_that_a_line_tells_apart_have_an_answer() {
        let rows = Array2::from_shape_fn((60, 1), |(row, _)| if row % 2 == 0 { 0.9999 } else { 0.1 });
        let real = |row: usize| Some(f64::from(u8::from(row.is_multiple_of(2))));
        let (apart, own, _) = fitted(&rows, (0..60).map(real).collect(), &json!({}));
        assert!(apart.weights.iter().all(|weight| weight.abs() < 20.0) && own[0].score > Some(0.8));
        let (_, own, _) = fitted(&rows, (0..60).map(|row| real(row / 2)).collect(), &json!({}));
        assert!((own[0].score.unwrap() - own[1].score.unwrap()).abs() < 0.3);
        let wrong = Columns { target: Some(vec![Some(0.5); 60]), ..columns(&rows) };
        let refused = Logistic::fit(&Observations::new(wrong).unwrap(), &Alerts::read(&json!({})).unwrap(), &mut || ());
        assert!(matches!(refused, Err(Error::InvalidArgument(_))));
        let rows = Observations::new(Columns { target: Some(vec![None; 60]), ..columns(&rows) }).unwrap();
        let unknown = Alerts::read(&json!({"weights": {"z": 1.0}})).unwrap();
        assert!(matches!(Logistic::fit(&rows, &unknown, &mut || ()), Err(Error::UnknownName { .. })));
    }

    proptest! {
        #[test]
        fn the_order_of_labels_does_not_matter_and_it_always_converges(
            pairs in proptest::collection::vec((0.0..=1.0_f64, -1e3..1e3_f64, any::<bool>()), 0..60),
            precision in 1e-3..1e3_f64, scores in any::<bool>(),
        ) {
            let cell = |(row, column): (usize, usize)| [pairs[row].0, pairs[row].1][column];
            let rows = Array2::from_shape_fn((pairs.len(), 2), cell);
            let labels: Vec<_> = pairs.iter().map(|pair| Some(f64::from(u8::from(pair.2)))).collect();
            let parameters = json!({"precision": precision, "scores": scores});
            let (one, own, _) = fitted(&rows, labels.clone(), &parameters);
            let turned: Vec<usize> = (0..pairs.len()).rev().collect();
            let other = rows.select(ndarray::Axis(0), &turned);
            let (two, _, _) = fitted(&other, labels.into_iter().rev().collect(), &parameters);
            for (a, b) in one.weights.iter().zip(&two.weights) {
                prop_assert!((a - b).abs() < 1e-3 * (1.0 + a.abs()), "{one:?} {two:?}");
            }
            prop_assert!(own.iter().all(|verdict| (0.0..=1.0).contains(&verdict.score.unwrap())));
        }
    }
}
