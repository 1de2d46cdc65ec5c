//! Imports tree models trained elsewhere; see `edf.import_xgboost`.

use edf_core::Error;
use edf_core::model::TreeFile;
use edf_core::train::{Imported, Model, Purpose, Recipe, issue_row};
use pgrx::datum::{Array, Interval, JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};
use serde_json::json;

use crate::convert::{frame_of, given, given_all, interrupts, issue_of, to_utc};
use crate::document::{Document, document};
use crate::forecast::{fitted_row, rows_of};
use crate::report::report;

/// A model of these files; one row.
#[pg_extern(name = "fit_xgboost_files", requires = ["series"])]
#[allow(clippy::too_many_arguments)]
fn fit_xgboost_files<'a>(
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    issue_slots: Option<Vec<Option<i32>>>,
    lead_days: Option<Vec<Option<i32>>>,
    files: Option<Array<'a, &'a [u8]>>,
    trained_until: Option<TimestampWithTimeZone>,
    features: Option<Document>,
    horizon: Option<Interval>,
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
        let (hours, availability) = issue_of(None, availability)?;
        let features = document("features", features)?;
        let frame = frame_of(&given("series", series)?, availability)?;
        let horizon = rows_of(&frame, horizon)?;
        let slots = places("issue_slot", given_all("issue_slots", issue_slots)?, 0)?;
        let days = places("lead_day", given_all("lead_days", lead_days)?, 1)?;
        let ubj = given_all("files", files.map(|files| files.iter().map(|file| file.map(<[u8]>::to_vec)).collect()))?;
        if slots.len() != ubj.len() || days.len() != ubj.len() {
            return Err(Error::InvalidArgument("files, issue_slots and lead_days differ in number".to_owned()));
        }
        let files: Vec<TreeFile> = slots
            .into_iter()
            .zip(days)
            .zip(ubj)
            .map(|((slot, lead_day), ubj)| TreeFile { slot, lead_day, ubj })
            .collect();
        let recipe = Recipe::new("xgboost", &json!({"base": "mean"}), &features, horizon)?.issued(&hours, availability);
        let trained_until = frame.grid.row(to_utc(given("trained_until", trained_until)?)?)?;
        let purpose = Purpose { trees: Some(Imported { files: &files, trained_until }), ..Purpose::default() };
        let model = Model::fit_for(&recipe, &frame, issue_row(&frame, None)?, purpose, &mut interrupts)?;
        fitted_row(&model, &frame)
    };
    Ok(TableIterator::once(run().map_err(report)?))
}

/// Indices, each at least `least`.
fn places(name: &str, numbers: Vec<i32>, least: i32) -> Result<Vec<usize>, Error> {
    let place = |number: i32| {
        let place = usize::try_from(number).ok().filter(|_| number >= least);
        place.ok_or_else(|| Error::InvalidArgument(format!("{name} {number} is less than {least}")))
    };
    numbers.into_iter().map(place).collect()
}
