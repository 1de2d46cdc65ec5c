//! A model of any kind: fitted, as bytes, and what it says.

use super::forest::Forest;
use super::logistic::Logistic;
use super::neighbours::Neighbours;
use super::observations::Observations;
use super::parameters::{self, Roles};
use super::regression::Regression;
use super::scaling::Scaling;
use super::verdict::{Part, Verdict};
use crate::Checkpoint;
use crate::artifact;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What an artifact of an anomaly model calls itself.
const WHAT: &str = "anomalies";

/// The kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Regression`].
    ExpectedEnergy,
    /// [`Forest`].
    IsolationForest,
    /// [`Neighbours`].
    LocalOutlierFactor,
    /// [`Logistic`].
    AlertProbability,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ExpectedEnergy, Self::IsolationForest, Self::LocalOutlierFactor, Self::AlertProbability];

    /// Its name, which is its strategy in the registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExpectedEnergy => "expected_energy",
            Self::IsolationForest => "isolation_forest",
            Self::LocalOutlierFactor => "local_outlier_factor",
            Self::AlertProbability => "alert_probability",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "strategy",
            name: name.to_owned(),
            known: Self::ALL.map(|kind| kind.name().to_owned()).to_vec(),
        })
    }

    /// Parameters with the defaults filled in.
    pub fn read_parameters(self, given: &Value) -> Result<Value, Error> {
        Ok(self.read(given)?.to_json())
    }

    fn read(self, given: &Value) -> Result<Parameters, Error> {
        Ok(match self {
            Self::ExpectedEnergy => Parameters::ExpectedEnergy(parameters::ExpectedEnergy::read(given)?),
            Self::IsolationForest => Parameters::IsolationForest(parameters::Forest::read(given)?),
            Self::LocalOutlierFactor => Parameters::LocalOutlierFactor(parameters::Neighbours::read(given)?),
            Self::AlertProbability => Parameters::AlertProbability(parameters::Alerts::read(given)?),
        })
    }
}

/// Parameters of each kind.
#[derive(Debug, Clone, PartialEq)]
enum Parameters {
    ExpectedEnergy(parameters::ExpectedEnergy),
    IsolationForest(parameters::Forest),
    LocalOutlierFactor(parameters::Neighbours),
    AlertProbability(parameters::Alerts),
}

impl Parameters {
    fn to_json(&self) -> Value {
        match self {
            Self::ExpectedEnergy(parameters) => json!(parameters),
            Self::IsolationForest(parameters) => json!(parameters),
            Self::LocalOutlierFactor(parameters) => json!(parameters),
            Self::AlertProbability(parameters) => json!(parameters),
        }
    }

    fn roles(&self) -> &Roles {
        match self {
            Self::ExpectedEnergy(parameters) => &parameters.roles,
            Self::IsolationForest(parameters) => &parameters.roles,
            Self::LocalOutlierFactor(parameters) => &parameters.roles,
            Self::AlertProbability(parameters) => &parameters.roles,
        }
    }
}

/// What was learnt, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    ExpectedEnergy(Regression),
    IsolationForest(Forest),
    LocalOutlierFactor(Neighbours),
    AlertProbability(Logistic),
}

/// Beside the state, readable without it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kind: String,
    strategy: String,
    features: Vec<String>,
    parameters: Value,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    kind: Kind,
    features: Vec<String>,
    parameters: Parameters,
    state: State,
}

/// A model, and what came of its fit.
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// The verdict on each row; of `expected_energy`, by the other rows.
    pub own: Vec<Verdict>,
    /// Rows that were learnt from, or could have been.
    pub rows: usize,
    /// What the registry keeps of it.
    pub metrics: Value,
}

