//! Prediction intervals by locally weighted split conformal prediction.
//!
//! A model that has not seen a block of data is asked to forecast it. Each absolute residual is divided
//! by the spread to be expected there: a profile over the day, times the recent level of the target, so
//! that nights are narrow, evenings wide, and a season of higher demand wider. The sorted ratios of
//! each day of lead say how many spreads to go either side: with `n` of them, for a coverage of `1 - alpha`,
//! the `ceil((n + 1)(1 - alpha))`-th smallest (Lei et al., *Distribution-Free Predictive Inference for
//! Regression*, 2018, sections 2.2 and 5.2). That covers at least `1 - alpha` of new hours where their ratios are
//! exchangeable with the held-out ones; over a year they are so only roughly, and the profile is learnt
//! from the same block, which is why the coverage is measured in each backtest.

use crate::series::Frame;
use serde::{Deserialize, Serialize};

/// The coverage that intervals aim at.
pub const COVERAGE: f64 = 0.9;
/// Days before the issue time over which the recent level is the mean of the absolute target.
const LEVEL_DAYS: usize = 7;
/// The least share of the mean profile, and of the mean level, that the spread keeps.
const LEAST_SHARE: f64 = 0.2;

/// A forecast that has come true: where it was made, how far ahead, and by how much it was wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// First row not known when it was made.
    pub origin: usize,
    /// Steps ahead; 1 is the row `origin`.
    pub lead: usize,
    /// Actual less forecast.
    pub error: f64,
}

/// The spread over the day, and how many spreads wide an interval is, by day of lead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    profile: Vec<f64>,
    least_level: f64,
    half_widths: Vec<f64>,
}

impl Intervals {
    /// Learns from residuals over `frame`. Days of lead with too few of them take the half-width of all.
    pub fn learn(frame: &Frame, horizon: usize, residuals: &[Residual]) -> Self {
        let day = frame.grid.rows_per_day();
        let levels: Vec<f64> = residuals.iter().map(|r| level(frame, r.origin)).collect();
        let mean_level = mean(levels.iter().copied().filter(|level| *level > 0.0)).unwrap_or(1.0);
        let mut intervals =
            Self { profile: vec![1.0; day], least_level: LEAST_SHARE * mean_level, half_widths: Vec::new() };
        intervals.profile = intervals.learn_profile(frame, residuals);
        let mut all = Vec::with_capacity(residuals.len());
        let mut by_day = vec![Vec::new(); horizon.div_ceil(day)];
        for residual in residuals {
            let ratio = residual.error.abs() / intervals.spread(frame, residual.origin, residual.lead);
            all.push(ratio);
            if let Some(ratios) = by_day.get_mut((residual.lead - 1) / day) {
                ratios.push(ratio);
            }
        }
        let pooled = half_width(&mut all).or_else(|| all.last().copied()).unwrap_or(0.0);
        intervals.half_widths = by_day.iter_mut().map(|ratios| half_width(ratios).unwrap_or(pooled)).collect();
        intervals
    }

    /// Lower and upper bound around `yhat`, forecast at `origin`, `lead` steps ahead.
    pub fn around(&self, frame: &Frame, origin: usize, lead: usize, yhat: f64) -> (f64, f64) {
        let day = ((lead - 1) / frame.grid.rows_per_day()).min(self.half_widths.len() - 1);
        let half_width = self.half_widths[day] * self.spread(frame, origin, lead);
        (yhat - half_width, yhat + half_width)
    }

    /// Whether the numbers can be used on a series of `rows_per_day`.
    pub fn is_sound(&self, rows_per_day: usize) -> bool {
        let sound = |numbers: &[f64], least: f64| {
            !numbers.is_empty() && numbers.iter().all(|number| number.is_finite() && *number >= least)
        };
        self.profile.len() == rows_per_day
            && sound(&self.profile, f64::MIN_POSITIVE)
            && sound(&self.half_widths, 0.0)
            && sound(&[self.least_level], f64::MIN_POSITIVE)
    }

    /// The spread to be expected: the profile at the target's time of day, times the level at the origin.
    fn spread(&self, frame: &Frame, origin: usize, lead: usize) -> f64 {
        self.profile[frame.grid.row_of_day(origin + lead - 1)] * level(frame, origin).max(self.least_level)
    }

