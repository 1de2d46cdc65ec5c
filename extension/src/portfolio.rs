//! Quantiles of sums of series, over arrays: called by `edf.portfolio`.

use chrono::{DateTime, Utc};
use edf_core::Error;
use edf_core::portfolio::{JointForecast, JointResidual, fans};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};

use crate::convert::{from_utc, given_all, interrupts, to_utc};
use crate::report::report;

/// Quantiles of sums of forecasts, from sums of residuals: parallel arrays of both.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn portfolio_quantiles(
    valid_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    lead_hours: Option<Vec<Option<f64>>>,
    yhat: Option<Vec<Option<f64>>>,
    residual_issued_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    residual_lead_hours: Option<Vec<Option<f64>>>,
    residual_errors: Option<Vec<Option<f64>>>,
    quantiles: Option<Vec<Option<f64>>>,
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
        let columns =
            (given_all("valid_at", valid_at)?, given_all("lead_hours", lead_hours)?, given_all("yhat", yhat)?);
        let forecasts = rows(columns, |valid_at, lead_hours, yhat| JointForecast { valid_at, lead_hours, yhat })?;
        let columns = (
            given_all("residual_issued_at", residual_issued_at)?,
            given_all("residual_lead_hours", residual_lead_hours)?,
            given_all("residual_errors", residual_errors)?,
        );
        let residuals = rows(columns, |issued_at, lead_hours, error| JointResidual { issued_at, lead_hours, error })?;
        let fans = fans(&forecasts, &residuals, &given_all("quantiles", quantiles)?, &mut interrupts)?;
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
    (times, leads, values): (Vec<TimestampWithTimeZone>, Vec<f64>, Vec<f64>),
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
