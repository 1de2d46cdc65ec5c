//! What the panels have done lately, against what was expected of them, and what follows for the hours ahead.
//!
//! Where a day brought next to nothing, which no cloud does, the panels lay under snow or stood still: it says nothing
//! of how they are otherwise, but that the next days may be like it.
//!
//! Three forecasts of each row: what they generate in the weather that is forecast; in the usual one; and by how much
//! the last day was better than usual, carried on. Each is corrected by the hour of the day (in UTC, by the sun and not
//! by the clock): a tree that shades the morning, dust, new panels and snow are all a ratio of what came to what was
//! expected.

use std::array;

/// How much an hour of the day counts the ratio of the whole day, in rows of mean power; and so much the last day
/// counts that of weeks.
const WHOLE_DAY_ROWS: f64 = 1.0;
const WEEKS_ROWS: f64 = 0.3;
/// Days after which a row counts half for the last day.
const LAST_DAY: f64 = 1.0;

/// A day that brought less than this share of a clear one is one on which the panels stood still.
const STILL_SHARE: f64 = 0.02;

/// The forecasts that are blended: in the weather, in the usual weather, and the last day carried on.
pub const FORECASTS: usize = 3;

/// A lit row before the origin.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Row of the UTC day.
    pub slot: usize,
    pub days_ago: f64,
    pub actual: f64,
    /// Expected in its weather; missing where that is.
    pub in_weather: f64,
    /// Expected under a clear sky.
    pub clear: f64,
}

impl Seen {
    /// Whole days before the origin: none for the 24 hours before it.
    fn day(&self) -> usize {
        (self.days_ago - 1e-9).max(0.0) as usize
    }
}

/// What has come over what was expected.
struct Ratios {
    by_slot: Vec<f64>,
    /// Of the last day over that of weeks, less one.
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
        // Of nothing known, the panels are as they were learnt.
        let whole = ratio(all, WHOLE_DAY_ROWS, 1.0);
        let by_slot = sums.into_iter().map(|sum| ratio(sum, WHOLE_DAY_ROWS, whole)).collect();
        let last_day = if whole > 0.0 { ratio(newest, WEEKS_ROWS, whole) / whole - 1.0 } else { 0.0 };
        Self { by_slot, last_day }
    }
}

/// Whether the panels stood still in a time that should have brought so much under a clear sky.
pub fn stood_still(actual: f64, clear: f64) -> bool {
    clear > 0.0 && actual < STILL_SHARE * clear
}

/// What has been seen before an origin.
pub struct Recent {
    /// Whether they stood still on the last day.
    pub stood_still: bool,
    in_weather: Ratios,
    clear: Ratios,
}

impl Recent {
    /// From lit rows, the oldest first.
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

    /// The forecasts of a row, given what is expected in its weather, missing where that is, and under a clear sky.
    pub fn forecasts(&self, slot: usize, in_weather: f64, clear: f64) -> [f64; FORECASTS] {
        let usual = self.clear.by_slot[slot] * clear;
        let in_weather = if in_weather.is_nan() { usual } else { self.in_weather.by_slot[slot] * in_weather };
        [in_weather, usual, self.clear.last_day * usual]
    }
}
