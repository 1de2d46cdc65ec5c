//! State functions of the aggregates `edf.mape`, `edf.rmse` and `edf.mae`.

use edf_core::Error;
use edf_core::metrics::Errors;
use pgrx::pg_extern;
use pgrx::pg_sys::panic::ErrorReport;

use crate::report::report;

fn state(sums: Vec<f64>) -> Result<Errors, ErrorReport> {
    let sums = <[f64; 5]>::try_from(sums);
    sums.map(Errors::from_array)
        .map_err(|_| report(Error::InvalidArgument("an aggregate's state has five sums".into())))
}

/// Adds one pair to the state; strict, so pairs with a NULL are skipped.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_add(sums: Vec<f64>, actual: f64, predicted: f64) -> Result<Vec<f64>, ErrorReport> {
    let mut errors = state(sums)?;
    errors.add(actual, predicted);
    Ok(errors.to_array().to_vec())
}

/// Merges the states of two workers.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_merge(a: Vec<f64>, b: Vec<f64>) -> Result<Vec<f64>, ErrorReport> {
    Ok(state(a)?.merge(state(b)?).to_array().to_vec())
}

/// Mean absolute percentage error of a state, in percent.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_mape(sums: Vec<f64>) -> Result<Option<f64>, ErrorReport> {
    Ok(state(sums)?.mape())
}

/// Root mean squared error of a state.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_rmse(sums: Vec<f64>) -> Result<Option<f64>, ErrorReport> {
    Ok(state(sums)?.rmse())
}

/// Mean absolute error of a state.
#[pg_extern(immutable, strict, parallel_safe)]
fn errors_mae(sums: Vec<f64>) -> Result<Option<f64>, ErrorReport> {
    Ok(state(sums)?.mae())
}
