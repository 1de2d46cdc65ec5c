//! Fits one model on several series: called by `edf.train_global`.
//!
//! It is an aggregate, so that the series arrive one by one and each is stored once, in the core's form: memory use is
//! that of the numbers.

use edf_core::Error;
use edf_core::model::Strategy;
use edf_core::series::Frame;
use edf_core::train::{Member, Model, Recipe};
use pgrx::datum::{Internal, Interval};
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{AllocatedByRust, JsonB, PgMemoryContexts, pg_extern, pg_sys};
use serde_json::json;

use crate::convert::{Composite, frame_of, from_utc, given, interrupts, issue_of, to_span};
use crate::document::{Document, document};
use crate::explain::importance;
use crate::report::report;

pgrx::extension_sql_file!("../sql/fit_panel.sql", name = "fit_panel", requires = ["series", panel_add, panel_fit]);

/// The series so far, and the recipe, taken from the first row.
struct Panel {
    recipe: Recipe,
    members: Vec<Member>,
}

/// Adds one series; the first call creates the state.
#[pg_extern(requires = ["series"])]
#[allow(clippy::too_many_arguments)]
fn panel_add<'a>(
    mut state: Internal,
    name: Option<&str>,
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    parameters: Option<Document>,
    features: Option<Document>,
    horizon: Option<Interval>,
    issue_hours: Option<Vec<Option<i32>>>,
    availability: Option<Interval>,
    call: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let run = || {
        let name = given("name", name)?;
        let (hours, availability) = issue_of(issue_hours, availability)?;
        let of = |error| Error::Of { kind: "series", name: name.to_owned(), error: Box::new(error) };
        let series: Composite<'_> = given("series", series)?;
        let frame = frame_of(&series, availability).map_err(of)?;
        if !state.initialized() {
            let horizon = frame.grid.rows_in("horizon", to_span("horizon", given("horizon", horizon)?)?)?;
            let (parameters, features) = (document("parameters", parameters)?, document("features", features)?);
            let recipe =
                Recipe::new(Strategy::GLOBAL.name(), &parameters, &features, horizon)?.issued(&hours, availability);
            state = kept(Panel { recipe, members: Vec::new() }, call)?;
        }
        // SAFETY: only the functions below belong to this aggregate, and all use the same type.
        let panel = unsafe { state.get_mut::<Panel>() }.ok_or_else(lost)?;
        panel.members.push(Member { name: name.to_owned(), frame });
        Ok(())
    };
    run().map_err(report)?;
    Ok(state)
}

/// A state in the aggregate's memory context.
fn kept(panel: Panel, call: pg_sys::FunctionCallInfo) -> Result<Internal, Error> {
    let mut context = std::ptr::null_mut();
    // SAFETY: Postgres provides the call info of the current call; the context outlives every call of the aggregate.
    if unsafe { pg_sys::AggCheckCallContext(call, &mut context) } == 0 {
        return Err(Error::NotSupported("this function is called by the aggregate edf.fit_panel alone".to_owned()));
    }
    let panel = PgMemoryContexts::For(context).leak_and_drop_on_delete(panel);
    Ok(Internal::from(Some(pg_sys::Datum::from(panel))))
}

fn lost() -> Error {
    Error::InvalidArgument("there is no series to train on".to_owned())
}

/// Fits a global model on all of them.
#[pg_extern(requires = ["series"])]
fn panel_fit(state: Internal) -> Result<pgrx::composite_type!('static, "edf.fitted"), ErrorReport> {
    let run = || {
        // SAFETY: as in `panel_add`.
        let Panel { recipe, members } = unsafe { state.get::<Panel>() }.ok_or_else(lost)?;
        let model = Model::fit_panel(recipe, members, &mut interrupts)?;
        let starts = members.iter().map(|member| member.frame.grid.time(0)).min();
        let ends = members.iter().map(|member| member.frame.grid.time(member.frame.end_of_target())).max();
        let known = |frame: &Frame| frame.target.iter().filter(|value| value.is_finite()).count();
        let rows = members.iter().map(|member| known(&member.frame)).sum::<usize>();
        let frames: Vec<&Frame> = members.iter().map(|member| &member.frame).collect();
        let metrics = json!({ "held_out": model.held_out(), "importance": importance(&model, &frames)? });
        let (artifact, starts) = (model.to_bytes()?, from_utc(starts.unwrap_or_default())?);
        let ends = from_utc(ends.unwrap_or_default())?;
        let fitted =
            PgHeapTuple::new_composite_type("edf.fitted").map_err(|error| Error::Internal(error.to_string()))?;
        let fill = || {
            let mut fitted: PgHeapTuple<'static, AllocatedByRust> = fitted;
            fitted.set_by_name("artifact", artifact)?;
            fitted.set_by_name("parameters_used", JsonB(model.header().parameters.clone()))?;
            fitted.set_by_name("features_used", JsonB(json!(model.header().features)))?;
            fitted.set_by_name("feature_names", model.feature_names())?;
            fitted.set_by_name("training_start", starts)?;
            fitted.set_by_name("training_end", ends)?;
            fitted.set_by_name("training_rows", rows as i64)?;
            fitted.set_by_name("metrics", JsonB(metrics))?;
            Ok(fitted)
        };
        fill().map_err(|error: pgrx::datum::TryFromDatumError| Error::Internal(error.to_string()))
    };
    run().map_err(report)
}
