//! Parameters of the global model.

use super::scale::{LEAST_PRIOR_DAYS, MOST_PRIOR_DAYS};
use crate::error::Error;
use crate::model::xgboost;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// The regressor for the size of a series, such as `floor_area_m2`: without history, demand is proportional to it.
    /// Empty if there is none.
    pub size: String,
    /// Weight of the size as a prior, in days of history. Estimated from the series by default.
    pub prior_days: Option<f64>,
    /// Maximum number of training rows; beyond it, origins are thinned out evenly.
    pub max_rows: u32,
    /// Hyperparameters of the trees, as for `xgboost`.
    pub trees: Value,
}

/// Hyperparameters of `xgboost` that do not apply here.
const NOT_OF_TREES: [&str; 7] =
    ["base", "base_share", "by_lead_day", "early_stopping_rounds", "half_life_days", "max_rows", "target"];

impl Default for Parameters {
    fn default() -> Self {
        Self { size: String::new(), prior_days: None, max_rows: 300_000, trees: json!({}) }
    }
}

impl Parameters {
    /// Reads and validates the parameters, including those of the trees.
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let mut read: Self = options::read("parameter", json, &Self::default())?;
        let prior_days = read.prior_days.unwrap_or(MOST_PRIOR_DAYS);
        options::check_ranges(
            "parameter",
            &[
                ("max_rows", f64::from(read.max_rows), 1000.0, 1e7),
                ("prior_days", prior_days, LEAST_PRIOR_DAYS, MOST_PRIOR_DAYS),
            ],
        )?;
        if let Some(name) = NOT_OF_TREES.into_iter().find(|name| read.trees.get(name).is_some()) {
            return Err(Error::InvalidArgument(format!("the trees of a global model have no parameter \"{name}\"")));
        }
        let mut trees = json!(read.trees()?);
        if let Some(trees) = trees.as_object_mut() {
            trees.retain(|name, _| !NOT_OF_TREES.contains(&name.as_str()));
        }
        read.trees = trees;
        Ok(read)
    }

    pub fn trees(&self) -> Result<xgboost::Parameters, Error> {
        xgboost::Parameters::from_json(&self.trees)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_parameters_without_effect_are_rejected() {
        let read = |trees: Value| Parameters::from_json(&json!({ "trees": trees }));
        let known = read(json!({"rounds": 30})).unwrap();
        assert_eq!((known.trees.get("rounds"), known.trees.get("base")), (Some(&json!(30)), None));
        assert_eq!(read(known.trees.clone()).unwrap(), known);
        for trees in [json!({"base": "linear"}), json!({"target": "log"}), json!({"max_rows": 5000})] {
            let error = read(trees.clone()).unwrap_err().to_string();
            assert!(error.starts_with("the trees of a global model have no parameter"), "{trees}: {error}");
        }
    }
}
