//! Fitting one model on several series over arrays: `edf.train_global` is the way to call it.

use edf_core::Error;
use edf_core::series::Frame;
use edf_core::train::{Member, Model, Recipe};
use pgrx::datum::{Interval, JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{check_for_interrupts, name, pg_extern};
use serde_json::json;

use crate::convert::{Outlooks, Series, from_utc, to_span, to_utc};
use crate::report::report;

/// Fits a global model; one row. Rows stand by series, and by time within each.
#[pg_extern(strict)]
#[allow(clippy::too_many_arguments)]
fn fit_panel(
    series: Vec<String>,
    times: Vec<TimestampWithTimeZone>,
    target: Vec<Option<f64>>,
    regressor_names: Vec<String>,
    regressors: Vec<Option<f64>>,
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
        let start = times.iter().copied().map(to_utc).collect::<Result<Vec<_>, _>>()?.into_iter().min();
        let members = members(&series, times, &target, &regressor_names, &regressors)?;
        let Some((first, start)) = members.first().zip(start) else {
            return Err(Error::InvalidArgument("there is no series to learn from".to_owned()));
        };
        let horizon = first.frame.grid.rows_in("horizon", to_span("horizon", horizon)?)?;
        let recipe = Recipe::new("global", &parameters.0, &features.0, horizon)?;
        let model = Model::fit_panel(&recipe, &members, &mut || {
            check_for_interrupts!();
        })?;
        let ends = members.iter().map(|member| member.frame.grid.time(member.frame.end_of_target()));
        Ok((
            model.to_bytes()?,
            JsonB(model.header().parameters.clone()),
            JsonB(json!(model.header().features)),
            model.feature_names(),
            from_utc(start)?,
            from_utc(ends.max().unwrap_or(start))?,
            target.iter().flatten().count() as i64,
            JsonB(json!({ "held_out": model.held_out() })),
        ))
    };
    Ok(TableIterator::once(run().map_err(report)?))
}

/// Rows of one name in a row are a series.
fn members(
    series: &[String],
    times: Vec<TimestampWithTimeZone>,
    target: &[Option<f64>],
    names: &[String],
    regressors: &[Option<f64>],
) -> Result<Vec<Member>, Error> {
    let rows = series.len();
    if times.len() != rows || target.len() != rows || regressors.len() != rows * names.len() {
        return Err(Error::InvalidArgument("columns of unequal length".to_owned()));
    }
    let mut from = 0;
    series
        .chunk_by(|a, b| a == b)
        .map(|chunk| {
            let of_series = from..from + chunk.len();
            from = of_series.end;
            let columns = (0..names.len()).flat_map(|column| &regressors[column * rows..][of_series.clone()]);
            let none = Outlooks { times: Vec::new(), received: Vec::new(), names: Vec::new(), values: Vec::new() };
            let frame = Frame::try_from(Series {
                times: times[of_series.clone()].to_vec(),
                target: target[of_series.clone()].to_vec(),
                names: names.to_vec(),
                regressors: columns.copied().collect(),
                outlooks: none,
            });
            let name = chunk[0].clone();
            match frame {
                Ok(frame) => Ok(Member { name, frame }),
                Err(error) => Err(Error::Of { kind: "series", name, error: Box::new(error) }),
            }
        })
        .collect()
}
