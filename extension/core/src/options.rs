//! Reads options from JSON: rejects unknown names with a suggestion, and names the invalid option in errors.

use crate::error::{Error, clipped};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Merges `json` into `default`; `kind` is what messages call an option.
pub fn read<T: Serialize + DeserializeOwned>(kind: &'static str, json: &Value, default: &T) -> Result<T, Error> {
    let Value::Object(given) = json else {
        return Err(Error::InvalidArgument(format!(
            "a {kind} is given in a JSON object, not in {}",
            clipped(json, 200)
        )));
    };
    let internal = |error: serde_json::Error| Error::Internal(error.to_string());
    let Value::Object(mut options) = serde_json::to_value(default).map_err(internal)? else {
        return Err(Error::Internal(format!("{kind}: the defaults are not an object")));
    };
    for (name, value) in given {
        if !options.contains_key(name) {
            return Err(unknown(kind, name, &options));
        }
        options.insert(name.clone(), value.clone());
        // Checked one by one, so that the message can name the invalid option.
        serde_json::from_value::<T>(Value::Object(options.clone())).map_err(|error| {
            let value = clipped(value, 200);
            Error::InvalidArgument(format!("{kind} \"{name}\" cannot be {value}: {}", clipped(error, 200)))
        })?;
    }
    serde_json::from_value(Value::Object(options)).map_err(internal)
}

/// Rejects the first option out of range: name, value, minimum, maximum.
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
