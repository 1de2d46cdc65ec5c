//! The one aggregate whose state holds all rows: an array would be copied for each of them.
//!
//! The state is a core value in the aggregate's memory context; its Postgres type is `internal`, so that SQL can
//! neither create it nor call these functions directly.

use edf_core::Error;
use edf_core::metrics::quantile::{RelativeCrps, crps};
use pgrx::datum::Internal;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgMemoryContexts, pg_extern, pg_sys};

use super::{finite, quantiles};
use crate::report::report;

/// The state's value, created on first use.
fn rows(state: &mut Internal, call: pg_sys::FunctionCallInfo) -> Result<&mut RelativeCrps, Error> {
    if !state.initialized() {
        let mut context = std::ptr::null_mut();
        // SAFETY: Postgres provides the call info of the current call; the context outlives every call of the
        // aggregate.
        if unsafe { pg_sys::AggCheckCallContext(call, &mut context) } == 0 {
            return Err(Error::NotSupported("this function is called by the aggregate edf.rcrps alone".to_owned()));
        }
        let rows = PgMemoryContexts::For(context).leak_and_drop_on_delete(RelativeCrps::default());
        *state = Internal::from(Some(pg_sys::Datum::from(rows)));
    }
    // SAFETY: only the functions below belong to these aggregates, and all use the same type.
    unsafe { state.get_mut() }.ok_or_else(|| Error::Internal("an aggregate has lost its state".to_owned()))
}

/// Adds one row; the first call creates the state.
#[pg_extern(immutable, parallel_safe)]
fn rcrps_add(
    mut state: Internal,
    actual: Option<f64>,
    quantile_values: Option<Vec<Option<f64>>>,
    quantiles: Option<Vec<Option<f64>>>,
    call: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let run = || {
        let (Some(actual), Some(values), Some(levels)) = (actual, quantile_values, quantiles) else { return Ok(()) };
        finite("actual", actual)?;
        if let Some((values, levels)) = self::quantiles(values, levels)? {
            let score = crps(actual, &values, &levels)?;
            rows(&mut state, call)?.add(actual, score);
        }
        Ok(())
    };
    run().map_err(report)?;
    Ok(state)
}

/// Merges the states of two parallel workers.
#[pg_extern(immutable, parallel_safe)]
fn rcrps_merge(mut a: Internal, b: Internal, call: pg_sys::FunctionCallInfo) -> Result<Internal, ErrorReport> {
    // SAFETY: as in `rows`.
    if let Some(other) = unsafe { b.get::<RelativeCrps>() } {
        rows(&mut a, call).map_err(report)?.merge(other);
    }
    Ok(a)
}

/// Serialises a worker's state.
#[pg_extern(immutable, strict, parallel_safe)]
fn rcrps_save(state: Internal) -> Option<Vec<u8>> {
    // SAFETY: as in `rows`.
    unsafe { state.get::<RelativeCrps>() }.map(RelativeCrps::to_bytes)
}

/// The inverse of [`rcrps_save`].
#[pg_extern(immutable, strict, parallel_safe)]
fn rcrps_load(bytes: &[u8], _state: Internal) -> Result<Internal, ErrorReport> {
    RelativeCrps::from_bytes(bytes).map(Internal::new).map_err(report)
}

/// The relative score.
#[pg_extern(immutable, parallel_safe)]
fn rcrps_value(state: Internal) -> Option<f64> {
    // SAFETY: as in `rows`.
    unsafe { state.get::<RelativeCrps>() }.and_then(RelativeCrps::value)
}
