//! The daily updates of the ensemble: each member's recent bias by local hour, and the covariance of the members'
//! errors.
//!
//! At each origin, the previous day is compared with the members' forecasts for it, made one, two and more days earlier
//! ([`Online::observe`]); then the new forecast is kept until its actuals are known ([`Online::keep`]). Nothing else is
//! read, so the state only depends on the sequence of days.

use super::Parameters;
use super::weights::convex_weights;
use crate::clock::Clock;
use crate::grid::{DAY_SECONDS, Grid};
use crate::origin::Origin;
use crate::series::Frame;
use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// Half-width of the smoothing window of a correction, in hours.
const SMOOTH_HOURS: usize = 2;
/// Weight of the residuals (one per day, the newest 1) at which a correction is halved.
const PRIOR: f64 = 0.5;

/// Maximum number of days processed per call.
const MOST_DAYS: usize = 3;
/// Daily decay factor of the errors of the last few days.
const RECENT_KEEP: f64 = 0.6;
/// Additional weight of the errors of the last few days.
const ALARM: f64 = 2.0;

/// Decayed sums over the past days, and the forecasts without actuals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Online {
    members: usize,
    rows_per_day: usize,
    horizon: usize,
    correction_keep: f64,
    correction_share: f64,
    weight_keep: f64,
    shrinkage: f64,
    /// Seconds since 1970, like all times here.
    observed_at: Option<i64>,
    /// Sum and weight of residuals, by member, day of lead and row of the local day.
    residuals: Vec<(f64, f64)>,
    /// Summed products of corrected errors, by day of lead and pair of members.
    products: Vec<f64>,
    /// The same over the last few days, so that a member with large errors loses its weight at once.
    recent: Vec<f64>,
    /// Additional weight of the errors of the last few days.
    alarm: f64,
    pending: Vec<Pending>,
}

/// The state in artifact format 5.
#[derive(Deserialize)]
pub struct OnlineV5 {
    members: usize,
    rows_per_day: usize,
    horizon: usize,
    correction_keep: f64,
    correction_share: f64,
    weight_keep: f64,
    shrinkage: f64,
    observed_at: Option<i64>,
    residuals: Vec<(f64, f64)>,
    products: Vec<f64>,
    _pending: Vec<Pending>,
}

impl From<OnlineV5> for Online {
    /// Its residuals were by UTC hour: they are relearned from the days since the training.
    fn from(old: OnlineV5) -> Self {
        Self {
            members: old.members,
            rows_per_day: old.rows_per_day,
            horizon: old.horizon,
            correction_keep: old.correction_keep,
            correction_share: old.correction_share,
            weight_keep: old.weight_keep,
            shrinkage: old.shrinkage,
            observed_at: old.observed_at,
            residuals: vec![(0.0, 0.0); old.residuals.len()],
            recent: vec![0.0; old.products.len()],
            alarm: 0.0,
            products: old.products,
            pending: Vec::new(),
        }
    }
}

