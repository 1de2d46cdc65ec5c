//! The hyperparameters that may be set, and their ranges.

use crate::error::Error;
use crate::model::target::Scale;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How weights are kept small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Penalty {
    /// On squares; keeps every column.
    Ridge,
    /// On absolute values; leaves columns out.
    Lasso,
}

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// `ridge` or `lasso`.
    pub penalty: Penalty,
    /// `plain` or `log`.
    pub target: Scale,
    /// Days of history that are learnt from, at most.
    pub window_days: u32,
    /// Days after which a day counts half; 0 counts all days alike.
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