impl Model {
    /// Learns from rows. `prior`: an `expected_energy` model whose prior and features are taken instead of those of
    /// these rows.
    pub fn fit(
        kind: Kind,
        given: &Value,
        rows: Observations,
        prior: Option<&Self>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Fitted, Error> {
        let parameters = kind.read(given)?;
        let rows = match (prior, &parameters.roles().features) {
            (Some(prior), _) => rows.select(&prior.features)?,
            (None, Some(chosen)) => {
                let mut once = chosen.clone();
                once.sort_unstable();
                once.dedup();
                if once.len() < chosen.len() {
                    return Err(Error::InvalidArgument("parameter \"features\" lists a feature twice".to_owned()));
                }
                rows.select(chosen)?
            }
            (None, None) => rows,
        };
        if rows.names().is_empty() {
            return Err(Error::InvalidArgument(
                "the query has no feature: it needs a further column that is a number".to_owned(),
            ));
        }
        if prior.is_some() && kind != Kind::ExpectedEnergy {
            return Err(Error::InvalidArgument(format!("strategy \"{}\" uses no prior", kind.name())));
        }
        let labels = || (0..rows.len()).filter(|row| rows.target(*row).is_finite()).count();
        let (state, own, metrics, count) = match &parameters {
            Parameters::ExpectedEnergy(parameters) => {
                let prior = prior.map(Self::regression).transpose()?;
                let fitted = Regression::fit(&rows, parameters, prior, checkpoint)?;
                (State::ExpectedEnergy(fitted.model), fitted.own, fitted.metrics, fitted.rows)
            }
            Parameters::IsolationForest(parameters) => {
                let (forest, own, metrics) = Forest::fit(&rows, parameters, checkpoint)?;
                (State::IsolationForest(forest), own, metrics, rows.len())
            }
            Parameters::LocalOutlierFactor(parameters) => {
                let (neighbours, own, metrics) = Neighbours::fit(&rows, parameters, checkpoint)?;
                (State::LocalOutlierFactor(neighbours), own, metrics, rows.len())
            }
            Parameters::AlertProbability(parameters) => {
                let (logistic, own, metrics) = Logistic::fit(&rows, parameters, checkpoint)?;
                (State::AlertProbability(logistic), own, metrics, labels())
            }
        };
        let model = Self { kind, features: rows.names().to_vec(), parameters, state };
        Ok(Fitted { model, own, rows: count, metrics })
    }

    fn regression(&self) -> Result<&Regression, Error> {
        match &self.state {
            State::ExpectedEnergy(regression) => Ok(regression),
            _ => Err(Error::InvalidArgument(format!(
                "the prior is of strategy {}; only a model of expected_energy can be a prior",
                self.kind.name()
            ))),
        }
    }

    /// The verdict on each row, which has the features of the model among its own.
    pub fn score(&self, rows: Observations, checkpoint: Checkpoint<'_>) -> Result<Vec<Verdict>, Error> {
        let rows = rows.select(&self.features)?;
        match (&self.state, &self.parameters) {
            (State::ExpectedEnergy(model), Parameters::ExpectedEnergy(parameters)) => {
                rows.needed_target()?;
                model.score(&rows, parameters, checkpoint)
            }
            (State::IsolationForest(model), Parameters::IsolationForest(parameters)) => {
                Ok(model.score(&rows, parameters, checkpoint))
            }
            (State::LocalOutlierFactor(model), Parameters::LocalOutlierFactor(parameters)) => {
                Ok(model.score(&rows, parameters, checkpoint))
            }
            (State::AlertProbability(model), Parameters::AlertProbability(parameters)) => {
                model.score(&rows, parameters, checkpoint)
            }
            _ => Err(mixed()),
        }
    }

    /// Which parts made the score of the first row.
    pub fn explain(&self, rows: Observations) -> Result<Vec<Part>, Error> {
        let rows = rows.select(&self.features)?;
        if rows.is_empty() {
            return Err(Error::InvalidArgument("there is no row to explain".to_owned()));
        }
        match &self.state {
            State::ExpectedEnergy(model) => model.explain(&rows),
            State::IsolationForest(model) => Ok(model.explain(&rows)),
            State::LocalOutlierFactor(model) => Ok(model.explain(&rows)),
            State::AlertProbability(model) => Ok(model.explain(&rows)),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The features that it reads, in order.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Parameters, complete.
    pub fn parameters(&self) -> Value {
        self.parameters.to_json()
    }

    /// Which columns of a query are what.
    pub fn roles(&self) -> &Roles {
        self.parameters.roles()
    }

    /// What is typical of each feature: its median, spread, and the share of the rows that know it.
    pub fn typical(&self) -> Value {
        let scaling: &Scaling = match &self.state {
            State::ExpectedEnergy(model) => model.scaling(),
            State::IsolationForest(model) => model.scaling(),
            State::LocalOutlierFactor(model) => model.scaling(),
            State::AlertProbability(model) => model.scaling(),
        };
        self.features.iter().zip(&scaling.0).map(|(name, scale)| (name.clone(), json!(scale))).collect()
    }

    /// The model as bytes; see [`artifact`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = Header {
            kind: WHAT.to_owned(),
            strategy: self.kind.name().to_owned(),
            features: self.features.clone(),
            parameters: self.parameters(),
        };
        let state = postcard::to_allocvec(&self.state).map_err(|error| Error::Internal(error.to_string()))?;
        artifact::pack(&header, &state)
    }

    /// The reverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let packed = artifact::unpack(bytes)?;
        if packed.kind()?.as_deref() != Some(WHAT) {
            return Err(Error::NotSupported(
                "this is a forecasting model, not an anomaly model; train one with edf.train_anomaly_model".to_owned(),
            ));
        }
        let damaged = |error: &dyn std::fmt::Display| Error::DamagedArtifact(error.to_string());
        let header: Header = serde_json::from_slice(packed.header).map_err(|error| damaged(&error))?;
        let kind = Kind::parse(&header.strategy).map_err(|error| damaged(&error))?;
        let parameters = kind.read(&header.parameters).map_err(|error| damaged(&error))?;
        let state: State = postcard::from_bytes(packed.state).map_err(|error| damaged(&error))?;
        let features = header.features.len();
        let (of_state, is_sound) = match &state {
            State::ExpectedEnergy(model) => (Kind::ExpectedEnergy, model.is_sound(features)),
            State::IsolationForest(model) => (Kind::IsolationForest, model.is_sound(features)),
            State::LocalOutlierFactor(model) => (Kind::LocalOutlierFactor, model.is_sound(features)),
            State::AlertProbability(model) => (Kind::AlertProbability, model.is_sound(features)),
        };
        if of_state != kind {
            return Err(mixed());
        }
        if !is_sound || features == 0 {
            return Err(damaged(&"it holds impossible numbers"));
        }
        Ok(Self { kind, features: header.features, parameters, state })
    }
}

