//! SHAP values of trees: the contribution of each feature to their prediction.
//!
//! Lundberg, Erion and Lee, *Consistent individualized feature attribution for tree ensembles*, 2018, algorithm 2: the
//! Shapley values of the tree's mean output given the known features; at a split by an unknown feature both branches
//! are followed, weighted by their training rows. Equal to XGBoost's `pred_contribs`, but in double precision and with
//! checkpoints; the tests compare them. The values of a tree add up to its prediction minus its mean.

use super::trees::{Node, Trees, depth};
use crate::Checkpoint;
use crate::error::Error;
use ndarray::{ArrayView1, ArrayView2};
use std::ops::Range;

/// Maximum number of levels in a tree: the recursion is as deep as the tree.
const MOST_LEVELS: usize = 64;
/// Feature index at the root.
const NO_FEATURE: usize = usize::MAX;

/// A feature on the path to a node.
#[derive(Clone, Copy)]
struct Step {
    feature: usize,
    /// Share of the rows that take this branch if the feature is unknown.
    unknown: f64,
    /// Whether the row takes this branch if the feature is known: one or zero.
    known: f64,
    /// Share of the feature subsets, of as many features as there are steps before this one, that take this path.
    weight: f64,
}

/// A traversal of a tree, with the accumulated values.
struct Walk<'a> {
    tree: &'a [Node],
    covers: &'a [f32],
    row: &'a [f32],
    /// The paths to the ancestor nodes, concatenated; each feature occurs once per path.
    steps: &'a mut Vec<Step>,
    values: &'a mut [f64],
}

impl Trees {
    /// Rejects trees that cannot be explained.
    pub(super) fn check_explainable(&self) -> Result<(), Error> {
        if self.covers.is_empty() && !self.trees.is_empty() {
            return Err(Error::NotSupported(
                "the model does not hold how many rows its trees have learnt from, since an earlier release trained \
                 it: train it again to explain its forecasts"
                    .to_owned(),
            ));
        }
        if self.trees.iter().any(|tree| depth(tree) > MOST_LEVELS) {
            return Err(Error::NotSupported(format!("trees of more than {MOST_LEVELS} levels are not explained")));
        }
        Ok(())
    }

    /// The mean prediction and the SHAP values of each row, by column, which add up to its prediction. The prediction
    /// is a sum in single precision; its rounding error is attributed to the mean.
    pub(crate) fn explain(
        &self,
        rows: ArrayView2<'_, f32>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Vec<(f64, Vec<f64>)>, Error> {
        self.check_explainable()?;
        let mut steps = Vec::new();
        let mut of_row = |row: ArrayView1<'_, f32>, predicted: f32| {
            let (row, mut values) = (row.to_vec(), vec![0.0; self.columns]);
            for (tree, covers) in self.trees.iter().zip(&self.covers) {
                checkpoint();
                let mut walk = Walk { tree, covers, row: &row, steps: &mut steps, values: &mut values };
                walk.visit(0, 0..0, Step { feature: NO_FEATURE, unknown: 1.0, known: 1.0, weight: 1.0 });
            }
            (f64::from(predicted) - values.iter().sum::<f64>(), values)
        };
        let predicted = self.predict(rows)?;
        Ok(rows.rows().into_iter().zip(predicted).map(|(row, predicted)| of_row(row, predicted)).collect())
    }
}

impl Walk<'_> {
    /// Visits a node, given the path to its parent and the last step.
    fn visit(&mut self, at: usize, before: Range<usize>, last: Step) {
        if last.unknown == 0.0 && last.known == 0.0 {
            return;
        }
        let start = self.steps.len();
        self.steps.extend_from_within(before);
        extend(self.steps, start, last);
        let node = &self.tree[at];
        if node.left == 0 {
            let way = &self.steps[start..];
            for (place, step) in way.iter().enumerate().skip(1) {
                self.values[step.feature] +=
                    weight_without(way, place) * (step.known - step.unknown) * f64::from(node.value);
            }
        } else {
            self.visit_children(node, start);
        }
        self.steps.truncate(start);
    }

    fn visit_children(&mut self, node: &Node, start: usize) {
        let (left, feature) = (node.left as usize, usize::from(node.feature));
        let [on_left, on_right] = [left, left + 1].map(|child| f64::from(self.covers[child]));
        let share = if on_left + on_right > 0.0 { on_left / (on_left + on_right) } else { 0.5 };
        let goes_left = node.goes_left(self.row[feature]);
        let (mut unknown, mut known) = (1.0, 1.0);
        // A second split by the same feature replaces the first one in the path.
        if let Some(place) = self.steps[start..].iter().position(|step| step.feature == feature) {
            Step { unknown, known, .. } = self.steps[start + place];
            remove(self.steps, start, place);
        }
        for (child, share, goes) in [(left, share, goes_left), (left + 1, 1.0 - share, !goes_left)] {
            let known = if goes { known } else { 0.0 };
            let step = Step { feature, unknown: unknown * share, known, weight: 0.0 };
            self.visit(child, start..self.steps.len(), step);
        }
    }
}

/// Appends a step to the path that begins at `start`.
fn extend(steps: &mut Vec<Step>, start: usize, last: Step) {
    steps.push(last);
    let way = &mut steps[start..];
    let count = way.len() as f64;
    for at in (0..way.len() - 1).rev() {
        let weight = way[at].weight;
        way[at + 1].weight += last.known * weight * (at + 1) as f64 / count;
        way[at].weight = last.unknown * weight * (count - 1.0 - at as f64) / count;
    }
}

