//! The trees of a fitted booster: parsed from XGBoost's file, stored and evaluated here.
//!
//! A forecast evaluates a few hundred rows on a model that was just loaded. XGBoost's file is seven times as large as
//! its trees, and loading it takes XGBoost far longer than predicting; evaluating the trees takes ten lines. Sums are
//! computed as in XGBoost, in single precision, tree by tree from the base score, so that predictions are identical;
//! [`Trees::of`] compares them each time, to detect a change in a later version of XGBoost.

use super::booster::{Booster, Matrix};
use super::export;
use super::ubjson::{Value, damaged};
use crate::error::Error;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Maximum number of rows on which the trees are compared with their booster.
pub(crate) const COMPARED_ROWS: usize = 64;
/// Rows evaluated side by side, to hide memory latency.
const ABREAST: usize = 8;

/// A sum of trees over `columns` features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trees {
    pub(super) base_score: f32,
    pub(super) columns: usize,
    pub(super) trees: Vec<Vec<Node>>,
    /// By tree and node, the weight of its training rows. Serialised after everything a forecast needs ([`Covers`]);
    /// empty if unknown.
    #[serde(skip)]
    pub(crate) covers: Covers,
}

/// By tree and node, the weight of its training rows.
pub(crate) type Covers = Vec<Vec<f32>>;

/// Serialised covers: with equal row weights they are integers, and small ones take one byte.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredCovers {
    Counts(Vec<Vec<u32>>),
    Weights(Covers),
}

impl From<&Covers> for StoredCovers {
    fn from(covers: &Covers) -> Self {
        // Larger integers are not all representable in single precision.
        let is_count = |cover: f32| cover.fract() == 0.0 && (0.0..=16_777_216.0).contains(&cover);
        if !covers.iter().flatten().all(|cover| is_count(*cover)) {
            return Self::Weights(covers.clone());
        }
        Self::Counts(covers.iter().map(|tree| tree.iter().map(|cover| *cover as u32).collect()).collect())
    }
}

