//! Weather documents.

use super::unit::{Quantity, Unit};
use super::{Rejection, clip, not_longer, object, required};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Maximum document size in bytes: about forty years of hours.
const LONGEST_DOCUMENT: usize = 16 << 20;
/// Wider than any record on the Earth's surface, with a margin for weather models.
const TEMPERATURE_C: RangeInclusive<f64> = -100.0..=70.0;
const CLOUD_COVER_PCT: RangeInclusive<f64> = 0.0..=100.0;
/// Higher than at the top of the atmosphere, since clouds can focus sunlight; instruments read slightly negative values
/// at night.
const GHI_W_M2: RangeInclusive<f64> = -20.0..=2000.0;
/// Names of time zones that need no offset.
const UTC_NAMES: [&str; 6] = ["UTC", "GMT", "Etc/UTC", "Etc/GMT", "Z", "Zulu"];

/// One hour of a weather document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeatherHour {
    /// Start of the hour.
    pub valid_at: DateTime<Utc>,
    /// Air temperature at 2 m at the start of the hour, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Cloud cover at the start of the hour, in percent.
    pub cloud_cover_pct: Option<f64>,
    /// Global horizontal irradiance, averaged over the hour, in watts per square metre.
    pub ghi_w_m2: Option<f64>,
}

/// Fields are optional here so that errors can name one that is missing or null; serde reports duplicates.
#[derive(Deserialize)]
struct Document<'a> {
    utc_offset_seconds: Option<i64>,
    #[serde(borrow)]
    timezone: Option<Cow<'a, str>>,
    /// Parsed separately: serde would accept an array of the fields in order.
    #[serde(borrow)]
    hourly_units: Option<&'a RawValue>,
    #[serde(borrow)]
    hourly: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Units<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    temperature_2m: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cloudcover: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cloud_cover: Option<Cow<'a, str>>,
    #[serde(borrow)]
    shortwave_radiation: Option<Cow<'a, str>>,
}

type Values = Option<Vec<Option<f64>>>;

#[derive(Deserialize)]
struct Hourly<'a> {
    #[serde(borrow)]
    time: Option<Vec<Cow<'a, str>>>,
    temperature_2m: Values,
    cloudcover: Values,
    cloud_cover: Values,
    shortwave_radiation: Values,
}

/// Parses a document of an Open-Meteo style service: `{utc_offset_seconds, hourly_units: {..}, hourly: {time[],
/// temperature_2m[], cloud_cover[] or cloudcover[], shortwave_radiation[]}}`, with times local to the offset. A series
/// missing from the document is missing in every hour; a series of a different length is an error. Values are converted
/// from the unit in `hourly_units`; without one they are in °C, % and W/m².
///
/// Open-Meteo gives temperature and cloud cover at the labelled time, but radiation as the mean of the preceding hour.
/// So the radiation of a label belongs to the hour that ends there: the last label's hour has no radiation, and the
/// hour before the first label has nothing else. If a time occurs twice, the first value counts. Hours are UTC hours: a
/// label between two of them, as in time zones with half-hour offsets, is an error.
pub fn read_weather_document(text: &str) -> Result<Vec<WeatherHour>, Rejection> {
    not_longer(text, LONGEST_DOCUMENT)?;
    let document: Document<'_> = object(text)?;
    let offset = offset(&document)?;
    let units: Units<'_> = document.hourly_units.map(|raw| object(raw.get())).transpose()?.unwrap_or_default();
    if let Some(unit) = units.time.filter(|unit| unit != "iso8601") {
        let reason = format!("hourly_units.time is \"{}\"; only iso8601 is supported", clip(&unit));
        return Err(Rejection::new("unknown_unit", reason));
    }
    let hourly: Hourly<'_> = object(required("hourly", document.hourly)?.get())?;
    let times = required("hourly.time", hourly.time)?;
    if times.is_empty() {
        return Err(Rejection::new("empty", "hourly.time is empty"));
    }
    let (cloud_name, cloud_cover, cloud_unit) = match hourly.cloud_cover {
        Some(values) => ("cloud_cover", Some(values), units.cloud_cover),
        None => ("cloudcover", hourly.cloudcover, units.cloudcover),
    };
    let series = |name, values, unit, quantity, limits| {
        let values = hourly_series(name, values, times.len())?;
        in_unit(name, values, unit, quantity, limits)
    };
    let temperature =
        series("temperature_2m", hourly.temperature_2m, units.temperature_2m, Quantity::Temperature, TEMPERATURE_C)?;
    let cloud_cover = series(cloud_name, cloud_cover, cloud_unit, Quantity::Share, CLOUD_COVER_PCT)?;
    let ghi = series(
        "shortwave_radiation",
        hourly.shortwave_radiation,
        units.shortwave_radiation,
        Quantity::Irradiance,
        GHI_W_M2,
    )?;
    let mut hours = BTreeMap::new();
    for (at, time) in times.iter().enumerate() {
        let label = full_hour(time, offset)?;
        let hour = hour_at(&mut hours, label);
        hour.temperature_c = hour.temperature_c.or(temperature[at]);
        hour.cloud_cover_pct = hour.cloud_cover_pct.or(cloud_cover[at]);
        if let (Some(mean), Some(start)) = (ghi[at], label.checked_sub_signed(TimeDelta::hours(1))) {
            hour_at(&mut hours, start).ghi_w_m2.get_or_insert(mean);
        }
    }
    Ok(hours.into_values().collect())
}

