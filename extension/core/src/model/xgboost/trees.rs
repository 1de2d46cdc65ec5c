//! The trees of a fitted booster, read from XGBoost's own file and walked here.
//!
//! A forecast asks a few hundred rows of a model that it has just read. XGBoost takes far longer to read its file
//! than to answer, and copies the rows first; walking the trees is ten lines. Sums are made as XGBoost
//! makes them, in single precision, tree after tree from the base score on, so that the answers are the same to the last
//! bit; [`super::Xgboost::fit`] compares them each time, so that a later version of XGBoost can't come to mean something else.

use super::ubjson::{Value, damaged};
use crate::error::Error;
use ndarray::ArrayView2;

/// A sum of trees over `columns` features.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trees {
    base_score: f32,
    columns: usize,
    nodes: Vec<Node>,
    /// Where each tree starts among the nodes.
    roots: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    /// The left child, as seen from the tree's root, and the right one after it; zero for a leaf.
    left: u32,
    feature: u16,
    missing_goes_left: bool,
    /// What goes left lies below it; of a leaf, its value.
    value: f32,
}

impl Trees {
    /// Reads a model in XGBoost's UBJ format that has `columns` features.
    pub(super) fn read(bytes: &[u8], columns: usize) -> Result<Self, Error> {
        let file = Value::read(bytes)?;
        let learner = file.at(&["learner"])?;
        let found = learner.at(&["learner_model_param", "num_feature"])?.text()?;
        if found.parse() != Ok(columns) {
            return Err(damaged(&format!("they have {found} features, not {columns}")));
        }
        let base_score = learner.at(&["learner_model_param", "base_score"])?.text()?;
        let base_score = base_score.trim_matches(['[', ']']).parse().map_err(|_| damaged("their base score"))?;
        let mut trees = Self { base_score, columns, nodes: Vec::new(), roots: Vec::new() };
        for tree in learner.at(&["gradient_booster", "model", "trees"])?.items()? {
            trees.add(tree)?;
        }
        Ok(trees)
    }

    fn add(&mut self, tree: &Value<'_>) -> Result<(), Error> {
        let integers = |name: &str| tree.at(&[name])?.numbers(b'l', i32::from_be_bytes);
        let (left, right, features) =
            (integers("left_children")?, integers("right_children")?, integers("split_indices")?);
        let values = tree.at(&["split_conditions"])?.numbers(b'd', f32::from_be_bytes)?;
        let missing_goes_left = tree.at(&["default_left"])?.numbers(b'U', |[byte]| byte != 0)?;
        let categorical = tree.at(&["split_type"])?.numbers(b'U', |[byte]| byte != 0)?;
        let count = values.len();
        if count == 0 || [left.len(), right.len(), features.len(), missing_goes_left.len()] != [count; 4] {
            return Err(damaged("a tree's nodes differ in number"));
        }
        if categorical.contains(&true) {
            return Err(damaged("a tree splits by category"));
        }
        self.roots.push(self.nodes.len());
        for node in 0..count {
            let is_leaf = left[node] == -1;
            let feature = u16::try_from(features[node]).ok().filter(|feature| usize::from(*feature) < self.columns);
            // Children come after their parent, so that every walk ends.
            let sound = is_leaf
                || (left[node] > node as i32 && right[node] == left[node] + 1 && (right[node] as usize) < count);
            let (Some(feature), true) = (feature, sound) else { return Err(damaged("a node of a tree")) };
            self.nodes.push(Node {
                left: if is_leaf { 0 } else { left[node] as u32 },
                feature,
                missing_goes_left: missing_goes_left[node],
                value: values[node],
            });
        }
        Ok(())
    }

    /// One prediction a row; NaN is missing.
    pub(super) fn predict(&self, rows: ArrayView2<'_, f32>) -> Result<Vec<f32>, Error> {
        let data = rows.as_slice().filter(|_| rows.ncols() == self.columns);
        let data = data.ok_or_else(|| Error::Internal("the rows are not what the trees read".to_owned()))?;
        let mut sums = vec![self.base_score; rows.nrows()];
        for root in &self.roots {
            let tree = &self.nodes[*root..];
            for (sum, row) in sums.iter_mut().zip(data.chunks_exact(self.columns)) {
                let mut node = &tree[0];
                while node.left != 0 {
                    let value = row[usize::from(node.feature)];
                    let goes_left = if value.is_nan() { node.missing_goes_left } else { value < node.value };
                    node = &tree[node.left as usize + usize::from(!goes_left)];
                }
                *sum += node.value;
            }
        }
        if sums.iter().any(|sum| !sum.is_finite()) {
            return Err(Error::Internal("a prediction is not finite".to_owned()));
        }
        Ok(sums)
    }
}
