//! Domain errors.
//!
//! One enum for the whole core. The extension maps each variant to an SQLSTATE and a hint; see the table in the design.

use std::fmt;

/// Every error of the core. The text says what was wrong; the extension adds the hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// An argument out of range, or a contradictory spec.
    InvalidArgument(String),
    /// Fewer steps of history than the longest lag plus one season.
    TooLittleHistory {
        /// Required steps.
        need: usize,
        /// Available steps.
        have: usize,
    },
    /// Too few rows with known values.
    TooFewRows {
        /// Required rows.
        need: usize,
        /// Available rows.
        have: usize,
    },
    /// An iteration that did not converge.
    NotConverged {
        /// The iterative algorithm.
        what: &'static str,
        /// Number of steps taken.
        steps: usize,
    },
    /// No origin has known residuals for all series of a sum.
    NoJointResidual,
    /// NaN or an infinity in a column.
    NonFinite {
        /// Name of the column.
        column: String,
        /// Time in RFC 3339, or row number.
        at: String,
    },
    /// NULL in an argument or element that must not be NULL.
    NullArgument(String),
    /// NaN or an infinity in the named argument.
    NonFiniteArgument(&'static str),
    /// Two adjacent rows whose distance differs from that of the first two.
    IrregularStep {
        /// Time of the row, in RFC 3339.
        at: String,
        /// Seconds between the first two rows.
        expected_seconds: i64,
        /// Seconds between these two rows.
        found_seconds: i64,
    },
    /// An unknown name, with the names that exist.
    UnknownName {
        /// What kind of thing was named: `strategy`, `parameter`, ...
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// An error in one of several items.
    Of {
        /// Kind of the items: `candidate`, `series`.
        kind: &'static str,
        /// Name of the item.
        name: String,
        /// The error.
        error: Box<Error>,
    },
    /// A feature that this version does not support.
    NotSupported(String),
    /// Bytes that are not an artifact, or were changed after writing.
    DamagedArtifact(String),
    /// A function of an earlier release was called; its name.
    Outdated(&'static str),
    /// A library failed on valid input.
    Internal(String),
}

/// Maximum length of a name for comparison with others, in bytes, and maximum number of names.
const LONGEST_NAME: usize = 100;
const MOST_COMPARED: usize = 1000;

/// Truncates a text for a message; user input may be arbitrarily long.
pub fn clipped(text: impl fmt::Display, longest: usize) -> String {
    let whole = text.to_string();
    match whole.char_indices().nth(longest) {
        None => whole,
        Some((at, _)) => format!("{}...", &whole[..at]),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidArgument(message) | Self::NotSupported(message) => f.write_str(message),
            Self::TooLittleHistory { need, have } => {
                write!(f, "too little history: {need} steps are needed, {have} are available")
            }
            Self::TooFewRows { need, have } => {
                write!(f, "too few rows: {need} are needed with known values, {have} are available")
            }
            Self::NotConverged { what, steps } => write!(f, "{what} has not converged in {steps} steps"),
            Self::NoJointResidual => {
                f.write_str("there is no origin before the forecast at which the residuals of all its series are known")
            }
            Self::NonFinite { column, at } => {
                write!(f, "column \"{column}\" is NaN or infinite at {at}")
            }
            Self::NullArgument(what) => write!(f, "{what} is NULL"),
            Self::NonFiniteArgument(name) => write!(f, "argument {name} is NaN or infinite"),
            Self::IrregularStep { at, expected_seconds, found_seconds } => write!(
                f,
                "the time step is not regular: {found_seconds} s before {at}, where the series steps by \
                 {expected_seconds} s"
            ),
            Self::UnknownName { kind, name, known } => {
                write!(f, "unknown {kind} \"{}\"", clipped(name, LONGEST_NAME))?;
                match nearest(name, known) {
                    Some(near) => write!(f, ", did you mean \"{near}\"?"),
                    None => Ok(()),
                }
            }
            Self::Of { kind, name, error } => write!(f, "{kind} \"{}\": {error}", clipped(name, LONGEST_NAME)),
            Self::DamagedArtifact(what) => write!(f, "damaged model artifact: {what}"),
            Self::Outdated(name) => write!(f, "edf.{name} is of an earlier release than the server's library"),
            Self::Internal(what) => write!(f, "internal error: {what}"),
        }
    }
}

impl std::error::Error for Error {}

/// The known name closest to `name`, if close enough to be a typo.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    // The comparison needs memory proportional to the product of both lengths.
    let short = |text: &str| text.len() <= LONGEST_NAME;
    known
        .iter()
        .filter(|candidate| short(candidate) && short(name))
        .take(MOST_COMPARED)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate.as_str()))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest_known_one() {
        let known = vec!["xgboost".to_owned(), "seasonal_naive".to_owned()];
        let error = |name: &str| Error::UnknownName { kind: "strategy", name: name.into(), known: known.clone() };
        assert_eq!(error("xgbost").to_string(), "unknown strategy \"xgbost\", did you mean \"xgboost\"?");
        assert_eq!(error("arima").to_string(), "unknown strategy \"arima\"");
    }

    #[test]
    fn a_very_long_name_is_not_compared_and_is_truncated_in_the_message() {
        let known = vec!["xgboost".to_owned()];
        let error = Error::UnknownName { kind: "strategy", name: "x".repeat(100_000_000), known };
        assert!(error.to_string().len() < 300);
    }
}
