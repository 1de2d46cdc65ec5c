//! The search space: for each hyperparameter a range or a list.
//!
//! `{"eta": {"low": 0.01, "high": 0.3, "log": true}, "max_depth": {"low": 3, "high": 8}, "penalty": ["ridge",
//! "lasso"]}`: a range of an integer parameter holds integers; `log` makes the scale logarithmic.

use crate::error::{Error, clipped};
use crate::model::Strategy;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Significant digits of proposed numbers.
const DIGITS: i32 = 4;
/// Maximum number of values in a list.
const MOST_CHOICES: usize = 200;

/// The hyperparameters to tune, in order of their names; others keep their defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    names: Vec<String>,
    dimensions: Vec<Dimension>,
    start: Value,
}

/// A point of the space: for each dimension a number from zero to one.
pub(super) type Point = Vec<f64>;

/// The values of one hyperparameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Dimension {
    /// Numbers from `low` to `high`.
    Range { low: f64, high: f64, log: bool, integer: bool },
    /// One of these.
    Choice(Vec<Value>),
}

/// A range as given in JSON.
#[derive(Serialize, Deserialize)]
struct Range {
    low: Option<f64>,
    high: Option<f64>,
    log: bool,
}

impl Space {
    /// Reads a space, or returns the strategy's default space.
    pub fn from_json(strategy: Strategy, json: Option<&Value>) -> Result<Self, Error> {
        let own = strategy.space();
        let Value::Object(given) = json.unwrap_or(&own) else {
            return Err(invalid(format!(
                "a space is a JSON object of ranges and lists, not {}",
                clipped(json.unwrap_or(&own), 200)
            )));
        };
        let defaults = strategy.read_parameters(&json!({}))?;
        let mut space = Self { names: Vec::new(), dimensions: Vec::new(), start: json!({}) };
        for (name, values) in given {
            let Some(default) = defaults.get(name) else {
                let known = defaults.as_object().into_iter().flat_map(Map::keys).cloned().collect();
                return Err(Error::UnknownName { kind: "parameter", name: name.clone(), known });
            };
            let dimension = Dimension::read(name, values, default)?;
            space.start[name] = dimension.nearest(default);
            space.names.push(name.clone());
            space.dimensions.push(dimension);
        }
        if space.names.is_empty() {
            return Err(invalid("the space is empty: there is nothing to tune".to_owned()));
        }
        // The strategy validates its parameters.
        strategy.read_parameters(&space.start)?;
        for (name, dimension) in space.names.iter().zip(&space.dimensions) {
            for value in dimension.outermost() {
                let mut parameters = space.start.clone();
                parameters[name] = value;
                strategy.read_parameters(&parameters)?;
            }
        }
        Ok(space)
    }

    /// The full space as JSON.
    pub fn to_json(&self) -> Value {
        self.names.iter().cloned().zip(self.dimensions.iter().map(Dimension::to_json)).collect::<Map<_, _>>().into()
    }

    /// The strategy's defaults for the parameters of the space.
    pub(super) fn start(&self) -> &Value {
        &self.start
    }

    pub(super) fn dimensions(&self) -> impl Iterator<Item = &Dimension> {
        self.dimensions.iter()
    }

    /// The point of these parameters, if they are in the space.
    pub(super) fn point(&self, parameters: &Value) -> Option<Point> {
        self.names
            .iter()
            .zip(&self.dimensions)
            .map(|(name, dimension)| dimension.place(parameters.get(name)?))
            .collect()
    }

    /// The inverse of [`Self::point`].
    pub(super) fn parameters(&self, point: &Point) -> Value {
        let values = self.dimensions.iter().zip(point).map(|(dimension, at)| dimension.value(*at));
        self.names.iter().cloned().zip(values).collect::<Map<_, _>>().into()
    }

    /// The number of points, if it is finite.
    pub(super) fn points(&self) -> Option<usize> {
        self.dimensions.iter().map(Dimension::len).try_fold(1_usize, |product, len| Some(product.saturating_mul(len?)))
    }

    /// The point with index `at`.
    pub(super) fn nth(&self, mut at: usize) -> Point {
        let digit = |dimension: &Dimension| {
            let len = dimension.len().unwrap_or(1);
            let digit = at % len;
            at /= len;
            (digit as f64 + 0.5) / len as f64
        };
        let evenly: Point = self.dimensions.iter().map(digit).collect();
        // Integers on a logarithmic scale are not evenly spaced.
        let whole = |(dimension, at): (&Dimension, &f64)| match dimension {
            Dimension::Range { low, high, log: true, integer: true } => {
                dimension.place(&json!((low + (at * (high - low + 1.0)).floor()) as i64)).unwrap_or(*at)
            }
            dimension => dimension.snap(*at),
        };
        self.dimensions.iter().zip(&evenly).map(whole).collect()
    }
}

