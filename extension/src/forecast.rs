//! Fitting, forecasting and features over arrays.
//!
//! A series arrives as arrays (times, target, regressors one after the other): see `edf.series_of`.

use edf_core::Error;
use edf_core::features::{FeatureSpec, Preset, Sample, Table};
use edf_core::series::Frame;
use edf_core::train::{Model, Recipe};
use pgrx::datum::{Interval, JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{check_for_interrupts, name, pg_extern};
use serde_json::json;

use crate::convert::{Outlooks, Series, from_utc, to_span, to_utc};
use crate::report::report;

/// Cancel and timeouts are heard between boosting rounds; both unwind through the core.
pub fn interrupts() {
    check_for_interrupts!();
}

/// Fits a model; one row.
#[pg_extern(strict)]
#[allow(clippy::too_many_arguments)]
fn fit(
    strategy: &str,
    times: Vec<TimestampWithTimeZone>,
    target: Vec<Option<f64>>,
    regressor_names: Vec<String>,
    regressors: Vec<Option<f64>>,
    outlook_times: Vec<TimestampWithTimeZone>,
    outlook_received: Vec<Option<f64>>,
    outlook_names: Vec<String>,
    outlook_values: Vec<Option<f64>>,
    parameters: JsonB,
    features: JsonB,
    horizon: Interval,
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
        let outlooks =
            Outlooks { times: outlook_times, received: outlook_received, names: outlook_names, values: outlook_values };
        let frame = Frame::try_from(Series { times, target, names: regressor_names, regressors, outlooks })?;
        let horizon = frame.grid.rows_in("horizon", to_span("horizon", horizon)?)?;
        let recipe = Recipe::new(strategy, &parameters.0, &features.0, horizon)?;
        let end = frame.end_of_target();
        let model = Model::fit(&recipe, &frame, end, &mut interrupts)?;
        let rows = frame.target[..end].iter().filter(|value| value.is_finite()).count();
        Ok((
            model.to_bytes()?,
            JsonB(model.header().parameters.clone()),
            JsonB(json!(model.header().features)),
            model.feature_names(),
            from_utc(frame.grid.time(0))?,
            from_utc(frame.grid.time(end))?,
            rows as i64,
            JsonB(json!({ "held_out": model.held_out(), "regressor_forecast_shares": model.outlook_shares() })),
        ))
    };
    Ok(TableIterator::once(run().map_err(report)?))
}

/// Forecasts from `issued_at`, or from the row after the last known target where that is NULL.
#[pg_extern]
#[allow(clippy::too_many_arguments)]
fn predict(
    artifact: &[u8],
    times: Vec<TimestampWithTimeZone>,
    target: Vec<Option<f64>>,
    regressor_names: Vec<String>,
    regressors: Vec<Option<f64>>,
    outlook_times: Vec<TimestampWithTimeZone>,
    outlook_received: Vec<Option<f64>>,
    outlook_names: Vec<String>,
    outlook_values: Vec<Option<f64>>,
    horizon: Interval,
    issued_at: Option<TimestampWithTimeZone>,
    quantiles: Vec<f64>,
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
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let model = Model::from_bytes(artifact)?;
        let outlooks =
            Outlooks { times: outlook_times, received: outlook_received, names: outlook_names, values: outlook_values };
        let frame = Frame::try_from(Series { times, target, names: regressor_names, regressors, outlooks })?;
        let horizon = frame.grid.rows_in("horizon", to_span("horizon", horizon)?)?;
        let (frame, forecasts) = model.forecast_at(frame, issued_at.map(to_utc).transpose()?, horizon, &quantiles)?;
        let row = |f: edf_core::train::Forecast| {
            let valid_at = from_utc(frame.grid.time(f.target()))?;
            Ok((valid_at, frame.grid.lead_hours(f.lead), f.yhat, f.lower, f.upper, f.quantiles))
        };
        forecasts.into_iter().map(row).collect::<Result<Vec<_>, Error>>()
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// The features that a forecast issued at `issued_at` would read, one row per hour ahead and feature.
#[pg_extern]
#[allow(clippy::too_many_arguments)]
fn feature_rows(
    times: Vec<TimestampWithTimeZone>,
    target: Vec<Option<f64>>,
    regressor_names: Vec<String>,
    regressors: Vec<Option<f64>>,
    outlook_times: Vec<TimestampWithTimeZone>,
    outlook_received: Vec<Option<f64>>,
    outlook_names: Vec<String>,
    outlook_values: Vec<Option<f64>>,
    features: JsonB,
    horizon: Interval,
    issued_at: Option<TimestampWithTimeZone>,
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
        let outlooks =
            Outlooks { times: outlook_times, received: outlook_received, names: outlook_names, values: outlook_values };
        let mut frame = Frame::try_from(Series { times, target, names: regressor_names, regressors, outlooks })?;
        let horizon = frame.grid.rows_in("horizon", to_span("horizon", horizon)?)?;
        let origin = match issued_at {
            Some(time) => frame.grid.row(to_utc(time)?)?,
            None => frame.end_of_target(),
        };
        frame.extend(origin + horizon);
        let spec = FeatureSpec::from_json(&features.0, Preset::default())?.fitted(&frame, origin);
        let table = Table::new(&spec, &frame)?;
        let samples: Vec<_> = (origin..origin + horizon).map(|target| Sample { origin, target }).collect();
        let matrix = table.matrix(&samples)?;
        let cell = |((row, column), value): ((usize, usize), &f32)| {
            let (sample, feature) = (samples[row], &table.features()[column]);
            Ok((
                from_utc(frame.grid.time(sample.target))?,
                frame.grid.lead_hours(sample.lead()),
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
