//! Isolation forest: rows that few random cuts set apart from the others (Liu, Ting and Zhou, *Isolation Forest*,
//! 2008).
//!
//! Each tree takes a sample of the rows and cuts it at a random value of a random feature, again and again, until rows
//! are alone or the tree is as high as an average one. The score is `2^(-E(h)/c(n))`, `h` being the number of cuts and
//! `c(n)` what it is on average among `n` rows: above a half a row is easier to set apart than most.
//!
//! A missing value goes both ways: the number of cuts is the mean of both sides, weighted by the rows that went there
//! (as C4.5 does; Quinlan, 1993). So what is not known neither sets a row apart nor hides it. In a tree's own sample a
//! row whose value is missing goes to one side by chance, in proportion to the others.
//!
//! The crates that exist fix the number of features when they are compiled or know integers alone, know no missing
//! values and take their random numbers from the system; `tests/anomalies_as_sklearn.py` compares with scikit-learn.

use super::observations::Observations;
use super::parameters;
use super::scaling::Scaling;
use super::tail::Tail;
use super::verdict::{Part, Verdict};
use crate::Checkpoint;
use crate::error::Error;
use crate::random::Random;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Rows that are needed.
const FEWEST_ROWS: usize = 10;
/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// A node of a tree; the nodes of its lower side follow it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Node {
    /// Rows that are not cut any more: their number.
    Leaf(u32),
    /// Values below `at` go to the next node, others to node `upper`.
    Cut {
        feature: u16,
        at: f64,
        upper: u32,
        /// Share of the rows that went to the lower side.
        share: f32,
    },
}

/// A fitted forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    scaling: Scaling,
    trees: Vec<Vec<Node>>,
    /// Average number of cuts in a tree.
    average: f64,
    tail: Tail,
}

/// The average number of cuts that set one of `rows` apart: of a search in a binary tree that finds nothing.
fn average_cuts(rows: f64) -> f64 {
    match rows {
        rows if rows > 2.0 => 2.0 * ((rows - 1.0).ln() + EULER) - 2.0 * (rows - 1.0) / rows,
        rows if rows > 1.0 => 1.0,
        _ => 0.0,
    }
}

impl Forest {
    /// Learns from rows; returns the verdicts on them too, and what is registered.
    pub fn fit(
        rows: &Observations,
        parameters: &parameters::Forest,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Self, Vec<Verdict>, Value), Error> {
        let scaling = Scaling::of(rows.features().view());
        let known: Vec<usize> = (0..rows.len()).filter(|row| is_known(&scaling, rows.row(*row))).collect();
        if known.len() < FEWEST_ROWS {
            return Err(Error::TooFewRows { need: FEWEST_ROWS, have: known.len() });
        }
        let known = rows.in_order(known);
        let sample = (parameters.sample as usize).min(known.len());
        let height = (sample as f64).log2().ceil() as usize;
        let mut trees = Vec::with_capacity(parameters.trees as usize);
        for tree in 0..parameters.trees {
            checkpoint();
            let mut random = Random::new(parameters.seed, u64::from(tree));
            let mut drawn = known.clone();
            // The first so many of a shuffle.
            for at in 0..sample {
                let other = at + random.below(drawn.len() - at);
                drawn.swap(at, other);
            }
            drawn.truncate(sample);
            let mut nodes = Vec::new();
            grow(rows.features().view(), drawn, height, &mut random, &mut nodes)?;
            trees.push(nodes);
        }
        let mut forest = Self { scaling, trees, average: average_cuts(sample as f64), tail: Tail::Normal };
        let mut scores = Vec::with_capacity(known.len());
        for (n, row) in known.iter().enumerate() {
            if n % 256 == 0 {
                checkpoint();
            }
            scores.push(forest.isolation(rows.row(*row)));
        }
        forest.tail = Tail::of(scores.clone()).unwrap_or_else(|| few(&scores));
        let mut verdicts = vec![Verdict::default(); rows.len()];
        for (row, score) in known.iter().zip(&scores) {
            verdicts[*row] = forest.verdict(*score, parameters.alarm_share);
        }
        let metrics = json!({
            "rows": known.len(),
            "alarm_from": forest.tail.limit(parameters.alarm_share),
            "trees": forest.trees.len(),
            "sample": sample,
        });
        Ok((forest, verdicts, metrics))
    }

    /// The verdict on each row.
    pub fn score(
        &self,
        rows: &Observations,
        parameters: &parameters::Forest,
        checkpoint: Checkpoint<'_>,
    ) -> Vec<Verdict> {
        let verdict = |row| {
            if row % 256 == 0 {
                checkpoint();
            }
            match is_known(&self.scaling, rows.row(row)) {
                true => self.verdict(self.isolation(rows.row(row)), parameters.alarm_share),
                false => Verdict::default(),
            }
        };
        (0..rows.len()).map(verdict).collect()
    }

