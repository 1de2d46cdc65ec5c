//! Fitting one model on several series: `edf.train_global` is the way to call it.

use edf_core::Error;
use edf_core::train::{Member, Model, Recipe};
use pgrx::datum::{Interval, JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};
use serde_json::json;

use crate::convert::{from_utc, issue_of, members_of, to_span};
use crate::forecast::interrupts;
use crate::report::report;

/// Fits a global model on a panel; one row.
#[pg_extern(requires = ["series"])]
fn fit_panel<'a>(
    panel: pgrx::composite_type!('a, "edf.panel"),
    parameters: JsonB,
    features: JsonB,
    horizon: Interval,
    issue_hours: Option<Vec<Option<i32>>>,
    availability: Option<Interval>,
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
        let (hours, availability) = issue_of(issue_hours, availability)?;
        let members = members_of(&panel, availability)?;
        let Some(first) = members.first() else {
            return Err(Error::InvalidArgument("there is no series to learn from".to_owned()));
        };
        let horizon = first.frame.grid.rows_in("horizon", to_span("horizon", horizon)?)?;
        let recipe = Recipe::new("global", &parameters.0, &features.0, horizon)?.issued(&hours, availability);
        let model = Model::fit_panel(&recipe, &members, &mut interrupts)?;
        let starts = members.iter().map(|member| member.frame.grid.time(0)).min();
        let ends = members.iter().map(|member| member.frame.grid.time(member.frame.end_of_target())).max();
        let known = |member: &Member| member.frame.target.iter().filter(|value| value.is_finite()).count();
        Ok((
            model.to_bytes()?,
            JsonB(model.header().parameters.clone()),
            JsonB(json!(model.header().features)),
            model.feature_names(),
            from_utc(starts.unwrap_or_default())?,
            from_utc(ends.unwrap_or_default())?,
            members.iter().map(known).sum::<usize>() as i64,
            JsonB(json!({ "held_out": model.held_out() })),
        ))
    };
    Ok(TableIterator::once(run().map_err(report)?))
}
