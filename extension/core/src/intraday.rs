//! Intraday correction: extrapolates the residuals since the origin to the hours ahead.
//!
//! A model starts from the newest origin that it was fitted for, so newer rows may be known that it does not read.
//! Forecast errors are autocorrelated: the residuals of those rows predict the next ones. They are extrapolated by the
//! best linear predictor from their autocovariance (Brockwell and Davis, *Time Series: Theory and Methods*, 1991,
//! section 5.1), estimated from the held-out forecasts in units of the spread at each time of day. The biased estimate
//! of the autocovariance is positive semidefinite and decays with the lag. Residuals at night predict the day less well
//! than those before noon do: each correction is multiplied by a gain that was optimal on the held-out forecasts, by
//! the time of day of the newest residual.

use crate::Checkpoint;
use crate::intervals::{Ahead, LEAST_SHARE, Residual, mean};
use faer::linalg::solvers::Solve;
use faer::{Col, Mat, Side};
use serde::{Deserialize, Serialize};

/// Share of the variance attributed to noise of single rows.
const NOISE: f64 = 0.02;
/// Prior weight of the mean spread in the spread of each time of day, in residuals.
const FEW: f64 = 4.0;

/// The autocovariance of the scaled residuals.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intraday {
    /// Root mean square of the residuals, by row of the local day.
    spread: Vec<f64>,
    /// Autocovariance by lag in rows, from zero to a day.
    covariance: Vec<f64>,
    /// Gain of the correction, by row of the local day of the newest known residual.
    gain: Vec<f64>,
}

impl Intraday {
    /// Learns from residuals up to two days ahead, grouped by origin with ascending lead.
    pub fn learn(day: usize, residuals: &[Residual], checkpoint: Checkpoint<'_>) -> Self {
        let near = residuals.iter().filter(|residual| residual.lead <= 2 * day);
        let mean_level = mean(near.clone().map(|residual| residual.level)).filter(|level| *level > 0.0);
        let least = mean_level.map_or(1.0, |level| LEAST_SHARE * level);
        let relative = |residual: &Residual| Residual {
            error: residual.error / residual.level.max(least),
            level: 1.0,
            ..*residual
        };
        let near: Vec<Residual> = near.map(relative).collect();
        let all = mean(near.iter().map(|residual| residual.error.powi(2)));
        let Some(all) = all.filter(|all| *all > 0.0 && all.is_finite()) else { return Self::default() };
        let mut squares = vec![(FEW * all, FEW); day];
        for residual in &near {
            let (sum, count) = &mut squares[residual.slot];
            (*sum, *count) = (*sum + residual.error.powi(2), *count + 1.0);
        }
        let spread: Vec<f64> = squares.iter().map(|(sum, count)| (sum / count).sqrt()).collect();
        let mut covariance = vec![0.0; day + 1];
        for of_origin in by_origin(&near) {
            checkpoint();
            let scaled: Vec<(usize, f64)> =
                of_origin.iter().map(|residual| (residual.lead, residual.error / spread[residual.slot])).collect();
            for (at, (lead, value)) in scaled.iter().enumerate() {
                for (later, other) in scaled[at..].iter().take_while(|(later, _)| later - lead <= day) {
                    covariance[later - lead] += value * other;
                }
            }
        }
        let mut intraday = Self { spread, covariance, gain: vec![1.0; day] };
        intraday.gain = intraday.learn_gain(&near, checkpoint);
        intraday
    }

