//! Keywords that assert something about a single value.

use crate::error::{clipped, nearest};
use regex::Regex;
use serde_json::{Map, Value};

/// The result of checking a keyword.
pub enum Outcome {
    /// The value satisfies it, or has a type that the keyword does not apply to.
    Kept,
    /// The value violates it, with a description.
    Broken(String),
    /// The keyword is unknown.
    Unknown,
}

/// Checks `value` against one keyword of `rules`; `None` if its rule is malformed.
pub fn assert(keyword: &str, rule: &Value, value: &Value, rules: &Map<String, Value>) -> Option<Outcome> {
    let broken = match (keyword, value) {
        ("type", _) => {
            let names = texts(rule)?;
            let is_one = names.iter().map(|name| is_of_type(value, name)).collect::<Option<Vec<_>>>()?.contains(&true);
            (!is_one).then(|| format!("{} is not of type {}", shown(value), names.join(" or ")))
        }
        ("enum", _) => {
            let allowed = rule.as_array()?;
            (!allowed.iter().any(|one| same(one, value))).then(|| choice(value, allowed))
        }
        ("const", _) => (!same(rule, value)).then(|| format!("{} is not {}", shown(value), shown(rule))),
        ("minimum", Value::Number(number)) => {
            (number.as_f64()? < rule.as_f64()?).then(|| format!("{number} is below the minimum, {rule}"))
        }
        ("exclusiveMinimum", Value::Number(number)) => {
            (number.as_f64()? <= rule.as_f64()?).then(|| format!("{number} is not above {rule}"))
        }
        ("maximum", Value::Number(number)) => {
            (number.as_f64()? > rule.as_f64()?).then(|| format!("{number} is above the maximum, {rule}"))
        }
        ("pattern", Value::String(text)) => {
            let fits = Regex::new(rule.as_str()?).ok()?.is_match(text);
            let what = rules.get("title").and_then(Value::as_str).map(|title| format!("is not {title}"));
            (!fits).then(|| format!("{} {}", shown(value), what.unwrap_or_else(|| format!("does not match {rule}"))))
        }
        ("minItems", Value::Array(items)) => {
            ((items.len() as u64) < rule.as_u64()?).then(|| format!("{} entries are fewer than {rule}", items.len()))
        }
        ("maxItems", Value::Array(items)) => {
            (items.len() as u64 > rule.as_u64()?).then(|| format!("{} entries are more than {rule}", items.len()))
        }
        ("uniqueItems", Value::Array(items)) => {
            let twice = items.iter().enumerate().find(|(at, item)| items[..*at].iter().any(|other| same(other, item)));
            twice.filter(|_| *rule == Value::Bool(true)).map(|(_, item)| format!("{} is listed twice", shown(item)))
        }
        ("minimum" | "exclusiveMinimum" | "maximum" | "pattern" | "minItems" | "maxItems" | "uniqueItems", _) => None,
        _ => return Some(Outcome::Unknown),
    };
    Some(broken.map_or(Outcome::Kept, Outcome::Broken))
}

fn is_of_type(value: &Value, name: &str) -> Option<bool> {
    Some(match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        // According to the standard, 1.0 is an integer.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => return None,
    })
}

/// A string or an array of strings.
fn texts(rule: &Value) -> Option<Vec<&str>> {
    match rule {
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        one => Some(vec![one.as_str()?]),
    }
}

/// 1 and 1.0 are equal.
fn same(one: &Value, other: &Value) -> bool {
    one == other || matches!((one.as_f64(), other.as_f64()), (Some(a), Some(b)) if a == b)
}

fn choice(value: &Value, allowed: &[Value]) -> String {
    let names: Vec<String> =
        allowed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
    let near = value.as_str().and_then(|name| nearest(name, &names));
    let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
    format!("{} is none of {}{near}", shown(value), clipped(names.join(", "), 500))
}

/// A value as JSON, truncated.
fn shown(value: &Value) -> String {
    clipped(value, 60)
}
