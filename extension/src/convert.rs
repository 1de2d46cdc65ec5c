//! Converts between Postgres and core types.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use edf_core::Error;
use edf_core::origin::IssueHours;
use edf_core::series::{Availability, Frame};
use edf_core::vintages::{Versions, Vintages};
use pgrx::datum::{Array, FromDatum, Interval, IntoDatum, TimestampWithTimeZone, TryFromDatumError, UnboxDatum};
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::{AllocatedByRust, check_for_interrupts};

/// Microseconds from the Unix epoch to the one of Postgres, 2000-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// The accepted years.
const FIRST_YEAR: i32 = 1;
const LAST_YEAR: i32 = 9999;

/// A composite value from SQL.
pub type Composite<'a> = PgHeapTuple<'a, AllocatedByRust>;

/// A field of a composite value.
pub fn field<T>(value: &Composite<'_>, name: &str) -> Result<Option<T>, Error>
where
    T: FromDatum + IntoDatum + for<'t> UnboxDatum<As<'t> = T> + 'static,
{
    value.get_by_name(name).map_err(|error| broken(name, &error))
}

fn broken(name: &str, error: &TryFromDatumError) -> Error {
    Error::InvalidArgument(format!("field {name}: {error}"))
}

/// A field of texts without NULL elements; empty if it is NULL itself.
pub fn texts(value: &Composite<'_>, name: &str) -> Result<Vec<String>, Error> {
    let array = value.get_by_name::<Array<'_, String>>(name).map_err(|error| broken(name, &error))?;
    complete(name, array.map_or_else(Vec::new, |array| array.iter().collect()))
}

/// A field of numbers; empty if it is NULL.
pub fn numbers(value: &Composite<'_>, name: &str) -> Result<Vec<Option<f64>>, Error> {
    let array = value.get_by_name::<Array<'_, f64>>(name).map_err(|error| broken(name, &error))?;
    Ok(array.map_or_else(Vec::new, |array| array.iter().collect()))
}

fn times(value: &Composite<'_>, name: &str) -> Result<Option<Vec<Option<TimestampWithTimeZone>>>, Error> {
    let array = value.get_by_name::<Array<'_, TimestampWithTimeZone>>(name).map_err(|error| broken(name, &error))?;
    Ok(array.map(|array| array.iter().collect()))
}

/// Processes cancel requests and timeouts: the core calls it between units of work, and it unwinds through the core.
pub fn interrupts() {
    check_for_interrupts!();
}

/// An argument that must not be NULL. Only scalar functions can use STRICT for that: a set-returning function would
/// silently return no rows.
pub fn given<T>(name: &str, argument: Option<T>) -> Result<T, Error> {
    argument.ok_or_else(|| Error::NullArgument(format!("argument {name}")))
}

/// An array that is not NULL and has no NULL elements.
pub fn given_all<T>(name: &str, argument: Option<Vec<Option<T>>>) -> Result<Vec<T>, Error> {
    complete(name, given(name, argument)?)
}

/// The elements of an array, none of which may be NULL.
pub fn complete<T>(name: &str, values: Vec<Option<T>>) -> Result<Vec<T>, Error> {
    let complete: Option<Vec<T>> = values.into_iter().collect();
    complete.ok_or_else(|| Error::NullArgument(format!("an element of {name}")))
}

/// Converts `edf.series` to a frame. When its rows became known is part of it, or given by `availability`.
pub fn frame_of(series: &Composite<'_>, availability: Option<TimeDelta>) -> Result<Frame, Error> {
    let at = utc("times", times(series, "times")?)?;
    let names = texts(series, "regressor_names")?;
    let mut frame = Frame::new(&at, &numbers(series, "target")?, &names, &numbers(series, "regressors")?)?;
    let forecast_times = utc("forecast_times", times(series, "forecast_times")?)?;
    if !forecast_times.is_empty() {
        let versions = Versions {
            times: &forecast_times,
            received: &utc("forecast_received_at", times(series, "forecast_received_at")?)?,
            names: &texts(series, "forecast_names")?,
            values: &numbers(series, "forecast_values")?,
        };
        frame.vintages = Some(Vintages::new(&frame.grid, &names, &versions)?);
    }
    let received = times(series, "received_at")?.map(received).transpose()?;
    set_availability(&mut frame, received.as_deref(), availability)?;
    Ok(frame)
}

fn set_availability(
    frame: &mut Frame,
    received: Option<&[Option<DateTime<Utc>>]>,
    availability: Option<TimeDelta>,
) -> Result<(), Error> {
    match received {
        Some(received) if received.len() != frame.grid.len() => Err(Error::InvalidArgument(format!(
            "columns of unequal length: {} times, {} times of receipt",
            frame.grid.len(),
            received.len()
        ))),
        Some(received) => frame.set_availability(Availability::Received(received)),
        None => frame.set_availability(availability.map_or(Availability::AtEnd, Availability::After)),
    }
}

fn received(times: Vec<Option<TimestampWithTimeZone>>) -> Result<Vec<Option<DateTime<Utc>>>, Error> {
    times.into_iter().map(|time| time.map(received_at).transpose()).collect()
}

/// When a row was received: `-infinity` means always known, `infinity` never.
fn received_at(time: TimestampWithTimeZone) -> Result<DateTime<Utc>, Error> {
    if time.is_neg_infinity() {
        return Ok(DateTime::UNIX_EPOCH);
    }
    if time.is_infinity() {
        return Ok(DateTime::<Utc>::MAX_UTC);
    }
    to_utc(time)
}

fn utc(name: &str, times: Option<Vec<Option<TimestampWithTimeZone>>>) -> Result<Vec<DateTime<Utc>>, Error> {
    complete(name, times.unwrap_or_default())?.into_iter().map(to_utc).collect()
}

/// The issue hours and the availability of a recipe.
pub fn issue_of(
    hours: Option<Vec<Option<i32>>>,
    availability: Option<Interval>,
) -> Result<(IssueHours, Option<TimeDelta>), Error> {
    let hours = IssueHours::new(&complete("issue_hours", hours.unwrap_or_default())?)?;
    Ok((hours, availability.map(|availability| to_span("availability", availability)).transpose()?))
}

/// Converts a Postgres time to chrono; infinities are rejected. Times after [`LAST_YEAR`] are rejected too, so that
/// adding a span cannot overflow chrono's range.
pub fn to_utc(time: TimestampWithTimeZone) -> Result<DateTime<Utc>, Error> {
    let micros: i64 = time.into_inner();
    micros
        .checked_add(POSTGRES_EPOCH)
        .and_then(DateTime::from_timestamp_micros)
        .filter(|time| (FIRST_YEAR..=LAST_YEAR).contains(&time.year()))
        .ok_or_else(|| {
            Error::InvalidArgument(format!("a time is infinite or not in the years {FIRST_YEAR} to {LAST_YEAR}"))
        })
}

/// Converts a chrono time to Postgres.
pub fn from_utc(time: DateTime<Utc>) -> Result<TimestampWithTimeZone, Error> {
    let micros = time.timestamp_micros() - POSTGRES_EPOCH;
    TimestampWithTimeZone::try_from(micros)
        .map_err(|_| Error::InvalidArgument("a time is outside of what Postgres can hold".to_owned()))
}

/// Converts an interval without months to absolute time.
pub fn to_span(name: &str, interval: Interval) -> Result<TimeDelta, Error> {
    if interval.months() != 0 {
        return Err(Error::InvalidArgument(format!(
            "{name} holds months, which have no fixed length; write it in days"
        )));
    }
    Ok(TimeDelta::days(i64::from(interval.days())) + TimeDelta::microseconds(interval.micros()))
}
