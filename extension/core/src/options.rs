//! Reading options from JSON: unknown names are refused with the nearest known one, and an error
//! names the option that caused it.

use crate::error::{Error, clipped};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads `json` over `default`; `kind` is what an option is called in messages.
pub fn read<T: Serialize + DeserializeOwned>(kind: &'static str, json: &Value, default: &T) -> Result<T, Error> {
    let Value::Object(given) = json else {
        return Err(Error::InvalidArgument(format!(
            "a {kind} is given in a JSON object, not in {}",
            clipped(json, 200)
        )));
    };
    let internal = |error: serde_json::Error| Error::Internal(error.to_string());
    let Value::Object(mut options) = serde_json::to_value(default).map_err(internal)? else {
        return Err(Error::Internal(format!("{kind}: the defaults are no object")));
    };
    for (name, value) in given {
        if !options.contains_key(name) {
            return Err(unknown(kind, name, &options));
        }
        options.insert(name.clone(), value.clone());
        // Read after each one, so that the message can name the culprit.
        serde_json::from_value::<T>(Value::Object(options.clone())).map_err(|error| {
            let value = clipped(value, 200);
            Error::InvalidArgument(format!("{kind} \"{name}\" cannot be {value}: {}", clipped(error, 200)))
        })?;
    }
    serde_json::from_value(Value::Object(options)).map_err(internal)
}

/// Refuses the first option that lies outside of its range: name, value, least, most.
pub fn check_ranges(kind: &str, ranges: &[(&str, f64, f64, f64)]) -> Result<(), Error> {
    match ranges.iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
        None => Ok(()),
        Some((name, value, least, most)) => {
            Err(Error::InvalidArgument(format!("{kind} \"{name}\" = {value} is not between {least} and {most}")))
        }
    }
}

fn unknown(kind: &'static str, name: &str, options: &Map<String, Value>) -> Error {
    Error::UnknownName { kind, name: name.to_owned(), known: options.keys().cloned().collect() }
}