    /// The optimal gains, shrunk towards one.
    fn learn_gain(&self, residuals: &[Residual], checkpoint: Checkpoint<'_>) -> Vec<f64> {
        let day = self.spread.len();
        // By row of the day: corrections times errors, and squared corrections.
        let mut sums = vec![(0.0, 0.0); day];
        for of_origin in by_origin(residuals) {
            for newest in 0..of_origin.len().min(day) {
                checkpoint();
                let known = &of_origin[(newest + 1).saturating_sub(day / 2)..=newest];
                let ahead = of_origin[newest + 1..].iter().take(day);
                let asked: Vec<Ahead> = ahead.clone().map(Residual::ahead).collect();
                let (both, squares) = &mut sums[of_origin[newest].slot];
                for (residual, correction) in ahead.zip(self.corrections(known, &asked)) {
                    let (error, correction) =
                        (residual.error / self.spread[residual.slot], correction / self.spread[residual.slot]);
                    (*both, *squares) = (*both + error * correction, *squares + correction * correction);
                }
            }
        }
        let prior = FEW * sums.iter().map(|(_, squares)| squares).sum::<f64>() / residuals.len().max(1) as f64;
        sums.into_iter()
            .map(
                |(both, squares)| {
                    if squares > 0.0 { ((both + prior) / (squares + prior)).clamp(0.0, 1.0) } else { 1.0 }
                },
            )
            .collect()
    }

    /// The corrections to add to the forecasts of rows ahead, given known residuals by ascending lead.
    pub fn corrections(&self, known: &[Residual], ahead: &[Ahead]) -> Vec<f64> {
        let none = vec![0.0; ahead.len()];
        let Some(variance) = self.covariance.first().filter(|_| !known.is_empty()) else { return none };
        let between = |a: usize, b: usize| self.covariance.get(a.abs_diff(b)).copied().unwrap_or(0.0);
        let n = known.len();
        let system = Mat::from_fn(n, n, |i, j| {
            between(known[i].lead, known[j].lead) + if i == j { NOISE * variance } else { 0.0 }
        });
        let Ok(factors) = system.llt(Side::Lower) else { return none };
        // Relative to the newest known row: where all rows have the same level, it has no effect.
        let newest = known[n - 1].level;
        let relative = |level: f64| if newest > 0.0 && level > 0.0 { level / newest } else { 1.0 };
        let spread = |row: Ahead| self.spread[row.slot] * relative(row.level);
        let weights = factors.solve(Col::from_fn(n, |i| known[i].error / spread(known[i].ahead())));
        let expected = |lead: usize| (0..n).map(|i| between(lead, known[i].lead) * weights[i]).sum::<f64>();
        let gain = self.gain[known[n - 1].slot];
        ahead.iter().map(|row| gain * spread(*row) * expected(row.lead)).collect()
    }

    /// Whether it is valid for a series with this many rows per day.
    pub fn is_sound(&self, day: usize) -> bool {
        let empty = self.spread.is_empty() && self.covariance.is_empty() && self.gain.is_empty();
        let whole = self.spread.len() == day && self.covariance.len() == day + 1 && self.gain.len() == day;
        (empty || whole)
            && self.spread.iter().all(|value| value.is_finite() && *value > 0.0)
            && self.gain.iter().all(|share| (0.0..=1.0).contains(share))
            && self.covariance.iter().all(|value| value.is_finite() && value.abs() <= self.covariance[0])
    }
}

