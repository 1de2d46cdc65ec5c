//! Parses arbitrary bytes as a meter message and as a weather document: must give valid rows or a rejection, and never
//! panic.
#![no_main]

use chrono::Timelike;
use edf_fuzz::message::{convert, read_meter_message, read_weather_document};
use libfuzzer_sys::{Corpus, fuzz_target};

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && !text.contains('\0')
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // The database only passes valid UTF-8.
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let readings = read_meter_message(text);
    assert!(!readings.is_empty());
    for reading in readings {
        match reading {
            Ok(reading) => {
                assert!(reading.value.is_finite());
                assert!(is_name(&reading.building_id) && is_name(&reading.sensor_type));
                assert!(reading.apartment_id.is_none_or(|text| is_name(&text)));
                assert!(reading.room_name.is_none_or(|text| is_name(&text)));
                if let Some(unit) = reading.unit {
                    assert!(is_name(&unit));
                    for to in [None, Some("kWh"), Some("Wh"), Some("°F"), Some(&*unit)] {
                        assert!(convert(reading.value, &unit, to).is_none_or(f64::is_finite));
                    }
                    assert!(convert(reading.value, "kWh", Some("kWh")).is_some());
                }
            }
            Err(rejection) => assert!(!rejection.reason.is_empty() && rejection.reason.len() < 1000),
        }
    }
    match read_weather_document(text) {
        Ok(hours) => {
            assert!(!hours.is_empty());
            for hour in hours {
                let values = [hour.temperature_c, hour.cloud_cover_pct, hour.ghi_w_m2];
                assert!(values.into_iter().flatten().all(|value| value.abs() <= 2000.0));
                assert_eq!((hour.valid_at.minute(), hour.valid_at.second()), (0, 0));
            }
        }
        Err(rejection) => assert!(!rejection.reason.is_empty() && rejection.reason.len() < 1000),
    }
    Corpus::Keep
});
