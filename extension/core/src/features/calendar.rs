//! The calendar of each row in the building's local time: the single definition of days off and of day types.

use super::{Feature, FeatureSpec, Known};
use crate::clock::Clock;
use crate::series::Frame;
use std::f64::consts::TAU;
use std::ops::Range;

/// Types of days with similar demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayType {
    /// Monday to Friday.
    Workday,
    /// Saturday.
    Saturday,
    /// Sundays, holidays and other days on which most people are off.
    Sunday,
}

/// The calendar of each row.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The local time of each row.
    pub clock: Clock,
    /// Whether the day is off besides weekends: a holiday, a bridge day, between Christmas and New Year.
    off: Vec<bool>,
}

impl Calendar {
    /// The first `rows` rows of `frame`; may extend beyond its end. The regressors named by the spec mark days off.
    pub fn new(spec: &FeatureSpec, frame: &Frame, rows: usize) -> Self {
        let mut off = vec![false; rows];
        for flag in spec.days_off_beside_weekends().filter_map(|name| spec.ahead(frame, name)) {
            off.iter_mut().zip(flag).for_each(|(off, value)| *off |= *value > 0.5);
        }
        Self { clock: Clock::new(&frame.grid, spec.time_zone, rows), off }
    }

    /// The rows of a range as a new calendar.
    #[must_use]
    pub fn window(&self, rows: Range<usize>) -> Self {
        Self { clock: self.clock.window(rows.clone()), off: self.off[rows].to_vec() }
    }

    /// Whether the row lies on a Saturday or Sunday.
    pub fn is_weekend(&self, row: usize) -> bool {
        self.clock.weekday(row) >= 6
    }

    /// Whether it is a day off.
    pub fn is_off(&self, row: usize) -> bool {
        self.off[row] || self.is_weekend(row)
    }

    /// The type of the row's day.
    pub fn day_type(&self, row: usize) -> DayType {
        match self.clock.weekday(row) {
            _ if self.off[row] => DayType::Sunday,
            6 => DayType::Saturday,
            7 => DayType::Sunday,
            _ => DayType::Workday,
        }
    }
}

/// `hour`, `weekday`, `is_weekend`. If the spec asks for the year: the day of the year as sine and cosine. If it asks
/// for one-hot weekdays: one column per weekday, the hour as sine and cosine, and a flag for a workday that is off, so
/// that the few days of that kind share one coefficient.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame, calendar: &Calendar) -> Vec<Feature> {
    const WEEKDAYS: [&str; 7] =
        ["is_monday", "is_tuesday", "is_wednesday", "is_thursday", "is_friday", "is_saturday", "is_sunday"];
    let mut names = vec![("hour", "h"), ("weekday", "1 = Monday"), ("is_weekend", "0 or 1")];
    if spec.year {
        names.extend([("year_sin", "1"), ("year_cos", "1")]);
    }
    if spec.one_hot {
        names.extend([("hour_sin", "1"), ("hour_cos", "1")]);
        names.extend(WEEKDAYS.map(|name| (name, "0 or 1")));
        names.push(("is_day_off", "0 or 1"));
    }
    let flag = |flag: bool| f64::from(u8::from(flag));
    let mut columns = vec![Vec::with_capacity(frame.grid.len()); names.len()];
    let mut values = Vec::with_capacity(names.len());
    for row in 0..frame.grid.len() {
        let (clock, weekday) = (&calendar.clock, calendar.clock.weekday(row));
        let day = clock.days(row).rem_euclid(1.0);
        values.clear();
        values.extend([24.0 * day, f64::from(weekday), flag(weekday >= 6)]);
        if spec.year {
            let on_year = TAU * f64::from(clock.day_of_year(row)) / 365.25;
            values.extend([on_year.sin(), on_year.cos()]);
        }
        if spec.one_hot {
            values.extend([(TAU * day).sin(), (TAU * day).cos()]);
            values.extend((1..=7).map(|day| flag(day == weekday)));
            values.push(flag(calendar.is_off(row) && weekday < 6));
        }
        columns.iter_mut().zip(&values).for_each(|(column, value)| column.push(*value as f32));
    }
    let calendar = names.into_iter().zip(columns);
    calendar.map(|((name, unit), values)| Feature::new(name, unit, Known::Ahead, values)).collect()
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
            features(&spec, &frame, &Calendar::new(&spec, &frame, 4)).swap_remove(0).values
        };
        assert_eq!(hours("2026-03-29T00:00:00Z"), [1.0, 3.0, 4.0, 5.0]);
        assert_eq!(hours("2026-10-25T00:00:00Z"), [2.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn holidays_and_bridge_days_on_workdays_are_days_off() {
        let start: DateTime<Utc> = "2026-05-13T12:00:00Z".parse().unwrap();
        let times: Vec<_> = (0..5).map(|day| start + TimeDelta::days(day)).collect();
        // Ascension is a Thursday; the bridge flag continues over Saturday.
        let flags = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0].map(Some);
        let names = ["is_holiday", "is_bridge_day"].map(str::to_owned);
        let frame = Frame::new(&times, &[None; 5], &names, &flags).unwrap();
        let spec = FeatureSpec { one_hot: true, ..FeatureSpec::default() };
        let calendar = Calendar::new(&spec, &frame, 5);
        assert_eq!([0, 1, 2, 3, 4].map(|row| calendar.is_off(row)), [false, true, true, true, true]);
        let types = [0, 1, 3, 4].map(|row| calendar.day_type(row));
        assert_eq!(types, [DayType::Workday, DayType::Sunday, DayType::Sunday, DayType::Sunday]);
        let columns = features(&spec, &frame, &calendar);
        let of = |name: &str| &columns.iter().find(|feature| feature.name == name).unwrap().values;
        assert_eq!(of("is_day_off")[..], [0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(of("is_thursday")[..], [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(of("weekday")[..], [3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(of("is_weekend")[..], [0.0, 0.0, 0.0, 1.0, 1.0]);
        let without = Calendar::new(&spec, &Frame::new(&times, &[None; 5], &[], &[]).unwrap(), 5);
        assert_eq!([2, 3, 4].map(|row| without.day_type(row)), [DayType::Workday, DayType::Saturday, DayType::Sunday]);
    }

    #[test]
    fn the_hour_and_the_day_of_the_year_are_points_on_a_circle() {
        let start: DateTime<Utc> = "2026-04-02T00:00:00Z".parse().unwrap();
        let times: Vec<_> = (0..4).map(|part| start + TimeDelta::hours(6 * part)).collect();
        let frame = Frame::new(&times, &[None; 4], &[], &[]).unwrap();
        let spec = FeatureSpec { one_hot: true, year: true, time_zone: chrono_tz::UTC, ..FeatureSpec::default() };
        let columns = features(&spec, &frame, &Calendar::new(&spec, &frame, 4));
        let of = |name: &str| {
            let column = columns.iter().find(|feature| feature.name == name).unwrap();
            [0, 1, 2, 3].map(|row| (f64::from(column.values[row]) * 1e6).round() / 1e6)
        };
        assert_eq!((of("hour_sin"), of("hour_cos")), ([0.0, 1.0, 0.0, -1.0], [1.0, 0.0, -1.0, 0.0]));
        // 91 days after 1 January.
        assert_eq!((of("year_sin")[0], of("year_cos")[0]), (0.999_986, 0.005_376));
    }
}
