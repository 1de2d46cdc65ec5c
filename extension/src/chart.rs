//! Charts of forecasts.

use edf_core::Error;
use edf_core::chart::{Frame, Hour, forecast_chart as draw};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{default, pg_extern};

use crate::convert::{given, given_all, to_utc};
use crate::report::report;

/// A forecast as SVG, from parallel arrays of hours in which unknown values are NULL.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn forecast_chart(
    hour_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    actual: Option<Vec<Option<f64>>>,
    yhat: Option<Vec<Option<f64>>>,
    yhat_lower: Option<Vec<Option<f64>>>,
    yhat_upper: Option<Vec<Option<f64>>>,
    solar: default!(Option<Vec<Option<f64>>>, "null"),
    title: default!(Option<&str>, "''"),
    time_zone: default!(Option<&str>, "'UTC'"),
    width: default!(Option<i32>, 800),
    height: default!(Option<i32>, 320),
) -> Result<String, ErrorReport> {
    let run = || {
        let times = given_all("hour_at", hour_at)?;
        let column = |name: &str, values: Option<Vec<Option<f64>>>| match values {
            Some(values) if values.len() != times.len() => {
                Err(Error::InvalidArgument(format!("{} hours and {} values of {name}", times.len(), values.len())))
            }
            Some(values) if values.iter().flatten().any(|value| !value.is_finite()) => {
                Err(Error::NonFiniteArgument("a value of the chart"))
            }
            Some(values) => Ok(values),
            None => Ok(vec![None; times.len()]),
        };
        let (actual, yhat, solar) = (column("actual", actual)?, column("yhat", yhat)?, column("solar", solar)?);
        let (lower, upper) = (column("yhat_lower", yhat_lower)?, column("yhat_upper", yhat_upper)?);
        let size = |name: &str, pixels| {
            let pixels = given(name, pixels)?;
            u32::try_from(pixels).map_err(|_| Error::InvalidArgument(format!("{name} is {pixels}, a negative number")))
        };
        let frame = Frame {
            title: given("title", title)?,
            zone: given("time_zone", time_zone)?,
            width: size("width", width)?,
            height: size("height", height)?,
        };
        let hour = |(row, at): (usize, &TimestampWithTimeZone)| {
            Ok(Hour {
                at: to_utc(*at)?,
                actual: actual[row],
                yhat: yhat[row],
                bounds: lower[row].zip(upper[row]),
                solar: solar[row],
            })
        };
        let mut hours = times.iter().enumerate().map(hour).collect::<Result<Vec<_>, Error>>()?;
        hours.sort_by_key(|hour| hour.at);
        draw(&hours, &frame)
    };
    run().map_err(report)
}
