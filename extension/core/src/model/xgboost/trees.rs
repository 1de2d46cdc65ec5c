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

#[cfg(test)]
mod tests {
    use super::super::booster::{Booster, Matrix};
    use super::super::parameters::Parameters;
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use serde_json::json;

    fn train(rows: &Array2<f32>, labels: &[f32], parameters: &Parameters) -> Booster {
        let names: Vec<String> = (0..rows.ncols()).map(|column| format!("column_{column}")).collect();
        let matrix = Matrix::new(rows.view()).unwrap().with_labels(labels, &vec![1.0; labels.len()]).unwrap();
        Booster::train(&matrix, &parameters.for_booster(&names), parameters.rounds, &mut || ()).unwrap()
    }

    /// Numbers of a column, one in five of them missing, ties among them.
    fn cell() -> impl Strategy<Value = f32> {
        prop_oneof![1 => Just(f32::NAN), 2 => (-3_i8..3).prop_map(f32::from), 2 => -1e6_f32..1e6]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn predictions_are_those_of_xgboost_to_the_last_bit(
            cells in proptest::collection::vec(cell(), 200 * 5),
            other in proptest::collection::vec(cell(), 300 * 5),
            labels in proptest::collection::vec(-1e4_f32..1e4, 200),
            depth in 1_u32..8,
        ) {
            let (rows, other) = (Array2::from_shape_vec((200, 5), cells).unwrap(), Array2::from_shape_vec((300, 5), other).unwrap());
            let parameters = Parameters::from_json(&json!({"rounds": 60, "max_depth": depth, "min_child_weight": 1})).unwrap();
            let booster = train(&rows, &labels, &parameters);
            let trees = Trees::read(&booster.save().unwrap(), 5).unwrap();
            prop_assert!(trees.nodes.len() > 60, "trees that never split prove nothing");
            for rows in [&rows, &other] {
                let bits = |predicted: Vec<f32>| predicted.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                let xgboost = booster.predict(&Matrix::new(rows.view()).unwrap()).unwrap();
                prop_assert_eq!(bits(trees.predict(rows.view()).unwrap()), bits(xgboost));
            }
        }
    }

    #[test]
    fn a_file_with_bytes_cut_or_changed_is_refused_or_predicts_without_a_panic() {
        let rows = Array2::from_shape_fn((60, 3), |(row, column)| ((row * 7 + column * 13) % 11) as f32);
        let labels: Vec<f32> = (0..60).map(|row| (row % 11) as f32).collect();
        let parameters = Parameters::from_json(&json!({"rounds": 3})).unwrap();
        let file = train(&rows, &labels, &parameters).save().unwrap();
        assert!(Trees::read(&file, 4).unwrap_err().to_string().contains("3 features, not 4"));
        for length in 0..file.len() {
            assert!(Trees::read(&file[..length], 3).is_err());
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0xff;
            if let Ok(trees) = Trees::read(&changed, 3) {
                let _ = trees.predict(rows.view());
            }
        }
    }
}
