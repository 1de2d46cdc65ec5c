//! What meters and weather services send, read into rows; what cannot be read, with its reason.
//!
//! Readers take text from outside and never fail as a whole: every part is a row or a [`Rejection`].

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A message of more bytes is refused; a full day of a large building has a tenth of it.
const LONGEST_MESSAGE: usize = 1 << 20;
/// So many bytes a name may have.
const LONGEST_NAME: usize = 200;

/// Why something was not taken, as a code for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// `not_json`, `missing_field`, `duplicate_field`, `wrong_type`, `bad_timestamp`, `not_finite`, `too_large`, `too_long` or
    /// `empty`.
    pub code: &'static str,
    /// What was wrong.
    pub reason: String,
}

impl Rejection {
    fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// One sensor's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The building that the message names.
    pub building_id: String,
    /// The apartment; none for the building's own meters.
    pub apartment_id: Option<String>,
    /// What is measured, such as `electricity_kwh_total`; unknown ones are kept.
    pub sensor_type: String,
    /// The room, where the sensor names one.
    pub room_name: Option<String>,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// The value, finite.
    pub value: f64,
}

/// One hour of a weather document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeatherHour {
    /// The start of the hour.
    pub valid_at: DateTime<Utc>,
    /// Air temperature at 2 m at its start, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Cloud cover at its start, in percent.
    pub cloud_cover_pct: Option<f64>,
    /// Global horizontal irradiance, its mean over the hour, in watts per square metre.
    pub ghi_w_m2: Option<f64>,
}

/// Reads one meter message:
/// `{timestamp_str, building_id, apartment_id?, readings: [{sensor_type, value, room_name?}]}`.
pub fn read_meter_message(text: &str) -> Vec<Result<Reading, Rejection>> {
    match meter_message(text) {
        Ok(readings) => readings,
        Err(rejection) => vec![Err(rejection)],
    }
}

/// Fields are optional here so that a missing one, or null, is told by name; serde tells a repeated one.
#[derive(Deserialize)]
struct Message<'a> {
    timestamp_str: Option<Cow<'a, str>>,
    building_id: Option<Cow<'a, str>>,
    apartment_id: Option<Cow<'a, str>>,
    /// Read one by one: a bad one leaves the others.
    #[serde(borrow)]
    readings: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Sensed<'a> {
    sensor_type: Option<Cow<'a, str>>,
    room_name: Option<Cow<'a, str>>,
    value: Option<f64>,
}

fn meter_message(text: &str) -> Result<Vec<Result<Reading, Rejection>>, Rejection> {
    let message: Message<'_> = object(text)?;
    let timestamp = required("timestamp_str", message.timestamp_str)?;
    let read_at = DateTime::parse_from_rfc3339(&timestamp).map_err(|error| {
        Rejection::new(
            "bad_timestamp",
            format!("timestamp_str \"{}\" is not RFC 3339 with an offset: {error}", clip(&timestamp)),
        )
    })?;
    let building_id = name("building_id", required("building_id", message.building_id)?)?;
    let apartment_id = message.apartment_id.map(|text| name("apartment_id", text)).transpose()?;
    let readings = required("readings", message.readings)?;
    if readings.is_empty() {
        return Err(Rejection::new("empty", "readings is empty"));
    }
    let reading = |raw: &&RawValue| {
        let sensed: Sensed<'_> = object(raw.get())?;
        Ok(Reading {
            building_id: building_id.clone(),
            apartment_id: apartment_id.clone(),
            sensor_type: name("sensor_type", required("sensor_type", sensed.sensor_type)?)?,
            room_name: sensed.room_name.map(|text| name("room_name", text)).transpose()?,
            read_at: read_at.to_utc(),
            value: required("value", sensed.value)?,
        })
    };
    Ok(readings.iter().map(reading).collect())
}

