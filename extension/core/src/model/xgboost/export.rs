//! Trees as a document in XGBoost's JSON format, limited to what its loader requires.

use super::trees::{Node, Trees};
use serde_json::{Value, json};

/// The parent of a root.
const NO_PARENT: i32 = i32::MAX;

/// The model in XGBoost's JSON format.
pub(super) fn document(trees: &Trees, names: &[String]) -> Value {
    let count = trees.trees.len();
    let of = |(id, tree): (usize, &Vec<Node>)| of_tree(id, tree, trees.columns, trees.covers.get(id));
    json!({
        // The oldest format with the current tree format for all of these parts; newer libraries can read it.
        "version": [2, 0, 0],
        "learner": {
            "attributes": {},
            "feature_names": names,
            "feature_types": vec!["float"; names.len()],
            "learner_model_param": {
                "base_score": trees.base_score.to_string(), "boost_from_average": "0", "num_class": "0",
                "num_feature": trees.columns.to_string(), "num_target": "1",
            },
            "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
            "gradient_booster": {
                "name": "gbtree",
                "model": {
                    "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": count.to_string()},
                    "iteration_indptr": (0..=count).collect::<Vec<_>>(),
                    "tree_info": vec![0; count],
                    "trees": trees.trees.iter().enumerate().map(of).collect::<Vec<_>>(),
                },
            },
        },
    })
}

fn of_tree(id: usize, tree: &[Node], columns: usize, covers: Option<&Vec<f32>>) -> Value {
    let child = |node: &Node, after: i32| if node.left == 0 { -1 } else { node.left as i32 + after };
    let mut parents = vec![NO_PARENT; tree.len()];
    for (at, node) in tree.iter().enumerate().filter(|(_, node)| node.left != 0) {
        parents[node.left as usize..node.left as usize + 2].fill(at as i32);
    }
    let nothing = vec![0.0_f32; tree.len()];
    json!({
        "id": id,
        "tree_param": {
            "num_deleted": "0", "num_feature": columns.to_string(), "num_nodes": tree.len().to_string(),
            "size_leaf_vector": "1",
        },
        "left_children": tree.iter().map(|node| child(node, 0)).collect::<Vec<_>>(),
        "right_children": tree.iter().map(|node| child(node, 1)).collect::<Vec<_>>(),
        "parents": parents,
        "split_indices": tree.iter().map(|node| node.feature).collect::<Vec<_>>(),
        "split_conditions": tree.iter().map(|node| node.value).collect::<Vec<_>>(),
        "split_type": vec![0; tree.len()],
        "default_left": tree.iter().map(|node| u8::from(node.missing_goes_left)).collect::<Vec<_>>(),
        "base_weights": nothing,
        "loss_changes": nothing,
        "sum_hessian": covers.unwrap_or(&nothing),
        "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
    })
}
