//! Validates a document against a JSON Schema; violations say where, what and what is allowed.
//!
//! Implements the keywords of draft 2020-12 that a configuration needs. An unknown keyword is an error, although the
//! standard says to ignore it: it would check nothing. The crates that implement the full standard have two dozen
//! further dependencies (big numbers, e-mail addresses, UUIDs), and none suggests the nearest name.

mod assertions;
mod place;

use crate::Checkpoint;
use crate::error::{Error, clipped, nearest};
use assertions::{Outcome, assert};
use place::Place;
use serde_json::{Map, Value};

/// One violation in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path, such as `training.parameters.eta` or `features.lags_h[2]`; empty for the document itself.
    pub path: String,
    /// What is wrong, including the value.
    pub message: String,
    /// What is allowed, from the schema's description; empty without one.
    pub hint: String,
}

/// Keywords that are annotations or are only read through references.
const ANNOTATIONS: [&str; 8] = ["$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples"];
/// Maximum nesting depth and number of steps; beyond it the schema is recursive.
const DEEPEST: usize = 100;
const MOST_STEPS: usize = 1_000_000;
/// Maximum number of violations reported.
const MOST_VIOLATIONS: usize = 1000;
/// Maximum length of a violation's text, in characters.
const LONGEST_TEXT: usize = 1000;

/// The violations of `schema` in `document`, at most a thousand; empty if it is valid.
pub fn validate(document: &Value, schema: &Value, checkpoint: Checkpoint<'_>) -> Result<Vec<Violation>, Error> {
    let mut check = Check { root: schema, violations: Vec::new(), steps: 0, checkpoint };
    check.schema(document, schema, &Place::Root, 0)?;
    Ok(check.violations)
}

struct Check<'a> {
    root: &'a Value,
    violations: Vec<Violation>,
    steps: usize,
    checkpoint: Checkpoint<'a>,
}

impl Check<'_> {
    fn schema(&mut self, value: &Value, schema: &Value, place: &Place<'_>, depth: usize) -> Result<(), Error> {
        self.steps += 1;
        (self.checkpoint)();
        if depth > DEEPEST || self.steps > MOST_STEPS {
            return Err(bad_schema(place, "refers to itself recursively"));
        }
        match schema {
            Value::Bool(true) => {}
            Value::Bool(false) => self.violate(place, "is not allowed here".to_owned(), "Leave it out."),
            Value::Object(rules) => {
                for (keyword, rule) in rules {
                    self.keyword(value, rules, keyword, rule, place, depth)?;
                }
            }
            _ => return Err(bad_schema(place, "is neither an object nor a boolean")),
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        value: &Value,
        rules: &Map<String, Value>,
        keyword: &str,
        rule: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        let malformed = || bad_schema(place, &format!("cannot have {keyword}: {rule}"));
        match (keyword, value) {
            ("$ref", _) => {
                let target = rule.as_str().and_then(|to| to.strip_prefix('#')).and_then(|to| self.root.pointer(to));
                self.schema(value, target.ok_or_else(malformed)?, place, depth + 1)?;
            }
            ("if", _) => {
                let mut trial = Check {
                    root: self.root,
                    violations: Vec::new(),
                    steps: self.steps,
                    checkpoint: &mut *self.checkpoint,
                };
                trial.schema(value, rule, place, depth + 1)?;
                let (steps, holds) = (trial.steps, trial.violations.is_empty());
                self.steps = steps;
                if let Some(schema) = rules.get(if holds { "then" } else { "else" }) {
                    self.schema(value, schema, place, depth + 1)?;
                }
            }
            ("items", Value::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    self.schema(item, rule, &Place::Item(place, at), depth + 1)?;
                }
            }
            ("properties", Value::Object(members)) => {
                for (name, schema) in rule.as_object().ok_or_else(malformed)? {
                    if let Some(member) = members.get(name) {
                        self.schema(member, schema, &Place::Member(place, name), depth + 1)?;
                    }
                }
            }
            ("additionalProperties", Value::Object(members)) => {
                let none = Map::new();
                let known = match rules.get("properties") {
                    Some(known) => known.as_object().ok_or_else(malformed)?,
                    None => &none,
                };
                for (name, member) in members.iter().filter(|(name, _)| !known.contains_key(*name)) {
                    let place = Place::Member(place, name);
                    if *rule == Value::Bool(false) {
                        if self.is_full() {
                            break;
                        }
                        let known: Vec<String> = known.keys().cloned().collect();
                        let near = nearest(name, &known).map(|near| format!(", did you mean \"{near}\"?"));
                        let message = format!("is not known{}", near.unwrap_or_default());
                        self.violate(&place, message, &format!("Known: {}.", known.join(", ")));
                    } else {
                        self.schema(member, rule, &place, depth + 1)?;
                    }
                }
            }
            ("propertyNames", Value::Object(members)) => {
                for name in members.keys() {
                    self.schema(&Value::String(name.clone()), rule, &Place::Member(place, name), depth + 1)?;
                }
            }
            ("required", Value::Object(members)) => {
                for name in rule.as_array().ok_or_else(malformed)? {
                    let name = name.as_str().ok_or_else(malformed)?;
                    if !members.contains_key(name) {
                        let about = rules.get("properties").and_then(|known| known.get(name)).and_then(described);
                        self.violate(&Place::Member(place, name), "is missing".to_owned(), about.unwrap_or_default());
                    }
                }
            }
            // The former apply to other types than this value's; the latter are read together with `if`.
            ("items" | "properties" | "additionalProperties" | "propertyNames" | "required" | "then" | "else", _) => {}
            _ if ANNOTATIONS.contains(&keyword) => {}
            _ => match assert(keyword, rule, value, rules).ok_or_else(malformed)? {
                Outcome::Kept => {}
                Outcome::Broken(message) => self.violate(place, message, described_by(rules).unwrap_or_default()),
                Outcome::Unknown => {
                    return Err(bad_schema(place, &format!("uses {keyword}, a keyword that is not supported")));
                }
            },
        }
        Ok(())
    }

    fn is_full(&mut self) -> bool {
        (self.checkpoint)();
        self.violations.len() >= MOST_VIOLATIONS
    }

    fn violate(&mut self, place: &Place<'_>, message: String, hint: &str) {
        if !self.is_full() {
            self.violations.push(Violation {
                path: clipped(place, LONGEST_TEXT),
                message: clipped(message, LONGEST_TEXT),
                hint: clipped(hint, LONGEST_TEXT),
            });
        }
    }
}

fn described(schema: &Value) -> Option<&str> {
    schema.as_object().and_then(described_by)
}

fn described_by(rules: &Map<String, Value>) -> Option<&str> {
    rules.get("description").and_then(Value::as_str)
}

fn bad_schema(place: &Place<'_>, what: &str) -> Error {
    let path = place.to_string();
    let of = if path.is_empty() { "the schema".to_owned() } else { format!("the schema of {path}") };
    Error::InvalidArgument(format!("{of} {what}"))
}

#[cfg(test)]
mod tests;
