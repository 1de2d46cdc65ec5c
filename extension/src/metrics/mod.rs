//! State functions of the aggregates that score forecasts; `sql/metrics.sql` creates the aggregates.
//!
//! They are strict, so that rows with a NULL are skipped. NaN and infinities are rejected: skipping an invalid forecast
//! would improve its score.

mod compare;
mod rows;
mod sums;

use edf_core::Error;
use pgrx::pg_sys::panic::ErrorReport;

use crate::convert::complete;
use crate::report::report;

pgrx::extension_sql_file!(
    "../../sql/metrics.sql",
    name = "metrics",
    requires = [
        sums::errors_add,
        sums::errors_merge,
        sums::errors_bias,
        sums::errors_mae,
        sums::errors_rmse,
        sums::errors_mape,
        sums::errors_smape,
        sums::errors_wape,
        sums::mean_merge,
        sums::mean_value,
        sums::scaled_add,
        sums::pinball_add,
        sums::pinballs_add,
        sums::crps_add,
        sums::coverage_add,
        sums::width_add,
        sums::peak_add,
        sums::peak_merge,
        sums::peak_value,
        rows::rcrps_add,
        rows::rcrps_merge,
        rows::rcrps_save,
        rows::rcrps_load,
        rows::rcrps_value,
        compare::mase_scale,
        compare::diebold_mariano,
        compare::require_known,
    ]
);
pgrx::extension_sql_file!("../../sql/score_inputs.sql", name = "score_inputs", requires = ["metrics"]);
pgrx::extension_sql_file!("../../sql/score.sql", name = "score", requires = ["score_inputs", "series"]);

/// An argument that must be finite.
fn finite(name: &'static str, value: f64) -> Result<f64, Error> {
    if value.is_finite() { Ok(value) } else { Err(Error::NonFiniteArgument(name)) }
}

/// Quantiles and their levels; `None` if a quantile is NULL, so that the row is skipped.
fn quantiles(values: Vec<Option<f64>>, levels: Vec<Option<f64>>) -> Result<Option<(Vec<f64>, Vec<f64>)>, Error> {
    let levels = complete("quantiles", levels)?;
    let Some(values) = values.into_iter().collect::<Option<Vec<f64>>>() else { return Ok(None) };
    values.iter().try_for_each(|value| finite("quantile_values", *value).map(drop))?;
    Ok(Some((values, levels)))
}

/// The state of an aggregate, stored in SQL as an array of sums.
fn state<const N: usize>(sums: Vec<Option<f64>>) -> Result<[f64; N], ErrorReport> {
    <[f64; N]>::try_from(complete("the state", sums).map_err(report)?)
        .map_err(|_| report(Error::InvalidArgument(format!("the state of this aggregate has {N} numbers"))))
}
