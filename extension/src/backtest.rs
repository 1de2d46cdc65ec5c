//! Rolling-origin evaluation over arrays: see `edf.series_of`.

use edf_core::Error;
use edf_core::backtest::{Contender, Schedule, backtest};
use edf_core::series::Frame;
use edf_core::train::Recipe;
use pgrx::datum::{Interval, JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};

use crate::convert::{Outlooks, Series, from_utc, to_span, to_utc};
use crate::forecast::interrupts;
use crate::report::report;

/// Rolling-origin evaluation from `first_origin`, or over the last `test_period` where that is NULL, of one
/// strategy or of all `contenders`.
#[pg_extern]
#[allow(clippy::too_many_arguments)]
fn backtest_series(
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
    test_period: Interval,
    step: Interval,
    refit: Interval,
    first_origin: Option<TimestampWithTimeZone>,
    last_origin: Option<TimestampWithTimeZone>,
    training_window: Option<Interval>,
    contenders: Option<JsonB>,
    workers: i32,
    quantiles: Vec<f64>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(contender, String),
            name!(issued_at, TimestampWithTimeZone),
            name!(valid_at, TimestampWithTimeZone),
            name!(lead_hours, f64),
            name!(actual, Option<f64>),
            name!(yhat, f64),
            name!(yhat_lower, f64),
            name!(yhat_upper, f64),
            name!(quantile_values, Vec<f64>),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let outlooks =
            Outlooks { times: outlook_times, received: outlook_received, names: outlook_names, values: outlook_values };
        let frame = Frame::try_from(Series { times, target, names: regressor_names, regressors, outlooks })?;
        let rows = |name: &str, interval| frame.grid.rows_in(name, to_span(name, interval)?);
        let row_at = |time| frame.grid.row(to_utc(time)?);
        let horizon = rows("horizon", horizon)?;
        let contenders = match contenders {
            Some(_) if parameters.0.as_object().is_none_or(|parameters| !parameters.is_empty()) => {
                return Err(Error::InvalidArgument(
                    "parameters are those of one strategy: among contenders, each has its own \"parameters\""
                        .to_owned(),
                ));
            }
            Some(JsonB(given)) => Contender::list(&given, &features.0, horizon)?,
            None => vec![Contender::single(Recipe::new(strategy, &parameters.0, &features.0, horizon)?)],
        };
        let test_period = rows("test_period", test_period)?;
        let schedule = Schedule {
            first: match first_origin {
                Some(time) => row_at(time)?,
                None => frame.end_of_target().saturating_sub(test_period),
            },
            last: last_origin.map(row_at).transpose()?,
            step: rows("step", step)?,
            refit: rows("refit", refit)?,
            window: training_window.map(|window| rows("training_window", window)).transpose()?,
        };
        // A negative number is none.
        let workers = usize::try_from(workers).unwrap_or(0);
        let forecasts = backtest(&contenders, schedule, &frame, &quantiles, workers, &mut interrupts)?;
        let named = contenders.into_iter().map(|contender| contender.name).zip(forecasts);
        let time = |row| from_utc(frame.grid.time(row));
        named
            .flat_map(|(name, forecasts)| forecasts.into_iter().map(move |forecast| (name.clone(), forecast)))
            .map(|(name, f)| {
                let actual = Some(frame.target[f.target()]).filter(|actual| actual.is_finite());
                let (issued_at, valid_at) = (time(f.origin)?, time(f.target())?);
                let lead_hours = frame.grid.lead_hours(f.lead);
                Ok((name, issued_at, valid_at, lead_hours, actual, f.yhat, f.lower, f.upper, f.quantiles))
            })
            .collect::<Result<Vec<_>, Error>>()
    };
    Ok(TableIterator::new(run().map_err(report)?))
}
