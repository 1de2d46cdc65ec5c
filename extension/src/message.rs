//! Parses meter messages and weather documents into rows.

use edf_core::message::{convert, read_meter_message, read_weather_document};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{default, name, pg_extern};

use crate::convert::{from_utc, given, interrupts};
use crate::report::report;

type MeterRow = (
    i32,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<TimestampWithTimeZone>,
    Option<f64>,
    Option<String>,
    Option<String>,
    Option<String>,
);
type WeatherRow =
    (Option<TimestampWithTimeZone>, Option<f64>, Option<f64>, Option<f64>, Option<String>, Option<String>);

/// One row per reading of each message, with `at` the index of the message; rejections have `reason_code` and `reason`.
#[pg_extern(immutable, parallel_safe)]
fn parse_meter_messages(
    messages: Option<Vec<Option<String>>>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(at, i32),
            name!(building_id, Option<String>),
            name!(apartment_id, Option<String>),
            name!(sensor_type, Option<String>),
            name!(room_name, Option<String>),
            name!(read_at, Option<TimestampWithTimeZone>),
            name!(value, Option<f64>),
            name!(unit, Option<String>),
            name!(reason_code, Option<String>),
            name!(reason, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let messages = given("messages", messages).map_err(report)?;
    let mut rows: Vec<MeterRow> = Vec::with_capacity(messages.len());
    for (at, message) in (1..).zip(messages) {
        interrupts();
        let rejected = |code: &str, reason: String| {
            (at, None, None, None, None, None, None, None, Some(code.to_owned()), Some(reason))
        };
        rows.extend(read_meter_message(message.as_deref().unwrap_or_default()).into_iter().map(
            |reading| match reading {
                Err(rejection) => rejected(rejection.code, rejection.reason),
                Ok(r) => match from_utc(r.read_at) {
                    Err(error) => rejected("bad_timestamp", error.to_string()),
                    Ok(read_at) => (
                        at,
                        Some(r.building_id),
                        r.apartment_id,
                        Some(r.sensor_type),
                        r.room_name,
                        Some(read_at),
                        Some(r.value),
                        r.unit,
                        None,
                        None,
                    ),
                },
            },
        ));
    }
    Ok(TableIterator::new(rows))
}

/// Converts `value` to another unit, by default to that of the columns: kWh, degrees Celsius, percent, W/m²; NULL if
/// the units are incompatible.
#[pg_extern(immutable, parallel_safe)]
fn convert_unit(value: Option<f64>, from_unit: Option<&str>, to_unit: default!(Option<&str>, "NULL")) -> Option<f64> {
    convert(value?, from_unit?, to_unit)
}

/// One row per hour; a rejected document is one row with `reason_code` and `reason`.
#[pg_extern(immutable, parallel_safe)]
fn parse_weather_document(
    document: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(valid_at, Option<TimestampWithTimeZone>),
            name!(temperature_c, Option<f64>),
            name!(cloud_cover_pct, Option<f64>),
            name!(ghi_w_m2, Option<f64>),
            name!(reason_code, Option<String>),
            name!(reason, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let document = given("document", document).map_err(report)?;
    let rejected = |code: &str, reason: String| vec![(None, None, None, None, Some(code.to_owned()), Some(reason))];
    let rows: Vec<WeatherRow> = match read_weather_document(document) {
        Err(rejection) => rejected(rejection.code, rejection.reason),
        Ok(hours) => hours
            .into_iter()
            .map(|h| Ok((Some(from_utc(h.valid_at)?), h.temperature_c, h.cloud_cover_pct, h.ghi_w_m2, None, None)))
            .collect::<Result<_, edf_core::Error>>()
            .unwrap_or_else(|error| rejected("bad_timestamp", error.to_string())),
    };
    Ok(TableIterator::new(rows))
}
