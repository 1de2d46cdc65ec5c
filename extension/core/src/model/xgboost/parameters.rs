//! The hyperparameters that may be set, their ranges, and their names in XGBoost.

use crate::error::Error;
use crate::model::target::Scale;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the trees start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// The mean.
    Mean,
    /// A ridge regression, which goes on beyond the values learnt, where trees stay flat.
    Linear,
}

/// XGBoost ignores names that it does not know; so the ones that pass are listed here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Boosting rounds; with `early_stopping_rounds`, the most of them.
    pub rounds: u32,
    /// Learning rate.
    pub eta: f64,
    /// Depth of a tree.
    pub max_depth: u32,
    /// Sum of instance weights that a leaf needs.
    pub min_child_weight: f64,
    /// Share of the rows that a tree sees.
    pub subsample: f64,
    /// Share of the features that a tree sees.
    pub colsample_bytree: f64,
    /// L2 penalty on leaf values.
    pub lambda: f64,
    /// L1 penalty on leaf values.
    pub alpha: f64,
    /// Loss reduction that a split needs.
    pub gamma: f64,
    /// Most bins of a feature's histogram.
    pub max_bin: u32,
    /// A model for each day of lead; else one for all, the lead a feature.
    pub by_lead_day: bool,
    /// `mean` or `linear`.
    pub base: Base,
    /// Share of the ridge regression's slopes that a linear base takes.
    pub base_share: f64,
    /// Demand never falls as heating degrees rise.
    pub monotone_heating: bool,
    /// Rounds without a better forecast of the newest block after which there are no more; 0 takes all rounds.
    pub early_stopping_rounds: u32,
    /// `plain` or `log`.
    pub target: Scale,
    /// Most rows that a day of lead is learnt from; of more, the oldest are left out.
    pub max_rows: u32,
    /// Days after which a day counts half; 0 counts all days alike.
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

    /// Name and value pairs for the booster on these features. One thread: buildings are what runs side by
    /// side.
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

/// Whether demand rises with the feature where it rises with heating degrees.
pub(super) fn rises_with_heating(feature: &str) -> bool {
    feature.starts_with("hdd") && feature != "hdd_irradiance"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_xgboost_would_ignore_or_misread_is_refused() {
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
