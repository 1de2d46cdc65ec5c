//! Agreement with scikit-learn on the same matrix; see `tests/reference/linear.py`.

use super::*;
use crate::testing::reference;
use serde_json::Value;

fn numbers(answers: &Value, name: &str) -> Vec<f64> {
    serde_json::from_value(answers[name].clone()).unwrap()
}

fn matrix(answers: &Value) -> Array2<f32> {
    let rows = answers["rows"].as_u64().unwrap() as usize;
    let values: Vec<f32> = numbers(answers, "x").into_iter().map(|value| value as f32).collect();
    Array2::from_shape_vec((rows, values.len() / rows), values).unwrap()
}

/// The largest difference of fitted values.
fn apart(function: &Linear, x: &Array2<f32>, theirs: &[f64]) -> f64 {
    x.rows().into_iter().zip(theirs).map(|(row, theirs)| (function.at(row) - theirs).abs()).fold(0.0, f64::max)
}

#[test]
fn ridge_agrees_with_scikit_learn_with_and_without_weights() {
    let answers = reference("linear");
    let (x, y) = (matrix(&answers), numbers(&answers, "y"));
    let penalty = answers["ridge_penalty"].as_f64();
    for (weights, name) in [(vec![1.0; y.len()], "ridge"), (numbers(&answers, "weights"), "weighted_ridge")] {
        let (fitted, _) = ridge(&Standardised::new(x.view(), &y, &weights), penalty).unwrap();
        let apart = apart(&fitted, &x, &numbers(&answers, name));
        assert!(apart < 1e-6, "{name} is apart by {apart}");
    }
}

#[test]
fn the_penalty_minimises_the_generalised_cross_validation_error() {
    let answers = reference("linear");
    let (x, y) = (matrix(&answers), numbers(&answers, "y"));
    let (_, penalty) = ridge(&Standardised::new(x.view(), &y, &vec![1.0; y.len()]), None).unwrap();
    let theirs = answers["gcv_penalty"].as_f64().unwrap();
    assert!((penalty / theirs - 1.0).abs() < 1e-6, "{penalty} for {theirs}");
}

#[test]
fn lasso_agrees_with_scikit_learn_and_selects_the_same_columns() {
    let answers = reference("linear");
    let (x, y) = (matrix(&answers), numbers(&answers, "y"));
    let data = Standardised::new(x.view(), &y, &vec![1.0; y.len()]);
    let (fitted, _) = lasso(&data, answers["lasso_penalty"].as_f64());
    let apart = apart(&fitted, &x, &numbers(&answers, "lasso"));
    assert!(apart < 1e-5, "apart by {apart}");
    let columns: Vec<f64> = fitted.terms.iter().map(|term| term.column as f64).collect();
    assert_eq!(columns, numbers(&answers, "lasso_columns"));
}

#[test]
fn lasso_chooses_its_penalty_and_replaces_missing_values_by_the_mean() {
    let answers = reference("linear");
    let (x, y) = (matrix(&answers), numbers(&answers, "y"));
    let (fitted, penalty) = lasso(&Standardised::new(x.view(), &y, &vec![1.0; y.len()]), None);
    assert!(penalty > 0.0 && fitted.terms.len() < x.ncols(), "{penalty}: {fitted:?}");
    let nothing = ndarray::Array1::from_elem(x.ncols(), f32::NAN);
    assert_eq!(fitted.at(nothing.view()), fitted.intercept);
}
