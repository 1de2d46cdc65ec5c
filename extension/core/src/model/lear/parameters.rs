//! Hyperparameters and their ranges.

use crate::error::Error;
use crate::model::target::Scale;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Type of the penalty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Penalty {
    /// L2; keeps every column.
    Ridge,
    /// L1; selects columns.
    Lasso,
}

/// The hyperparameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// `ridge` or `lasso`.
    pub penalty: Penalty,
    /// `plain` or `log`.
    pub target: Scale,
    /// Maximum days of history used for training.
    pub window_days: u32,
    /// Half-life of the weight of a day; 0 weights all days equally.
    pub half_life_days: u32,
}

impl Parameters {
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let default = Self { penalty: Penalty::Ridge, target: Scale::Plain, window_days: 730, half_life_days: 0 };
        let read: Self = options::read("parameter", json, &default)?;
        options::check_ranges(
            "parameter",
            &[
                ("window_days", f64::from(read.window_days), 28.0, 3660.0),
                ("half_life_days", f64::from(read.half_life_days), 0.0, 3660.0),
            ],
        )?;
        Ok(read)
    }
}
