//! Aggregates whose state is a few sums.

use edf_core::Error;
use edf_core::metrics::peak::Peak;
use edf_core::metrics::{Errors, Mean, interval, quantile, scaled};
use pgrx::pg_extern;
use pgrx::pg_sys::panic::ErrorReport;

use super::{finite, quantiles, state};
use crate::report::report;

/// Adds one pair.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_add(sums: Vec<Option<f64>>, actual: f64, predicted: f64) -> Result<Vec<f64>, ErrorReport> {
    let mut errors = Errors::from_array(state(sums)?);
    pair(actual, predicted).map_err(report)?;
    errors.add(actual, predicted);
    Ok(errors.to_array().to_vec())
}

/// Merges the states of two parallel workers.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_merge(a: Vec<Option<f64>>, b: Vec<Option<f64>>) -> Result<Vec<f64>, ErrorReport> {
    Ok(Errors::from_array(state(a)?).merge(Errors::from_array(state(b)?)).to_array().to_vec())
}

/// Mean error.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_bias(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Errors::from_array(state(sums)?).bias())
}

/// Mean absolute error.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_mae(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Errors::from_array(state(sums)?).mae())
}

/// Root mean squared error.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_rmse(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Errors::from_array(state(sums)?).rmse())
}

/// Mean absolute percentage error.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_mape(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Errors::from_array(state(sums)?).mape())
}

/// Symmetric mean absolute percentage error.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_smape(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Errors::from_array(state(sums)?).smape())
}

/// Weighted absolute percentage error.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_wape(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Errors::from_array(state(sums)?).wape())
}

/// Merges the states of two parallel workers.
#[pg_extern(immutable, strict, parallel_safe)]
fn mean_merge(a: Vec<Option<f64>>, b: Vec<Option<f64>>) -> Result<Vec<f64>, ErrorReport> {
    Ok(Mean::from_array(state(a)?).merge(Mean::from_array(state(b)?)).to_array().to_vec())
}

/// The mean.
#[pg_extern(immutable, strict, parallel_safe)]
fn mean_value(sums: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Mean::from_array(state(sums)?).value())
}

/// Adds one row's absolute error divided by the scale.
#[pg_extern(immutable, strict, parallel_safe)]
fn scaled_add(sums: Vec<Option<f64>>, actual: f64, predicted: f64, scale: f64) -> Result<Vec<f64>, ErrorReport> {
    mean_add(sums, || {
        pair(actual, predicted)?;
        scaled::scaled_error(actual, predicted, finite("scale", scale)?)
    })
}

/// Adds one row's loss of one quantile.
#[pg_extern(immutable, strict, parallel_safe)]
fn pinball_add(sums: Vec<Option<f64>>, actual: f64, predicted: f64, quantile: f64) -> Result<Vec<f64>, ErrorReport> {
    mean_add(sums, || {
        pair(actual, predicted)?;
        quantile::pinball(actual, predicted, quantile).map(Some)
    })
}

/// Adds one row's mean loss of several quantiles.
#[pg_extern(immutable, strict, parallel_safe)]
fn pinballs_add(
    sums: Vec<Option<f64>>,
    actual: f64,
    quantile_values: Vec<Option<f64>>,
    quantiles: Vec<Option<f64>>,
) -> Result<Vec<f64>, ErrorReport> {
    mean_add(sums, || of_quantiles(actual, quantile_values, quantiles, quantile::mean_pinball))
}

/// Adds one row's CRPS.
#[pg_extern(immutable, strict, parallel_safe)]
fn crps_add(
    sums: Vec<Option<f64>>,
    actual: f64,
    quantile_values: Vec<Option<f64>>,
    quantiles: Vec<Option<f64>>,
) -> Result<Vec<f64>, ErrorReport> {
    mean_add(sums, || of_quantiles(actual, quantile_values, quantiles, quantile::crps))
}

/// Adds whether one row's actual lies inside its interval.
#[pg_extern(immutable, strict, parallel_safe)]
fn coverage_add(sums: Vec<Option<f64>>, actual: f64, lower: f64, upper: f64) -> Result<Vec<f64>, ErrorReport> {
    mean_add(sums, || {
        Ok(Some(interval::covered(finite("actual", actual)?, finite("lower", lower)?, finite("upper", upper)?)))
    })
}

/// Adds one interval's width.
#[pg_extern(immutable, strict, parallel_safe)]
fn width_add(sums: Vec<Option<f64>>, lower: f64, upper: f64) -> Result<Vec<f64>, ErrorReport> {
    mean_add(sums, || Ok(Some(interval::width(finite("lower", lower)?, finite("upper", upper)?))))
}

/// Adds one pair.
#[pg_extern(immutable, strict, parallel_safe)]
fn peak_add(highest: Vec<Option<f64>>, actual: f64, predicted: f64) -> Result<Vec<f64>, ErrorReport> {
    let mut peak = Peak::from_array(state(highest)?);
    pair(actual, predicted).map_err(report)?;
    peak.add(actual, predicted);
    Ok(peak.to_array().to_vec())
}

/// Merges the states of two parallel workers.
#[pg_extern(immutable, strict, parallel_safe)]
fn peak_merge(a: Vec<Option<f64>>, b: Vec<Option<f64>>) -> Result<Vec<f64>, ErrorReport> {
    Ok(Peak::from_array(state(a)?).merge(Peak::from_array(state(b)?)).to_array().to_vec())
}

/// Error of the peak.
#[pg_extern(immutable, strict, parallel_safe)]
fn peak_value(highest: Vec<Option<f64>>) -> Result<Option<f64>, ErrorReport> {
    Ok(Peak::from_array(state(highest)?).error())
}

fn pair(actual: f64, predicted: f64) -> Result<(), Error> {
    finite("actual", actual)?;
    finite("predicted", predicted).map(drop)
}

fn of_quantiles(
    actual: f64,
    values: Vec<Option<f64>>,
    levels: Vec<Option<f64>>,
    score: impl Fn(f64, &[f64], &[f64]) -> Result<f64, Error>,
) -> Result<Option<f64>, Error> {
    finite("actual", actual)?;
    quantiles(values, levels)?.map(|(values, levels)| score(actual, &values, &levels)).transpose()
}

/// Adds a row's value to a mean, if it has one.
fn mean_add(
    sums: Vec<Option<f64>>,
    number: impl FnOnce() -> Result<Option<f64>, Error>,
) -> Result<Vec<f64>, ErrorReport> {
    let mut mean = Mean::from_array(state(sums)?);
    if let Some(number) = number().map_err(report)? {
        mean.add(number);
    }
    Ok(mean.to_array().to_vec())
}
