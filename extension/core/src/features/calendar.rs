//! The calendar of the target hour, in the building's local time.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;
use chrono::{Datelike, Timelike};
use std::f64::consts::TAU;

/// `hour`, `weekday`, `is_weekend`, the day of the year on a circle; where the spec asks for one column a
/// weekday, those, the hour on a circle, and whether it is a workday that most people are off, so that the few such days
/// of each kind are learnt together.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame, days_off: &[bool]) -> Result<Vec<Feature>, Error> {
    const WEEKDAYS: [&str; 7] =
        ["is_monday", "is_tuesday", "is_wednesday", "is_thursday", "is_friday", "is_saturday", "is_sunday"];
    let mut names =
        vec![("hour", "h"), ("weekday", "1 = Monday"), ("is_weekend", "0 or 1"), ("year_sin", "1"), ("year_cos", "1")];
    if spec.one_hot {
        names.extend([("hour_sin", "1"), ("hour_cos", "1")]);
        names.extend(WEEKDAYS.map(|name| (name, "0 or 1")));
        names.push(("is_day_off", "0 or 1"));
    }
    let mut columns = vec![Vec::with_capacity(frame.grid.len()); names.len()];
    for (row, off) in days_off.iter().enumerate() {
        let local = frame.grid.time(row).with_timezone(&spec.time_zone);
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
        let weekday = local.weekday().number_from_monday();
        let (on_day, on_year) = (TAU * hour / 24.0, TAU * f64::from(local.ordinal0()) / 365.25);
        let weekend = f64::from(u8::from(weekday >= 6));
        let always = [hour, f64::from(weekday), weekend, on_year.sin(), on_year.cos(), on_day.sin(), on_day.cos()];
        let flags = (1..=7).map(|day| day == weekday).chain([*off && weekday < 6]);
        let flags = flags.map(|flag| f64::from(u8::from(flag)));
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

/// Whether each row lies on a local Saturday, Sunday, holiday or other day off.
pub(super) fn days_off(spec: &FeatureSpec, frame: &Frame) -> Vec<bool> {
    let mut off = weekends(spec, frame);
    for flag in spec.days_off_beside_weekends().filter_map(|name| spec.ahead(frame, name)) {
        off.iter_mut().zip(flag).for_each(|(off, value)| *off |= *value > 0.5);
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
            features(&spec, &frame, &days_off(&spec, &frame)).unwrap().swap_remove(0).values
        };
        assert_eq!(hours("2026-03-29T00:00:00Z"), [1.0, 3.0, 4.0, 5.0]);
        assert_eq!(hours("2026-10-25T00:00:00Z"), [2.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn holidays_and_bridge_days_are_days_off_together_and_a_saturday_is_none() {
        let start: DateTime<Utc> = "2026-05-13T12:00:00Z".parse().unwrap();
        let times: Vec<_> = (0..5).map(|day| start + TimeDelta::days(day)).collect();
        // Ascension is a Thursday, the bridge goes on over Saturday.
        let flags = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0].map(Some);
        let names = ["is_holiday", "is_bridge_day"].map(str::to_owned);
        let frame = Frame::new(&times, &[None; 5], &names, &flags).unwrap();
        let spec = FeatureSpec { one_hot: true, ..FeatureSpec::default() };
        assert_eq!(days_off(&spec, &frame), [false, true, true, true, true]);
        let columns = features(&spec, &frame, &days_off(&spec, &frame)).unwrap();
        let of = |name: &str| &columns.iter().find(|feature| feature.name == name).unwrap().values;
        assert_eq!(of("is_day_off")[..], [0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(of("is_thursday")[..], [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(of("weekday")[..], [3.0, 4.0, 5.0, 6.0, 7.0]);
    }
}
