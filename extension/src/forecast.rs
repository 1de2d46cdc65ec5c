//! Fitting, forecasting and features of a series; see `edf.series_of`.

use edf_core::Error;
use edf_core::clean::Implausible;
use edf_core::features::{FeatureSpec, Preset, Sample, Table};
use edf_core::grid::rfc3339;
use edf_core::origin::{Origin, newest_origin};
use edf_core::series::Frame;
use edf_core::train::{Model, Recipe, check_horizon, issue_row};
use pgrx::datum::{Interval, JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern, warning};
use serde_json::json;

use crate::convert::{frame_of, from_utc, given, given_all, interrupts, issue_of, to_span, to_utc};
use crate::document::{Document, document};
use crate::explain::importance;
use crate::report::report;

/// Fits a model; returns one row.
#[pg_extern(name = "fit", requires = ["series"])]
#[allow(clippy::too_many_arguments)]
fn fit_series<'a>(
    strategy: Option<&str>,
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    parameters: Option<Document>,
    features: Option<Document>,
    horizon: Option<Interval>,
    issue_hours: Option<Vec<Option<i32>>>,
    availability: Option<Interval>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(artifact, Vec<u8>),
            name!(parameters_used, JsonB),
            name!(features_used, JsonB),
            name!(feature_names, Vec<String>),
            name!(training_start, TimestampWithTimeZone),
            name!(training_end, TimestampWithTimeZone),
            name!(training_rows, i64),
            name!(metrics, JsonB),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let (hours, availability) = issue_of(issue_hours, availability)?;
        let (parameters, features) = (document("parameters", parameters)?, document("features", features)?);
        let frame = frame_of(&given("series", series)?, availability)?;
        let horizon = rows_of(&frame, horizon)?;
        let recipe = Recipe::new(given("strategy", strategy)?, &parameters, &features, horizon)?;
        let recipe = recipe.issued(&hours, availability);
        // Everything in the input is known by now.
        let end = issue_row(&frame, None)?;
        let model = Model::fit(&recipe, &frame, end, &mut interrupts)?;
        fitted_row(&model, &frame)
    };
    Ok(TableIterator::once(run().map_err(report)?))
}

/// The registered columns of a model.
pub type FittedRow = (Vec<u8>, JsonB, JsonB, Vec<String>, TimestampWithTimeZone, TimestampWithTimeZone, i64, JsonB);

/// The row of a model that was fitted on a series; reports implausible values.
pub fn fitted_row(model: &Model, frame: &Frame) -> Result<FittedRow, Error> {
    let known = frame.target.iter().filter(|value| value.is_finite()).count();
    tell_spikes(frame);
    tell_implausible(model.implausible());
    Ok((
        model.to_bytes()?,
        JsonB(model.header().parameters.clone()),
        JsonB(json!(model.header().features)),
        model.feature_names(),
        from_utc(frame.grid.time(0))?,
        from_utc(frame.grid.time(frame.end_of_target()))?,
        known as i64,
        JsonB(json!({
            "held_out": model.held_out(),
            "regressor_forecast_shares": model.vintage_shares(),
            "issue": model.header().phases,
            "spikes": spikes(frame),
            "implausible": model.implausible().len(),
            "importance": importance(model, &[frame])?,
        })),
    ))
}

/// Number of rows ahead.
pub fn rows_of(frame: &Frame, horizon: Option<Interval>) -> Result<usize, Error> {
    frame.grid.rows_in("horizon", to_span("horizon", given("horizon", horizon)?)?)
}

/// The removed spikes, at most a hundred.
fn spikes(frame: &Frame) -> serde_json::Value {
    let newest = frame.spikes.iter().rev().take(100);
    newest.map(|spike| json!({"at": rfc3339(spike.at), "value": spike.value})).collect()
}

fn tell_spikes(frame: &Frame) {
    if !frame.spikes.is_empty() {
        pgrx::notice!("{} values are treated as spikes and missing: {}", frame.spikes.len(), frame.spikes_in_words());
    }
}

/// Warns about implausible values: the first one of each regressor.
pub fn tell_implausible(found: &[Implausible]) {
    let mut told: Vec<&str> = Vec::new();
    for Implausible { regressor, at, value } in found {
        if !told.contains(&regressor.as_str()) {
            told.push(regressor);
            let count = found.iter().filter(|other| other.regressor == *regressor).count();
            warning!(
                "{regressor} is {value} at {}, far outside its range in training: {count} of its values are treated as missing",
                rfc3339(*at)
            );
        }
    }
}

