//! Meter messages.

use super::{Rejection, clip, not_longer, object, required};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// Maximum message size in bytes; a full day of a large building has a tenth of it.
const LONGEST_MESSAGE: usize = 1 << 20;
/// Maximum length of a name, in bytes.
const LONGEST_NAME: usize = 200;

/// One sensor's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The building named in the message.
    pub building_id: String,
    /// The apartment; `None` for the building's own meters.
    pub apartment_id: Option<String>,
    /// The measured quantity, such as `electricity_kwh_total`; unknown ones are kept.
    pub sensor_type: String,
    /// The room, if the sensor reports one.
    pub room_name: Option<String>,
    /// Time of the reading.
    pub read_at: DateTime<Utc>,
    /// The value, finite, in `unit`.
    pub value: f64,
    /// Unit, if the message has one; otherwise that of the sensor type.
    pub unit: Option<String>,
}

/// Parses a meter message: `{timestamp_str, building_id, apartment_id?, readings: [{sensor_type, value, unit?,
/// room_name?}]}`.
pub fn read_meter_message(text: &str) -> Vec<Result<Reading, Rejection>> {
    match meter_message(text) {
        Ok(readings) => readings,
        Err(rejection) => vec![Err(rejection)],
    }
}

/// Fields are optional here so that errors can name one that is missing or null; serde reports duplicates.
#[derive(Deserialize)]
struct Message<'a> {
    timestamp_str: Option<Cow<'a, str>>,
    building_id: Option<Cow<'a, str>>,
    apartment_id: Option<Cow<'a, str>>,
    /// Parsed one by one: a bad reading does not affect the others.
    #[serde(borrow)]
    readings: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Sensed<'a> {
    sensor_type: Option<Cow<'a, str>>,
    room_name: Option<Cow<'a, str>>,
    value: Option<f64>,
    unit: Option<Cow<'a, str>>,
}

fn meter_message(text: &str) -> Result<Vec<Result<Reading, Rejection>>, Rejection> {
    not_longer(text, LONGEST_MESSAGE)?;
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
            unit: sensed.unit.map(|text| name("unit", text)).transpose()?,
        })
    };
    Ok(told_apart(readings.iter().map(reading).collect()))
}

/// Two values of one sensor at one time come from two sensors that the message does not distinguish; both are rejected.
fn told_apart(mut readings: Vec<Result<Reading, Rejection>>) -> Vec<Result<Reading, Rejection>> {
    let mut values: HashMap<(String, Option<String>), Vec<f64>> = HashMap::new();
    for reading in readings.iter().flatten() {
        values.entry((reading.sensor_type.clone(), reading.room_name.clone())).or_default().push(reading.value);
    }
    values.retain(|_, values| values.iter().any(|value| *value != values[0]));
    for reading in &mut readings {
        let Ok(sensed) = reading else { continue };
        if values.contains_key(&(sensed.sensor_type.clone(), sensed.room_name.clone())) {
            let names = format!(
                "two values of {} at one time; use room_name to distinguish sensors",
                clip(&sensed.sensor_type)
            );
            *reading = Err(Rejection::new("ambiguous_sensor", names));
        }
    }
    readings
}

/// A name that Postgres can store and index: not empty, not too long, without NUL.
fn name(field: &str, text: Cow<'_, str>) -> Result<String, Rejection> {
    if text.is_empty() || text.contains('\0') {
        return Err(Rejection::new("wrong_type", format!("{field} is empty or holds a NUL")));
    }
    if text.len() > LONGEST_NAME {
        return Err(Rejection::new(
            "too_long",
            format!("{field} has {} bytes, at most {LONGEST_NAME} are allowed", text.len()),
        ));
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"timestamp_str": "2026-02-28T23:00:00-01:00", "building_id": "b", "apartment_id": "a",
        "readings": [{"sensor_type": "electricity_kwh_total", "value": 12.5, "room_name": "hall"},
                     {"sensor_type": "x", "value": 1}]}"#;

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
            ("12.5", "12.5, \"unit\": 1000", "wrong_type"),
            ("12.5", "12.5, \"unit\": \"\"", "wrong_type"),
            ("12.5", "12.5, \"unit\": \"Wh\", \"unit\": \"kWh\"", "duplicate_field"),
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
    fn conflicting_values_of_one_sensor_are_rejected_and_duplicates_are_not() {
        let two = |first: &str, second: &str| {
            read_meter_message(&GOOD.replace(r#"{"sensor_type": "x", "value": 1}"#, &format!("{first}, {second}")))
        };
        let tariff = |value: &str| format!(r#"{{"sensor_type": "t", "value": {value}}}"#);
        let rows = two(&tariff("1500"), &tariff("1505"));
        assert!(rows[0].is_ok(), "the other sensor is accepted");
        assert!(rows[1..].iter().all(|row| row.as_ref().unwrap_err().code == "ambiguous_sensor"), "{rows:?}");
        assert!(two(&tariff("1500"), &tariff("1500")).iter().all(Result::is_ok));
        let named = r#"{"sensor_type": "t", "value": 1505, "room_name": "night"}"#;
        assert!(two(&tariff("1500"), named).iter().all(Result::is_ok));
    }

    #[test]
    fn the_unit_is_optional() {
        let rows = read_meter_message(&GOOD.replace("12.5", "12500, \"unit\": \"Wh\""));
        let unit = |row: &Result<Reading, Rejection>| row.as_ref().unwrap().unit.clone();
        assert_eq!(rows.iter().map(unit).collect::<Vec<_>>(), [Some("Wh".to_owned()), None]);
    }

    #[test]
    fn one_bad_reading_does_not_affect_the_others() {
        let rows = read_meter_message(&GOOD.replace("12.5", "true"));
        assert!(rows[0].is_err() && rows[1].is_ok());
    }
}
