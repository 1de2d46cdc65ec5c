//! Seasonal ARIMA of a zero-mean series with missing values and outliers.
//!
//! `(1 - phi(B)) (1 - Phi(B^s)) (1 - B)^d (1 - B^s)^D x_t = (1 + theta(B)) (1 + Theta(B^s)) e_t` (Box and Jenkins,
//! *Time Series Analysis*, 1970). Both sides are multiplied out once; the innovation `e_t` is the difference between
//! `x_t` and its one-step forecast. A missing value is replaced by that forecast, with a zero innovation. Innovations
//! are clipped at `clip`, which limits the effect of an outlier on later forecasts (Gelper, Fried and Croux, *Robust
//! forecasting with exponential and Holt-Winters smoothing*, 2010). One pass over the series serves every origin.

mod fit;
mod search;

pub(super) use fit::fit;
pub(super) use search::{Limits, search};

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// The orders `(p, d, q) (P, D, Q)` and the length of the season, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// `p`, `d`, `q`.
    pub plain: [usize; 3],
    /// `P`, `D`, `Q`.
    pub seasonal: [usize; 3],
    pub season: usize,
}

impl Order {
    /// Number of coefficients.
    pub fn coefficients(&self) -> usize {
        self.plain[0] + self.plain[2] + self.seasonal[0] + self.seasonal[2]
    }