    fn verdict(&self, score: f64, share: f64) -> Verdict {
        let rare = self.tail.probability(score);
        Verdict { score: Some(1.0 - rare), is_anomaly: Some(rare <= share), raw: Some(score), ..Verdict::default() }
    }

    /// The isolation score of a row, between 0 and 1.
    fn isolation(&self, row: ArrayView1<'_, f64>) -> f64 {
        let mut cuts = 0.0;
        let mut open: Vec<(usize, f64, f64)> = Vec::new();
        for nodes in &self.trees {
            open.push((0, 0.0, 1.0));
            while let Some((mut at, mut depth, mut share)) = open.pop() {
                loop {
                    match &nodes[at] {
                        Node::Leaf(rows) => {
                            cuts += share * (depth + average_cuts(f64::from(*rows)));
                            break;
                        }
                        Node::Cut { feature, at: cut, upper, share: lower } => {
                            let (value, lower) = (row[usize::from(*feature)], f64::from(*lower));
                            depth += 1.0;
                            if value.is_nan() {
                                open.push((*upper as usize, depth, share * (1.0 - lower)));
                                share *= lower;
                                at += 1;
                            } else if value < *cut {
                                at += 1;
                            } else {
                                at = *upper as usize;
                            }
                        }
                    }
                }
            }
        }
        (-cuts / self.trees.len() as f64 / self.average).exp2()
    }

    /// What each feature adds to the isolation score: what it is less, were the feature typical.
    pub fn explain(&self, rows: &Observations) -> Vec<Part> {
        let row = rows.row(0);
        let whole = self.isolation(row);
        let part = |(at, (name, scale)): (usize, (&String, &super::scaling::Scale))| {
            let mut typical = row.to_owned();
            typical[at] = scale.typical;
            Part {
                feature: name.clone(),
                value: Some(row[at]).filter(|value| value.is_finite()),
                typical: Some(scale.typical),
                contribution: whole - self.isolation(typical.view()),
                would_explain: None,
            }
        };
        rows.names().iter().zip(&self.scaling.0).enumerate().map(part).collect()
    }

    /// What is typical of each feature.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// Whether it can have been fitted, to so many features: every path ends.
    pub fn is_sound(&self, features: usize) -> bool {
        let tree = |nodes: &Vec<Node>| {
            !nodes.is_empty()
                && nodes.iter().enumerate().all(|(at, node)| match node {
                    Node::Leaf(_) => true,
                    Node::Cut { feature, at: cut, upper, share } => {
                        usize::from(*feature) < features
                            && !cut.is_nan()
                            && (0.0..=1.0).contains(share)
                            && at + 1 < nodes.len()
                            && *upper as usize > at
                            && (*upper as usize) < nodes.len()
                    }
                })
        };
        !self.trees.is_empty()
            && self.trees.iter().all(tree)
            && self.average > 0.0
            && self.average.is_finite()
            && self.tail.is_sound()
            && self.scaling.is_sound(features)
    }
}

/// Whether half of the features that vary are known.
pub(super) fn is_known(scaling: &Scaling, row: ArrayView1<'_, f64>) -> bool {
    let telling = || scaling.0.iter().zip(row).filter(|(scale, _)| scale.spread > 0.0);
    let known = telling().filter(|(_, value)| value.is_finite()).count();
    known > 0 && 2 * known >= telling().count()
}

/// The tail of few scores: as if they were normal, around their median.
pub(super) fn few(scores: &[f64]) -> Tail {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantiles: Vec<f64> =
        (0..=20).map(|at| super::scaling::quantile(&sorted, 0.9 * f64::from(at) / 20.0)).collect();
    let spread = (quantiles[20] - quantiles[10]).max(1e-9 * (1.0 + quantiles[10].abs()));
    Tail::Learnt { quantiles, share: 0.1, excess: spread }
}

/// Grows a tree over these rows, its lower side first.
fn grow(
    features: ArrayView2<'_, f64>,
    rows: Vec<usize>,
    height: usize,
    random: &mut Random,
    nodes: &mut Vec<Node>,
) -> Result<(), Error> {
    let Some((feature, least, most)) = choose(features, &rows, random).filter(|_| height > 0 && rows.len() > 1) else {
        nodes.push(Node::Leaf(rows.len() as u32));
        return Ok(());
    };
    // Above the least value, so that both sides have rows.
    let cut = (least + random.uniform() * (most - least)).max(least.next_up()).min(most);
    let value = |row: &usize| features[[*row, feature]];
    let known = rows.iter().filter(|row| value(row).is_finite()).count();
    let below = rows.iter().filter(|row| value(row) < cut).count();
    let share = below as f64 / known as f64;
    let (lower, upper) = rows.iter().partition::<Vec<usize>, _>(|row| match value(row) {
        value if value.is_nan() => random.uniform() < share,
        value => value < cut,
    });
    let at = nodes.len();
    nodes.push(Node::Leaf(0));
    grow(features, lower, height - 1, random, nodes)?;
    let next = u32::try_from(nodes.len()).map_err(|error| Error::Internal(error.to_string()))?;
    let feature = u16::try_from(feature).map_err(|error| Error::Internal(error.to_string()))?;
    nodes[at] = Node::Cut { feature, at: cut, upper: next, share: share as f32 };
    grow(features, upper, height - 1, random, nodes)
}

