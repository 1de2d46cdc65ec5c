//! Rolling-origin evaluation of a series; see `edf.series_of`.

use edf_core::Error;
use edf_core::backtest::{Candidate, Schedule, backtest};
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};

use crate::convert::{field, frame_of, from_utc, given, given_all, interrupts, issue_of, to_span, to_utc};
use crate::document::{Document, document};
use crate::report::report;

/// Rolling-origin evaluation of all `candidates`, from the schedule's first origin, or over its test period at the end.
#[pg_extern(name = "backtest_series", requires = ["series", "schedule"])]
#[allow(clippy::too_many_arguments)]
fn backtest_of<'a>(
    series: Option<pgrx::composite_type!('a, "edf.series")>,
    candidates: Option<Document>,
    features: Option<Document>,
    horizon: Option<Interval>,
    schedule: Option<pgrx::composite_type!('a, "edf.schedule")>,
    issue_hours: Option<Vec<Option<i32>>>,
    availability: Option<Interval>,
    levels: Option<Vec<Option<f64>>>,
    workers: Option<i32>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(candidate, String),
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
        let (hours, availability) = issue_of(issue_hours, availability)?;
        let (candidates, features) = (document("candidates", candidates)?, document("features", features)?);
        let frame = frame_of(&given("series", series)?, availability)?;
        let schedule = given("schedule", schedule)?;
        let rows = |name: &str| -> Result<Option<usize>, Error> {
            field::<Interval>(&schedule, name)?.map(|span| frame.grid.rows_in(name, to_span(name, span)?)).transpose()
        };
        let needed = |name: &str| rows(name)?.ok_or_else(|| Error::NullArgument(format!("the schedule's {name}")));
        let row_at = |name: &str| -> Result<Option<usize>, Error> {
            field::<TimestampWithTimeZone>(&schedule, name)?.map(|time| frame.grid.row(to_utc(time)?)).transpose()
        };
        let horizon = frame.grid.rows_in("horizon", to_span("horizon", given("horizon", horizon)?)?)?;
        let candidates = Candidate::list(&candidates, &features, horizon)?;
        let candidates: Vec<Candidate> = candidates.into_iter().map(|c| c.issued(&hours, availability)).collect();
        let schedule = Schedule {
            first: match row_at("first_origin")? {
                Some(row) => row,
                None => frame.end_of_target().saturating_sub(needed("test_period")?),
            },
            last: row_at("last_origin")?,
            step: needed("step")?,
            refit: needed("refit")?,
            window: rows("training_window")?,
        };
        // A negative number counts as zero, which is rejected.
        let workers = usize::try_from(given("workers", workers)?).unwrap_or(0);
        let levels = given_all("levels", levels)?;
        let forecasts = backtest(&candidates, schedule, &frame, &levels, workers, &mut interrupts)?;
        let named = candidates.into_iter().map(|candidate| candidate.name).zip(forecasts);
        let time = |row| from_utc(frame.grid.time(row));
        named
            .flat_map(|(name, forecasts)| forecasts.into_iter().map(move |forecast| (name.clone(), forecast)))
            .map(|(name, f)| {
                let actual = Some(frame.target[f.target()]).filter(|actual| actual.is_finite());
                let (issued_at, valid_at) = (time(f.issued)?, time(f.target())?);
                let lead_hours = frame.grid.lead_hours(f.lead);
                Ok((name, issued_at, valid_at, lead_hours, actual, f.yhat, f.lower, f.upper, f.quantiles))
            })
            .collect::<Result<Vec<_>, Error>>()
    };
    Ok(TableIterator::new(run().map_err(report)?))
}
