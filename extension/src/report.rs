//! The single mapping from domain errors to SQLSTATEs and hints.

use edf_core::Error;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgSqlErrorCode, function_name};

/// The report of an error; see the table in the design.
pub fn report(error: Error) -> ErrorReport {
    describe(&error, error.to_string())
}

fn describe(error: &Error, message: String) -> ErrorReport {
    use PgSqlErrorCode::*;
    let (code, hint) = match error {
        Error::InvalidArgument(_) => {
            (ERRCODE_INVALID_PARAMETER_VALUE, "Correct the value; \\df+ edf.* says what each function takes.".to_owned())
        }
        Error::UnknownName { kind: "strategy", known, .. } => {
            (ERRCODE_UNDEFINED_OBJECT, format!("Known: {}.", known.join(", ")))
        }
        Error::UnknownName { known, .. } => {
            (ERRCODE_INVALID_PARAMETER_VALUE, format!("Known: {}.", known.join(", ")))
        }
        Error::TooLittleHistory { .. } => (
            ERRCODE_DATA_EXCEPTION,
            "Give more history (in a backtest also a longer training_window), or shorten the longest lag and window (features: lags_h, recent_h, rolling_h)."
                .to_owned(),
        ),
        Error::TooFewRows { .. } => (
            ERRCODE_DATA_EXCEPTION,
            "Give more rows, or fewer features. A row counts where half of its features, and the target if there is one, are known.".to_owned(),
        ),
        Error::NotConverged { .. } => (
            ERRCODE_DATA_EXCEPTION,
            "Give the prior more precision (parameter precision), or features of similar size.".to_owned(),
        ),
        Error::NoJointResidual => (
            ERRCODE_DATA_EXCEPTION,
            "Give residuals of the same origins and leads for every series, such as those of backtests with one schedule.".to_owned(),
        ),
        Error::NullArgument(_) => {
            (ERRCODE_NULL_VALUE_NOT_ALLOWED, "Give it a value, or leave the argument out for its default.".to_owned())
        }
        Error::NonFinite { .. } | Error::NonFiniteArgument(_) => (ERRCODE_DATA_EXCEPTION, "Write a missing value as NULL.".to_owned()),
        Error::IrregularStep { .. } => (
            ERRCODE_DATA_EXCEPTION,
            "Give each step exactly one row: join generate_series() and leave the target NULL where nothing was measured."
                .to_owned(),
        ),
        // Uses the inner error's code and hint; the message names the item.
        Error::Of { error: inner, .. } => return describe(inner, message),
        Error::NotSupported(_) => {
            (ERRCODE_FEATURE_NOT_SUPPORTED, "Follow the message, or use a version of edf that supports it.".to_owned())
        }
        Error::DamagedArtifact(_) => {
            (ERRCODE_DATA_CORRUPTED, "Restore the row from a backup, or train the model again.".to_owned())
        }
        Error::Outdated(_) => {
            (ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "Run: alter extension edf update.".to_owned())
        }
        Error::Internal(_) => {
            (ERRCODE_INTERNAL_ERROR, "This is a bug in edf: please report it with the statement.".to_owned())
        }
    };
    ErrorReport::new(code, message, function_name!()).set_hint(hint)
}