/// Forecasts from `issued_at`, or, if NULL, from the time at which all of the input was known.
#[pg_extern(name = "predict", requires = ["series"])]
fn predict_series<'a>(
    artifact: Option<&[u8]>,
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    horizon: Option<Interval>,
    issued_at: Option<TimestampWithTimeZone>,
    quantiles: Option<Vec<Option<f64>>>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(valid_at, TimestampWithTimeZone),
            name!(lead_hours, f64),
            name!(yhat, f64),
            name!(yhat_lower, f64),
            name!(yhat_upper, f64),
            name!(quantile_values, Vec<f64>),
            name!(confidence, f64),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let model = Model::from_bytes(given("artifact", artifact)?)?;
        let frame = frame_of(&given("series", series)?, None)?;
        let horizon = rows_of(&frame, horizon)?;
        let quantiles = given_all("quantiles", quantiles)?;
        let issued_at = issued_at.map(to_utc).transpose()?;
        let (frame, forecasts, implausible) =
            model.forecast_at(frame, issued_at, horizon, &quantiles, &mut interrupts)?;
        tell_implausible(&implausible);
        let row = |f: edf_core::train::Forecast| {
            let valid_at = from_utc(frame.grid.time(f.target()))?;
            Ok((valid_at, frame.grid.lead_hours(f.lead), f.yhat, f.lower, f.upper, f.quantiles, f.confidence))
        };
        forecasts.into_iter().map(row).collect::<Result<Vec<_>, Error>>()
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// The features that a forecast issued at `issued_at` would read, one row per hour ahead and feature.
#[pg_extern(name = "feature_rows", requires = ["series"])]
fn feature_rows_of<'a>(
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    features: Option<Document>,
    horizon: Option<Interval>,
    issued_at: Option<TimestampWithTimeZone>,
    availability: Option<Interval>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(valid_at, TimestampWithTimeZone),
            name!(lead_hours, f64),
            name!(feature, String),
            name!(unit, String),
            name!(value, Option<f64>),
            name!(known, String),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let (_, availability) = issue_of(None, availability)?;
        let features = document("features", features)?;
        let mut frame = frame_of(&given("series", series)?, availability)?;
        let horizon = rows_of(&frame, horizon)?;
        check_horizon(horizon)?;
        let issued = issue_row(&frame, issued_at.map(to_utc).transpose()?)?;
        let origin = Origin { issued, row: newest_origin(&frame, issued) };
        frame.extend(issued + horizon);
        let spec = FeatureSpec::from_json(&features, Preset::default())?.fitted(&frame.known_by(issued), issued)?;
        let table = Table::new(&spec, &frame, &mut interrupts)?;
        let samples: Vec<_> = (issued..issued + horizon).map(|target| Sample { origin, target }).collect();
        let matrix = table.matrix(&samples, &mut interrupts)?;
        let cell = |((row, column), value): ((usize, usize), &f32)| {
            let (sample, feature) = (samples[row], &table.features()[column]);
            Ok((
                from_utc(frame.grid.time(sample.target))?,
                frame.grid.lead_hours(sample.target - issued + 1),
                feature.name.clone(),
                feature.unit.to_owned(),
                value.is_finite().then_some(f64::from(*value)),
                feature.known.describe(&frame.grid),
            ))
        };
        matrix.indexed_iter().map(cell).collect::<Result<Vec<_>, Error>>()
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// The trees of an artifact as XGBoost files.
#[pg_extern(immutable, strict, name = "xgboost_files")]
fn xgboost_files(
    artifact: &[u8],
) -> Result<
    TableIterator<'static, (name!(issue_slot, i32), name!(lead_day, i32), name!(ubj, Vec<u8>), name!(around, JsonB))>,
    ErrorReport,
> {
    let run = || {
        let files = Model::from_bytes(artifact)?.boosters()?;
        Ok(files.into_iter().map(|file| (file.slot as i32, file.lead_day as i32, file.ubj, JsonB(file.around))))
    };
    Ok(TableIterator::new(run().map_err(report)?))
}
