//! Prediction intervals by split conformal prediction.
//!
//! A model that has not seen a block of data is asked to forecast it; the absolute residuals of each
//! day of lead, sorted, say how far to go either side of a forecast. With `n` residuals the half-width
//! of an interval of coverage `1 - alpha` is the `ceil((n + 1)(1 - alpha))`-th smallest (Vovk et al.,
//! 2005; Lei et al., *Distribution-Free Predictive Inference for Regression*, 2018, section 2.2). That
//! covers at least `1 - alpha` of new hours where they are exchangeable with the held-out ones; hours of
//! a year are so only roughly, which is why the coverage is measured in each backtest.

use serde::{Deserialize, Serialize};

/// The coverage that intervals aim at.
pub const COVERAGE: f64 = 0.9;

/// Half-widths of the interval by day of lead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    rows_per_day: usize,
    half_widths: Vec<f64>,
}

impl Intervals {
    /// Learns from residuals, each with its lead in steps (1 is the first row ahead). Days of lead with too few of them take
    /// the half-width of all.
    pub fn from_residuals(rows_per_day: usize, horizon: usize, residuals: &[(usize, f64)]) -> Self {
        let mut all = Vec::with_capacity(residuals.len());
        let mut by_day = vec![Vec::new(); horizon.div_ceil(rows_per_day)];
        for (lead, residual) in residuals.iter().filter(|(_, residual)| residual.is_finite()) {
            all.push(residual.abs());
            if let Some(day) = by_day.get_mut((lead - 1) / rows_per_day) {
                day.push(residual.abs());
            }
        }
        let pooled = half_width(&mut all).or_else(|| all.last().copied()).unwrap_or(0.0);
        let half_widths = by_day.iter_mut().map(|day| half_width(day).unwrap_or(pooled)).collect();
        Self { rows_per_day, half_widths }
    }

    /// Lower and upper bound around `yhat`, `lead` steps ahead.
    pub fn around(&self, yhat: f64, lead: usize) -> (f64, f64) {
        let day = (lead.saturating_sub(1) / self.rows_per_day).min(self.half_widths.len().saturating_sub(1));
        let half_width = self.half_widths.get(day).copied().unwrap_or(0.0);
        (yhat - half_width, yhat + half_width)
    }

    /// Whether the numbers can be used: finite, not negative, and at least one.
    pub fn is_sound(&self) -> bool {
        let sound = |width: &f64| width.is_finite() && *width >= 0.0;
        self.rows_per_day > 0 && !self.half_widths.is_empty() && self.half_widths.iter().all(sound)
    }
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
    use proptest::prelude::*;

    #[test]
    fn nine_scores_are_the_fewest_for_ninety_percent() {
        assert_eq!(half_width(&mut [1.0; 8]), None);
        assert_eq!(half_width(&mut [9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]), Some(9.0));
    }

    #[test]
    fn each_day_of_lead_has_its_own_width() {
        let residuals: Vec<_> = (0..100).flat_map(|_| [(1, 1.0), (25, -2.0)]).collect();
        let intervals = Intervals::from_residuals(24, 48, &residuals);
        assert_eq!(intervals.around(10.0, 24), (9.0, 11.0));
        assert_eq!(intervals.around(10.0, 25), (8.0, 12.0));
    }

    proptest! {
        #[test]
        fn at_least_ninety_percent_of_the_residuals_lie_inside(
            residuals in proptest::collection::vec(-1e3..1e3_f64, 9..400)
        ) {
            let pairs: Vec<_> = residuals.iter().map(|r| (1, *r)).collect();
            let (lower, upper) = Intervals::from_residuals(24, 24, &pairs).around(0.0, 1);
            let inside = residuals.iter().filter(|r| (lower..=upper).contains(*r)).count();
            prop_assert!(inside as f64 >= COVERAGE * residuals.len() as f64);
        }
    }
}
