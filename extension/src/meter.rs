//! Registers and gauges as hours.

use edf_core::Error;
use edf_core::meter::gauge::gauge_hours as means;
use edf_core::meter::register::{Context, register_hours as energies};
use edf_core::meter::{Hour, Meter, Point, Profile, Span};
use pgrx::datum::{JsonB, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{default, name, pg_extern};

use crate::convert::{from_utc, to_utc};
use crate::report::report;

/// Energy in kWh by hour from readings of a cumulative register.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn register_hours(
    read_at: Vec<TimestampWithTimeZone>,
    value: Vec<f64>,
    received_at: Vec<TimestampWithTimeZone>,
    from_at: TimestampWithTimeZone,
    to_at: TimestampWithTimeZone,
    settings: default!(JsonB, "'{}'"),
    heard_at: default!(Option<TimestampWithTimeZone>, "null"),
    replaced_at: default!(Vec<TimestampWithTimeZone>, "'{}'"),
    profile: default!(Option<Vec<f64>>, "null"),
    time_zone: default!(&str, "'UTC'"),
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
        let replaced_at = replaced_at.into_iter().map(to_utc).collect::<Result<Vec<_>, _>>()?;
        let profile_known_at = profile_known_at.map(to_utc).transpose()?;
        let profile = profile.map(|weights| Profile::new(&weights, time_zone, profile_known_at)).transpose()?;
        let heard_at = heard_at.map(to_utc).transpose()?;
        let context = Context { heard_at, replaced_at: &replaced_at, profile: profile.as_ref() };
        let span = Span::new(to_utc(from_at)?, to_utc(to_at)?)?;
        rows(energies(&readings, &Meter::from_json(&settings.0)?, span, &context))
    };
    Ok(TableIterator::new(run().map_err(report)?))
}

/// Time-weighted mean by hour from readings of a gauge.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn gauge_hours(
    read_at: Vec<TimestampWithTimeZone>,
    value: Vec<f64>,
    received_at: Vec<TimestampWithTimeZone>,
    from_at: TimestampWithTimeZone,
    to_at: TimestampWithTimeZone,
    settings: default!(JsonB, "'{}'"),
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
        let span = Span::new(to_utc(from_at)?, to_utc(to_at)?)?;
        let heard_at = heard_at.map(to_utc).transpose()?;
        rows(means(&readings, &Meter::from_json(&settings.0)?, span, heard_at))
    };
    Ok(TableIterator::new(run().map_err(report)?))
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
    read_at: Vec<TimestampWithTimeZone>,
    value: Vec<f64>,
    received_at: Vec<TimestampWithTimeZone>,
) -> Result<Vec<Point>, Error> {
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
