//! The calendar of the target hour, in the building's local time.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;
use chrono::{Datelike, Timelike};
use std::f64::consts::TAU;

/// `hour`, `weekday`, `is_weekend`, the day of the year on a circle; where the spec asks for one column a
/// weekday, those and the hour on a circle.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame) -> Result<Vec<Feature>, Error> {
    const WEEKDAYS: [&str; 7] =
        ["is_monday", "is_tuesday", "is_wednesday", "is_thursday", "is_friday", "is_saturday", "is_sunday"];
    let mut names =
        vec![("hour", "h"), ("weekday", "1 = Monday"), ("is_weekend", "0 or 1"), ("year_sin", "1"), ("year_cos", "1")];
    if spec.one_hot {
        names.extend([("hour_sin", "1"), ("hour_cos", "1")]);
        names.extend(WEEKDAYS.map(|name| (name, "0 or 1")));
    }
    let mut columns = vec![Vec::with_capacity(frame.grid.len()); names.len()];
    for row in 0..frame.grid.len() {
        let local = frame.grid.time(row).with_timezone(&spec.time_zone);
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
        let weekday = local.weekday().number_from_monday();
        let (on_day, on_year) = (TAU * hour / 24.0, TAU * f64::from(local.ordinal0()) / 365.25);
        let weekend = f64::from(u8::from(weekday >= 6));
        let always = [hour, f64::from(weekday), weekend, on_year.sin(), on_year.cos(), on_day.sin(), on_day.cos()];
        let flags = (1..=7).map(|day| f64::from(u8::from(day == weekday)));
        for (column, value) in columns.iter_mut().zip(always.into_iter().chain(flags)) {
            column.push(value as f32);
        }
    }
    let calendar = names.into_iter().zip(columns);
    Ok(calendar.map(|((name, unit), values)| Feature::new(name, unit, Known::Ahead, values)).collect())
}

/// Whether each row lies on a local Saturday or Sunday.
pub(super) fn weekends(spec: &FeatureSpec, frame: &Frame) -> Vec<bool> {
    let local = |row| frame.grid.time(row).with_timezone(&spec.time_zone);
    (0..frame.grid.len()).map(|row| local(row).weekday().number_from_monday() >= 6).collect()
}

/// Whether each row lies on a local Saturday, Sunday or holiday.
pub(super) fn days_off(spec: &FeatureSpec, frame: &Frame) -> Vec<bool> {
    let mut off = weekends(spec, frame);
    if let Some(holiday) = spec.ahead(frame, &spec.holiday) {
        off.iter_mut().zip(holiday).for_each(|(off, value)| *off |= *value > 0.5);
    }
    off
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