impl Dimension {
    fn read(name: &str, values: &Value, default: &Value) -> Result<Self, Error> {
        match values {
            Value::Array(choices) if choices.len() > MOST_CHOICES => Err(invalid(format!(
                "the list of \"{name}\" holds {} values, at most {MOST_CHOICES} are allowed",
                choices.len()
            ))),
            Value::Array(choices) if choices.is_empty() => Err(invalid(format!("the list of \"{name}\" is empty"))),
            Value::Array(choices) => {
                match choices.iter().enumerate().find(|(at, value)| choices[..*at].contains(value)) {
                    Some((_, twice)) => Err(invalid(format!("{} is listed twice for \"{name}\"", clipped(twice, 200)))),
                    None => Ok(Self::Choice(choices.clone())),
                }
            }
            Value::Object(_) => {
                let Range { low, high, log } =
                    options::read("range key", values, &Range { low: None, high: None, log: false }).map_err(
                        |error| match error {
                            Error::InvalidArgument(message) => invalid(format!("the range of \"{name}\": {message}")),
                            other => other,
                        },
                    )?;
                let (Some(low), Some(high)) = (low, high) else {
                    return Err(invalid(format!("the range of \"{name}\" needs \"low\" and \"high\"")));
                };
                let integer = default.is_i64() || default.is_u64();
                if !default.is_number() {
                    return Err(invalid(format!("\"{name}\" is not a number: give a list of its values")));
                }
                if low >= high {
                    return Err(invalid(format!("the range of \"{name}\" from {low} to {high} is empty")));
                }
                if integer && (low.fract() != 0.0 || high.fract() != 0.0) {
                    return Err(invalid(format!(
                        "\"{name}\" is a whole number: \"low\" and \"high\" must be whole numbers too"
                    )));
                }
                if log && low <= 0.0 {
                    return Err(invalid(format!(
                        "the range of \"{name}\" is logarithmic (\"log\"): it must start above zero, not at {low}"
                    )));
                }
                Ok(Self::Range { low, high, log, integer })
            }
            other => Err(invalid(format!(
                "the values of \"{name}\" cannot be {}: give a range {{\"low\": ..., \"high\": ...}} or a list",
                clipped(other, 200)
            ))),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Choice(choices) => json!(choices),
            Self::Range { low, high, log, integer: true } => {
                json!({"low": *low as i64, "high": *high as i64, "log": log})
            }
            Self::Range { low, high, log, .. } => json!({"low": low, "high": high, "log": log}),
        }
    }

    /// The value closest to `default`.
    fn nearest(&self, default: &Value) -> Value {
        match self {
            Self::Choice(choices) => choices.iter().find(|choice| *choice == default).unwrap_or(&choices[0]).clone(),
            Self::Range { low, high, integer, .. } => {
                number(default.as_f64().unwrap_or(*low).clamp(*low, *high), *integer)
            }
        }
    }

    fn outermost(&self) -> Vec<Value> {
        match self {
            Self::Choice(choices) => choices.clone(),
            Self::Range { low, high, integer, .. } => vec![number(*low, *integer), number(*high, *integer)],
        }
    }

    fn len(&self) -> Option<usize> {
        match self {
            Self::Choice(choices) => Some(choices.len()),
            Self::Range { low, high, integer: true, .. } => Some((high - low) as usize + 1),
            Self::Range { .. } => None,
        }
    }

    /// The index of the choice at this position.
    pub(super) fn at(&self, value: f64) -> usize {
        let len = self.len().unwrap_or(1);
        ((value * len as f64) as usize).min(len - 1)
    }

    /// The limits on the linear or logarithmic scale.
    fn borders(low: f64, high: f64, log: bool, integer: bool) -> (f64, f64) {
        // Gives the outermost integers the same width as the others.
        let (low, high) = if integer { (low - 0.5, high + 0.5) } else { (low, high) };
        if log { (low.ln(), high.ln()) } else { (low, high) }
    }

    /// The value at this position.
    fn value(&self, at: f64) -> Value {
        match self {
            Self::Choice(choices) => choices[self.at(at)].clone(),
            Self::Range { low, high, log, integer } => {
                let (first, last) = Self::borders(*low, *high, *log, *integer);
                let even = first + at * (last - first);
                let exact = if *log { even.exp() } else { even };
                let round = if *integer { exact.round() } else { rounded(exact) };
                number(round.clamp(*low, *high), *integer)
            }
        }
    }

    /// The position of a value; `None` if it is not in the dimension.
    fn place(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Choice(choices) => {
                let at = choices.iter().position(|choice| choice == value)?;
                Some((at as f64 + 0.5) / choices.len() as f64)
            }
            Self::Range { low, high, log, integer } => {
                let value = value.as_f64().filter(|value| (low..=high).contains(&value))?;
                let (first, last) = Self::borders(*low, *high, *log, *integer);
                let even = if *log { value.ln() } else { value };
                Some(((even - first) / (last - first)).clamp(0.0, 1.0))
            }
        }
    }

    /// The position of the value at this position.
    pub(super) fn snap(&self, at: f64) -> f64 {
        self.place(&self.value(at)).unwrap_or(at)
    }
}

