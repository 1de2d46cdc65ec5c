//! Validates a configuration by a JSON Schema and by the parsers of its parts.

use chrono::{DateTime, TimeDelta};
use edf_core::Error;
use edf_core::features::FeatureSpec;
use edf_core::grid::Grid;
use edf_core::meter::Meter;
use edf_core::model::Strategy;
use edf_core::schema::{Violation, validate};
use edf_core::train::Recipe;
use pgrx::datum::JsonB;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{default, name, pg_extern};
use serde_json::{Value, json};

use crate::convert::{given, interrupts};
use crate::document::Document;
use crate::report::report;

/// One row for each violation of `schema` in `document`. Both are text and not jsonb, so that a value that JSON parsers
/// reject (a number like 1e400) is an error with its code.
#[pg_extern(immutable, parallel_safe)]
fn validate_json(
    document: Option<&str>,
    schema: Option<&str>,
) -> Result<TableIterator<'static, (name!(path, String), name!(message, String), name!(hint, String))>, ErrorReport> {
    let read = |what: &str, text: &str| -> Result<Value, Error> {
        serde_json::from_str(text)
            .map_err(|error| Error::InvalidArgument(format!("the {what} cannot be read: {error}")))
    };
    let run = || {
        let (document, schema) = (given("document", document)?, given("schema", schema)?);
        validate(&read("document", document)?, &read("schema", schema)?, &mut interrupts)
    };
    let row = |Violation { path, message, hint }| (path, message, hint);
    Ok(TableIterator::new(run().map_err(report)?.into_iter().map(row)))
}

/// The complete feature spec, with a strategy's defaults filled in.
#[pg_extern(immutable, strict, parallel_safe)]
fn read_features(features: Document, strategy: default!(&str, "'xgboost'")) -> Result<JsonB, ErrorReport> {
    let read = || FeatureSpec::from_json(&features.read("features")?, Strategy::parse(strategy)?.preset());
    read().map(|spec| JsonB(json!(spec))).map_err(report)
}

/// Hours before its issue time that a forecast reads.
#[pg_extern(immutable, strict, parallel_safe)]
fn history_hours(strategy: &str, parameters: Document, features: Document) -> Result<i64, ErrorReport> {
    let read = || {
        let (parameters, features) = (parameters.read("parameters")?, features.read("features")?);
        let Recipe { strategy, parameters, features, .. } = Recipe::new(strategy, &parameters, &features, 1)?;
        let hourly = Grid::from_times(&[DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::hours(1)])?;
        strategy.history(&parameters, &features, &hourly)
    };
    read().map(|hours| hours as i64).map_err(report)
}

/// All hyperparameters of a strategy, with defaults filled in.
#[pg_extern(immutable, strict, parallel_safe)]
fn read_parameters(strategy: &str, parameters: Document) -> Result<JsonB, ErrorReport> {
    let read = || Strategy::parse(strategy)?.read_parameters(&parameters.read("parameters")?);
    read().map(JsonB).map_err(report)
}

/// All settings of a meter, with defaults filled in.
#[pg_extern(immutable, strict, parallel_safe)]
fn read_meter_settings(settings: Document) -> Result<JsonB, ErrorReport> {
    let read = || Meter::from_json(&settings.read("settings")?);
    read().map(|meter| JsonB(json!(meter))).map_err(report)
}