impl From<StoredCovers> for Covers {
    fn from(stored: StoredCovers) -> Self {
        match stored {
            StoredCovers::Counts(trees) => {
                trees.into_iter().map(|tree| tree.into_iter().map(|count| count as f32).collect()).collect()
            }
            StoredCovers::Weights(covers) => covers,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    /// Index of the left child, followed by the right one; zero for a leaf.
    pub(super) left: u32,
    pub(super) feature: u16,
    pub(super) missing_goes_left: bool,
    /// Threshold: smaller values go left; in a leaf, its value.
    pub(super) value: f32,
}

impl Node {
    pub(super) fn goes_left(&self, value: f32) -> bool {
        (value < self.value) | (value.is_nan() & self.missing_goes_left)
    }
}

impl Trees {
    /// The trees of a booster, verified to predict the same for `rows` (a few suffice).
    pub(crate) fn of(booster: &Booster, rows: ArrayView2<'_, f32>) -> Result<Self, Error> {
        let trees = Self::read(&booster.save()?, rows.ncols())?;
        if trees.predict(rows)? != booster.predict(&Matrix::new(rows)?)? {
            return Err(Error::Internal("the trees read from XGBoost's file are not the booster's".to_owned()));
        }
        Ok(trees)
    }

    /// Reads a model in XGBoost's UBJ format that has `columns` features.
    fn read(bytes: &[u8], columns: usize) -> Result<Self, Error> {
        let file = Value::read(bytes)?;
        let learner = file.at(&["learner"])?;
        let found = learner.at(&["learner_model_param", "num_feature"])?.text()?;
        if found.parse() != Ok(columns) {
            return Err(damaged(&format!("they have {found} features, not {columns}")));
        }
        let base_score = learner.at(&["learner_model_param", "base_score"])?.text()?;
        let base_score = base_score.trim_matches(['[', ']']).parse().map_err(|_| damaged("their base score"))?;
        let trees = learner.at(&["gradient_booster", "model", "trees"])?.items()?.iter().map(read_tree);
        let (trees, mut covers): (_, Covers) = trees.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        // Files written by edf before it had covers contain zeros.
        if !covers.iter().all(|tree| tree.first().is_some_and(|root| *root > 0.0)) {
            covers.clear();
        }
        let trees = Self { base_score, columns, trees, covers };
        trees.check(columns)?;
        Ok(trees)
    }

    /// Reads an external file: the trees, and the names of their features in order.
    pub(super) fn import(bytes: &[u8]) -> Result<(Self, Vec<String>), Error> {
        let file = Value::read(bytes)?;
        let learner = file.at(&["learner"])?;
        let names = learner.at(&["feature_names"])?.items()?.iter().map(|name| name.text().map(str::to_owned));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            return Err(damaged("it names no features: give them to xgboost.DMatrix"));
        }
        // The sum of leaves must be the demand itself, and each leaf a single number.
        let objective = learner.at(&["objective", "name"])?.text()?;
        if !["reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"].contains(&objective) {
            return Err(damaged(&format!("of objective {objective} the sum of the trees is not the forecast")));
        }
        let booster = learner.at(&["gradient_booster", "name"])?.text()?;
        if booster != "gbtree" {
            return Err(damaged(&format!("booster {booster} is not gbtree")));
        }
        Ok((Self::read(bytes, names.len())?, names))
    }

    /// Rejects trees that do not read `columns` features or whose traversal might not end at a leaf.
    pub(crate) fn check(&self, columns: usize) -> Result<(), Error> {
        // Children come after their parent, so that traversal terminates.
        let is_sound = |tree: &Vec<Node>| {
            let sound = |(at, node): (usize, &Node)| {
                let left = node.left as usize;
                usize::from(node.feature) < columns && (left == 0 || left > at && left + 1 < tree.len())
            };
            !tree.is_empty() && tree.iter().enumerate().all(sound)
        };
        if self.columns != columns || !self.base_score.is_finite() || !self.trees.iter().all(is_sound) {
            return Err(damaged("a node of a tree"));
        }
        Ok(())
    }

    /// Sets the covers stored with them, if any; rejects covers of other trees.
    pub(crate) fn set_covers(&mut self, covers: Covers) -> Result<(), Error> {
        if covers.is_empty() {
            return Ok(());
        }
        let sizes = |nodes: usize, covers: &Vec<f32>| nodes == covers.len();
        let alike = covers.len() == self.trees.len()
            && self.trees.iter().zip(&covers).all(|(tree, covers)| sizes(tree.len(), covers));
        let sound = covers.iter().flatten().all(|cover| cover.is_finite() && *cover >= 0.0);
        if !(alike && sound) {
            return Err(damaged("the rows of a tree"));
        }
        self.covers = covers;
        Ok(())
    }

    /// The trees as a file in XGBoost's UBJ format, readable by any XGBoost; XGBoost itself writes it.
    pub(crate) fn to_xgboost(&self, names: &[String]) -> Result<Vec<u8>, Error> {
        let document = serde_json::to_vec(&export::document(self, names));
        Booster::load(&document.map_err(|error| Error::Internal(error.to_string()))?, self.columns)?.save()
    }

    /// One prediction per row; NaN is missing.
    pub(crate) fn predict(&self, rows: ArrayView2<'_, f32>) -> Result<Vec<f32>, Error> {
        let data = rows.as_slice().filter(|_| rows.ncols() == self.columns);
        let data = data.ok_or_else(|| Error::Internal("the rows are not what the trees read".to_owned()))?;
        let mut sums = vec![self.base_score; rows.nrows()];
        for tree in &self.trees {
            let depth = depth(tree);
            for (sums, rows) in sums.chunks_mut(ABREAST).zip(data.chunks(ABREAST * self.columns)) {
                // With fewer rows than lanes, the last row is repeated.
                let row = |lane: usize| lane.min(sums.len() - 1) * self.columns;
                let rows: [&[f32]; ABREAST] = std::array::from_fn(|lane| &rows[row(lane)..row(lane) + self.columns]);
                let mut at = [0; ABREAST];
                for _ in 0..depth {
                    for (at, row) in at.iter_mut().zip(rows) {
                        let node = &tree[*at];
                        let next = node.left as usize + usize::from(!node.goes_left(row[usize::from(node.feature)]));
                        *at = if node.left == 0 { *at } else { next };
                    }
                }
                sums.iter_mut().zip(at).for_each(|(sum, at)| *sum += tree[at].value);
            }
        }
        if sums.iter().any(|sum| !sum.is_finite()) {
            return Err(Error::Internal("a prediction is not finite".to_owned()));
        }
        Ok(sums)
    }
}

/// Number of steps from the root to the deepest leaf.
pub(super) fn depth(tree: &[Node]) -> usize {
    let mut depths = vec![0; tree.len()];
    for (at, node) in tree.iter().enumerate().filter(|(_, node)| node.left != 0) {
        let below = depths[at] + 1;
        depths[node.left as usize..node.left as usize + 2].fill(below);
    }
    depths.into_iter().max().unwrap_or(0)
}

/// The nodes of a tree, and the weight of the rows of each.
fn read_tree(tree: &Value<'_>) -> Result<(Vec<Node>, Vec<f32>), Error> {
    let integers = |name: &str| tree.at(&[name])?.numbers(b'l', i32::from_be_bytes);
    let (left, right, features) = (integers("left_children")?, integers("right_children")?, integers("split_indices")?);
    if tree.at(&["tree_param", "size_leaf_vector"])?.text()?.parse::<u32>().is_ok_and(|size| size > 1) {
        return Err(damaged("a leaf holds several numbers"));
    }
    let values = tree.at(&["split_conditions"])?.numbers(b'd', f32::from_be_bytes)?;
    let covers = tree.at(&["sum_hessian"])?.numbers(b'd', f32::from_be_bytes)?;
    let missing_goes_left = tree.at(&["default_left"])?.numbers(b'U', |[byte]| byte != 0)?;
    let categorical = tree.at(&["split_type"])?.numbers(b'U', |[byte]| byte != 0)?;
    let count = values.len();
    if [left.len(), right.len(), features.len(), missing_goes_left.len(), covers.len()] != [count; 5] {
        return Err(damaged("a tree's nodes differ in number"));
    }
    if categorical.contains(&true) {
        return Err(damaged("a tree splits by category"));
    }
    let node = |at: usize| {
        let is_leaf = left[at] == -1;
        let (feature, child) = (u16::try_from(features[at]), u32::try_from(left[at]));
        match (feature, child) {
            (Ok(feature), _) if is_leaf => Ok((0, feature)),
            (Ok(feature), Ok(child)) if child > 0 && right[at] == left[at] + 1 => Ok((child, feature)),
            _ => Err(damaged("a node of a tree")),
        }
        .map(|(left, feature)| Node {
            left,
            feature,
            missing_goes_left: missing_goes_left[at],
            value: values[at],
        })
    };
    if !covers.iter().all(|cover| cover.is_finite() && *cover >= 0.0) {
        return Err(damaged("the rows of a node"));
    }
    Ok(((0..count).map(node).collect::<Result<_, _>>()?, covers))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::parameters::Parameters;
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use serde_json::json;

    pub fn train(rows: &Array2<f32>, labels: &[f32], parameters: &Parameters) -> Booster {
        let names: Vec<String> = (0..rows.ncols()).map(|column| format!("column_{column}")).collect();
        let matrix = Matrix::new(rows.view()).unwrap().with_labels(labels, &vec![1.0; labels.len()]).unwrap();
        Booster::train(&matrix, &parameters.for_booster(&names), parameters.rounds, &mut || ()).unwrap()
    }

    /// Values of a column, one in five missing, with ties.
    pub fn cell() -> impl Strategy<Value = f32> {
        prop_oneof![1 => Just(f32::NAN), 2 => (-3_i8..3).prop_map(f32::from), 2 => -1e6_f32..1e6]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn predictions_are_identical_to_xgboost(
            cells in proptest::collection::vec(cell(), 200 * 5),
            other in proptest::collection::vec(cell(), 300 * 5),
            labels in proptest::collection::vec(-1e4_f32..1e4, 200),
            depth in 1_u32..8,
        ) {
            let (rows, other) = (Array2::from_shape_vec((200, 5), cells).unwrap(), Array2::from_shape_vec((300, 5), other).unwrap());
            let parameters = Parameters::from_json(&json!({"rounds": 60, "max_depth": depth, "min_child_weight": 1})).unwrap();
            let booster = train(&rows, &labels, &parameters);
            let trees = Trees::read(&booster.save().unwrap(), 5).unwrap();
            prop_assert!(trees.trees.iter().map(Vec::len).sum::<usize>() > 60, "the trees need splits");
            for rows in [&rows, &other] {
                let bits = |predicted: Vec<f32>| predicted.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                let xgboost = booster.predict(&Matrix::new(rows.view()).unwrap()).unwrap();
                prop_assert_eq!(bits(trees.predict(rows.view()).unwrap()), bits(xgboost));
            }
            // Round trip through XGBoost's own file.
            let names: Vec<String> = (0..5).map(|column| format!("column_{column}")).collect();
            let file = trees.to_xgboost(&names).unwrap();
            prop_assert_eq!(&Trees::read(&file, 5).unwrap(), &trees);
            let loaded = Booster::load(&file, 5).unwrap().predict(&Matrix::new(other.view()).unwrap()).unwrap();
            let expected = trees.predict(other.view()).unwrap();
            prop_assert!(loaded.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn corrupted_files_are_rejected_or_predict_without_a_panic() {
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

    #[test]
    fn stored_trees_are_identical_and_corrupted_ones_never_panic() {
        let rows = Array2::from_shape_fn((60, 3), |(row, column)| ((row * 7 + column * 13) % 11) as f32);
        let labels: Vec<f32> = (0..60).map(|row| (row % 11) as f32).collect();
        let booster = train(&rows, &labels, &Parameters::from_json(&json!({"rounds": 3})).unwrap());
        let trees = Trees::of(&booster, rows.view()).unwrap();
        let kept = postcard::to_allocvec(&trees).unwrap();
        let mut again: Trees = postcard::from_bytes(&kept).unwrap();
        assert!(again.check_explainable().is_err() && again.set_covers(vec![vec![1.0]]).is_err());
        for scale in [1.0, 0.3] {
            let covers: Covers =
                trees.covers.iter().map(|tree| tree.iter().map(|cover| scale * cover).collect()).collect();
            let bytes = postcard::to_allocvec(&StoredCovers::from(&covers)).unwrap();
            assert_eq!(Covers::from(postcard::from_bytes::<StoredCovers>(&bytes).unwrap()), covers);
        }
        again.set_covers(trees.covers.clone()).unwrap();
        assert_eq!(again, trees);
        assert!(kept.len() * 4 < booster.save().unwrap().len());
        assert!(trees.check(3).is_ok() && trees.check(4).is_err());
        for at in 0..kept.len() {
            for bit in 0..8 {
                let mut changed = kept.clone();
                changed[at] ^= 1 << bit;
                if let Ok(trees) = postcard::from_bytes::<Trees>(&changed)
                    && trees.check(3).is_ok()
                {
                    let _ = trees.predict(rows.view());
                }
            }
        }
    }
}
