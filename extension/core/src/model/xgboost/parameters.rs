//! Hyperparameters, their ranges, and their names in XGBoost.

use crate::error::Error;
use crate::model::target::Scale;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The base that trees are added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// The mean.
    Mean,
    /// A ridge regression, which extrapolates, unlike trees.
    Linear,
}

/// Complete list of the accepted parameters: XGBoost ignores unknown names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Boosting rounds; with `early_stopping_rounds`, their maximum.
    pub rounds: u32,
    /// Learning rate.
    pub eta: f64,
    /// Depth of a tree.
    pub max_depth: u32,
    /// Minimum sum of instance weights in a leaf.
    pub min_child_weight: f64,
    /// Share of the rows used by a tree.
    pub subsample: f64,
    /// Share of the features used by a tree.
    pub colsample_bytree: f64,
    /// L2 penalty on leaf values.
    pub lambda: f64,
    /// L1 penalty on leaf values.
    pub alpha: f64,
    /// Minimum loss reduction of a split.
    pub gamma: f64,
    /// Maximum number of histogram bins per feature.
    pub max_bin: u32,
    /// One model per day of lead; otherwise one for all, with the lead as a feature.
    pub by_lead_day: bool,
    /// `mean` or `linear`.
    pub base: Base,
    /// Share of the ridge regression's slopes used by a linear base.
    pub base_share: f64,
    /// Constrains demand not to fall as heating degrees rise.
    pub monotone_heating: bool,
    /// Stops after this many rounds without improvement on the newest block; 0 uses all rounds.
    pub early_stopping_rounds: u32,
    /// `plain` or `log`.
    pub target: Scale,
    /// Maximum number of training rows per day of lead; the oldest beyond it are dropped.
    pub max_rows: u32,
    /// Half-life of the weight of a day; 0 weights all days equally.
    pub half_life_days: u32,
    /// Seed of the random numbers; the same seed gives the same model.
    pub seed: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            rounds: 200,
            eta: 0.05,
            max_depth: 5,
            min_child_weight: 1.0,
            subsample: 0.7,
            colsample_bytree: 0.4,
            lambda: 1.0,
            alpha: 0.0,
            gamma: 0.0,
            max_bin: 64,
            by_lead_day: true,
            base: Base::Linear,
            base_share: 0.75,
            monotone_heating: false,
            early_stopping_rounds: 0,
            target: Scale::Plain,
            max_rows: 100_000,
            half_life_days: 0,
            seed: 0,
        }
    }
}

impl Parameters {
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self::default())?;
        let ranges = [
            ("rounds", f64::from(read.rounds), 1.0, 10_000.0),
            ("eta", read.eta, 1e-4, 1.0),
            ("max_depth", f64::from(read.max_depth), 1.0, 16.0),
            ("min_child_weight", read.min_child_weight, 0.0, 1e6),
            ("subsample", read.subsample, 0.05, 1.0),
            ("colsample_bytree", read.colsample_bytree, 0.05, 1.0),
            ("lambda", read.lambda, 0.0, 1e6),
            ("alpha", read.alpha, 0.0, 1e6),
            ("gamma", read.gamma, 0.0, 1e6),
            ("max_bin", f64::from(read.max_bin), 2.0, 1024.0),
            ("early_stopping_rounds", f64::from(read.early_stopping_rounds), 0.0, 10_000.0),
            ("base_share", read.base_share, 0.0, 1.0),
            ("max_rows", f64::from(read.max_rows), 1_000.0, 1e7),
            ("half_life_days", f64::from(read.half_life_days), 0.0, 3660.0),
        ];
        options::check_ranges("parameter", &ranges)?;
        Ok(read)
    }

    /// Name and value pairs for the booster on these features. Single-threaded: parallelism is across buildings.
    pub fn for_booster(&self, names: &[String]) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("objective", "reg:squarederror".to_owned()),
            ("tree_method", "hist".to_owned()),
            ("nthread", "1".to_owned()),
            ("verbosity", "0".to_owned()),
            ("eta", self.eta.to_string()),
            ("max_depth", self.max_depth.to_string()),
            ("min_child_weight", self.min_child_weight.to_string()),
            ("subsample", self.subsample.to_string()),
            ("colsample_bytree", self.colsample_bytree.to_string()),
            ("lambda", self.lambda.to_string()),
            ("alpha", self.alpha.to_string()),
            ("gamma", self.gamma.to_string()),
            ("max_bin", self.max_bin.to_string()),
            ("seed", self.seed.to_string()),
        ];
        if self.monotone_heating {
            let signs: Vec<_> = names.iter().map(|name| if rises_with_heating(name) { "1" } else { "0" }).collect();
            pairs.push(("monotone_constraints", format!("({})", signs.join(","))));
        }
        pairs
    }
}

/// Whether the feature increases with heating degrees.
pub(super) fn rises_with_heating(feature: &str) -> bool {
    feature.starts_with("hdd") && feature != "hdd_irradiance"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_that_xgboost_would_ignore_or_misread_are_rejected() {
        for (parameters, says) in [
            (json!({"learning_rate": 0.1}), "unknown parameter \"learning_rate\""),
            (json!({"max_dept": 3}), "did you mean \"max_depth\"?"),
            (json!({"eta": 0}), "parameter \"eta\" = 0 is not between"),
            (json!({"eta": "fast"}), "parameter \"eta\" cannot be \"fast\""),
            (json!({"rounds": -1}), "parameter \"rounds\" cannot be -1"),
            (json!({"subsample": null}), "parameter \"subsample\" cannot be null"),
        ] {
            let error = Parameters::from_json(&parameters).unwrap_err().to_string();
            assert!(error.contains(says), "{parameters}: {error}");
        }
    }
}
