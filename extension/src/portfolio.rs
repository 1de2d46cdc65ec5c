//! Quantiles of sums of series over arrays: `edf.portfolio` is the way to call it.

use chrono::{DateTime, Utc};
use edf_core::Error;
use edf_core::portfolio::{JointForecast, JointResidual, fans};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};

use crate::convert::{from_utc, to_utc};
use crate::report::report;

/// Quantiles of sums of forecasts, from sums of residuals: parallel arrays of both.
#[pg_extern(immutable, strict, parallel_safe)]
fn portfolio_quantiles(
    valid_at: Vec<TimestampWithTimeZone>,
    lead_hours: Vec<f64>,
    yhat: Vec<f64>,
    residual_issued_at: Vec<TimestampWithTimeZone>,
    residual_lead_hours: Vec<f64>,
    residual_errors: Vec<f64>,
    quantiles: Vec<f64>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(issued_at, TimestampWithTimeZone),
            name!(valid_at, TimestampWithTimeZone),
            name!(lead_hours, f64),
            name!(yhat, f64),
            name!(yhat_lower, f64),
            name!(yhat_upper, f64),
            name!(quantile_values, Vec<f64>),
            name!(origins, i64),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let forecasts = rows(valid_at, lead_hours, yhat, |valid_at, lead_hours, yhat| JointForecast {
            valid_at,
            lead_hours,
            yhat,
        })?;
        let residuals =
            rows(residual_issued_at, residual_lead_hours, residual_errors, |issued_at, lead_hours, error| {
                JointResidual { issued_at, lead_hours, error }
            })?;
        let fans = fans(&forecasts, &residuals, &quantiles)?;
        let row = |(fan, forecast): (edf_core::portfolio::JointFan, &JointForecast)| {
            Ok((
                from_utc(fan.issued_at)?,
                from_utc(forecast.valid_at)?,
                forecast.lead_hours,
                forecast.yhat,
                fan.lower,
                fan.upper,
                fan.quantiles,
                fan.origins as i64,
            ))
        };
        fans.into_iter().zip(&forecasts).map(row).collect::<Result<Vec<_>, Error>>()
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// Parallel columns as rows.
fn rows<T>(
    times: Vec<TimestampWithTimeZone>,
    leads: Vec<f64>,
    values: Vec<f64>,
    row: impl Fn(DateTime<Utc>, f64, f64) -> T,
) -> Result<Vec<T>, Error> {
    if leads.len() != times.len() || values.len() != times.len() {
        return Err(Error::InvalidArgument("columns of unequal length".to_owned()));
    }
    if !values.iter().all(|value| value.is_finite()) {
        return Err(Error::NonFiniteArgument("yhat or a residual"));
    }
    times.into_iter().zip(leads).zip(values).map(|((time, lead), value)| Ok(row(to_utc(time)?, lead, value))).collect()
}
