//! Settings of the global model.

use crate::error::Error;
use crate::model::xgboost;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// The regressor that says how large a series is, such as `floor_area_m2`: demand is proportional to it as long as
    /// nothing else is known. Empty where there is none.
    pub size: String,
    /// Most rows that are learnt from; of more, origins are left out evenly.
    pub max_rows: u32,
    /// Hyperparameters of the trees, as of `xgboost`.
    pub trees: Value,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { size: String::new(), max_rows: 300_000, trees: json!({}) }
    }
}

impl Parameters {
    /// Reads and checks them; those of the trees are filled in.
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let mut read: Self = options::read("parameter", json, &Self::default())?;
        options::check_ranges("parameter", &[("max_rows", f64::from(read.max_rows), 1000.0, 1e7)])?;
        read.trees = json!(read.trees()?);
        Ok(read)
    }

    pub fn trees(&self) -> Result<xgboost::Parameters, Error> {
        xgboost::Parameters::from_json(&self.trees)
    }
}
