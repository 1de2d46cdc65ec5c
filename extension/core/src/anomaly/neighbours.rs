//! Local outlier factor: rows that are less dense than their neighbours are (Breunig, Kriegel, Ng and Sander, *LOF:
//! Identifying Density-Based Local Outliers*, 2000).
//!
//! The reachability of a row from a neighbour is their distance, and at least that of the neighbour to its own `k`-th
//! one; the density of a row is one by its mean reachability from its `k` neighbours; the factor is the mean density of
//! the neighbours by its own. It is one in the midst of others, whatever their density, and more at the edge.
//! `tests/anomalies_as_sklearn.py` finds the same numbers as scikit-learn; no crate has it.
//!
//! Features are on one scale ([`Scaling`]). Between rows with missing values the distance is that of the features that
//! both know, scaled up to all (Dixon, *Pattern Recognition with Partly Missing Data*, 1979; scikit-learn's
//! `nan_euclidean_distances`). Of many rows some are kept by chance: a row is compared with all of them, so that memory
//! and time are bounded.

use super::forest::{few, is_known};
use super::observations::Observations;
use super::parameters;
use super::scaling::Scaling;
use super::tail::Tail;
use super::verdict::{Part, Verdict};
use crate::Checkpoint;
use crate::error::Error;
use crate::random::Random;
use ndarray::{ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Added to the mean reachability, as scikit-learn does: rows that are all alike have a density.
const LEAST: f64 = 1e-10;

/// What a row is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    scaling: Scaling,
    neighbours: usize,
    /// Kept rows on one scale, one after the other.
    rows: Vec<f64>,
    /// Distance of each kept row to its k-th neighbour, and its density.
    reach: Vec<f64>,
    density: Vec<f64>,
    tail: Tail,
}

impl Neighbours {
    /// Learns from rows; returns the verdicts on them too, and what is registered.
    pub fn fit(
        rows: &Observations,
        parameters: &parameters::Neighbours,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Self, Vec<Verdict>, Value), Error> {
        let robust = Scaling::of(rows.features().view());
        let scaling = if parameters.scale { robust } else { Scaling::none(rows.features().view()) };
        let known: Vec<usize> = (0..rows.len()).filter(|row| is_known(&scaling, rows.row(*row))).collect();
        let neighbours = parameters.neighbours as usize;
        if known.len() <= neighbours {
            return Err(Error::TooFewRows { need: neighbours + 1, have: known.len() });
        }
        let mut kept = rows.in_order(known.clone());
        let most = (parameters.max_rows as usize).max(neighbours + 1);
        if kept.len() > most {
            let mut random = Random::new(parameters.seed, 0);
            for at in 0..most {
                let other = at + random.below(kept.len() - at);
                kept.swap(at, other);
            }
            kept.truncate(most);
        }
        let scaled = scaling.apply(rows.features().select(Axis(0), &kept).view());
        let mut near = Vec::with_capacity(kept.len());
        for row in 0..kept.len() {
            if row % 32 == 0 {
                checkpoint();
            }
            near.push(nearest(scaled.view(), scaled.row(row), neighbours, Some(row)));
        }
        let reach: Vec<f64> = near.iter().map(|near| near[near.len() - 1].0).collect();
        let density: Vec<f64> = near.iter().map(|near| density(near, &reach)).collect();
        let factors: Vec<f64> = near.iter().zip(&density).map(|(near, own)| factor(near, &density, *own)).collect();
        let logarithms: Vec<f64> = factors.iter().map(|factor| factor.ln()).collect();
        let tail = Tail::of(logarithms.clone()).unwrap_or_else(|| few(&logarithms));
        let rows_of_it = scaled.into_iter().collect();
        let model = Self { scaling, neighbours, rows: rows_of_it, reach, density, tail };
        let mut verdicts = vec![Verdict::default(); rows.len()];
        let of_kept: HashMap<usize, f64> = kept.iter().copied().zip(factors).collect();
        for (n, row) in known.iter().enumerate() {
            if n % 32 == 0 {
                checkpoint();
            }
            let factor = match of_kept.get(row) {
                Some(factor) => *factor,
                None => model.outlier_factor(model.scaled(rows.row(*row)).view()),
            };
            verdicts[*row] = model.verdict(factor, parameters.alarm_share);
        }
        let metrics = json!({
            "rows": known.len(),
            "kept_rows": kept.len(),
            "alarm_from": model.tail.limit(parameters.alarm_share).exp(),
        });
        Ok((model, verdicts, metrics))
    }

