//! What the ensemble learns day after day: each member's recent residuals by hour, and how the members' errors
//! go together.
//!
//! At each origin, the day that has just passed is compared with what the members forecast for it one, two
//! and three days before ([`Online::observe`]); then a new forecast is made and kept until it has come
//! true ([`Online::issue`]). Nothing else is read, so the same days in the same order give the same state.

use super::Parameters;
use super::weights::convex_weights;
use crate::series::{DAY_SECONDS, Frame, Grid};
use ndarray::{Array1, Array2, ArrayView2};
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
            if !rows_ago.is_multiple_of(day) || lead_day >= lead_days {
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
        let corrected = self.corrected(grid, origin, forecasts);
        let combined = self.weighed(corrected.view());
        let [plain, corrected] = [forecasts, corrected.view()].map(|forecasts| forecasts.iter().copied().collect());
        self.pending.push(Pending { origin: grid.time(origin).timestamp(), plain, corrected });
        combined
    }

    /// The weighted mean of the members' corrected forecasts.
    pub fn combine(&self, grid: &Grid, origin: usize, forecasts: ArrayView2<'_, f64>) -> Array1<f64> {
        self.weighed(self.corrected(grid, origin, forecasts).view())
    }

    fn corrected(&self, grid: &Grid, origin: usize, forecasts: ArrayView2<'_, f64>) -> Array2<f64> {
        Array2::from_shape_fn(forecasts.dim(), |(member, lead)| {
            forecasts[[member, lead]] + self.correction(grid, origin, member, lead)
        })
    }

    fn weighed(&self, corrected: ArrayView2<'_, f64>) -> Array1<f64> {
        let square = self.members * self.members;
        let weights: Vec<Vec<f64>> = self
            .products
            .chunks(square)
            .map(|products| convex_weights(products, self.members, self.shrinkage))
            .collect();
        let combined = corrected.columns().into_iter().enumerate().map(|(lead, of_members)| {
            let of_day = &weights[(lead / self.rows_per_day).min(weights.len() - 1)];
            of_day.iter().zip(of_members).map(|(weight, yhat)| weight * yhat).sum()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    /// What a member of this bias would have forecast: the truth and a bias.
    fn biased(frame: &Frame, origin: usize, biases: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn((biases.len(), 48), |(member, lead)| frame.target[origin + lead] + biases[member])
    }

    fn after(days: usize, biases: &[f64]) -> (Frame, Online, usize) {
        let frame = hourly_frame(2000);
        let mut online = Online::new(biases.len(), 48, 24, &Parameters::default());
        let first = 480;
        for day in 0..days {
            let origin = first + 24 * day;
            online.observe(&frame, origin);
            online.issue(&frame.grid, origin, biased(&frame, origin, biases).view());
        }
        let now = first + 24 * days;
        online.observe(&frame, now);
        (frame, online, now)
    }

    #[test]
    fn before_anything_is_known_the_members_count_alike_and_are_not_corrected() {
        let (frame, online, now) = after(0, &[1.0, 3.0]);
        let yhat = online.combine(&frame.grid, now, biased(&frame, now, &[1.0, 3.0]).view());
        assert!(yhat.iter().enumerate().all(|(lead, yhat)| (yhat - frame.target[now + lead] - 2.0).abs() < 1e-9));
    }

    #[test]
    fn a_lasting_bias_is_corrected_by_its_share_and_the_better_member_weighs_more() {
        let (frame, online, now) = after(30, &[0.2, -4.0]);
        let forecasts = biased(&frame, now, &[0.2, -4.0]);
        let corrected = online.correction(&frame.grid, now, 1, 30);
        assert!((1.5..2.0).contains(&corrected), "{corrected} of a bias of 4, a half of which is taken");
        let yhat = online.combine(&frame.grid, now, forecasts.view());
        let error = (yhat[30] - frame.target[now + 30]).abs();
        assert!(error < 0.5, "{error}");
    }

    #[test]
    fn a_missing_day_is_not_learnt_from_and_only_fades_what_is_known() {
        let (mut frame, mut online, now) = after(30, &[1.0]);
        online.issue(&frame.grid, now, biased(&frame, now, &[1.0]).view());
        frame.target[now..now + 24].fill(f64::NAN);
        let before = online.correction(&frame.grid, now + 24, 0, 0);
        online.observe(&frame, now + 24);
        let faded = online.correction(&frame.grid, now + 24, 0, 0);
        assert!(before < 0.0 && before < faded && faded < 0.0, "{faded} after {before}");
    }
}
