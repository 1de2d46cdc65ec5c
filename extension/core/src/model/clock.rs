//! Local wall-clock time, row by row: what "the same hour", "the same weekday" and "holiday" mean.
//!
//! Rows are equal steps of absolute time; people live by the clock on the wall. On the day that has 23 hours a
//! time of day has no row, on the one of 25 hours one has two.

use crate::series::{DAY_SECONDS, Frame, Grid};
use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

/// Days whose demand is alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayType {
    Workday,
    Saturday,
    /// Sundays and holidays.
    Sunday,
}

/// The local time at which each row starts.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// Seconds since 1970-01-01 00:00 on the wall.
    seconds: Vec<i64>,
    step: i64,
}

impl Clock {
    /// The first `rows` rows of `grid`, which may reach beyond its end.
    pub fn new(grid: &Grid, zone: Tz, rows: usize) -> Self {
        let local = |row| {
            let time = grid.time(row);
            time.timestamp() + i64::from(zone.offset_from_utc_datetime(&time.naive_utc()).fix().local_minus_utc())
        };
        Self { seconds: (0..rows).map(local).collect(), step: grid.step().num_seconds() }
    }

    pub fn rows(&self) -> usize {
        self.seconds.len()
    }

    /// Days since 1970-01-01, with the time of day as their fraction.
    pub fn days(&self, row: usize) -> f64 {
        self.seconds[row] as f64 / DAY_SECONDS as f64
    }

    /// The local date, as days since 1970-01-01.
    pub fn date(&self, row: usize) -> i64 {
        self.seconds[row].div_euclid(DAY_SECONDS)
    }

    /// Steps since 1970-01-01 00:00 on the wall. Rows that share one are the repeated hour.
    pub fn tick(&self, row: usize) -> i64 {
        self.seconds[row].div_euclid(self.step)
    }

    /// Steps of a day of 24 hours.
    pub fn ticks_per_day(&self) -> usize {
        (DAY_SECONDS / self.step) as usize
    }

    /// Steps since local midnight.
    pub fn slot(&self, row: usize) -> usize {
        (self.seconds[row].rem_euclid(DAY_SECONDS) / self.step) as usize
    }

    /// The type of each row's day; `holiday` is the regressor that is above one half on holidays.
    pub fn day_types(&self, frame: &Frame, holiday: &str) -> Vec<DayType> {
        let holiday = frame.regressors.iter().find(|regressor| regressor.name == holiday);
        let is_holiday = |row: usize| holiday.is_some_and(|h| h.values.get(row).is_some_and(|value| *value > 0.5));
        // 1970-01-01 was a Thursday.
        let day_type = |row| match (self.date(row) + 3).rem_euclid(7) {
            _ if is_holiday(row) => DayType::Sunday,
            5 => DayType::Saturday,
            6 => DayType::Sunday,
            _ => DayType::Workday,
        };
        (0..self.rows()).map(day_type).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use chrono::{DateTime, TimeDelta, Utc};

    #[test]
    fn slots_skip_and_repeat_with_daylight_saving() {
        let slots = |start: &str| -> Vec<usize> {
            let start: DateTime<Utc> = start.parse().unwrap();
            let grid = Grid::from_times(&[start, start + TimeDelta::hours(1)]).unwrap();
            let clock = Clock::new(&grid, chrono_tz::Europe::Zurich, 4);
            (0..4).map(|row| clock.slot(row)).collect()
        };
        assert_eq!(slots("2026-03-29T00:00:00Z"), [1, 3, 4, 5]);
        assert_eq!(slots("2026-10-25T00:00:00Z"), [2, 2, 3, 4]);
    }

    #[test]
    fn a_holiday_is_a_sunday_and_the_series_starts_on_a_monday() {
        let frame = hourly_frame(24 * 130);
        let clock = Clock::new(&frame.grid, Tz::UTC, frame.grid.len());
        let types = clock.day_types(&frame, "is_holiday");
        let of_day = |day: usize| types[24 * day];
        assert_eq!([0, 4, 5, 6].map(of_day), [DayType::Workday, DayType::Workday, DayType::Saturday, DayType::Sunday]);
        assert_eq!([119, 120, 121].map(of_day), [DayType::Workday, DayType::Sunday, DayType::Workday]);
    }
}