/// Reads a JSON object; the error's code tells bad syntax from a field that is not what it should be.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Rejection> {
    if text.len() > LONGEST_MESSAGE {
        return Err(Rejection::new("too_large", format!("{} bytes, at most {LONGEST_MESSAGE} are read", text.len())));
    }
    // serde would read an array as the fields in order.
    if text.trim_start().starts_with('[') {
        return Err(Rejection::new("wrong_type", "an array, not a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| {
        let reason = clip(&error.to_string());
        match error.classify() {
            Category::Data if reason.starts_with("duplicate field") => Rejection::new("duplicate_field", reason),
            Category::Data => Rejection::new("wrong_type", reason),
            _ if reason.starts_with("number out of range") => Rejection::new("not_finite", reason),
            _ => Rejection::new("not_json", format!("not JSON: {reason}")),
        }
    })
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, Rejection> {
    value.ok_or_else(|| Rejection::new("missing_field", format!("{name} is missing")))
}

/// A name that Postgres can hold and an index can take: not empty, not long, without NUL.
fn name(field: &str, text: Cow<'_, str>) -> Result<String, Rejection> {
    if text.is_empty() || text.contains('\0') {
        return Err(Rejection::new("wrong_type", format!("{field} is empty or holds a NUL")));
    }
    if text.len() > LONGEST_NAME {
        return Err(Rejection::new(
            "too_long",
            format!("{field} has {} bytes, at most {LONGEST_NAME} are taken", text.len()),
        ));
    }
    Ok(text.into_owned())
}

/// Reads one document of an Open-Meteo style service: `{utc_offset_seconds, hourly: {time[],
/// temperature_2m[], cloudcover[], shortwave_radiation[]}}`, times local to the offset. A series that
/// the document lacks is missing in every hour; one of another length is an error.
///
/// Open-Meteo gives temperature and cloud cover at the instant of the label, but radiation as the mean of the hour before it. So the
/// radiation of a label belongs to the hour that ends there: the last label's hour has none, and the hour before the first label has
/// only that. Of a time that is given twice the first counts.
pub fn read_weather_document(text: &str) -> Result<Vec<WeatherHour>, Rejection> {
    let document = json(text)?;
    let offset = match document.get("utc_offset_seconds") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().filter(|seconds| seconds.abs() <= 86_400).ok_or_else(|| {
            Rejection::new("wrong_type", "utc_offset_seconds is not a number of seconds within a day")
        })?,
    };
    let hourly = document.get("hourly").ok_or_else(|| Rejection::new("missing_field", "hourly is missing"))?;
    let times = array(hourly, "time")?;
    if times.is_empty() {
        return Err(Rejection::new("empty", "hourly.time is empty"));
    }
    let temperature = hourly_series(hourly, &["temperature_2m"], times.len())?;
    let cloud_cover = hourly_series(hourly, &["cloudcover", "cloud_cover"], times.len())?;
    let ghi = hourly_series(hourly, &["shortwave_radiation"], times.len())?;
    let mut hours = BTreeMap::new();
    for (at, time) in times.iter().enumerate() {
        let label = local_hour(time, offset)?;
        let hour = hour_at(&mut hours, label);
        hour.temperature_c = hour.temperature_c.or(temperature[at]);
        hour.cloud_cover_pct = hour.cloud_cover_pct.or(cloud_cover[at]);
        if let (Some(mean), Some(start)) = (ghi[at], label.checked_sub_signed(TimeDelta::hours(1))) {
            hour_at(&mut hours, start).ghi_w_m2.get_or_insert(mean);
        }
    }
    Ok(hours.into_values().collect())
}

fn hour_at(hours: &mut BTreeMap<DateTime<Utc>, WeatherHour>, valid_at: DateTime<Utc>) -> &mut WeatherHour {
    hours.entry(valid_at).or_insert(WeatherHour { valid_at, ..WeatherHour::default() })
}

fn local_hour(time: &Value, offset: i64) -> Result<DateTime<Utc>, Rejection> {
    let bad = || {
        Rejection::new("bad_timestamp", format!("hourly.time holds {}, not YYYY-MM-DDTHH:MM", clip(&time.to_string())))
    };
    let text = time.as_str().ok_or_else(bad)?;
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").map_err(|_| bad())?;
    local.checked_sub_signed(TimeDelta::seconds(offset)).map(|utc| utc.and_utc()).ok_or_else(bad)
}

fn hourly_series(hourly: &Value, names: &[&str], len: usize) -> Result<Vec<Option<f64>>, Rejection> {
    let Some((name, values)) = names.iter().find_map(|name| hourly.get(name).map(|values| (name, values))) else {
        return Ok(vec![None; len]);
    };
    let values = values
        .as_array()
        .filter(|values| values.len() == len)
        .ok_or_else(|| Rejection::new("wrong_type", format!("hourly.{name} is not an array as long as hourly.time")))?;
    let value = |value: &Value| match value {
        Value::Null => Ok(None),
        value => finite(value, &format!("hourly.{name}")).map(Some),
    };
    values.iter().map(value).collect()
}

fn json(text: &str) -> Result<Value, Rejection> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| Rejection::new("not_json", format!("not JSON: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(Rejection::new("wrong_type", "not a JSON object")) }
}

fn field<'a>(object: &'a Value, name: &str) -> Result<&'a Value, Rejection> {
    object
        .get(name)
        .filter(|value| !value.is_null())
        .ok_or_else(|| Rejection::new("missing_field", format!("{name} is missing")))
}

