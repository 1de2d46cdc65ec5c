//! Seasons as Fourier terms in local time.
//!
//! A season of period `P` is a sum of `sin` and `cos` of `2 pi n t / P`, up to an order that determines how sharp its
//! shape can be. Time is local, so that a day's shape does not move when the clocks change. A daily season may have a
//! second shape for days off, including holidays.

use crate::features::{Calendar, DayType};
use std::f64::consts::TAU;

/// Days of a year.
const YEAR: f64 = 365.25;

/// Number of pairs of sine and cosine for each season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seasons {
    pub daily: usize,
    /// The additional daily season of Saturdays, Sundays and holidays.
    pub daily_off_work: usize,
    pub weekly: usize,
    pub yearly: usize,
}

impl Seasons {
    /// Number of columns.
    pub fn columns(&self) -> usize {
        2 * (self.daily + self.daily_off_work + self.weekly_waves().count() + self.yearly)
    }

    /// The weekly harmonics that are not daily ones.
    fn weekly_waves(&self) -> impl Iterator<Item = usize> {
        let daily = self.daily;
        (1..=self.weekly).filter(move |n| n % 7 != 0 || n / 7 > daily)
    }

    /// Limits the orders to what `rows_per_day` over `days` can identify: no period below two rows, no yearly season
    /// below two years.
    pub fn within(self, rows_per_day: usize, days: f64) -> Self {
        let daily = (rows_per_day - 1) / 2;
        Self {
            daily: self.daily.min(daily),
            daily_off_work: self.daily_off_work.min(daily),
            weekly: self.weekly.min((7 * rows_per_day - 1) / 2),
            yearly: if days < 2.0 * YEAR { 0 } else { self.yearly },
        }
    }

    /// Appends the values of a row.
    pub fn push(&self, calendar: &Calendar, row: usize, columns: &mut Vec<f64>) {
        let days = calendar.clock.days(row);
        let mut season = |period: f64, share: f64, waves: &mut dyn Iterator<Item = usize>| {
            for n in waves {
                let (sin, cos) = (TAU * n as f64 * days / period).sin_cos();
                columns.extend([share * sin, share * cos]);
            }
        };
        let off_work = f64::from(u8::from(calendar.day_type(row) != DayType::Workday));
        season(1.0, 1.0, &mut (1..=self.daily));
        season(1.0, off_work, &mut (1..=self.daily_off_work));
        season(7.0, 1.0, &mut self.weekly_waves());
        season(YEAR, 1.0, &mut (1..=self.yearly));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeatureSpec;
    use crate::testing::hourly_frame;

    #[test]
    fn a_season_is_periodic_and_the_off_work_shape_is_zero_on_workdays() {
        let frame = hourly_frame(24 * 20);
        let calendar = Calendar::new(&FeatureSpec::default(), &frame, frame.grid.len());
        let seasons = Seasons { daily: 2, daily_off_work: 1, weekly: 1, yearly: 0 };
        let row = |row| {
            let mut columns = Vec::new();
            seasons.push(&calendar, row, &mut columns);
            columns
        };
        let (monday, saturday) = (row(5), row(5 * 24 + 5));
        assert_eq!(monday.len(), seasons.columns());
        assert!(monday.iter().zip(row(7 * 24 + 5)).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(monday[4..6], [0.0, 0.0]);
        assert!((saturday[4] - saturday[0]).abs() < 1e-6 && saturday[4] != 0.0);
    }

    #[test]
    fn the_weekly_season_has_no_daily_harmonics() {
        let seasons = Seasons { daily: 1, daily_off_work: 0, weekly: 14, yearly: 0 };
        assert_eq!(seasons.weekly_waves().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]);
    }

    #[test]
    fn unidentifiable_orders_are_dropped() {
        let seasons = Seasons { daily: 8, daily_off_work: 8, weekly: 4, yearly: 5 };
        assert_eq!(seasons.within(1, 800.0), Seasons { daily: 0, daily_off_work: 0, weekly: 3, yearly: 5 });
        assert_eq!(seasons.within(24, 365.0), Seasons { yearly: 0, ..seasons });
    }
}
