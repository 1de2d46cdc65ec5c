//! What the ensemble learns day after day: each member's recent residuals by hour, and how the members' errors
//! go together.
//!
//! At each origin, the day that has just passed is compared with what the members forecast for it one, two
//! and three days before ([`Online::observe`]); then a new forecast is made and kept until it has come
//! true ([`Online::issue`]). Nothing else is read, so the same days in the same order give the same state.

use super::Parameters;
use super::weights::convex_weights;
use crate::series::{DAY_SECONDS, Frame, Grid};
use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Hours either side over which a correction is smoothed.
const SMOOTH_HOURS: usize = 2;
/// Residuals' weight (one a day, the newest 1) at which a correction counts half of what it would.
const PRIOR: f64 = 0.5;

/// Decayed sums over the days so far, and the forecasts that have not come true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Online {
    members: usize,
    rows_per_day: usize,
    horizon: usize,
    correction_keep: f64,
    correction_share: f64,
    weight_keep: f64,
    shrinkage: f64,
    /// Seconds since 1970, as all times here.
    observed_at: Option<i64>,
    /// Sum and weight of residuals, by member, day of lead and row of the day.
    residuals: Vec<(f64, f64)>,
    /// Summed products of corrected errors, by day of lead, member and member.
    products: Vec<f64>,
    pending: Vec<Pending>,
}

/// A forecast of every member, and as it was corrected: members by leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pending {
    origin: i64,
    plain: Vec<f64>,
    corrected: Vec<f64>,
}

impl Online {
    pub fn new(members: usize, horizon: usize, rows_per_day: usize, parameters: &Parameters) -> Self {
        let lead_days = horizon.div_ceil(rows_per_day);
        Self {
            members,
            rows_per_day,
            horizon,
            correction_keep: 0.5_f64.powf(1.0 / parameters.correction_half_life_days),
            correction_share: parameters.correction_share,
            weight_keep: 0.5_f64.powf(1.0 / parameters.weight_half_life_days),
            shrinkage: parameters.shrinkage,
            observed_at: None,
            residuals: vec![(0.0, 0.0); members * lead_days * rows_per_day],
            products: vec![0.0; lead_days * members * members],
            pending: Vec::new(),
        }
    }

    /// Most rows ahead.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// Whether the numbers fit together.
    pub fn is_sound(&self, members: usize) -> bool {
        let (rows, leads) = (self.rows_per_day, self.horizon);
        rows > 0
            && self.members == members
            && self.residuals.len() == members * leads.div_ceil(rows) * rows
            && self.products.len() == leads.div_ceil(rows) * members * members
            && self.pending.iter().all(|p| p.plain.len() == members * leads && p.corrected.len() == members * leads)
    }

    /// Learns from the day before `origin`.
    pub fn observe(&mut self, frame: &Frame, origin: usize) {
        let (day, time) = (self.rows_per_day, frame.grid.time(origin).timestamp());
        let days_since = |earlier: i64| (time - earlier) as f64 / DAY_SECONDS as f64;
        let passed = self.observed_at.map_or(1.0, days_since).max(0.0);
        let (keep_residual, keep_error) = (self.correction_keep.powf(passed), self.weight_keep.powf(passed));
        self.residuals
            .iter_mut()
            .for_each(|(sum, weight)| (*sum, *weight) = (*sum * keep_residual, *weight * keep_residual));
        self.products.iter_mut().for_each(|product| *product *= keep_error);
        self.observed_at = Some(time);
        let lead_days = self.horizon.div_ceil(day);
        for pending in &self.pending {
            let rows_ago = ((time - pending.origin) / frame.grid.step().num_seconds()) as usize;
            let lead_day = (rows_ago / day).wrapping_sub(1);
            if rows_ago % day != 0 || lead_day >= lead_days {
                continue;
            }
            for row in origin - day..origin {
                let (lead, actual) = (row + rows_ago - origin, frame.target[row]);
                if !actual.is_finite() || lead >= self.horizon {
                    continue;
                }
                let error = |forecasts: &[f64], member: usize| actual - forecasts[member * self.horizon + lead];
                for member in 0..self.members {
                    let at = (member * lead_days + lead_day) * day + frame.grid.row_of_day(row);
                    let (sum, weight) = &mut self.residuals[at];
                    *sum += error(&pending.plain, member);
                    *weight += 1.0;
                    for other in 0..self.members {
                        self.products[(lead_day * self.members + member) * self.members + other] +=
                            error(&pending.corrected, member) * error(&pending.corrected, other);
                    }
                }
            }
        }
        let oldest = time - lead_days as i64 * DAY_SECONDS;
        self.pending.retain(|pending| pending.origin > oldest);
    }

    /// Combines the members' forecasts (members by leads) made at `origin`, and keeps them until they come
    /// true.
    pub fn issue(&mut self, grid: &Grid, origin: usize, forecasts: ArrayView2<'_, f64>) -> Array1<f64> {
        let corrected: Vec<f64> = (0..self.members)
            .flat_map(|member| (0..self.horizon).map(move |lead| (member, lead)))
            .map(|(member, lead)| forecasts[[member, lead]] + self.correction(grid, origin, member, lead))
            .collect();
        let plain = forecasts.iter().copied().collect();
        self.pending.push(Pending { origin: grid.time(origin).timestamp(), plain, corrected });
        self.combine(grid, origin, forecasts)
    }

    /// The weighted mean of the members' corrected forecasts.
    pub fn combine(&self, grid: &Grid, origin: usize, forecasts: ArrayView2<'_, f64>) -> Array1<f64> {
        let square = self.members * self.members;
        let weights: Vec<Vec<f64>> = self
            .products
            .chunks(square)
            .map(|products| convex_weights(products, self.members, self.shrinkage))
            .collect();
        let combined = (0..forecasts.ncols()).map(|lead| {
            let of_day = &weights[(lead / self.rows_per_day).min(weights.len() - 1)];
            let part = |member: usize| {
                of_day[member] * (forecasts[[member, lead]] + self.correction(grid, origin, member, lead))
            };
            (0..self.members).map(part).sum()
        });
        combined.collect()
    }

    /// What a member's forecast lacked lately at this hour and day of lead.
    fn correction(&self, grid: &Grid, origin: usize, member: usize, lead: usize) -> f64 {
        let day = self.rows_per_day;
        let lead_days = self.horizon.div_ceil(day);
        let lead_day = (lead / day).min(lead_days - 1);
        let of_day = &self.residuals[(member * lead_days + lead_day) * day..][..day];
        let (slot, reach) = (grid.row_of_day(origin + lead), SMOOTH_HOURS * day / 24);
        let (mut sum, mut weight) = (0.0, 0.0);
        for near in slot + day - reach..=slot + day + reach {
            let (s, w) = of_day[near % day];
            (sum, weight) = (sum + s, weight + w);
        }
        let prior = PRIOR * (2 * reach + 1) as f64;
        self.correction_share * sum / (weight + prior)
    }
}