/// A forecast of every member, raw and corrected: members by leads.
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
            recent: vec![0.0; lead_days * members * members],
            alarm: ALARM,
            pending: Vec::new(),
        }
    }

    /// Maximum lead, in rows.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// Whether the dimensions and values are consistent.
    pub fn is_sound(&self, members: usize) -> bool {
        let (rows, leads) = (self.rows_per_day, self.horizon);
        rows > 0
            && self.members == members
            && self.residuals.len() == members * leads.div_ceil(rows) * rows
            && self.products.len() == leads.div_ceil(rows) * members * members
            && self.recent.len() == self.products.len()
            && self.alarm.is_finite()
            && self.pending.iter().all(|p| p.plain.len() == members * leads && p.corrected.len() == members * leads)
    }

    /// Updates the state with the data that became known since the last call, a few days at most.
    pub fn observe(&mut self, frame: &Frame, clock: &Clock, origin: Origin) {
        let (day, time) = (self.rows_per_day, frame.grid.time(origin.row).timestamp());
        let days_since = |earlier: i64| (time - earlier) as f64 / DAY_SECONDS as f64;
        let passed = self.observed_at.map_or(1.0, days_since).max(0.0);
        let (keep_residual, keep_error) = (self.correction_keep.powf(passed), self.weight_keep.powf(passed));
        let keep_recent = RECENT_KEEP.powf(passed);
        self.residuals
            .iter_mut()
            .for_each(|(sum, weight)| (*sum, *weight) = (*sum * keep_residual, *weight * keep_residual));
        self.products.iter_mut().for_each(|product| *product *= keep_error);
        self.recent.iter_mut().for_each(|product| *product *= keep_recent);
        let seen = self.observed_at.map_or(0, |earlier| frame.grid.first_at_or_after(earlier));
        let from = seen.max(origin.row.saturating_sub(MOST_DAYS * day)).min(origin.row);
        let target = frame.known_target(origin, from);
        self.observed_at = Some(time);
        let lead_days = self.horizon.div_ceil(day);
        for pending in &self.pending {
            let issued = (time - pending.origin) / frame.grid.step().num_seconds();
            let Ok(first_lead) = usize::try_from(issued - target.len() as i64) else { continue };
            for (at, actual) in target.iter().enumerate() {
                let (row, lead) = (from + at, first_lead + at);
                if !actual.is_finite() || lead >= self.horizon {
                    continue;
                }
                let lead_day = lead / day;
                let error = |forecasts: &[f64], member: usize| actual - forecasts[member * self.horizon + lead];
                for member in 0..self.members {
                    let at = (member * lead_days + lead_day) * day + clock.slot(row);
                    let (sum, weight) = &mut self.residuals[at];
                    *sum += error(&pending.plain, member);
                    *weight += 1.0;
                    for other in 0..self.members {
                        let product = error(&pending.corrected, member) * error(&pending.corrected, other);
                        let at = (lead_day * self.members + member) * self.members + other;
                        self.products[at] += product;
                        self.recent[at] += product;
                    }
                }
            }
        }
        let oldest = time - (lead_days + 1) as i64 * DAY_SECONDS;
        self.pending.retain(|pending| pending.origin > oldest);
    }

    /// Stores the members' forecasts (members by leads) made at `origin` until the actuals are known.
    pub fn keep(&mut self, grid: &Grid, clock: &Clock, origin: Origin, forecasts: ArrayView2<'_, f64>) {
        let corrected = self.corrected(clock, origin, forecasts);
        let [plain, corrected] = [forecasts, corrected.view()].map(|forecasts| forecasts.iter().copied().collect());
        self.pending.push(Pending { origin: grid.time(origin.row).timestamp(), plain, corrected });
    }

    /// The weighted mean of the members' corrected forecasts.
    pub fn combine(&self, clock: &Clock, origin: Origin, forecasts: ArrayView2<'_, f64>) -> Array1<f64> {
        let (corrected, weights) = (self.corrected(clock, origin, forecasts), self.weights(forecasts.ncols()));
        let of_leads = corrected.columns().into_iter().zip(weights.columns());
        of_leads.map(|(yhats, weights)| weights.iter().zip(yhats).map(|(weight, yhat)| weight * yhat).sum()).collect()
    }

    fn corrected(&self, clock: &Clock, origin: Origin, forecasts: ArrayView2<'_, f64>) -> Array2<f64> {
        Array2::from_shape_fn(forecasts.dim(), |(member, lead)| {
            forecasts[[member, lead]] + self.correction(clock, origin, member, lead)
        })
    }

    /// The weight of each member at the first `leads` leads.
    pub fn weights(&self, leads: usize) -> Array2<f64> {
        let square = self.members * self.members;
        let both = self.products.chunks(square).zip(self.recent.chunks(square));
        let weights: Vec<Vec<f64>> = both
            .map(|(products, recent)| {
                let products: Vec<f64> = products.iter().zip(recent).map(|(p, r)| p + self.alarm * r).collect();
                convex_weights(&products, self.members, self.shrinkage)
            })
            .collect();
        let of_lead = |lead: usize| &weights[(lead / self.rows_per_day).min(weights.len() - 1)];
        Array2::from_shape_fn((self.members, leads), |(member, lead)| of_lead(lead)[member])
    }

    /// The correction for a member's recent bias at this hour and day of lead.
    pub fn correction(&self, clock: &Clock, origin: Origin, member: usize, lead: usize) -> f64 {
        let day = self.rows_per_day;
        let lead_days = self.horizon.div_ceil(day);
        let lead_day = (lead / day).min(lead_days - 1);
        let of_day = &self.residuals[(member * lead_days + lead_day) * day..][..day];
        let (slot, reach) = (clock.slot(origin.row + lead), SMOOTH_HOURS * day / 24);
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

    /// Forecasts of members with these biases: actual plus bias.
    fn biased(frame: &Frame, origin: usize, biases: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn((biases.len(), 48), |(member, lead)| frame.target[origin + lead] + biases[member])
    }

    fn clock(frame: &Frame) -> Clock {
        Clock::new(&frame.grid, chrono_tz::UTC, frame.grid.len())
    }

    fn after(days: usize, biases: &[f64]) -> (Frame, Online, usize) {
        let frame = hourly_frame(2000);
        let mut online = Online::new(biases.len(), 48, 24, &Parameters::default());
        let first = 480;
        for day in 0..days {
            let origin = first + 24 * day;
            online.observe(&frame, &clock(&frame), Origin::at(origin));
            online.keep(&frame.grid, &clock(&frame), Origin::at(origin), biased(&frame, origin, biases).view());
        }
        let now = first + 24 * days;
        online.observe(&frame, &clock(&frame), Origin::at(now));
        (frame, online, now)
    }

    #[test]
    fn initially_members_have_equal_weights_and_no_correction() {
        let (frame, online, now) = after(0, &[1.0, 3.0]);
        let yhat = online.combine(&clock(&frame), Origin::at(now), biased(&frame, now, &[1.0, 3.0]).view());
        assert!(yhat.iter().enumerate().all(|(lead, yhat)| (yhat - frame.target[now + lead] - 2.0).abs() < 1e-9));
    }

    #[test]
    fn a_persistent_bias_is_partly_corrected_and_the_better_member_has_more_weight() {
        let (frame, online, now) = after(30, &[0.2, -4.0]);
        let forecasts = biased(&frame, now, &[0.2, -4.0]);
        let corrected = online.correction(&clock(&frame), Origin::at(now), 1, 30);
        assert!((1.5..2.0).contains(&corrected), "{corrected} of a bias of 4, a half of which is taken");
        let yhat = online.combine(&clock(&frame), Origin::at(now), forecasts.view());
        let error = (yhat[30] - frame.target[now + 30]).abs();
        assert!(error < 0.5, "{error}");
    }

    #[test]
    fn a_missing_day_only_decays_the_state() {
        let (mut frame, mut online, now) = after(30, &[1.0]);
        online.keep(&frame.grid, &clock(&frame), Origin::at(now), biased(&frame, now, &[1.0]).view());
        frame.target[now..now + 24].fill(f64::NAN);
        let before = online.correction(&clock(&frame), Origin::at(now + 24), 0, 0);
        online.observe(&frame, &clock(&frame), Origin::at(now + 24));
        let faded = online.correction(&clock(&frame), Origin::at(now + 24), 0, 0);
        assert!(before < 0.0 && before < faded && faded < 0.0, "{faded} after {before}");
    }
}
