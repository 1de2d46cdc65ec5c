//! The newest weeks in local time, and their decomposition.

use super::Parameters;
use crate::clock::Clock;
use crate::error::Error;
use stlrs::{Mstl, StlParams};

/// Values at equal steps of local time, without missing ones.
pub(super) struct Wall {
    first: i64,
    values: Vec<f64>,
}

impl Wall {
    /// The newest `most` rows of `target`; an error if there are fewer than `need` rows, or fewer than half of those
    /// are known.
    pub fn new(target: &[f64], clock: &Clock, most: usize, need: usize) -> Result<Self, Error> {
        let rows = target.len().saturating_sub(most)..target.len();
        let known = target[rows.clone()].iter().filter(|value| value.is_finite()).count();
        if rows.len() < need || known < need / 2 {
            return Err(Error::TooLittleHistory { need, have: known.min(rows.len()) });
        }
        let (first, last) = (clock.tick(rows.start), clock.tick(rows.end - 1));
        let mut sums = vec![(0.0, 0_u32); usize::try_from(last - first + 1).unwrap_or(0)];
        for row in rows.filter(|row| target[*row].is_finite()) {
            if let Some((sum, count)) = usize::try_from(clock.tick(row) - first).ok().and_then(|at| sums.get_mut(at)) {
                *sum += target[row];
                *count += 1;
            }
        }
        let values: Vec<f64> =
            sums.into_iter().map(|(sum, n)| if n > 0 { sum / f64::from(n) } else { f64::NAN }).collect();
        Ok(Self { first, values: filled(values, clock.rows_per_day()) })
    }

    /// The index of the row's value; at or beyond the number of values for rows ahead.
    pub fn position(&self, clock: &Clock, row: usize) -> usize {
        usize::try_from(clock.tick(row) - self.first).unwrap_or(0)
    }

    pub fn decompose(&self, day: usize, parameters: &Parameters) -> Result<Parts, Error> {
        let seasons = [(day, parameters.daily_window), (7 * day, parameters.weekly_window)];
        let (periods, windows): (Vec<usize>, Vec<usize>) = seasons
            .into_iter()
            .filter(|(period, _)| *period >= 2)
            .map(|(period, window)| (period, window as usize))
            .unzip();
        let parts = Mstl::params()
            .stl_params(StlParams::new())
            .seasonal_lengths(&windows)
            .fit(&self.values, &periods)
            .map_err(|error| Error::Internal(format!("the decomposition: {error}")))?;
        let seasons = periods.into_iter().zip(parts.seasonal().iter().cloned()).collect();
        let level = parts.trend().last().copied().unwrap_or(0.0);
        Ok(Parts { seasons, level, remainder: parts.remainder().to_vec() })
    }
}

/// A decomposed series.
pub(super) struct Parts {
    /// Period and values of each season.
    pub seasons: Vec<(usize, Vec<f64>)>,
    /// The last value of the trend.
    pub level: f64,
    pub remainder: Vec<f64>,
}

impl Parts {
    /// Level, seasons and remainder at position `at`, which add up to the forecast; `remainder` is its forecast.
    pub fn ahead(&self, at: usize, remainder: &[f64]) -> [f64; 3] {
        let len = self.remainder.len();
        let season = |(period, values): &(usize, Vec<f64>)| match at.checked_sub(len) {
            Some(ahead) => values[len - period + ahead % period],
            // The repeated hour in autumn was seen once.
            None => values[at],
        };
        let step = at.saturating_sub(len).min(remainder.len() - 1);
        [self.level, self.seasons.iter().map(season).sum::<f64>(), remainder[step]]
    }
}

/// Fills missing values with the mean of their time of the week, shifted to the level of the known neighbours.
fn filled(mut values: Vec<f64>, day: usize) -> Vec<f64> {
    let means = |period: usize| -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); period];
        for (at, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            sums[at % period].0 += value;
            sums[at % period].1 += 1.0;
        }
        sums.into_iter().map(|(sum, n)| if n > 0.0 { sum / n } else { f64::NAN }).collect()
    };
    let (weekly, daily, overall) = (means(7 * day), means(day), means(1));
    let usual = |at: usize| {
        let choices = [weekly[at % (7 * day)], daily[at % day], overall[0]];
        choices.into_iter().find(|value| value.is_finite()).unwrap_or(0.0)
    };
    let known: Vec<usize> = (0..values.len()).filter(|at| values[*at].is_finite()).collect();
    let off: Vec<f64> = known.iter().map(|at| values[*at] - usual(*at)).collect();
    let missing: Vec<usize> = (0..values.len()).filter(|at| values[*at].is_nan()).collect();
    for at in missing {
        let next = known.partition_point(|row| *row < at);
        let off = match (next.checked_sub(1), known.get(next)) {
            (Some(before), Some(after)) => {
                let share = (at - known[before]) as f64 / (after - known[before]) as f64;
                (1.0 - share) * off[before] + share * off[next]
            }
            (Some(before), None) => off[before],
            (None, Some(_)) => off[next],
            (None, None) => 0.0,
        };
        values[at] = usual(at) + off;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{reference, reference_frame};

    #[test]
    fn a_gap_is_filled_by_time_of_week_at_the_local_level() {
        let value = |at: usize| (at % 24) as f64 + if at >= 24 * 21 { 10.0 } else { 0.0 };
        let mut values: Vec<f64> = (0..24 * 42).map(value).collect();
        values[24 * 30..24 * 31].fill(f64::NAN);
        for (at, filled) in filled(values, 24).into_iter().enumerate().skip(24 * 30).take(24) {
            assert!((filled - value(at)).abs() < 1.5, "{at}: {filled} for {}", value(at));
        }
    }

    /// `statsmodels` 0.15 smooths at every row; `stlrs` at every tenth of a window, with interpolation in between.
    #[test]
    fn the_decomposition_agrees_with_statsmodels() {
        let (answers, frame) = (reference("mstl"), reference_frame(&[]));
        let end = frame.target.len() - 72;
        let clock = Clock::new(&frame.grid, chrono_tz::UTC, end);
        let wall = Wall::new(&frame.target[..end], &clock, 8 * 168, 2 * 168).unwrap();
        let parts = wall.decompose(24, &Parameters::default()).unwrap();
        let apart = |name: &str, ours: &[f64]| {
            let theirs: Vec<f64> = serde_json::from_value(answers[name].clone()).unwrap();
            assert_eq!(theirs.len(), ours.len());
            ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max)
        };
        let trend: Vec<f64> = (0..wall.values.len())
            .map(|at| wall.values[at] - parts.remainder[at] - parts.seasons.iter().map(|(_, s)| s[at]).sum::<f64>())
            .collect();
        let apart = [apart("daily", &parts.seasons[0].1), apart("weekly", &parts.seasons[1].1), apart("trend", &trend)];
        assert!(apart.iter().all(|apart| *apart < 0.1), "{apart:?}, of a demand that varies by 20");
    }
}
