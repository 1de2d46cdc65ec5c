//! Explanations of forecasts; see `edf.explain`.

use edf_core::Error;
use edf_core::series::Frame;
use edf_core::train::Model;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};
use serde_json::{Value, json};

use crate::convert::{frame_of, from_utc, given, interrupts, to_utc};
use crate::forecast::{rows_of, tell_implausible};
use crate::report::report;

/// The contributions to a forecast, one row per step ahead and part; parts with neither a value nor a contribution are
/// left out.
#[pg_extern(name = "contributions", requires = ["series"])]
fn contributions_of<'a>(
    artifact: Option<&[u8]>,
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    horizon: Option<Interval>,
    issued_at: Option<TimestampWithTimeZone>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(valid_at, TimestampWithTimeZone),
            name!(lead_hours, f64),
            name!(feature, String),
            name!(value, Option<f64>),
            name!(contribution, f64),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let model = Model::from_bytes(given("artifact", artifact)?)?;
        let frame = frame_of(&given("series", series)?, None)?;
        let horizon = rows_of(&frame, horizon)?;
        let issued_at = issued_at.map(to_utc).transpose()?;
        let (frame, issued, explanation, implausible) = model.explain_at(frame, issued_at, horizon, &mut interrupts)?;
        tell_implausible(&implausible);
        let mut rows = Vec::new();
        for ((step, part), contribution) in explanation.contributions.indexed_iter() {
            let value = Some(explanation.values[[step, part]]).filter(|value| value.is_finite());
            if value.is_some() || *contribution != 0.0 {
                let valid_at = from_utc(frame.grid.time(issued + step))?;
                let name = explanation.names[part].clone();
                rows.push((valid_at, frame.grid.lead_hours(step + 1), name, value, *contribution));
            }
        }
        Ok::<_, Error>(rows)
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// Feature importance as stored in a model's metrics; null if the model cannot be explained.
pub fn importance(model: &Model, frames: &[&Frame]) -> Result<Value, Error> {
    match model.importance(frames, &mut interrupts) {
        Err(Error::NotSupported(_)) => Ok(Value::Null),
        importance => Ok(json!(importance?)),
    }
}