/// Offset in seconds east of UTC. Without one, times are in UTC; a named zone other than UTC is then an error.
fn offset(document: &Document<'_>) -> Result<i64, Rejection> {
    match (document.utc_offset_seconds, &document.timezone) {
        (Some(offset), _) if offset.unsigned_abs() > 86_400 => {
            Err(Rejection::new("wrong_type", "utc_offset_seconds is not a number of seconds within a day"))
        }
        (Some(offset), _) => Ok(offset),
        (None, Some(zone)) if !UTC_NAMES.contains(&zone.as_ref()) => Err(Rejection::new(
            "missing_field",
            format!("utc_offset_seconds is missing, and times are in {}: ask the service for times in UTC", clip(zone)),
        )),
        (None, _) => Ok(0),
    }
}

fn hour_at(hours: &mut BTreeMap<DateTime<Utc>, WeatherHour>, valid_at: DateTime<Utc>) -> &mut WeatherHour {
    hours.entry(valid_at).or_insert(WeatherHour { valid_at, ..WeatherHour::default() })
}

/// Rejects a label between two UTC hours: demand is hourly in UTC, so that the row would never be read.
fn full_hour(text: &str, offset: i64) -> Result<DateTime<Utc>, Rejection> {
    let label = local_hour(text, offset)?;
    if (label.minute(), label.second()) == (0, 0) {
        return Ok(label);
    }
    let reason = format!(
        "hourly.time holds \"{}\", {} in UTC and not a full hour: ask the service for times in UTC",
        clip(text),
        label.format("%H:%M:%S")
    );
    Err(Rejection::new("off_hour", reason))
}