/// Splits the residuals by origin; those of one origin are adjacent.
fn by_origin(residuals: &[Residual]) -> impl Iterator<Item = &[Residual]> {
    residuals.chunk_by(|a, b| a.origin_at == b.origin_at && a.lead < b.lead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Residuals of `origins` origins a day apart, two days ahead each.
    fn residuals(origins: usize, mut next: impl FnMut(usize) -> f64) -> Vec<Residual> {
        let of = |origin: usize, lead: usize, error| Residual {
            origin_at: origin as i64 * 86_400,
            known_at: 0,
            lead,
            slot: (lead + 4) % 24,
            error,
            level: 2.0,
        };
        (0..origins)
            .flat_map(|origin| (1..=48).map(move |lead| (origin, lead)))
            .map(|(o, l)| of(o, l, next(l)))
            .collect()
    }

    /// Deterministic white noise.
    fn noise() -> impl FnMut() -> f64 {
        let mut state = 1_u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) - 0.5
        }
    }

    fn ahead(lead: usize, slot: usize) -> Ahead {
        Ahead { lead, slot, level: 2.0 }
    }

    fn learn(residuals: &[Residual]) -> Intraday {
        Intraday::learn(24, residuals, &mut || ())
    }

    #[test]
    fn autoregressive_errors_are_extrapolated_by_powers_of_the_coefficient() {
        let (mut noise, mut error) = (noise(), 0.0);
        let all = residuals(400, |_| {
            error = 0.9 * error + noise();
            error
        });
        let known = &all[..4];
        let newest = known[3].error;
        for (power, correction) in
            (1..).zip(learn(&all).corrections(known, &[ahead(5, 9), ahead(6, 10), ahead(10, 14)]))
        {
            let expected = newest * 0.9_f64.powi(if power == 3 { 6 } else { power });
            assert!((correction - expected).abs() < 0.15 * newest.abs(), "{correction} for {expected}");
        }
    }

    #[test]
    fn uncorrelated_errors_are_not_extrapolated() {
        let mut noise = noise();
        let all = residuals(400, |_| noise());
        let corrections = learn(&all).corrections(&all[..6], &[ahead(7, 11), ahead(8, 12), ahead(20, 0)]);
        assert!(corrections.iter().all(|correction| correction.abs() < 0.1), "{corrections:?}");
    }

    #[test]
    fn corrections_scale_with_the_spread_of_the_time_of_day() {
        let (mut noise, mut error) = (noise(), 0.0);
        let all = residuals(400, |lead| {
            error = 0.9 * error + noise();
            error * if (lead + 4) % 24 < 12 { 4.0 } else { 1.0 }
        });
        let corrections = learn(&all).corrections(&all[5..6], &[ahead(7, 11), ahead(8, 12)]);
        assert!((corrections[0] / corrections[1] - 4.0 / 0.9).abs() < 1.0, "{corrections:?}");
    }

    #[test]
    fn corrections_scale_with_the_level_of_the_row() {
        let (mut noise, mut error) = (noise(), 0.0);
        let all = residuals(400, |_| {
            error = 0.9 * error + noise();
            error
        });
        let of = |level| learn(&all).corrections(&all[5..6], &[Ahead { level, ..ahead(7, 11) }])[0];
        assert!((of(6.0) / of(2.0) - 3.0).abs() < 1e-9);
        assert_eq!(of(0.0), of(2.0));
    }

    #[test]
    fn without_residuals_or_errors_there_is_no_correction() {
        let mut noise = noise();
        let all = residuals(30, |_| noise());
        assert_eq!(learn(&all).corrections(&[], &[ahead(1, 5), ahead(2, 6)]), [0.0, 0.0]);
        assert_eq!(learn(&[]), Intraday::default());
        let exact = residuals(30, |_| 0.0);
        assert_eq!(learn(&exact).corrections(&all[..3], &[ahead(4, 8)]), [0.0]);
    }

    proptest! {
        #[test]
        fn corrections_are_finite_and_bounded_by_the_known_residuals(
            errors in prop::collection::vec(-1e3..1e3_f64, 480),
            known in prop::collection::vec((1usize..24, -1e3..1e3_f64), 1..24),
        ) {
            let mut errors = errors.into_iter();
            let all = residuals(10, |_| errors.next().unwrap());
            let intraday = learn(&all);
            prop_assert!(intraday.is_sound(24));
            let of = |(lead, error): (usize, f64)| Residual { lead, slot: (lead + 4) % 24, error, ..all[0] };
            let mut known: Vec<Residual> = known.into_iter().map(of).collect();
            known.sort_by_key(|residual| residual.lead);
            known.dedup_by_key(|residual| residual.lead);
            let ahead: Vec<Ahead> = (24..72).map(|lead| ahead(lead, (lead + 4) % 24)).collect();
            let largest = known.iter().map(|residual| residual.error.abs()).fold(0.0, f64::max);
            for correction in intraday.corrections(&known, &ahead) {
                prop_assert!(correction.abs() <= 50.0 * largest, "{correction} of {largest}");
            }
        }
    }
}