    /// The verdict on each row.
    pub fn score(
        &self,
        rows: &Observations,
        parameters: &parameters::Neighbours,
        checkpoint: Checkpoint<'_>,
    ) -> Vec<Verdict> {
        let verdict = |row| {
            if row % 32 == 0 {
                checkpoint();
            }
            match is_known(&self.scaling, rows.row(row)) {
                true => self.verdict(self.outlier_factor(self.scaled(rows.row(row)).view()), parameters.alarm_share),
                false => Verdict::default(),
            }
        };
        (0..rows.len()).map(verdict).collect()
    }

    fn verdict(&self, factor: f64, share: f64) -> Verdict {
        let rare = self.tail.probability(factor.ln());
        Verdict { score: Some(1.0 - rare), is_anomaly: Some(rare <= share), raw: Some(factor), ..Verdict::default() }
    }

    fn scaled(&self, row: ArrayView1<'_, f64>) -> ndarray::Array1<f64> {
        self.scaling.0.iter().zip(row).map(|(scale, value)| scale.apply(*value)).collect()
    }

    fn kept(&self) -> ArrayView2<'_, f64> {
        let columns = self.scaling.0.len();
        ArrayView2::from_shape((self.reach.len(), columns), &self.rows).unwrap_or_else(|_| ArrayView2::from(&[[]; 0]))
    }

    /// The factor of a row that is none of those kept.
    fn outlier_factor(&self, row: ArrayView1<'_, f64>) -> f64 {
        let near = nearest(self.kept(), row, self.neighbours, None);
        factor(&near, &self.density, density(&near, &self.reach))
    }

    /// What each feature adds to the factor: what it is less, were the feature typical.
    pub fn explain(&self, rows: &Observations) -> Vec<Part> {
        let row = self.scaled(rows.row(0));
        let whole = self.outlier_factor(row.view());
        let part = |(at, (name, scale)): (usize, (&String, &super::scaling::Scale))| {
            let mut typical = row.clone();
            typical[at] = scale.apply(scale.typical);
            Part {
                feature: name.clone(),
                value: Some(rows.row(0)[at]).filter(|value| value.is_finite()),
                typical: Some(scale.typical),
                contribution: whole - self.outlier_factor(typical.view()),
                would_explain: None,
            }
        };
        rows.names().iter().zip(&self.scaling.0).enumerate().map(part).collect()
    }

    /// What is typical of each feature.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// Whether it can have been fitted, to so many features.
    pub fn is_sound(&self, features: usize) -> bool {
        let kept = self.reach.len();
        let positive = |values: &[f64]| values.len() == kept && values.iter().all(|value| *value >= 0.0);
        self.rows.len() == kept * features
            && self.neighbours >= 1
            && self.neighbours < kept
            && positive(&self.reach)
            && positive(&self.density)
            && self.tail.is_sound()
            && self.scaling.is_sound(features)
    }
}

/// Distances and places of the nearest rows, the nearest first, without a row itself.
fn nearest(
    rows: ArrayView2<'_, f64>,
    row: ArrayView1<'_, f64>,
    count: usize,
    itself: Option<usize>,
) -> Vec<(f64, usize)> {
    let has_gaps = row.iter().any(|value| value.is_nan());
    let mut all: Vec<(f64, usize)> = Vec::with_capacity(rows.nrows());
    for (place, other) in rows.rows().into_iter().enumerate() {
        if Some(place) != itself {
            all.push((squared(row, other, has_gaps), place));
        }
    }
    let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let count = count.min(all.len());
    if count < all.len() {
        all.select_nth_unstable_by(count - 1, order);
        all.truncate(count);
    }
    all.sort_unstable_by(order);
    all.iter_mut().for_each(|near| near.0 = near.0.sqrt());
    all
}

/// Squared distance by the features that both know; infinite where there is none.
fn squared(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>, has_gaps: bool) -> f64 {
    let plain: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    if !has_gaps && !plain.is_nan() {
        return plain;
    }
    let (mut sum, mut known) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let squared = (a - b) * (a - b);
        if !squared.is_nan() {
            sum += squared;
            known += 1.0;
        }
    }
    if known > 0.0 { sum * a.len() as f64 / known } else { f64::INFINITY }
}

/// The density of a row with these neighbours.
fn density(near: &[(f64, usize)], reach: &[f64]) -> f64 {
    let mean = near.iter().map(|(distance, place)| distance.max(reach[*place])).sum::<f64>() / near.len() as f64;
    1.0 / (mean + LEAST)
}