fn mixed() -> Error {
    Error::DamagedArtifact("its state belongs to another kind of model".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::observations::Columns;
    use crate::anomaly::testing::{columns, matrix};
    use proptest::prelude::*;

    /// Rows of three units, a target that two features make, labels for those that are large.
    fn rows(kind: Kind, count: usize) -> Observations {
        let features = matrix(count, 3, 8);
        let target = features.rows().into_iter().map(|row| match kind {
            Kind::AlertProbability => Some(f64::from(u8::from(row[0] > 1.0))),
            _ => Some(20.0 + 3.0 * row[0] - row[1] + 0.5 * row[2]),
        });
        let (target, groups) = (target.collect(), (0..count).map(|row| format!("unit {}", row % 3)).collect());
        let days = (0..count).map(|row| Some((row / 3) as f64)).collect();
        Observations::new(Columns {
            target: Some(target),
            groups: Some(groups),
            days: Some(days),
            ..columns(&features)
        })
        .unwrap()
    }

    fn parameters(kind: Kind) -> Value {
        match kind {
            Kind::AlertProbability => json!({"target": "real", "scores": false}),
            Kind::ExpectedEnergy => json!({"target": "kwh", "group": "unit", "time": "day"}),
            _ => json!({}),
        }
    }

    #[test]
    fn every_kind_survives_its_bytes_and_says_the_same_then() {
        for kind in Kind::ALL {
            let fitted = Model::fit(kind, &parameters(kind), rows(kind, 330), None, &mut || ()).unwrap();
            let bytes = fitted.model.to_bytes().unwrap();
            let again = Model::from_bytes(&bytes).unwrap();
            assert_eq!((again.to_bytes().unwrap(), again.kind()), (bytes.clone(), kind));
            let scores = |model: &Model| model.score(rows(kind, 60), &mut || ()).unwrap();
            assert_eq!(scores(&again), scores(&fitted.model));
            assert_eq!(again.explain(rows(kind, 1)).unwrap(), fitted.model.explain(rows(kind, 1)).unwrap());
            assert_eq!((fitted.own.len(), again.features().len()), (330, 3));
            assert_eq!(again.typical().as_object().unwrap().len(), 3);
            for at in (0..bytes.len()).step_by(bytes.len() / 50) {
                assert!(Model::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
            }
            let refused = crate::train::Model::from_bytes(&bytes).err();
            assert!(matches!(refused, Some(Error::NotSupported(_))), "{refused:?}");
        }
    }

    #[test]
    fn what_was_learnt_by_others_is_a_prior_for_one_with_the_same_features() {
        let kind = Kind::ExpectedEnergy;
        let pooled = Model::fit(kind, &parameters(kind), rows(kind, 330), None, &mut || ()).unwrap().model;
        let fitted = Model::fit(kind, &parameters(kind), rows(kind, 9), Some(&pooled), &mut || ()).unwrap();
        assert_eq!((fitted.rows, fitted.model.features()), (9, pooled.features()));
        let forest = Model::fit(Kind::IsolationForest, &json!({}), rows(kind, 99), None, &mut || ()).unwrap().model;
        for (kind, prior) in [(kind, &forest), (Kind::IsolationForest, &pooled)] {
            let refused = Model::fit(kind, &json!({"target": "kwh"}), rows(kind, 99), Some(prior), &mut || ());
            assert!(matches!(refused, Err(Error::InvalidArgument(_))));
        }
    }

    #[test]
    fn features_are_chosen_by_name_and_unknown_names_are_told() {
        let kind = Kind::IsolationForest;
        let fit = |given: Value| Model::fit(kind, &given, rows(kind, 99), None, &mut || ());
        assert_eq!(fit(json!({"features": ["c", "a"]})).unwrap().model.features(), ["c", "a"]);
        for wrong in [json!({"features": ["d"]}), json!({"features": ["a", "a"]}), json!({"features": []})] {
            assert!(matches!(fit(wrong), Err(Error::InvalidArgument(_))));
        }
        assert!(matches!(fit(json!({"tree": 3})), Err(Error::UnknownName { .. })));
        assert!(matches!(fit(json!({"trees": 0})), Err(Error::InvalidArgument(_))));
        assert!(matches!(Kind::parse("forest"), Err(Error::UnknownName { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_state_that_was_changed_and_sealed_again_is_refused_or_scores_without_a_panic(
            kind in 0_usize..4, at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let kind = Kind::ALL[kind];
            let given = if kind == Kind::IsolationForest { json!({"trees": 3, "sample": 16}) } else { parameters(kind) };
            let model = Model::fit(kind, &given, rows(kind, 60), None, &mut || ()).unwrap().model;
            let mut state = postcard::to_allocvec(&model.state).unwrap();
            let at = at.index(state.len());
            state[at] = byte;
            let header = Header {
                kind: WHAT.to_owned(), strategy: kind.name().to_owned(), features: model.features.clone(), parameters: model.parameters(),
            };
            if let Ok(changed) = Model::from_bytes(&artifact::pack(&header, &state).unwrap()) {
                let _ = changed.score(rows(kind, 20), &mut || ());
                let _ = changed.explain(rows(kind, 1));
            }
        }
    }
}
