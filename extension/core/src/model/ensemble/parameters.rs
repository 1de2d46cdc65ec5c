//! Members and settings of the ensemble.

use crate::error::Error;
use crate::features::FeatureSpec;
use crate::grid::Grid;
use crate::model::Strategy;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The members.
    pub members: Vec<Member>,
    /// Days after which a residual counts half in the correction.
    pub correction_half_life_days: f64,
    /// Share of the mean recent residual that is added to a member's forecast.
    pub correction_share: f64,
    /// Days after which an error counts half in the weights.
    pub weight_half_life_days: f64,
    /// How strongly weights are drawn to equal ones: 0 not at all, 1 as strongly as by the errors.
    pub shrinkage: f64,
}

/// One member: a strategy and its hyperparameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Name of the strategy.
    pub strategy: String,
    /// Its hyperparameters; those that are not named keep their defaults.
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
                // Trees alone differ more from the linear members, and so help them more.
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
    /// Reads and checks them; the members' hyperparameters are filled in.
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

    /// The features that a member reads: the given ones, or those of its own preset for the same place.
    pub fn spec_of(strategy: Strategy, given: &FeatureSpec) -> FeatureSpec {
        if strategy.preset() == super::STRATEGY.preset { given.clone() } else { given.with_preset(strategy.preset()) }
    }

    /// Rows back from the origin that a forecast of any member reads.
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
    fn a_member_is_checked_as_its_strategy_does() {
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
    fn what_was_read_is_read_again() {
        let read = Parameters::from_json(&json!({})).unwrap();
        assert_eq!(Parameters::from_json(&json!(read)), Ok(read));
    }
}