/// The outlier factor of a row of this density.
fn factor(near: &[(f64, usize)], densities: &[f64], own: f64) -> f64 {
    let mean = near.iter().map(|(_, place)| densities[*place]).sum::<f64>() / near.len() as f64;
    // Where a row shares no feature with its neighbours, nothing sets it apart.
    if own > 0.0 { mean / own } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::testing::{matrix, observations};
    use ndarray::{array, s};
    use proptest::prelude::*;

    fn parameters(json: &Value) -> parameters::Neighbours {
        parameters::Neighbours::read(json).unwrap()
    }

    #[test]
    fn scikit_learns_numbers_of_a_small_example() {
        // LocalOutlierFactor(n_neighbors=2).fit([[-1.1], [0.2], [101.1], [0.3]]), as its documentation has it.
        let rows = observations(array![[-1.1], [0.2], [101.1], [0.3]]);
        let (_, verdicts, _) =
            Neighbours::fit(&rows, &parameters(&json!({"neighbours": 2, "scale": false})), &mut || ()).unwrap();
        let factors: Vec<f64> = verdicts.iter().map(|verdict| verdict.raw.unwrap()).collect();
        for (ours, theirs) in factors.iter().zip([0.982_142_86, 1.037_037_04, 73.369_708_99, 0.982_142_86]) {
            assert!((ours - theirs).abs() < 1e-6, "{factors:?}");
        }
    }

    #[test]
    fn a_row_that_is_odd_for_its_neighbours_alarms_and_says_by_which_feature() {
        // Two features that go together: each value is usual, both at once are not.
        let mut rows = matrix(600, 2, 3);
        for mut row in rows.rows_mut() {
            row[1] = row[0] + 0.05 * row[1];
        }
        rows.row_mut(5).assign(&array![1.0, -1.0]);
        let (model, verdicts, _) =
            Neighbours::fit(&observations(rows.clone()), &parameters(&json!({})), &mut || ()).unwrap();
        let best = (0..600).max_by(|a, b| verdicts[*a].raw.unwrap().total_cmp(&verdicts[*b].raw.unwrap())).unwrap();
        assert_eq!((best, verdicts[5].is_anomaly), (5, Some(true)));
        let parts = model.explain(&observations(rows.slice(s![5..6, ..]).to_owned()));
        assert!(parts.iter().all(|part| part.contribution > 1.0), "{parts:?}");
    }

    #[test]
    fn of_many_rows_some_are_kept_and_the_rest_is_judged_by_them() {
        let rows = observations(matrix(900, 3, 4));
        let (model, verdicts, metrics) =
            Neighbours::fit(&rows, &parameters(&json!({"max_rows": 300})), &mut || ()).unwrap();
        assert_eq!((model.reach.len(), metrics["kept_rows"].as_u64()), (300, Some(300)));
        let alarms = verdicts.iter().filter(|verdict| verdict.is_anomaly == Some(true)).count();
        assert!(verdicts.iter().all(|verdict| verdict.raw.is_some()) && (1..30).contains(&alarms), "{alarms}");
    }

    #[test]
    fn rows_that_are_all_alike_and_rows_with_gaps_have_finite_factors() {
        let mut rows = matrix(200, 3, 5);
        rows.slice_mut(s![..80, ..]).fill(1.0);
        (0..200).step_by(7).for_each(|row| rows[[row, row % 3]] = f64::NAN);
        let (model, verdicts, _) = Neighbours::fit(&observations(rows), &parameters(&json!({})), &mut || ()).unwrap();
        assert!(verdicts.iter().all(|verdict| verdict.raw.is_some_and(f64::is_finite)) && model.is_sound(3));
        let few = Neighbours::fit(&observations(matrix(20, 3, 1)), &parameters(&json!({})), &mut || ());
        assert!(matches!(few, Err(Error::TooFewRows { need: 21, have: 20 })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_order_of_the_rows_does_not_matter_and_scores_lie_between_zero_and_one(seed in 0_u64..1000) {
            let rows = matrix(90, 3, seed);
            let turned: Vec<usize> = (0..90).rev().collect();
            let other = observations(rows.select(Axis(0), &turned));
            let (_, one, _) = Neighbours::fit(&observations(rows), &parameters(&json!({"neighbours": 5})), &mut || ()).unwrap();
            let (_, two, _) = Neighbours::fit(&other, &parameters(&json!({"neighbours": 5})), &mut || ()).unwrap();
            for (row, verdict) in one.iter().enumerate() {
                let (a, b) = (verdict.raw.unwrap(), two[89 - row].raw.unwrap());
                prop_assert!((a - b).abs() < 1e-9 * a && (0.0..=1.0).contains(&verdict.score.unwrap()));
            }
        }
    }
}
