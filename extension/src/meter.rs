//! Hourly values of registers and gauges.

use edf_core::Error;
use edf_core::meter::gauge::gauge_hours as means;
use edf_core::meter::register::{Context, register_hours as energies};
use edf_core::meter::{Hour, Meter, Point, Profile, Span};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{default, name, pg_extern};

use crate::convert::{complete, from_utc, given, given_all, interrupts, to_utc};
use crate::document::{Document, document};
use crate::report::report;

/// Hourly energy in kWh from readings of a cumulative register.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn register_hours(
    read_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    value: Option<Vec<Option<f64>>>,
    received_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    from_at: Option<TimestampWithTimeZone>,
    to_at: Option<TimestampWithTimeZone>,
    settings: default!(Option<Document>, "'{}'"),
    heard_at: default!(Option<TimestampWithTimeZone>, "null"),
    replaced_at: default!(Option<Vec<Option<TimestampWithTimeZone>>>, "'{}'"),
    profile: default!(Option<Vec<Option<f64>>>, "null"),
    time_zone: default!(Option<&str>, "'UTC'"),
    profile_known_at: default!(Option<TimestampWithTimeZone>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(hour_at, TimestampWithTimeZone),
            name!(energy_kwh, Option<f64>),
            name!(quality, String),
            name!(known_at, Option<TimestampWithTimeZone>),
            name!(rests_on_silence, bool),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let readings = points(read_at, value, received_at)?;
        let replaced_at = given_all("replaced_at", replaced_at)?;
        let replaced_at = replaced_at.into_iter().map(to_utc).collect::<Result<Vec<_>, _>>()?;
        let (time_zone, settings) = (given("time_zone", time_zone)?, document("settings", settings)?);
        let profile = profile.map(|weights| complete("profile", weights)).transpose()?;
        let profile_known_at = profile_known_at.map(to_utc).transpose()?;
        let profile = profile.map(|weights| Profile::new(&weights, time_zone, profile_known_at)).transpose()?;
        let heard_at = heard_at.map(to_utc).transpose()?;
        let context = Context { heard_at, replaced_at: &replaced_at, profile: profile.as_ref() };
        let span = span_of(from_at, to_at)?;
        rows(energies(&readings, &Meter::from_json(&settings)?, span, &context, &mut interrupts))
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// Hourly time-weighted mean from readings of a gauge.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn gauge_hours(
    read_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    value: Option<Vec<Option<f64>>>,
    received_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    from_at: Option<TimestampWithTimeZone>,
    to_at: Option<TimestampWithTimeZone>,
    settings: default!(Option<Document>, "'{}'"),
    heard_at: default!(Option<TimestampWithTimeZone>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(hour_at, TimestampWithTimeZone),
            name!(mean, Option<f64>),
            name!(quality, String),
            name!(known_at, Option<TimestampWithTimeZone>),
            name!(rests_on_silence, bool),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let readings = points(read_at, value, received_at)?;
        let span = span_of(from_at, to_at)?;
        let heard_at = heard_at.map(to_utc).transpose()?;
        let meter = Meter::from_json(&document("settings", settings)?)?;
        rows(means(&readings, &meter, span, heard_at, &mut interrupts))
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

fn span_of(from_at: Option<TimestampWithTimeZone>, to_at: Option<TimestampWithTimeZone>) -> Result<Span, Error> {
    Span::new(to_utc(given("from_at", from_at)?)?, to_utc(given("to_at", to_at)?)?)
}

type Row = (TimestampWithTimeZone, Option<f64>, String, Option<TimestampWithTimeZone>, bool);

fn rows(hours: Vec<Hour>) -> Result<Vec<Row>, Error> {
    let row = |hour: Hour| {
        let known_at = hour.received_at.map(from_utc).transpose()?;
        Ok((from_utc(hour.at)?, hour.value, hour.quality.name().to_owned(), known_at, hour.rests_on_silence))
    };
    hours.into_iter().map(row).collect()
}

fn points(
    read_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    value: Option<Vec<Option<f64>>>,
    received_at: Option<Vec<Option<TimestampWithTimeZone>>>,
) -> Result<Vec<Point>, Error> {
    let (read_at, value) = (given_all("read_at", read_at)?, given_all("value", value)?);
    let received_at = given_all("received_at", received_at)?;
    if read_at.len() != value.len() || received_at.len() != value.len() {
        return Err(Error::InvalidArgument(format!(
            "arrays of unequal length: {} times, {} values, {} times of receipt",
            read_at.len(),
            value.len(),
            received_at.len()
        )));
    }
    let point = |((at, value), received_at)| Ok(Point { at: to_utc(at)?, value, received_at: to_utc(received_at)? });
    read_at.into_iter().zip(value).zip(received_at).map(point).collect()
}
