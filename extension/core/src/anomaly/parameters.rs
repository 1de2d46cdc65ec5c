//! What a caller may set of each detector, with defaults.

use crate::error::Error;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const KIND: &str = "parameter";

/// Which columns of the query are what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Roles {
    /// What is explained, or the label.
    pub target: Option<String>,
    /// The apartment, or another unit of which there are several.
    pub group: Option<String>,
    /// The day or time.
    pub time: Option<String>,
    /// The features, by default all other numbers.
    pub features: Option<Vec<String>>,
}

/// Which values of the target are anomalies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// High and low ones.
    Both,
    /// High ones.
    Upper,
    /// Low ones.
    Lower,
}

/// Of `expected_energy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectedEnergy {
    /// Which columns are what.
    #[serde(flatten)]
    pub roles: Roles,
    /// Share of normal rows that may be alarms.
    pub alarm_share: f64,
    /// Which side counts.
    pub side: Side,
    /// From how many robust standard deviations on a row is not learnt from; null: all are.
    pub trim: Option<f64>,
    /// Whether noise grows with the level.
    pub noise_by_level: bool,
    /// Whether runs of days count.
    pub runs: bool,
    /// What a run's sum loses a day, in standard deviations.
    pub run_drift: f64,
    /// Days between two false alarms of runs.
    pub run_arl_days: f64,
    /// After so many days without a row a run starts anew.
    pub max_gap_days: f64,
}

impl ExpectedEnergy {
    /// With the defaults filled in.
    pub fn read(json: &Value) -> Result<Self, Error> {
        let default = Self {
            roles: Roles::default(),
            alarm_share: 0.01,
            side: Side::Both,
            trim: Some(4.0),
            noise_by_level: true,
            runs: true,
            run_drift: 0.5,
            run_arl_days: 730.0,
            max_gap_days: 7.0,
        };
        let read = options::read(KIND, json, &default)?;
        options::check_ranges(
            KIND,
            &[
                ("alarm_share", read.alarm_share, 1e-6, 0.5),
                ("trim", read.trim.unwrap_or(4.0), 2.0, 100.0),
                ("run_drift", read.run_drift, 0.1, 3.0),
                ("run_arl_days", read.run_arl_days, 30.0, 5000.0),
                ("max_gap_days", read.max_gap_days, 1.0, 1000.0),
            ],
        )?;
        Ok(read)
    }
}

/// Of `isolation_forest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// Which columns are what.
    #[serde(flatten)]
    pub roles: Roles,
    /// Share of normal rows that may be alarms.
    pub alarm_share: f64,
    /// Trees.
    pub trees: u32,
    /// Rows of each.
    pub sample: u32,
    /// Of the random numbers.
    pub seed: u64,
}

impl Forest {
    /// With the defaults filled in.
    pub fn read(json: &Value) -> Result<Self, Error> {
        let default = Self { roles: Roles::default(), alarm_share: 0.01, trees: 200, sample: 256, seed: 0 };
        let read = options::read(KIND, json, &default)?;
        options::check_ranges(
            KIND,
            &[
                ("alarm_share", read.alarm_share, 1e-6, 0.5),
                ("trees", f64::from(read.trees), 1.0, 1000.0),
                ("sample", f64::from(read.sample), 2.0, 4096.0),
            ],
        )?;
        Ok(read)
    }
}

/// Of `local_outlier_factor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    /// Which columns are what.
    #[serde(flatten)]
    pub roles: Roles,
    /// Share of normal rows that may be alarms.
    pub alarm_share: f64,
    /// Neighbours of each row.
    pub neighbours: u32,
    /// Rows that are kept to compare with; of more, so many by chance.
    pub max_rows: u32,
    /// Whether features are brought to one scale.
    pub scale: bool,
    /// Of the random numbers.
    pub seed: u64,
}

impl Neighbours {
    /// With the defaults filled in.
    pub fn read(json: &Value) -> Result<Self, Error> {
        let default =
            Self { roles: Roles::default(), alarm_share: 0.01, neighbours: 20, max_rows: 5000, scale: true, seed: 0 };
        let read = options::read(KIND, json, &default)?;
        options::check_ranges(
            KIND,
            &[
                ("alarm_share", read.alarm_share, 1e-6, 0.5),
                ("neighbours", f64::from(read.neighbours), 2.0, 500.0),
                ("max_rows", f64::from(read.max_rows), 10.0, 20_000.0),
            ],
        )?;
        Ok(read)
    }
}

/// Of `alert_probability`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alerts {
    /// Which columns are what.
    #[serde(flatten)]
    pub roles: Roles,
    /// From which probability on it is an alarm.
    pub alarm_probability: f64,
    /// Whether features are scores between 0 and 1, read by how rare they are; else they are read as they are.
    pub scores: bool,
    /// Share of rows that are real, before there is a label.
    pub base_rate: f64,
    /// What each feature adds to the log-odds, before there is a label.
    pub weight: f64,
    /// As `weight`, of single features by name.
    pub weights: serde_json::Map<String, Value>,
    /// How sure the weights and the base rate are before there is a label: one by the variance of each.
    pub precision: f64,
}

impl Alerts {
    /// With the defaults filled in.
    pub fn read(json: &Value) -> Result<Self, Error> {
        let default = Self {
            roles: Roles::default(),
            alarm_probability: 0.5,
            scores: true,
            base_rate: 0.01,
            weight: 1.0,
            weights: serde_json::Map::new(),
            precision: 1.0,
        };
        let read: Self = options::read(KIND, json, &default)?;
        options::check_ranges(
            KIND,
            &[
                ("alarm_probability", read.alarm_probability, 0.0, 1.0),
                ("base_rate", read.base_rate, 1e-6, 1.0 - 1e-6),
                ("weight", read.weight, -100.0, 100.0),
                ("precision", read.precision, 1e-6, 1e6),
            ],
        )?;
        Ok(read)
    }

    /// The weight of a feature, before there is a label.
    pub fn weight_of(&self, feature: &str) -> Result<f64, Error> {
        match self.weights.get(feature) {
            None => Ok(self.weight),
            Some(given) => given.as_f64().filter(|weight| weight.abs() <= 100.0).ok_or_else(|| {
                Error::InvalidArgument(format!(
                    "{KIND} \"weights\": that of \"{feature}\" is not a number between -100 and 100"
                ))
            }),
        }
    }
}