/// Years have four digits; chrono would accept more.
fn local_hour(text: &str, offset: i64) -> Result<DateTime<Utc>, Rejection> {
    let bad = || Rejection::new("bad_timestamp", format!("hourly.time holds \"{}\", not YYYY-MM-DDTHH:MM", clip(text)));
    if text.len() != "YYYY-MM-DDTHH:MM".len() || text.starts_with(['-', '+']) {
        return Err(bad());
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").map_err(|_| bad())?;
    local.checked_sub_signed(TimeDelta::seconds(offset)).map(|utc| utc.and_utc()).ok_or_else(bad)
}

fn hourly_series(name: &str, values: Values, len: usize) -> Result<Vec<Option<f64>>, Rejection> {
    let values = values.unwrap_or_else(|| vec![None; len]);
    if values.len() != len {
        let reason = format!("hourly.{name} has {} values, hourly.time has {len}", values.len());
        return Err(Rejection::new("wrong_type", reason));
    }
    Ok(values)
}

/// The values in the quantity's unit. For a series without values, services send a placeholder as its unit.
fn in_unit(
    name: &str,
    mut values: Vec<Option<f64>>,
    unit: Option<Cow<'_, str>>,
    quantity: Quantity,
    limits: RangeInclusive<f64>,
) -> Result<Vec<Option<f64>>, Rejection> {
    let told = unit.as_deref().unwrap_or_default();
    let unit = match Unit::parse(told).filter(|read| read.quantity == quantity) {
        None if unit.is_some() && values.iter().any(Option::is_some) => {
            let reason = format!("hourly_units.{name} is \"{}\"; supported are {}", clip(told), quantity.units());
            return Err(Rejection::new("unknown_unit", reason));
        }
        unit => unit,
    };
    for value in values.iter_mut().flatten() {
        let given = *value;
        *value = unit.map_or(given, |unit| unit.convert(given));
        if !limits.contains(value) {
            let of = if told.is_empty() { String::new() } else { format!(" {}", clip(told)) };
            let reason = format!("hourly.{name} holds {given}{of}, outside of {limits:?}");
            return Err(Rejection::new("impossible_value", reason));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"utc_offset_seconds": 7200, "hourly": {"time": ["2026-07-01T00:00", "2026-07-01T01:00"],
        "temperature_2m": [18.5, null], "cloudcover": [0, 100]}}"#;

    #[test]
    fn weather_times_are_local_to_the_offset() {
        let hours = read_weather_document(GOOD).unwrap();
        assert_eq!(hours[0].valid_at.to_rfc3339(), "2026-06-30T22:00:00+00:00");
        assert_eq!((hours[0].temperature_c, hours[1].temperature_c, hours[1].ghi_w_m2), (Some(18.5), None, None));
    }

    #[test]
    fn radiation_is_the_mean_of_the_hour_before_its_label() {
        let document = r#"{"hourly": {"time": ["2026-07-01T12:00", "2026-07-01T13:00", "2026-07-01T13:00"],
            "temperature_2m": [20, 21, 30], "shortwave_radiation": [700, 800, 999]}}"#;
        let hours = read_weather_document(document).unwrap();
        let seen = |hour: &WeatherHour| (hour.valid_at.format("%H:%M").to_string(), hour.temperature_c, hour.ghi_w_m2);
        assert_eq!(
            hours.iter().map(seen).collect::<Vec<_>>(),
            [
                ("11:00".to_owned(), None, Some(700.0)),
                ("12:00".to_owned(), Some(20.0), Some(800.0)),
                ("13:00".to_owned(), Some(21.0), None),
            ]
        );
    }

    #[test]
    fn values_are_converted_from_the_documents_units() {
        let document = r#"{"hourly_units": {"time": "iso8601", "temperature_2m": "°F", "cloud_cover": "fraction", "shortwave_radiation": "MJ/m²"},
            "hourly": {"time": ["2026-07-01T12:00", "2026-07-01T13:00"], "temperature_2m": [68, 14], "cloud_cover": [0.25, 1],
            "shortwave_radiation": [null, 1.8]}}"#;
        let hours = read_weather_document(document).unwrap();
        let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-9;
        assert!(close(hours[0].temperature_c, 20.0) && close(hours[1].temperature_c, -10.0));
        assert!(close(hours[0].cloud_cover_pct, 25.0) && close(hours[1].cloud_cover_pct, 100.0));
        assert!(close(hours[0].ghi_w_m2, 500.0));
        let kelvin = document.replace("°F", "K").replace("[68, 14]", "[293.15, 263.15]");
        assert!(close(read_weather_document(&kelvin).unwrap()[1].temperature_c, -10.0));
        // A service sends a placeholder as the unit of a series it lacks.
        let lacking = document.replace("°F", "undefined").replace("[68, 14]", "[null, null]");
        assert_eq!(read_weather_document(&lacking).unwrap()[0].temperature_c, None);
    }

    #[test]
    fn errors_about_units_and_labels_name_the_accepted_ones() {
        for (from, to, code, word) in [
            ("\"hourly\"", "\"hourly_units\": {\"temperature_2m\": \"°R\"}, \"hourly\"", "unknown_unit", "°F"),
            ("\"hourly\"", "\"hourly_units\": {\"temperature_2m\": \"%\"}, \"hourly\"", "unknown_unit", "°F"),
            ("\"hourly\"", "\"hourly_units\": {\"cloudcover\": \"\"}, \"hourly\"", "unknown_unit", "oktas"),
            ("\"hourly\"", "\"hourly_units\": {\"time\": \"unixtime\"}, \"hourly\"", "unknown_unit", "iso8601"),
            ("\"hourly\"", "\"hourly_units\": {\"temperature_2m\": 7}, \"hourly\"", "wrong_type", "string"),
            ("\"hourly\"", "\"hourly_units\": [\"iso8601\"], \"hourly\"", "wrong_type", "array"),
            ("7200", "19800", "off_hour", "18:30:00 in UTC"),
            ("7200", "20700", "off_hour", "18:15:00 in UTC"),
            ("7200", "7201", "off_hour", "in UTC"),
            ("2026-07-01T01:00", "2026-07-01T00:30", "off_hour", "in UTC"),
            ("\"utc_offset_seconds\": 7200", "\"timezone\": \"Asia/Kolkata\"", "missing_field", "Asia/Kolkata"),
            // Fill values.
            ("18.5", "9.96921e36", "impossible_value", "temperature_2m"),
            ("[0, 100]", "[0, -32768]", "impossible_value", "cloudcover"),
            ("18.5", "-9999", "impossible_value", "temperature_2m"),
        ] {
            let rejection = read_weather_document(&GOOD.replace(from, to)).unwrap_err();
            assert!(rejection.code == code && rejection.reason.contains(word), "{from} -> {to}: {rejection:?}");
        }
        let utc = GOOD.replace("\"utc_offset_seconds\": 7200", "\"timezone\": \"GMT\"");
        assert_eq!(read_weather_document(&utc).unwrap()[0].valid_at.to_rfc3339(), "2026-07-01T00:00:00+00:00");
    }

    #[test]
    fn every_broken_field_has_its_code() {
        for (from, to, code) in [
            (GOOD, "", "not_json"),
            (GOOD, "{\"hourly\": ", "not_json"),
            (GOOD, "[]", "wrong_type"),
            (GOOD, "7", "wrong_type"),
            ("7200", "\"CET\"", "wrong_type"),
            ("7200", "1e99", "wrong_type"),
            ("7200", "-90000", "wrong_type"),
            ("7200", "7200, \"utc_offset_seconds\": 0", "duplicate_field"),
            ("hourly", "daily", "missing_field"),
            ("{\"time\"", "null, \"x\": {\"time\"", "missing_field"),
            ("{\"time\"", "[[\"2026-07-01T00:00\"]], \"x\": {\"time\"", "wrong_type"),
            ("time", "times", "missing_field"),
            ("[\"2026-07-01T00:00\", \"2026-07-01T01:00\"]", "[]", "empty"),
            ("\"2026-07-01T00:00\"", "1782864000", "wrong_type"),
            ("2026-07-01T00:00", "2026-02-29T00:00", "bad_timestamp"),
            ("2026-07-01T00:00", "2026-07-01T00:00Z", "bad_timestamp"),
            ("2026-07-01T00:00", "262000-01-01T00:", "bad_timestamp"),
            ("2026-07-01T00:00", "-100-01-01T00:00", "bad_timestamp"),
            ("2026-07-01T00:00", "+100-01-01T00:00", "bad_timestamp"),
            ("18.5", "\"warm\"", "wrong_type"),
            ("18.5", "true", "wrong_type"),
            ("18.5", "NaN", "not_json"),
            ("18.5", "1e999", "not_finite"),
            ("18.5", "1e300", "impossible_value"),
            ("18.5", "-273.2", "impossible_value"),
            ("[0, 100]", "[0, -1]", "impossible_value"),
            ("[0, 100]", "[0]", "wrong_type"),
            ("[0, 100]", "[0, 100], \"cloudcover\": [1, 2]", "duplicate_field"),
        ] {
            let document = GOOD.replace(from, to);
            assert_eq!(read_weather_document(&document).unwrap_err().code, code, "{from} -> {to}");
        }
        let huge = GOOD.replace("18.5", &" ".repeat(LONGEST_DOCUMENT));
        assert_eq!(read_weather_document(&huge).unwrap_err().code, "too_large");
    }
}
