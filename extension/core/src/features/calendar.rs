//! The calendar of the target hour, in the building's local time.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;
use chrono::{Datelike, Timelike};
use std::f64::consts::TAU;

/// `hour`, `weekday`, `is_weekend`, and the day of the year on a circle.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame) -> Result<Vec<Feature>, Error> {
    let names =
        [("hour", "h"), ("weekday", "1 = Monday"), ("is_weekend", "0 or 1"), ("year_sin", "1"), ("year_cos", "1")];
    let mut columns = vec![Vec::with_capacity(frame.grid.len()); names.len()];
    for row in 0..frame.grid.len() {
        let local = frame.grid.time(row).with_timezone(&spec.time_zone);
        let weekday = local.weekday().number_from_monday();
        let year = TAU * f64::from(local.ordinal0()) / 365.25;
        let values = [
            f64::from(local.hour()) + f64::from(local.minute()) / 60.0,
            f64::from(weekday),
            f64::from(u8::from(weekday >= 6)),
            year.sin(),
            year.cos(),
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value as f32);
        }
    }
    let calendar = names.into_iter().zip(columns);
    Ok(calendar.map(|((name, unit), values)| Feature::new(name, unit, Known::Ahead, values)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Frame;
    use chrono::{DateTime, TimeDelta, Utc};

    #[test]
    fn local_hours_skip_and_repeat_with_daylight_saving() {
        let hours = |start: &str| -> Vec<f32> {
            let start: DateTime<Utc> = start.parse().unwrap();
            let times: Vec<_> = (0..4).map(|h| start + TimeDelta::hours(h)).collect();
            let frame = Frame::new(&times, &[None; 4], &[], &[]).unwrap();
            let spec = FeatureSpec { time_zone: chrono_tz::Europe::Zurich, ..FeatureSpec::default() };
            features(&spec, &frame).unwrap().swap_remove(0).values
        };
        assert_eq!(hours("2026-03-29T00:00:00Z"), [1.0, 3.0, 4.0, 5.0]);
        assert_eq!(hours("2026-10-25T00:00:00Z"), [2.0, 2.0, 3.0, 4.0]);
    }
}