    /// Mean absolute residual by time of day, in units of the level, smoothed over the two neighbours.
    fn learn_profile(&self, frame: &Frame, residuals: &[Residual]) -> Vec<f64> {
        let day = self.profile.len();
        let mut sums = vec![(0.0, 0.0); day];
        for residual in residuals {
            let (sum, count) = &mut sums[frame.grid.row_of_day(residual.origin + residual.lead - 1)];
            *sum += residual.error.abs() / self.spread(frame, residual.origin, residual.lead);
            *count += 1.0;
        }
        let Some(overall) = mean(sums.iter().map(|(sum, _)| *sum)).filter(|overall| *overall > 0.0) else {
            return vec![1.0; day];
        };
        let count = sums.iter().map(|(_, count)| count).sum::<f64>() / day as f64;
        let overall = overall / count;
        let smooth = |at: usize| {
            let near = [(at + day - 1) % day, at, (at + 1) % day].map(|near| sums[near]);
            let (sum, count) = near.iter().fold((0.0, 0.0), |(sum, n), (s, c)| (sum + s, n + c));
            if count > 0.0 { (sum / count).max(LEAST_SHARE * overall) } else { overall }
        };
        (0..day).map(smooth).collect()
    }
}

/// Mean absolute target of the last days before `origin`; zero where none is known.
fn level(frame: &Frame, origin: usize) -> f64 {
    let origin = origin.min(frame.target.len());
    let first = origin.saturating_sub(LEVEL_DAYS * frame.grid.rows_per_day());
    let known = frame.target[first..origin].iter().filter(|value| value.is_finite());
    mean(known.map(|value| value.abs())).unwrap_or(0.0)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// The conformal quantile of the scores, which it sorts; none where they are too few for the coverage.
fn half_width(scores: &mut [f64]) -> Option<f64> {
    scores.sort_by(f64::total_cmp);
    let rank = ((scores.len() + 1) as f64 * COVERAGE).ceil() as usize;
    scores.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use proptest::prelude::*;

    #[test]
    fn nine_scores_are_the_fewest_for_ninety_percent() {
        assert_eq!(half_width(&mut [1.0; 8]), None);
        assert_eq!(half_width(&mut [9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]), Some(9.0));
    }

    fn residuals(errors: &[f64]) -> Vec<Residual> {
        errors
            .iter()
            .enumerate()
            .map(|(i, error)| Residual { origin: 200 + i, lead: 1 + i % 48, error: *error })
            .collect()
    }

    #[test]
    fn each_day_of_lead_has_its_own_width() {
        let frame = hourly_frame(800);
        let errors: Vec<_> = (0..480).map(|i| if i % 48 < 24 { 1.0 } else { -2.0 }).collect();
        let intervals = Intervals::learn(&frame, 48, &residuals(&errors));
        let width = |lead| {
            let (lower, upper) = intervals.around(&frame, 500, lead, 10.0);
            upper - lower
        };
        assert!(width(25) > 1.5 * width(1) && intervals.is_sound(24));
    }

    #[test]
    fn a_higher_level_widens_the_interval() {
        let mut frame = hourly_frame(800);
        let intervals = Intervals::learn(&frame, 48, &residuals(&[1.0; 480]));
        let before = intervals.around(&frame, 700, 1, 0.0).1;
        frame.target[500..700].iter_mut().for_each(|value| *value *= 2.0);
        assert!((intervals.around(&frame, 700, 1, 0.0).1 - 2.0 * before).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn at_least_ninety_percent_of_the_residuals_lie_inside(
            errors in proptest::collection::vec(-1e3..1e3_f64, 9..400)
        ) {
            let frame = hourly_frame(800);
            let residuals = residuals(&errors).into_iter().map(|r| Residual { lead: 1, ..r }).collect::<Vec<_>>();
            let intervals = Intervals::learn(&frame, 24, &residuals);
            let inside = residuals.iter().filter(|r| r.error.abs() <= intervals.around(&frame, r.origin, 1, 0.0).1 * (1.0 + 1e-12));
            prop_assert!(inside.count() as f64 >= COVERAGE * residuals.len() as f64);
        }
    }
}
