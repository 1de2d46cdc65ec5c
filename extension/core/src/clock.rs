//! The local time of each row, including days of 23 and 25 hours.
//!
//! Rows are equal steps of absolute time, but demand follows local time. On the 23-hour day one local hour has no row;
//! on the 25-hour day one has two.

use crate::grid::{DAY_SECONDS, Grid};
use chrono::{DateTime, Datelike, Offset, TimeZone};
use chrono_tz::Tz;
use std::ops::Range;

/// Local start time of each row.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Seconds of local time since 1970-01-01 00:00 local.
    seconds: Vec<i64>,
    step: i64,
}

impl Clock {
    /// The first `rows` rows of `grid`; may extend beyond its end.
    pub fn new(grid: &Grid, zone: Tz, rows: usize) -> Self {
        let local = |row| {
            let time = grid.time(row);
            time.timestamp() + i64::from(zone.offset_from_utc_datetime(&time.naive_utc()).fix().local_minus_utc())
        };
        Self { seconds: (0..rows).map(local).collect(), step: grid.step().num_seconds() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.seconds.len()
    }

    /// The rows of a range as a new clock.
    #[must_use]
    pub fn window(&self, rows: Range<usize>) -> Self {
        Self { seconds: self.seconds[rows].to_vec(), step: self.step }
    }

    /// Days since 1970-01-01, including the time of day as a fraction.
    pub fn days(&self, row: usize) -> f64 {
        self.seconds[row] as f64 / DAY_SECONDS as f64
    }

    /// The local date, as days since 1970-01-01.
    pub fn date(&self, row: usize) -> i64 {
        self.seconds[row].div_euclid(DAY_SECONDS)
    }

    /// The day of the year, 0 on the 1st of January.
    pub fn day_of_year(&self, row: usize) -> u32 {
        DateTime::from_timestamp(self.seconds[row], 0).map_or(0, |local| local.ordinal0())
    }

    /// The day of the week: 1 is Monday, 7 is Sunday.
    pub fn weekday(&self, row: usize) -> u32 {
        // 1970-01-01 was a Thursday.
        (self.date(row) + 3).rem_euclid(7) as u32 + 1
    }

    /// Steps of local time since 1970-01-01 00:00. The two rows of the repeated hour share one value.
    pub fn tick(&self, row: usize) -> i64 {
        self.seconds[row].div_euclid(self.step)
    }

    /// Steps per 24-hour day.
    pub fn rows_per_day(&self) -> usize {
        (DAY_SECONDS / self.step) as usize
    }

    /// Steps since local midnight.
    pub fn slot(&self, row: usize) -> usize {
        (self.seconds[row].rem_euclid(DAY_SECONDS) / self.step) as usize
    }

    /// The row at the same local time `days` days before `row`; `None` if that is before the first row. If that local
    /// time was skipped, the row 24 hours per day earlier is used; if it was repeated, the first of the two.
    pub fn days_before(&self, row: usize, days: usize) -> Option<usize> {
        let plain = row.checked_sub(days * self.rows_per_day())?;
        let apart = self.tick(row) - self.tick(plain) - (days * self.rows_per_day()) as i64;
        if apart == 0 {
            return Some(plain);
        }
        let shifted = plain.checked_add_signed(apart as isize).filter(|shifted| *shifted < self.rows())?;
        Some(if self.slot(shifted) == self.slot(row) { shifted } else { plain })
    }

    /// The rows of a range at this local time of day.
    pub fn at_slot(&self, slot: usize, rows: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        (rows.start..rows.end.min(self.rows())).filter(move |row| self.slot(*row) == slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeDelta, Utc};
    use proptest::prelude::*;

    fn clock(start: &str, hours: usize) -> Clock {
        let start: DateTime<Utc> = start.parse().unwrap();
        let grid = Grid::from_times(&[start, start + TimeDelta::hours(1)]).unwrap();
        Clock::new(&grid, chrono_tz::Europe::Zurich, hours)
    }

    #[test]
    fn slots_skip_and_repeat_with_daylight_saving() {
        let slots = |start: &str| -> Vec<usize> { (0..4).map(|row| clock(start, 4).slot(row)).collect() };
        assert_eq!(slots("2026-03-29T00:00:00Z"), [1, 3, 4, 5]);
        assert_eq!(slots("2026-10-25T00:00:00Z"), [2, 2, 3, 4]);
    }

    #[test]
    fn the_same_hour_of_an_earlier_day_follows_local_time() {
        // From local midnight; the clocks go forward or back on the second day.
        let (spring, autumn) = (clock("2026-03-27T23:00:00Z", 96), clock("2026-10-23T22:00:00Z", 96));
        // 07:00 of the third day is row 54 in spring (one hour less) and row 56 in autumn.
        assert_eq!([spring.days_before(54, 1), spring.days_before(54, 2)], [Some(30), Some(7)]);
        assert_eq!([autumn.days_before(56, 1), autumn.days_before(56, 2)], [Some(32), Some(7)]);
        // 02:00 was skipped: 24 hours before is used.
        assert_eq!(spring.slot(49), 2);
        assert_eq!(spring.days_before(49, 1), Some(25));
        // 02:00 occurred twice, in rows 26 and 27: both follow row 2.
        assert_eq!([autumn.days_before(26, 1), autumn.days_before(27, 1)], [Some(2), Some(2)]);
        assert_eq!(spring.days_before(3, 1), None);
    }

    proptest! {
        #[test]
        fn an_earlier_day_has_the_same_slot_unless_it_was_skipped(row in 1000_usize..9000, days in 1_usize..40) {
            let clock = clock("2026-01-01T00:00:00Z", 9000);
            let before = clock.days_before(row, days).unwrap();
            prop_assert!(before < row);
            prop_assert!(clock.slot(before) == clock.slot(row) || clock.slot(row) == 2);
            prop_assert!((clock.date(row) - clock.date(before) - days as i64).abs() <= i64::from(clock.slot(row) == 2));
        }
    }
}
