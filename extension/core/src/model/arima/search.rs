//! Stepwise search for the order: from a few simple ones to the best neighbour, until none is better.
//!
//! After Hyndman and Khandakar, *Automatic time series forecasting: the forecast package for R* (2008), by AICc. The
//! differences `d` and `D` are fixed, since likelihoods of different differences are not comparable.

use super::{Arima, Order, fit};
use crate::Checkpoint;
use std::collections::HashMap;

/// Limits of the search.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Limits {
    /// Maximum `p` and `q`.
    pub plain: usize,
    /// Maximum `P` and `Q`.
    pub seasonal: usize,
    /// Maximum number of orders fitted.
    pub candidates: usize,
}

/// The best order with the differences `d` and `seasonal_d`, fitted.
pub(in crate::model) fn search(
    x: &[f64],
    season: usize,
    [d, seasonal_d]: [usize; 2],
    clip: f64,
    limits: Limits,
    checkpoint: Checkpoint<'_>,
) -> Arima {
    let order = |[p, q, sp, sq]: [usize; 4]| Order { plain: [p, d, q], seasonal: [sp, seasonal_d, sq], season };
    // All orders are compared on the rows available to the longest one.
    let most = [limits.plain, limits.plain, limits.seasonal, limits.seasonal];
    let skip = order(most).reach().min(x.len() / 2);
    let known = x.iter().skip(skip).filter(|value| value.is_finite()).count() as f64;
    let mut seen: HashMap<[usize; 4], f64> = HashMap::new();
    let mut best: Option<(f64, [usize; 4], Arima)> = None;
    let mut queue: Vec<[usize; 4]> = [[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [2, 1, 1, 0], [1, 1, 0, 1]].into();
    loop {
        let mut improved = false;
        for orders in queue.drain(..) {
            let allowed = orders.iter().zip(most).all(|(order, most)| *order <= most);
            if !allowed || seen.contains_key(&orders) || seen.len() >= limits.candidates {
                continue;
            }
            let fitted = fit(x, order(orders), clip, skip, checkpoint);
            let k = (fitted.order.coefficients() + 1) as f64;
            let variance = fitted.sigma.powi(2).max(f64::MIN_POSITIVE);
            let aicc = known * variance.ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (known - k - 1.0).max(1.0);
            seen.insert(orders, aicc);
            if best.as_ref().is_none_or(|(least, ..)| aicc < *least) {
                best = Some((aicc, orders, fitted));
                improved = true;
            }
        }
        match &best {
            Some((_, at, _)) if improved => queue = neighbours(*at),
            Some((_, _, fitted)) => return fitted.clone(),
            None => return fit(x, order([0; 4]), clip, skip, checkpoint),
        }
    }
}

/// Each order changed by one, and both sides together.
fn neighbours(at: [usize; 4]) -> Vec<[usize; 4]> {
    let steps: [&[usize]; 6] = [&[0], &[1], &[2], &[3], &[0, 1], &[2, 3]];
    let moved = |places: &&[usize], up: bool| {
        let mut orders = at;
        for place in *places {
            orders[*place] = if up { at[*place] + 1 } else { at[*place].checked_sub(1)? };
        }
        Some(orders)
    };
    let moved = &moved;
    steps.iter().flat_map(|places| [true, false].into_iter().filter_map(move |up| moved(places, up))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_found_forecasts_as_well_as_the_true_one() {
        let truth = Order { plain: [2, 0, 0], seasonal: [1, 0, 0], season: 12 };
        let simulated = Arima { order: truth, coefficients: vec![0.5, 0.3, 0.4], sigma: 1.0 };
        let mut x: Vec<f64> = Vec::new();
        for t in 0..3000_usize {
            let noise = (t.wrapping_mul(2_654_435_761) % 10_007) as f64 / 10_007.0 - 0.5;
            let seen = simulated.filter(&x, f64::INFINITY);
            let ahead = if x.len() > 40 { simulated.forecast(&seen, x.len(), 1)[0] } else { 0.0 };
            x.push(ahead + noise);
        }
        let limits = Limits { plain: 3, seasonal: 1, candidates: 60 };
        let mut calls = 0;
        let found = search(&x, 12, [0, 0], f64::INFINITY, limits, &mut || calls += 1);
        let right = fit(&x, truth, f64::INFINITY, 0, &mut || ());
        assert!(found.sigma <= 1.005 * right.sigma, "{found:?} against {right:?}");
        assert!(calls > 20, "checkpoints between the steps of the search: {calls}");
    }

    #[test]
    fn the_number_of_candidates_is_bounded() {
        let limits = Limits { plain: 3, seasonal: 2, candidates: 2 };
        let found = search(&[1.0, -1.0, 0.5, 2.0], 24, [0, 0], f64::INFINITY, limits, &mut || ());
        assert!(found.check().is_ok());
    }
}