/// One of the features that vary among the rows, with their range.
fn choose(features: ArrayView2<'_, f64>, rows: &[usize], random: &mut Random) -> Option<(usize, f64, f64)> {
    let mut left: Vec<usize> = (0..features.ncols()).collect();
    while !left.is_empty() {
        let feature = left.swap_remove(random.below(left.len()));
        let known = || rows.iter().map(|row| features[[*row, feature]]).filter(|value| value.is_finite());
        let (least, most) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
        if least < most {
            return Some((feature, least, most));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::testing::{matrix, observations};
    use proptest::prelude::*;

    fn fitted(rows: &Observations) -> (Forest, Vec<Verdict>) {
        let (forest, verdicts, _) =
            Forest::fit(rows, &parameters::Forest::read(&json!({})).unwrap(), &mut || ()).unwrap();
        (forest, verdicts)
    }

    #[test]
    fn the_averages_are_those_of_the_paper() {
        assert_eq!([0.0, 1.0, 2.0].map(average_cuts), [0.0, 0.0, 1.0]);
        assert!((average_cuts(256.0) - 10.244_770_920).abs() < 1e-6);
    }

    #[test]
    fn a_row_that_is_far_from_all_has_the_highest_score_and_says_why() {
        let mut rows = matrix(400, 3, 1);
        rows[[7, 1]] = 9.0;
        let rows = observations(rows);
        let (forest, verdicts) = fitted(&rows);
        let best = (0..400).max_by(|a, b| verdicts[*a].raw.unwrap().total_cmp(&verdicts[*b].raw.unwrap())).unwrap();
        assert_eq!((best, verdicts[7].is_anomaly), (7, Some(true)));
        let far = observations(rows.features().slice(ndarray::s![7..8, ..]).to_owned());
        let parts = forest.explain(&far);
        assert!(parts[1].contribution > 0.1 && parts[1].contribution > 3.0 * parts[0].contribution.abs(), "{parts:?}");
        assert!(verdicts.iter().filter(|verdict| verdict.is_anomaly == Some(true)).count() < 12);
    }

    #[test]
    fn a_missing_value_is_no_anomaly_and_hides_none() {
        let mut rows = matrix(500, 4, 2);
        for row in 0..500 {
            if row % 5 == 0 {
                rows[[row, row % 4]] = f64::NAN;
            }
        }
        rows[[10, 3]] = 12.0;
        rows.row_mut(20).fill(f64::NAN);
        let rows = observations(rows);
        let (_, verdicts) = fitted(&rows);
        assert!(verdicts[10].raw.unwrap() > 0.6);
        assert_eq!(verdicts[20], Verdict::default());
        let mean = |of: &dyn Fn(&usize) -> bool| {
            let scores: Vec<f64> = (0..500).filter(of).filter_map(|row| verdicts[row].raw).collect();
            scores.iter().sum::<f64>() / scores.len() as f64
        };
        assert!((mean(&|row| row % 5 == 0 && *row != 10) - mean(&|row| row % 5 != 0)).abs() < 0.02);
    }

    #[test]
    fn what_never_varies_and_too_few_rows_are_told() {
        let parameters = parameters::Forest::read(&json!({})).unwrap();
        for rows in [ndarray::Array2::from_elem((50, 2), 3.0), matrix(9, 2, 1)] {
            let refused = Forest::fit(&observations(rows), &parameters, &mut || ());
            assert!(matches!(refused, Err(Error::TooFewRows { .. })));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn scores_are_shares_and_do_not_depend_on_the_order_of_the_rows(seed in 0_u64..1000, missing in 0.0..0.4_f64) {
            let mut values = matrix(120, 3, seed);
            let mut random = Random::new(seed, 9);
            values.mapv_inplace(|value| if random.uniform() < missing { f64::NAN } else { value });
            let (forest, _) = fitted(&observations(values.clone()));
            let parameters = parameters::Forest::read(&json!({})).unwrap();
            let scores = forest.score(&observations(values.clone()), &parameters, &mut || ());
            let turned: Vec<usize> = (0..120).rev().collect();
            let turned = observations(values.select(ndarray::Axis(0), &turned));
            let (other, _) = fitted(&turned);
            prop_assert_eq!(&forest, &other);
            let again = forest.score(&turned, &parameters, &mut || ());
            for (row, verdict) in scores.iter().enumerate() {
                prop_assert_eq!(verdict, &again[119 - row]);
                prop_assert!(verdict.score.is_none_or(|score| (0.0..=1.0).contains(&score)));
                prop_assert!(verdict.raw.is_none_or(|score| (0.0..=1.0).contains(&score)));
            }
            prop_assert!(forest.is_sound(3));
        }
    }
}
