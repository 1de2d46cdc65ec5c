//! The candidates of a backtest: named recipes.

use crate::error::{Error, clipped};
use crate::options;
use crate::origin::IssueHours;
use crate::train::Recipe;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Maximum number of candidates in one backtest.
const MOST_CANDIDATES: usize = 100;

/// A recipe and the name of its forecasts.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The name.
    pub name: String,
    /// The recipe its models are trained with.
    pub recipe: Recipe,
    /// Whether errors mention the name: only if there are several candidates.
    pub is_named: bool,
}

/// A candidate as given in JSON: unknown keys are rejected.
#[derive(Serialize, Deserialize)]
struct Entry {
    name: Option<String>,
    strategy: Option<String>,
    parameters: Value,
    features: Value,
}

impl Candidate {
    /// A single candidate, named after its strategy.
    pub fn single(recipe: Recipe) -> Self {
        Self { name: recipe.strategy.name().to_owned(), recipe, is_named: false }
    }

    /// Sets the issue hours (local time) and the assumed availability delay of each row.
    #[must_use]
    pub fn issued(self, hours: &IssueHours, availability: Option<TimeDelta>) -> Self {
        Self { recipe: self.recipe.issued(hours, availability), ..self }
    }

    /// Reads an array of strategy names or of objects with `strategy` and, optionally, `name` (by default the
    /// strategy), `parameters` and `features`. A candidate's `features` override those shared by all.
    pub fn list(json: &Value, features: &Value, horizon: usize) -> Result<Vec<Self>, Error> {
        let invalid = |message: String| Err(Error::InvalidArgument(message));
        let Some(entries) = json.as_array().filter(|entries| !entries.is_empty()) else {
            return invalid(format!(
                "candidates are given in a JSON array of names or objects, not in {}",
                clipped(json, 200)
            ));
        };
        if entries.len() > MOST_CANDIDATES {
            return invalid(format!(
                "{} candidates are more than the {MOST_CANDIDATES} of one backtest",
                entries.len()
            ));
        }
        let mut candidates: Vec<Self> = Vec::with_capacity(entries.len());
        for entry in entries {
            let candidate = Self::read(entry, features, horizon)?;
            if candidates.iter().any(|other| other.name == candidate.name) {
                return invalid(format!("two candidates are named \"{}\": give each its own \"name\"", candidate.name));
            }
            candidates.push(candidate);
        }
        let rivals = candidates.len() > 1;
        candidates.iter_mut().for_each(|candidate| candidate.is_named = rivals);
        Ok(candidates)
    }

    fn read(json: &Value, features: &Value, horizon: usize) -> Result<Self, Error> {
        let entry = match json {
            Value::String(strategy) => json!({ "strategy": strategy }),
            entry => entry.clone(),
        };
        let default = Entry { name: None, strategy: None, parameters: json!({}), features: json!({}) };
        let Entry { name, strategy, parameters, features: own } = options::read("candidate key", &entry, &default)?;
        let Some(strategy) = strategy else {
            return Err(Error::InvalidArgument(format!("the candidate {} has no \"strategy\"", clipped(json, 200))));
        };
        let name = name.unwrap_or_else(|| strategy.clone());
        let mut features = features.clone();
        match (features.as_object_mut(), own.as_object()) {
            (Some(features), Some(own)) => features.extend(own.clone()),
            // The spec rejects anything but an object.
            _ => features = own,
        }
        let recipe = Recipe::new(&strategy, &parameters, &features, horizon).map_err(|error| of(&name, error))?;
        Ok(Self { name, recipe, is_named: true })
    }

    /// Adds the candidate's name to an error.
    pub(super) fn say<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.map_err(|error| if self.is_named { of(&self.name, error) } else { error })
    }
}

fn of(name: &str, error: Error) -> Error {
    Error::Of { kind: "candidate", name: name.to_owned(), error: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_strategies_and_features_are_read() {
        let given = json!(["lear", {"strategy": "xgboost", "name": "basic", "features": {"preset": "basic"}}]);
        let read = Candidate::list(&given, &json!({"time_zone": "Europe/Zurich"}), 24).unwrap();
        let names: Vec<_> = read.iter().map(|candidate| candidate.name.as_str()).collect();
        assert_eq!(names, ["lear", "basic"]);
        assert!(read.iter().all(|candidate| candidate.recipe.features.time_zone == chrono_tz::Europe::Zurich));
        assert_eq!(read[1].recipe.features.preset, crate::features::Preset::Basic);
    }

    #[test]
    fn invalid_candidates_are_rejected() {
        for (given, says) in [
            (json!([]), "JSON array of names or objects"),
            (json!("lear"), "JSON array of names or objects"),
            (json!([1]), "a candidate key is given in a JSON object, not in 1"),
            (json!([{"name": "a"}]), "has no \"strategy\""),
            (json!(["lear", "lear"]), "two candidates are named \"lear\""),
            (json!(["lear", {"strategy": "xgboost", "name": "lear"}]), "two candidates are named \"lear\""),
            (json!([{"strateg": "lear"}]), "unknown candidate key \"strateg\", did you mean \"strategy\"?"),
            (json!(["lea"]), "candidate \"lea\": unknown strategy \"lea\", did you mean \"lear\"?"),
            (
                json!([{"strategy": "xgboost", "parameters": {"rouns": 1}}]),
                "candidate \"xgboost\": unknown parameter \"rouns\"",
            ),
            (json!([{"strategy": "xgboost", "parameters": 3}]), "candidate \"xgboost\""),
            (json!([{"strategy": "xgboost", "features": 3}]), "candidate \"xgboost\""),
            (json!([{"strategy": 3}]), "candidate key \"strategy\" cannot be 3"),
        ] {
            let error = Candidate::list(&given, &json!({}), 24).unwrap_err().to_string();
            assert!(error.contains(says), "{given}: {error}");
        }
    }
}
