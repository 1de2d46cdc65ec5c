//! What can go wrong, as data.
//!
//! One enum for the whole core. The extension turns each variant into an SQLSTATE and a hint; see
//! the table in the design.

use std::fmt;

/// Every error of the core. The text says what was wrong; the hint is the extension's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// An argument outside of what it may be, or a spec that contradicts itself.
    InvalidArgument(String),
    /// Fewer steps of history than the longest lag and one season need.
    TooLittleHistory {
        /// Steps that are needed.
        need: usize,
        /// Steps that are there.
        have: usize,
    },
    /// Fewer rows than are needed whose values are known.
    TooFewRows {
        /// Rows that are needed.
        need: usize,
        /// Rows that are there.
        have: usize,
    },
    /// An iteration that came to no end.
    NotConverged {
        /// Of what.
        what: &'static str,
        /// After so many steps.
        steps: usize,
    },
    /// No origin at which the residuals of all series of a sum are known.
    NoJointResidual,
    /// NaN or an infinity in the column, at this time or row.
    NonFinite {
        /// Name of the column.
        column: String,
        /// When, in RFC 3339; or which row.
        at: String,
    },
    /// A NULL where a value is needed: the argument or element.
    NullArgument(String),
    /// NaN or an infinity in the argument of that name.
    NonFiniteArgument(&'static str),
    /// Two neighbouring rows whose distance differs from that of the first two.
    IrregularStep {
        /// The row where it shows, in RFC 3339.
        at: String,
        /// Seconds between the first two rows.
        expected_seconds: i64,
        /// Seconds found here.
        found_seconds: i64,
    },
    /// A name that nobody knows, with those that exist.
    UnknownName {
        /// What kind of thing was named: `strategy`, `parameter`, ...
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// What went wrong with one of several.
    Of {
        /// What there are several of: `candidate`, `series`.
        kind: &'static str,
        /// Which one.
        name: String,
        /// What.
        error: Box<Error>,
    },
    /// Asked for something that this version does not do.
    NotSupported(String),
    /// Bytes that are no artifact, or no longer the one that was written.
    DamagedArtifact(String),
    /// A function of an earlier release was called, by its name.
    Outdated(&'static str),
    /// A library failed where no input should make it fail.
    Internal(String),
}

/// The longest name that is compared with others, in bytes, and the most names that it is compared with.
const LONGEST_NAME: usize = 100;
const MOST_COMPARED: usize = 1000;

/// A text for a message, cut short: what was given may be as long as its sender likes.
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
                write!(f, "too little history: {need} steps are needed, {have} are there")
            }
            Self::TooFewRows { need, have } => {
                write!(f, "too few rows: {need} are needed whose values are known, {have} are there")
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

/// The known name closest to `name`, if it is close enough to be a slip of the keyboard.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    // The comparison takes as much memory as the product of both lengths.
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
    fn a_name_of_a_hundred_megabytes_is_compared_with_nothing_and_told_in_part() {
        let known = vec!["xgboost".to_owned()];
        let error = Error::UnknownName { kind: "strategy", name: "x".repeat(100_000_000), known };
        assert!(error.to_string().len() < 300);
    }
}
