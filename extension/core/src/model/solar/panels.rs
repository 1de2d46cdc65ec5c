//! Estimates the panel area in each plane from generation.
//!
//! Generation is a sum over planes of irradiance times panel area, with non-negative areas (non-negative least squares,
//! with a small ridge penalty since adjacent planes receive similar light). Each day has a scale estimated from the
//! surrounding days, so that snow, an outage or added panels are not mistaken for another orientation. Hours clipped by
//! the inverter only determine its limit and are otherwise excluded.

use super::super::linear::non_negative;
use super::sky::{PLANES, Sky, Weather};
use crate::Checkpoint;
use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

/// Ridge penalty, as a share of the mean of the Gram matrix' diagonal.
const RIDGE: f64 = 1e-3;
/// Days before and after a day that define its scale, and the prior weight of a scale of one, in usual days.
const AROUND_DAYS: usize = 28;
const USUAL_SHARE: f64 = 0.1;
/// Number of fits, each with the scales of the previous one.
const FITS: usize = 3;
/// A maximum is an inverter limit if this share of daylight hours and this many hours lie within one hundredth below
/// it, and this many times as many as in the next hundredth below.
const CUT_SHARE: f64 = 0.01;
const CUT_HOURS: usize = 20;
const CUT_PILE: usize = 3;

/// Output of the panels in each of [`PLANES`] at full irradiance, and the inverter limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Panels {
    power: Vec<f64>,
    most: Option<f64>,
}

/// A past hour: row, weather and generation.
#[derive(Debug, Clone, Copy)]
pub struct Generated {
    pub row: usize,
    pub weather: Weather,
    pub actual: f64,
}

impl Panels {
    /// Fits to daylight rows with known values, in order.
    pub fn fit(sky: &Sky, seen: &[Generated], rows_per_day: usize, checkpoint: Checkpoint<'_>) -> Self {
        let most = inverter(seen.iter().map(|seen| seen.actual));
        let seen: Vec<&Generated> =
            seen.iter().filter(|seen| most.is_none_or(|most| seen.actual < 0.99 * most)).collect();
        let mut yields = Array2::zeros((seen.len(), PLANES.len()));
        for (seen, mut row) in seen.iter().zip(yields.rows_mut()) {
            row.iter_mut().zip(sky.yields(seen.row, seen.weather)).for_each(|(cell, value)| *cell = value);
        }
        let labels: Array1<f64> = seen.iter().map(|seen| seen.actual).collect();
        let days: Vec<usize> = seen.iter().map(|seen| seen.row / rows_per_day).collect();
        let mut scales = Array1::ones(seen.len());
        let mut power = vec![0.0; PLANES.len()];
        for _ in 0..FITS {
            checkpoint();
            let scaled = &yields * &scales.view().insert_axis(ndarray::Axis(1));
            let mut gram = scaled.t().dot(&scaled);
            let ridge = RIDGE * gram.diag().mean().unwrap_or(0.0);
            gram.diag_mut().mapv_inplace(|value| value + ridge);
            power = non_negative(&gram, &scaled.t().dot(&labels));
            scales = scales_of(&days, yields.dot(&ArrayView1::from(&power)).view(), labels.view());
        }
        Self { power, most }
    }

    /// Expected output; missing if the irradiance is.
    pub fn power(&self, sky: &Sky, row: usize, weather: Weather) -> f64 {
        let of_planes = self.power.iter().zip(sky.yields(row, weather));
        let power = of_planes.filter(|(power, _)| **power > 0.0).map(|(power, light)| power * light).sum::<f64>();
        match self.most {
            _ if weather.irradiance_w_m2.is_nan() => f64::NAN,
            Some(most) => power.min(most),
            None => power,
        }
    }

    /// The inverter limit.
    pub fn most(&self) -> Option<f64> {
        self.most
    }

    pub fn is_sound(&self) -> bool {
        let sound = |number: &f64| number.is_finite() && *number >= 0.0;
        self.power.len() == PLANES.len() && self.power.iter().all(sound) && self.most.iter().all(sound)
    }
}

/// The scale of each row's day: actual over expected generation of the surrounding days.
fn scales_of(days: &[usize], expected: ArrayView1<'_, f64>, actual: ArrayView1<'_, f64>) -> Array1<f64> {
    let (first, last) = (days.first().copied().unwrap_or(0), days.last().copied().unwrap_or(0));
    // Cumulative sums of both products by day.
    let mut sums = vec![[0.0; 2]; last - first + 2];
    for ((day, expected), actual) in days.iter().zip(expected).zip(actual) {
        let sum = &mut sums[day - first + 1];
        *sum = [sum[0] + actual * expected, sum[1] + expected * expected];
    }
    for day in 1..sums.len() {
        sums[day] = [0, 1].map(|n| sums[day][n] + sums[day - 1][n]);
    }
    let usual = USUAL_SHARE * (2 * AROUND_DAYS + 1) as f64 * sums[sums.len() - 1][1] / (sums.len() - 1) as f64;
    let scale = |day: &usize| {
        let (from, to) =
            ((day - first).saturating_sub(AROUND_DAYS), (day - first + AROUND_DAYS + 1).min(sums.len() - 1));
        let [both, squares] = [0, 1].map(|n| sums[to][n] - sums[from][n] + usual);
        if squares > 0.0 { (both / squares).max(0.0) } else { 1.0 }
    };
    days.iter().map(scale).collect()
}

/// The inverter limit, detected where the highest hours accumulate.
fn inverter(actuals: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let most = actuals.clone().fold(0.0, f64::max);
    let within =
        |low: f64, high: f64| actuals.clone().filter(|value| *value > low * most && *value <= high * most).count();
    let (pile, below) = (within(0.99, 1.0), within(0.98, 0.99));
    let least = CUT_HOURS.max((CUT_SHARE * actuals.clone().count() as f64) as usize);
    (most > 0.0 && pile >= least && pile >= CUT_PILE * below).then_some(most)
}