fn number(value: f64, integer: bool) -> Value {
    if integer { json!(value as i64) } else { json!(value) }
}

fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let places = DIGITS - 1 - value.abs().log10().floor() as i32;
    let unit = 10_f64.powi(places);
    let round = (value * unit).round() / unit;
    if round.is_finite() { round } else { value }
}

fn invalid(message: String) -> Error {
    Error::InvalidArgument(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Strategy;
    use proptest::prelude::*;

    fn strategy(name: &str) -> Strategy {
        Strategy::parse(name).unwrap()
    }

    #[test]
    fn every_strategy_has_a_space_that_starts_at_its_defaults() {
        for strategy in Strategy::ALL {
            let space = Space::from_json(strategy, None).unwrap();
            let defaults = strategy.read_parameters(&json!({})).unwrap();
            for (name, value) in space.start().as_object().unwrap() {
                assert_eq!(value, &defaults[name], "{} {name}", strategy.name());
            }
            assert_eq!(Space::from_json(strategy, Some(&space.to_json())), Ok(space));
        }
    }

    #[test]
    fn invalid_spaces_are_rejected() {
        for (space, says) in [
            (json!([]), "a space is a JSON object"),
            (json!({}), "the space is empty"),
            (json!({"eto": [0.1]}), "unknown parameter \"eto\", did you mean \"eta\"?"),
            (json!({"eta": {"low": 0.3, "high": 0.1}}), "the range of \"eta\" from 0.3 to 0.1 is empty"),
            (json!({"eta": {"low": 0.1, "high": 0.1}}), "is empty"),
            (json!({"eta": []}), "the list of \"eta\" is empty"),
            (json!({"eta": [0.1, 0.2, 0.1]}), "0.1 is listed twice"),
            (json!({"eta": {"low": 0.1}}), "needs \"low\" and \"high\""),
            (json!({"eta": {"lo": 0.1, "high": 0.2}}), "unknown range key \"lo\", did you mean \"log\"?"),
            (
                json!({"eta": {"low": "small", "high": 0.2}}),
                "the range of \"eta\": range key \"low\" cannot be \"small\"",
            ),
            (json!({"eta": 0.1}), "the values of \"eta\" cannot be 0.1"),
            (json!({"eta": {"low": 0, "high": 0.2}}), "parameter \"eta\" = 0 is not between"),
            (json!({"eta": {"low": 0.1, "high": 20}}), "parameter \"eta\" = 20 is not between"),
            (json!({"lambda": {"low": 0, "high": 2, "log": true}}), "must start above zero"),
            (json!({"max_depth": {"low": 2.5, "high": 4}}), "is a whole number"),
            (json!({"monotone_heating": {"low": 0, "high": 1}}), "is not a number"),
            (json!({"monotone_heating": ["yes"]}), "parameter \"monotone_heating\" cannot be \"yes\""),
        ] {
            let error = Space::from_json(strategy("xgboost"), Some(&space)).unwrap_err().to_string();
            assert!(error.contains(says), "{space}: {error}");
        }
    }

    #[test]
    fn linked_parameters_are_chosen_together() {
        let orders = json!({"order": [[1, 0, 1], [2, 0, 0]], "seasonal_order": [[0, 1, 1], [1, 0, 0]]});
        assert_eq!(Space::from_json(strategy("sarimax"), Some(&orders)).unwrap().points(), Some(4));
    }

    #[test]
    fn all_points_of_a_finite_space_differ() {
        let rounds = json!({"low": 1, "high": 40, "log": true});
        let given = json!({"rounds": rounds, "max_depth": {"low": 2, "high": 4}, "eta": [0.1, 0.2]});
        let space = Space::from_json(strategy("xgboost"), Some(&given)).unwrap();
        let mut all: Vec<_> = (0..240).map(|at| space.parameters(&space.nth(at)).to_string()).collect();
        all.sort();
        all.dedup();
        assert_eq!((all.len(), space.points()), (240, Some(240)));
    }

    proptest! {
        #[test]
        fn points_and_parameters_round_trip(
            at in 0.0..1.0_f64, low in 1e-4..10.0_f64, width in 1e-3..100.0_f64,
            log in any::<bool>(), integer in any::<bool>()
        ) {
            let (low, high) = if integer { (low.ceil(), low.ceil() + width.ceil()) } else { (low, low + width) };
            let dimension = Dimension::Range { low, high, log, integer };
            let value = dimension.value(at);
            prop_assert!((low..=high).contains(&value.as_f64().unwrap()));
            let place = dimension.place(&value).unwrap();
            prop_assert_eq!(dimension.value(place), value);
            prop_assert_eq!(dimension.snap(place), place);
            prop_assert!(integer || (place - at).abs() < 0.06 || width < 0.1);
        }
    }
}