/// Removes the step at `place` from the path that begins at `start`: the inverse of [`extend`].
fn remove(steps: &mut Vec<Step>, start: usize, place: usize) {
    let way = &mut steps[start..];
    let weights: Vec<f64> = weights_without(way, place).collect();
    way.copy_within(place + 1.., place);
    // Weights are produced from last to first.
    way.iter_mut().rev().skip(1).zip(weights).for_each(|(step, weight)| step.weight = weight);
    steps.pop();
}

/// The sum of the weights of the path without the step at `place`.
fn weight_without(way: &[Step], place: usize) -> f64 {
    weights_without(way, place).sum()
}

/// The weights of the path without the step at `place`, from last to first.
fn weights_without(way: &[Step], place: usize) -> impl Iterator<Item = f64> + '_ {
    let (count, last) = (way.len() as f64, way.len() - 1);
    let Step { unknown, known, .. } = way[place];
    let mut next = way[last].weight;
    (0..last).rev().map(move |at| {
        let later = count - 1.0 - at as f64;
        if known == 0.0 {
            return way[at].weight * count / (unknown * later);
        }
        let weight = next * count / ((at + 1) as f64 * known);
        next = way[at].weight - weight * unknown * later / count;
        weight
    })
}

#[cfg(test)]
mod tests {
    use super::super::booster::Matrix;
    use super::super::parameters::Parameters;
    use super::super::trees::tests::{cell, train};
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn values_agree_with_xgboost_and_add_up_to_the_prediction(
            cells in proptest::collection::vec(cell(), 200 * 5),
            other in proptest::collection::vec(cell(), 40 * 5),
            labels in proptest::collection::vec(-1e2_f32..1e2, 200),
            depth in 1_u32..8,
        ) {
            let rows = Array2::from_shape_vec((200, 5), cells).unwrap();
            let other = Array2::from_shape_vec((40, 5), other).unwrap();
            let parameters = Parameters::from_json(&json!({"rounds": 30, "max_depth": depth})).unwrap();
            let booster = train(&rows, &labels, &parameters);
            let trees = Trees::of(&booster, other.view()).unwrap();
            let theirs = booster.contributions(&Matrix::new(other.view()).unwrap()).unwrap();
            let ours = trees.explain(other.view(), &mut || ()).unwrap();
            let predicted = trees.predict(other.view()).unwrap();
            for (row, (mean, values)) in ours.iter().enumerate() {
                let sum = mean + values.iter().sum::<f64>();
                prop_assert!((sum - f64::from(predicted[row])).abs() < 1e-9);
                for (ours, theirs) in values.iter().chain([mean]).zip(&theirs[row * 6..]) {
                    prop_assert!((ours - f64::from(*theirs)).abs() < 1e-2, "{} {}", ours, theirs);
                }
            }
        }
    }

    #[test]
    fn the_values_of_a_small_tree_agree_with_the_definition() {
        // x0 < 1: (x1 < 1: 4, else 8), else 20; three of four rows on the left, two of them below.
        let node = |left, feature, value| Node { left, feature, missing_goes_left: true, value };
        let tree = vec![node(1, 0, 1.0), node(3, 1, 1.0), node(0, 0, 20.0), node(0, 0, 4.0), node(0, 0, 8.0)];
        let covers = vec![vec![4.0, 3.0, 1.0, 2.0, 1.0]];
        let trees = Trees { base_score: 0.5, columns: 3, trees: vec![tree], covers };
        let rows = Array2::from_shape_vec((1, 3), vec![0.0, 2.0, 9.0]).unwrap();
        let (mean, values) = trees.explain(rows.view(), &mut || ()).unwrap().remove(0);
        // Expected values: nothing known 9; x0 alone 16 / 3; x1 alone 3 / 4 of 8 plus 1 / 4 of 20, which is 11; both 8.
        let (nothing, x0, x1, both) = (9.0, 16.0 / 3.0, 11.0, 8.0);
        assert!((mean - 0.5 - nothing).abs() < 1e-6, "{mean}");
        assert!((values[0] - ((x0 - nothing) + (both - x1)) / 2.0).abs() < 1e-9, "{values:?}");
        assert!((values[1] - ((x1 - nothing) + (both - x0)) / 2.0).abs() < 1e-9 && values[2] == 0.0, "{values:?}");
    }

    #[test]
    fn trees_without_covers_or_too_deep_are_rejected_and_empty_branches_are_handled() {
        let leaf = |value| Node { left: 0, feature: 0, missing_goes_left: false, value };
        let split = |left| Node { left, feature: 0, missing_goes_left: false, value: 0.0 };
        let deep = |levels: u32| -> Vec<Node> {
            (0..levels).flat_map(|level| [split(2 * level + 1), leaf(1.0)]).chain([leaf(2.0)]).collect()
        };
        let trees = |tree: Vec<Node>, covers| Trees { base_score: 0.0, columns: 1, trees: vec![tree], covers };
        let explain = |trees: &Trees| trees.explain(Array2::zeros((1, 1)).view(), &mut || ());
        assert!(matches!(explain(&trees(vec![leaf(1.0)], Vec::new())), Err(Error::NotSupported(_))));
        for (levels, explained) in [(64, true), (65, false)] {
            let tree = deep(levels);
            let covers = vec![vec![1.0; tree.len()]];
            assert_eq!(explain(&trees(tree, covers)).is_ok(), explained);
        }
        let empty = trees(vec![split(1), leaf(1.0), leaf(3.0)], vec![vec![0.0; 3]]);
        assert_eq!(explain(&empty).unwrap(), [(2.0, vec![1.0])]);
    }
}