fn array<'a>(object: &'a Value, name: &str) -> Result<&'a Vec<Value>, Rejection> {
    field(object, name)?.as_array().ok_or_else(|| Rejection::new("wrong_type", format!("{name} is not an array")))
}

fn finite(value: &Value, name: &str) -> Result<f64, Rejection> {
    let number = value.as_f64().ok_or_else(|| {
        Rejection::new("wrong_type", format!("{name} holds {}, not a number", clip(&value.to_string())))
    })?;
    if number.is_finite() { Ok(number) } else { Err(Rejection::new("not_finite", format!("{name} is not finite"))) }
}

/// Enough of a text from outside to recognise it.
fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"timestamp_str": "2026-02-28T23:00:00-01:00", "building_id": "b", "apartment_id": "a",
        "readings": [{"sensor_type": "electricity_kwh_total", "value": 12.5, "room_name": "hall"}, {"sensor_type": "x", "value": 1}]}"#;

    #[test]
    fn a_message_becomes_one_row_per_reading() {
        let rows: Vec<_> = read_meter_message(GOOD).into_iter().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].read_at.to_rfc3339(), "2026-03-01T00:00:00+00:00");
        assert_eq!(
            (rows[0].value, rows[0].room_name.as_deref(), rows[1].room_name.as_deref()),
            (12.5, Some("hall"), None)
        );
    }

    #[test]
    fn every_broken_field_has_its_code() {
        for (from, to, code) in [
            (GOOD, "{", "not_json"),
            (GOOD, "[]", "wrong_type"),
            ("timestamp_str", "timestamp", "missing_field"),
            ("2026-02-28", "2026-02-29", "bad_timestamp"),
            ("-01:00", "", "bad_timestamp"),
            (r#""building_id": "b""#, r#""building_id": 7"#, "wrong_type"),
            (r#""building_id": "b""#, r#""building_id": """#, "wrong_type"),
            (r#""apartment_id": "a""#, r#""apartment_id": "a\u0000""#, "wrong_type"),
            ("12.5", "\"NaN\"", "wrong_type"),
            ("12.5", "null", "missing_field"),
            ("12.5", "1e999", "not_finite"),
            ("12.5", "NaN", "not_json"),
            (r#""value": 12.5"#, r#""value": 12.5, "value": 13"#, "duplicate_field"),
            (r#""building_id": "b""#, r#""building_id": "b", "building_id": "c""#, "duplicate_field"),
            (
                r#"{"sensor_type": "electricity_kwh_total", "value": 12.5, "room_name": "hall"}"#,
                "[\"x\", \"y\", 1]",
                "wrong_type",
            ),
            ("electricity_kwh_total", &*"x".repeat(201), "too_long"),
            ("electricity_kwh_total", &*"x".repeat(2_000_000), "too_large"),
        ] {
            let rows = read_meter_message(&GOOD.replace(from, to));
            assert_eq!(rows[0].as_ref().unwrap_err().code, code, "{from} -> {to}");
        }
    }

    #[test]
    fn one_bad_reading_leaves_the_others() {
        let rows = read_meter_message(&GOOD.replace("12.5", "true"));
        assert!(rows[0].is_err() && rows[1].is_ok());
    }

    #[test]
    fn weather_times_are_local_to_the_offset() {
        let document = r#"{"utc_offset_seconds": 7200, "hourly": {"time": ["2026-07-01T00:00", "2026-07-01T01:00"],
            "temperature_2m": [18.5, null], "cloudcover": [0, 100]}}"#;
        let hours = read_weather_document(document).unwrap();
        assert_eq!(hours[0].valid_at.to_rfc3339(), "2026-06-30T22:00:00+00:00");
        assert_eq!((hours[0].temperature_c, hours[1].temperature_c, hours[1].ghi_w_m2), (Some(18.5), None, None));
        let short = document.replace("[0, 100]", "[0]");
        assert_eq!(read_weather_document(&short).unwrap_err().code, "wrong_type");
    }

    #[test]
    fn radiation_is_the_mean_of_the_hour_before_its_label() {
        let document = r#"{"hourly": {"time": ["2026-07-01T12:00", "2026-07-01T13:00", "2026-07-01T13:00"],
            "temperature_2m": [20, 21, 99], "shortwave_radiation": [700, 800, 999]}}"#;
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

    proptest! {
        #[test]
        fn any_text_is_rows_or_a_rejection(text in "\\PC*", cut in 0_usize..300) {
            prop_assert!(!read_meter_message(&text).is_empty());
            let cut: String = GOOD.chars().take(cut).collect();
            prop_assert!(!read_meter_message(&cut).is_empty());
            let _ = read_weather_document(&text);
        }
    }
}