    /// Rows that a one-step forecast looks back.
    pub fn reach(&self) -> usize {
        let [p, d, q] = self.plain;
        let [sp, sd, sq] = self.seasonal;
        (p + d + self.season * (sp + sd)).max(q + self.season * sq)
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arima {
    pub order: Order,
    /// `phi`, `theta`, `Phi`, `Theta`, concatenated.
    pub coefficients: Vec<f64>,
    /// Standard deviation of the innovations.
    pub sigma: f64,
}

/// A series filtered by the model.
#[derive(Debug, Clone)]
pub(super) struct Filtered {
    /// The values, with missing ones and outliers replaced.
    values: Vec<f64>,
    /// The innovations.
    innovations: Vec<f64>,
}

/// Both sides multiplied out: `x_t = sum a x_(t-lag) + e_t + sum m e_(t-lag)`.
struct Terms {
    ar: Vec<(usize, f64)>,
    ma: Vec<(usize, f64)>,
}

impl Arima {
    /// Filters `x`; NaN is missing.
    pub fn filter(&self, x: &[f64], clip: f64) -> Filtered {
        Terms::new(self.order, &self.coefficients).filter(x, clip, self.order.reach())
    }

    /// Forecasts `horizon` rows from `origin`, which must lie within or at the end of the filtered series.
    pub fn forecast(&self, filtered: &Filtered, origin: usize, horizon: usize) -> Vec<f64> {
        let terms = Terms::new(self.order, &self.coefficients);
        let first = origin.saturating_sub(self.order.reach());
        let mut values = filtered.values[first..origin].to_vec();
        let mut innovations = filtered.innovations[first..origin].to_vec();
        let known = values.len();
        for _ in 0..horizon {
            values.push(terms.ahead(&values, &innovations, values.len()));
            innovations.push(0.0);
        }
        values.split_off(known)
    }

    /// Rejects values that no fit produces.
    pub fn check(&self) -> Result<(), Error> {
        let order = self.order;
        let [p, d, q] = order.plain;
        let [sp, sd, sq] = order.seasonal;
        let sound =
            self.coefficients.iter().all(|value| value.is_finite()) && self.sigma.is_finite() && self.sigma >= 0.0;
        let small =
            [p, q, sp, sq].iter().all(|n| *n <= 10) && d <= 2 && sd <= 1 && (1..=100_000).contains(&order.season);
        if sound && small && self.coefficients.len() == order.coefficients() {
            return Ok(());
        }
        Err(Error::DamagedArtifact("its ARIMA has invalid values".to_owned()))
    }
}

impl Terms {
    fn new(order: Order, coefficients: &[f64]) -> Self {
        let [p, d, q] = order.plain;
        let [sp, sd, sq] = order.seasonal;
        let (phi, rest) = coefficients.split_at(p);
        let (theta, rest) = rest.split_at(q);
        let (seasonal_phi, seasonal_theta) = rest.split_at(sp);
        let polynomial = |coefficients: &[f64], sign: f64, step: usize| {
            let terms = coefficients.iter().enumerate().map(|(i, c)| ((i + 1) * step, sign * c));
            std::iter::once((0, 1.0)).chain(terms).collect::<Vec<_>>()
        };
        let mut left = product(&polynomial(phi, -1.0, 1), &polynomial(seasonal_phi, -1.0, order.season));
        for _ in 0..d {
            left = product(&left, &[(0, 1.0), (1, -1.0)]);
        }
        for _ in 0..sd {
            left = product(&left, &[(0, 1.0), (order.season, -1.0)]);
        }
        let right = product(&polynomial(theta, 1.0, 1), &polynomial(&seasonal_theta[..sq], 1.0, order.season));
        let tail = |terms: Vec<(usize, f64)>, sign: f64| {
            terms.into_iter().filter(|(lag, _)| *lag > 0).map(|(lag, c)| (lag, sign * c)).collect()
        };
        Self { ar: tail(left, -1.0), ma: tail(right, 1.0) }
    }

    /// The one-step forecast of row `t`; values before the series count as zero.
    fn ahead(&self, values: &[f64], innovations: &[f64], t: usize) -> f64 {
        let sum = |terms: &[(usize, f64)], past: &[f64]| -> f64 {
            terms.iter().filter_map(|(lag, c)| Some(c * past[t.checked_sub(*lag)?])).sum()
        };
        sum(&self.ar, values) + sum(&self.ma, innovations)
    }

    fn filter(&self, x: &[f64], clip: f64, start: usize) -> Filtered {
        let mut values = Vec::with_capacity(x.len());
        let mut innovations = Vec::with_capacity(x.len());
        // Until the longest lag is available, values are taken as they are, and missing ones repeat the previous value.
        let mut last = x.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0);
        for value in x.iter().take(start) {
            last = if value.is_finite() { *value } else { last };
            values.push(last);
            innovations.push(0.0);
        }
        for (t, value) in x.iter().enumerate().skip(start) {
            let ahead = self.ahead(&values, &innovations, t);
            let innovation = if value.is_finite() { (value - ahead).clamp(-clip, clip) } else { 0.0 };
            values.push(ahead + innovation);
            innovations.push(innovation);
        }
        Filtered { values, innovations }
    }
}

impl Filtered {
    /// The innovations; zero where the value is missing.
    pub fn innovations(&self) -> &[f64] {
        &self.innovations
    }
}

/// Maximum absolute innovation; unlimited if the fit left no spread.
pub(super) fn clip(sigmas: f64, sigma: f64) -> f64 {
    if sigma > 0.0 { sigmas * sigma } else { f64::INFINITY }
}

/// The product of two polynomials, given as lags and coefficients.
fn product(a: &[(usize, f64)], b: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let mut terms = std::collections::BTreeMap::new();
    for (i, x) in a {
        for (j, y) in b {
            *terms.entry(i + j).or_insert(0.0) += x * y;
        }
    }
    terms.into_iter().filter(|(_, c)| *c != 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn airline() -> Arima {
        let order = Order { plain: [0, 1, 1], seasonal: [0, 1, 1], season: 4 };
        Arima { order, coefficients: vec![-0.4, -0.6], sigma: 1.0 }
    }

    #[test]
    fn both_sides_are_multiplied_out() {
        let terms = Terms::new(airline().order, &airline().coefficients);
        assert_eq!(terms.ar, [(1, 1.0), (4, 1.0), (5, -1.0)]);
        assert_eq!(terms.ma, [(1, -0.4), (4, -0.6), (5, 0.24)]);
    }

    #[test]
    fn a_trend_with_a_season_is_continued_over_a_gap() {
        let season = [0.0, 5.0, 1.0, -2.0];
        let value = |t: usize| 0.1 * t as f64 + season[t % 4];
        let mut x: Vec<f64> = (0..60).map(value).collect();
        x[40..47].fill(f64::NAN);
        let filtered = airline().filter(&x, f64::INFINITY);
        for (ahead, yhat) in airline().forecast(&filtered, 60, 9).into_iter().enumerate() {
            assert!((yhat - value(60 + ahead)).abs() < 1e-9, "{ahead}: {yhat}");
        }
    }

    #[test]
    fn the_effect_of_an_outlier_is_limited_by_the_clip() {
        let order = Order { plain: [1, 0, 0], seasonal: [0, 0, 0], season: 24 };
        let ar = Arima { order, coefficients: vec![0.9], sigma: 1.0 };
        let mut x = vec![0.0; 50];
        x[49] = 1e6;
        let yhat = ar.forecast(&ar.filter(&x, 5.0), 50, 1)[0];
        assert!((yhat - 4.5).abs() < 1e-9);
    }
}
