//! The recent ratio of actual to expected generation, extrapolated to the hours ahead.
//!
//! A day with almost no generation, which clouds cannot explain, is an outage (or snow). It says nothing about other
//! days, except that the next days may be outages too.
//!
//! Each row has three forecasts: the output under the forecast weather; under the usual weather; and the last day's
//! deviation from usual, persisted. Each is corrected by hour of the day (in UTC, since the sun does not follow local
//! time): shading in the morning, dust, new panels and snow are all a ratio of actual to expected generation.

use std::array;

/// Prior weight of the ratio of the whole day in that of an hour, in rows of mean power; and the weight of the ratio of
/// weeks in that of the last day.
const WHOLE_DAY_ROWS: f64 = 1.0;
const WEEKS_ROWS: f64 = 0.3;
/// Half-life of a row for the last day, in days.
const LAST_DAY: f64 = 1.0;

/// A day below this share of clear-sky generation is an outage.
const STILL_SHARE: f64 = 0.02;

/// The blended forecasts: forecast weather, usual weather, and persistence of the last day.
pub const FORECASTS: usize = 3;

/// A daylight row before the origin.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Row of the UTC day.
    pub slot: usize,
    pub days_ago: f64,
    pub actual: f64,
    /// Expected under its weather; missing if the irradiance is.
    pub in_weather: f64,
    /// Expected under a clear sky.
    pub clear: f64,
}

impl Seen {
    /// Whole days before the origin: 0 for the last 24 hours.
    fn day(&self) -> usize {
        (self.days_ago - 1e-9).max(0.0) as usize
    }
}

/// Ratios of actual to expected generation.
struct Ratios {
    by_slot: Vec<f64>,
    /// Ratio of the last day to that of weeks, minus one.
    last_day: f64,
}

impl Ratios {
    fn learn(rows_per_day: usize, half_life_days: f64, seen: impl Iterator<Item = (Seen, f64)> + Clone) -> Self {
        let known = seen.filter(|(_, expected)| expected.is_finite());
        let (count, squares) =
            known.clone().fold((0.0, 0.0), |(n, sum), (_, expected)| (n + 1.0, sum + expected * expected));
        let mean = if count > 0.0 { squares / count } else { 0.0 };
        let ratio = |[both, squares]: [f64; 2], rows: f64, to: f64| {
            let drawn = rows * mean;
            if squares + drawn > 0.0 { (both + drawn * to) / (squares + drawn) } else { to }
        };
        let mut sums = vec![[0.0; 2]; rows_per_day];
        let mut newest = [0.0; 2];
        for (seen, expected) in known {
            let products = [seen.actual * expected, expected * expected];
            let (weight, new) = (0.5_f64.powf(seen.days_ago / half_life_days), 0.5_f64.powf(seen.days_ago / LAST_DAY));
            sums[seen.slot] = array::from_fn(|n| sums[seen.slot][n] + weight * products[n]);
            newest = array::from_fn(|n| newest[n] + new * products[n]);
        }
        let all = sums.iter().fold([0.0; 2], |all, sum| array::from_fn(|n| all[n] + sum[n]));
        // Without data, the ratio is one.
        let whole = ratio(all, WHOLE_DAY_ROWS, 1.0);
        let by_slot = sums.into_iter().map(|sum| ratio(sum, WHOLE_DAY_ROWS, whole)).collect();
        let last_day = if whole > 0.0 { ratio(newest, WEEKS_ROWS, whole) / whole - 1.0 } else { 0.0 };
        Self { by_slot, last_day }
    }
}

/// Whether there was an outage in a time with this expected clear-sky generation.
pub fn stood_still(actual: f64, clear: f64) -> bool {
    clear > 0.0 && actual < STILL_SHARE * clear
}

/// The recent history at an origin.
pub struct Recent {
    /// Whether the last day was an outage.
    pub stood_still: bool,
    in_weather: Ratios,
    clear: Ratios,
}

impl Recent {
    /// From daylight rows, oldest first.
    pub fn learn(rows_per_day: usize, half_life_days: f64, seen: &[Seen]) -> Self {
        let is_still = |day: &[Seen]| {
            stood_still(day.iter().map(|seen| seen.actual).sum(), day.iter().map(|seen| seen.clear).sum())
        };
        let days = || seen.chunk_by(|a, b| a.day() == b.day());
        let stood_still = days().next_back().is_some_and(|day| day[0].day() == 0 && is_still(day));
        let seen: Vec<Seen> = days().filter(|day| !is_still(day)).flatten().copied().collect();
        let learn = |expected: fn(&Seen) -> f64| {
            Ratios::learn(rows_per_day, half_life_days, seen.iter().map(|seen| (*seen, expected(seen))))
        };
        Self { stood_still, in_weather: learn(|seen| seen.in_weather), clear: learn(|seen| seen.clear) }
    }

    /// The forecasts of a row, given its expected output under the forecast weather (possibly missing) and under a
    /// clear sky.
    pub fn forecasts(&self, slot: usize, in_weather: f64, clear: f64) -> [f64; FORECASTS] {
        let usual = self.clear.by_slot[slot] * clear;
        let in_weather = if in_weather.is_nan() { usual } else { self.in_weather.by_slot[slot] * in_weather };
        [in_weather, usual, self.clear.last_day * usual]
    }
}
