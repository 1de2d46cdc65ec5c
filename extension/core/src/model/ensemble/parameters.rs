//! Members and parameters of the ensemble.

use crate::error::Error;
use crate::features::FeatureSpec;
use crate::grid::Grid;
use crate::model::Strategy;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The members.
    pub members: Vec<Member>,
    /// Half-life of a residual in the correction, in days.
    pub correction_half_life_days: f64,
    /// Share of the mean recent residual that is added to a member's forecast.
    pub correction_share: f64,
    /// Half-life of an error in the weights, in days.
    pub weight_half_life_days: f64,
    /// Shrinkage towards equal weights: 0 is none, 1 is as strong as the errors.
    pub shrinkage: f64,
}

/// One member: a strategy and its hyperparameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Name of the strategy.
    pub strategy: String,
    /// Its hyperparameters; missing ones have their defaults.
    #[serde(default = "empty")]
    pub parameters: Value,
}

fn empty() -> Value {
    json!({})
}

impl Default for Parameters {
    fn default() -> Self {
        let member = |strategy: &str, parameters| Member { strategy: strategy.to_owned(), parameters };
        Self {
            members: vec![
                member("lear", json!({})),
                member("lear", json!({"target": "log"})),
                // Trees without a linear base differ more from the linear members and add more to the combination.
                member("xgboost", json!({"base": "mean"})),
            ],
            correction_half_life_days: 2.0,
            correction_share: 0.5,
            weight_half_life_days: 28.0,
            shrinkage: 0.1,
        }
    }
}

impl Parameters {
    /// Reads and validates the parameters, including the members' hyperparameters.
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let mut read: Self = options::read("parameter", json, &Self::default())?;
        options::check_ranges(
            "parameter",
            &[
                ("correction_half_life_days", read.correction_half_life_days, 0.1, 365.0),
                ("correction_share", read.correction_share, 0.0, 1.0),
                ("weight_half_life_days", read.weight_half_life_days, 1.0, 3660.0),
                ("shrinkage", read.shrinkage, 0.0, 1000.0),
            ],
        )?;
        if !(1..=16).contains(&read.members.len()) {
            return Err(Error::InvalidArgument(format!("an ensemble has 1 to 16 members, not {}", read.members.len())));
        }
        for member in &mut read.members {
            let strategy = Strategy::parse(&member.strategy)?;
            if strategy.name() == super::STRATEGY.name {
                return Err(Error::InvalidArgument("an ensemble cannot be a member of an ensemble".to_owned()));
            }
            member.parameters = strategy.read_parameters(&member.parameters)?;
        }
        Ok(read)
    }

    /// The members as strategies with their hyperparameters.
    pub fn members(&self) -> Result<Vec<(Strategy, Value)>, Error> {
        let read = |member: &Member| Ok((Strategy::parse(&member.strategy)?, member.parameters.clone()));
        self.members.iter().map(read).collect()
    }

    /// The feature spec of a member: the given one, or its own preset for the same place.
    pub fn spec_of(strategy: Strategy, given: &FeatureSpec) -> FeatureSpec {
        if strategy.preset() == super::STRATEGY.preset { given.clone() } else { given.with_preset(strategy.preset()) }
    }

    /// Rows before the origin that the forecast of any member reads.
    pub fn history(&self, spec: &FeatureSpec, grid: &Grid) -> Result<usize, Error> {
        let of_member =
            |(strategy, given): &(Strategy, Value)| strategy.history(given, &Self::spec_of(*strategy, spec), grid);
        let longest = self.members()?.iter().map(of_member).collect::<Result<Vec<_>, _>>()?;
        Ok(longest.into_iter().max().unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_validated_by_their_strategy() {
        for (members, says) in [
            (json!([{"strategy": "lears"}]), "did you mean \"lear\"?"),
            (json!([{"strategy": "lear", "parameters": {"penalti": "ridge"}}]), "did you mean \"penalty\"?"),
            (json!([{"strategy": "ensemble"}]), "cannot be a member"),
            (json!([]), "1 to 16 members"),
        ] {
            let error = Parameters::from_json(&json!({ "members": members })).unwrap_err().to_string();
            assert!(error.contains(says), "{members}: {error}");
        }
    }

    #[test]
    fn parameters_round_trip() {
        let read = Parameters::from_json(&json!({})).unwrap();
        assert_eq!(Parameters::from_json(&json!(read)), Ok(read));
    }
}
