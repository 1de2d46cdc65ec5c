//! Prediction intervals and quantiles by weighted split conformal prediction.
//!
//! The residuals come from forecasts of data held out from training. Each residual is divided by its expected spread: a
//! profile over the day times a level, which is recent demand, or for generation a function of the clear-sky index. So
//! intervals are narrow at night, wide in the evening, and wider in seasons of higher demand. A quantile of a new
//! forecast is the same quantile of these ratios for its day of lead, times its own spread (locally weighted conformal
//! prediction: Lei et al., *Distribution-Free Predictive Inference for Regression*, 2018, sections 2.2 and 5.2).
//! Quantiles read from one sorted list never cross.
//!
//! Demand drifts, so old residuals are less informative: the weight of each halves every [`weighted::HALF_LIFE_DAYS`]
//! days (Barber, Candès, Ramdas and Tibshirani, *Conformal Prediction Beyond Exchangeability*, 2023), and in service
//! the residuals since training are added. With `w` the sum of weights, the newest being 1, the mass is multiplied by
//! `(w + 1) / w`, as exact coverage of a new value requires for exchangeable residuals.
//!
//! If they are not exchangeable, feedback maintains the coverage: each day of lead has a scale by which all quantiles
//! are stretched. It grows by [`GAIN`] times the share of a day's hours outside the interval, and shrinks by the same
//! rule at the nominal share (adaptive conformal inference: Gibbs and Candès, 2021; applied to the scale of the scores,
//! so that quantiles never cross: Angelopoulos, Candès and Tibshirani, *Conformal PID Control*, 2023).

use crate::Checkpoint;
use crate::error::Error;
use crate::grid::DAY_SECONDS;
use serde::{Deserialize, Serialize};
use weighted::{ByValue, quantile};

mod weighted;

/// Coverage of the interval returned with every forecast.
pub const COVERAGE: f64 = 0.9;
/// Step size of the adaptive scale.
const GAIN: f64 = 0.2;
/// Bounds of the scale.
const SCALES: (f64, f64) = (0.5, 2.5);
/// Minimum number of days of residuals before coverage feedback starts.
const SETTLED_DAYS: usize = 14;
/// Maximum number of levels per call.
const MOST_LEVELS: usize = 200;
/// Minimum spread, as a share of the mean profile and of the mean level.
pub(crate) const LEAST_SHARE: f64 = 0.2;

/// The residual of a past forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Time of the origin, in seconds since 1970.
    pub origin_at: i64,
    /// Time at which the target became known, in seconds since 1970.
    pub known_at: i64,
    /// Lead in steps; 1 is the step that starts at the origin.
    pub lead: usize,
    /// Row of the target within its local day.
    pub slot: usize,
    /// Actual minus forecast.
    pub error: f64,
    /// What the size of errors is proportional to, as expected when the forecast was made.
    pub level: f64,
}

impl Residual {
    /// The row that it belongs to.
    pub fn ahead(&self) -> Ahead {
        Ahead { lead: self.lead, slot: self.slot, level: self.level }
    }
}

/// A row ahead of an origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// Lead in steps; 1 is the step that starts at the origin.
    pub lead: usize,
    /// Row within its local day.
    pub slot: usize,
    /// What the size of errors is proportional to.
    pub level: f64,
}

/// The profile of the spread over the day, and the residuals divided by the spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    profile: Vec<f64>,
    least_level: f64,
    /// Time at which the last residual used became known, in seconds since 1970.
    learnt_until: i64,
    /// Ratios by day of lead.
    ratios: Vec<Vec<Ratio>>,
    /// By day of lead, the scale from each time on (seconds since 1970), ascending; one before the first.
    scales: Vec<Vec<(i64, f64)>>,
}

/// A residual divided by the spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Ratio {
    /// Time at which it became known, in seconds since 1970.
    known_at: i64,
    value: f32,
}

/// The ratios as of one origin: by day of lead, sorted, each with the cumulative weight up to and including itself.
pub struct Fan<'a> {
    intervals: &'a Intervals,
    cumulated: Vec<Vec<(f64, f64)>>,
    scales: Vec<f64>,
}

impl Intervals {
    /// Learns from residuals of forecasts of `horizon` steps on a series with `rows_per_day` steps per day.
    pub fn learn(rows_per_day: usize, horizon: usize, residuals: &[Residual], checkpoint: Checkpoint<'_>) -> Self {
        let levels = residuals.iter().map(|residual| residual.level);
        let mean_level = mean(levels.filter(|level| *level > 0.0)).unwrap_or(1.0);
        let lead_days = horizon.div_ceil(rows_per_day);
        let mut intervals = Self {
            profile: vec![1.0; rows_per_day],
            least_level: LEAST_SHARE * mean_level,
            learnt_until: i64::MIN,
            ratios: vec![Vec::new(); lead_days],
            scales: vec![Vec::new(); lead_days],
        };
        intervals.profile = intervals.learn_profile(residuals);
        intervals.calibrate(residuals, i64::MAX, checkpoint);
        // Later forecasts only need the latest scale.
        intervals.scales.iter_mut().for_each(|scales| drop(scales.drain(..scales.len().saturating_sub(1))));
        let known_at = residuals.iter().map(|residual| residual.known_at).max();
        intervals.learnt_until = known_at.unwrap_or(i64::MIN);
        intervals
    }

    /// Adds residuals that are known at `now` (seconds since 1970), in the order in which they became known. The scale
    /// is updated by whole days of lead.
    pub fn calibrate(&mut self, residuals: &[Residual], now: i64, checkpoint: Checkpoint<'_>) {
        let day = self.profile.len();
        let place = |residual: &Residual| ((residual.lead - 1) / day, residual.origin_at);
        let known = |residual: &&Residual| residual.known_at <= now;
        let mut sorted: Vec<Residual> = residuals.iter().filter(known).copied().collect();
        sorted.sort_by_key(|residual| {
            let (lead_day, origin_at) = place(residual);
            (origin_at + (lead_day as i64 + 1) * DAY_SECONDS, lead_day, residual.lead)
        });
        let since = sorted.first().map_or(0, |residual| residual.origin_at);
        let mut by_value: Vec<_> = self.ratios.iter().map(|ratios| ByValue::new(ratios, since)).collect();
        for of_day in sorted.chunk_by(|a, b| place(a) == place(b)) {
            checkpoint();
            let lead_day = place(&of_day[0]).0.min(self.ratios.len() - 1);
            if of_day[0].origin_at.saturating_add((lead_day as i64 + 1) * DAY_SECONDS) <= now {
                self.update(of_day, lead_day, &by_value[lead_day]);
            }
            for residual in of_day {
                let ratio = Ratio { known_at: residual.known_at, value: self.ratio(residual) as f32 };
                self.ratios[lead_day].push(ratio);
                by_value[lead_day].insert(&ratio);
            }
        }
    }

    /// Updates the scale of a day of lead by the share of these residuals, all of one issue, outside the interval that
    /// would have been given then.
    fn update(&mut self, of_day: &[Residual], lead_day: usize, before: &ByValue) {
        let now = of_day[0].origin_at.max(self.learnt_until);
        if before.days(now) < SETTLED_DAYS {
            return;
        }
        let sorted = before.cumulated(now);
        let scale = self.scales[lead_day].last().map_or(1.0, |(_, scale)| *scale);
        let tail = (1.0 - COVERAGE) / 2.0;
        let inside = scale * quantile(&sorted, tail)..=scale * quantile(&sorted, 1.0 - tail);
        let outside = of_day.iter().filter(|residual| !inside.contains(&self.ratio(residual))).count();
        let share = outside as f64 / of_day.len() as f64;
        let moved = scale * (GAIN * (share - (1.0 - COVERAGE))).exp();
        let known_at = of_day.iter().map(|residual| residual.known_at).max().unwrap_or(i64::MIN);
        self.scales[lead_day].push((known_at, moved.clamp(SCALES.0, SCALES.1)));
    }

    /// The distribution of a forecast issued at this time (seconds since 1970): only the residuals used in training and
    /// those known by then count.
    pub fn fan(&self, issued_at: i64) -> Fan<'_> {
        let now = issued_at.max(self.learnt_until);
        let scale =
            |scales: &Vec<(i64, f64)>| scales.iter().rfind(|(from, _)| *from <= now).map_or(1.0, |found| found.1);
        Fan {
            intervals: self,
            cumulated: self.ratios.iter().map(|ratios| ByValue::new(ratios, now).cumulated(now)).collect(),
            scales: self.scales.iter().map(scale).collect(),
        }
    }

    /// Whether the values are valid for a series of `rows_per_day`.
    pub fn is_sound(&self, rows_per_day: usize) -> bool {
        let positive = |number: &f64| number.is_finite() && *number >= f64::MIN_POSITIVE;
        self.profile.len() == rows_per_day
            && self.profile.iter().all(positive)
            && positive(&self.least_level)
            && !self.ratios.is_empty()
            && self.ratios.iter().flatten().all(|ratio| ratio.value.is_finite())
            && self.scales.len() == self.ratios.len()
            && self.scales.iter().flatten().all(|(_, scale)| (SCALES.0..=SCALES.1).contains(scale))
    }

    /// Shifts the profile by `rows`: artifact format 5 has it in UTC.
    pub(crate) fn turned(mut self, rows: usize) -> Self {
        let day = self.profile.len().max(1);
        self.profile.rotate_right(rows % day);
        self
    }

    /// The expected spread: the profile at the target's local time of day, times the level.
    fn spread(&self, slot: usize, level: f64) -> f64 {
        self.profile[slot] * level.max(self.least_level)
    }

    /// The residual divided by the spread.
    fn ratio(&self, residual: &Residual) -> f64 {
        residual.error / self.spread(residual.slot, residual.level)
    }

    /// Mean absolute residual by time of day, divided by the level, smoothed with both neighbours.
    fn learn_profile(&self, residuals: &[Residual]) -> Vec<f64> {
        let day = self.profile.len();
        let mut sums = vec![(0.0, 0.0); day];
        for residual in residuals {
            let (sum, count) = &mut sums[residual.slot];
            *sum += self.ratio(residual).abs();
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

impl Fan<'_> {
    /// The quantiles of a row ahead, around its forecast `yhat`; ascending like the levels.
    pub fn quantiles(&self, ahead: Ahead, yhat: f64, levels: &[f64]) -> Vec<f64> {
        let Ahead { lead, slot, level } = ahead;
        let day = self.intervals.profile.len();
        let of_day = |lead_day: usize| self.cumulated.get(lead_day).filter(|ratios| !ratios.is_empty());
        let lead_day = ((lead - 1) / day).min(self.cumulated.len() - 1);
        let Some(ratios) = of_day(lead_day).or_else(|| (0..self.cumulated.len()).find_map(of_day)) else {
            return vec![yhat; levels.len()];
        };
        let spread = self.scales[lead_day] * self.intervals.spread(slot, level);
        levels.iter().map(|level| yhat + spread * quantile(ratios, *level)).collect()
    }

    /// Lower and upper bound of the interval; it includes `yhat`.
    pub fn interval(&self, ahead: Ahead, yhat: f64) -> (f64, f64) {
        let tail = (1.0 - COVERAGE) / 2.0;
        let bounds = self.quantiles(ahead, yhat, &[tail, 1.0 - tail]);
        (bounds[0].min(yhat), bounds[1].max(yhat))
    }
}

/// Checks that the levels of quantiles ascend and lie strictly between zero and one.
pub fn check_levels(levels: &[f64]) -> Result<(), Error> {
    if levels.len() > MOST_LEVELS {
        return Err(Error::InvalidArgument(format!(
            "{} quantile levels are more than the maximum of {MOST_LEVELS}",
            levels.len()
        )));
    }
    if levels.iter().any(|level| !(*level > 0.0 && *level < 1.0)) || !levels.is_sorted_by(|a, b| a < b) {
        return Err(Error::InvalidArgument(format!(
            "quantiles {levels:?}: levels ascend and lie strictly between 0 and 1"
        )));
    }
    Ok(())
}

/// The mean; `None` without values.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hour(row: usize) -> i64 {
        3600 * row as i64
    }

    fn residual(origin: usize, lead: usize, error: f64) -> Residual {
        let (target, known_at) = (origin + lead - 1, hour(origin + lead));
        Residual { origin_at: hour(origin), known_at, lead, slot: target % 24, error, level: 1.0 }
    }

    fn ahead(lead: usize, level: f64) -> Ahead {
        Ahead { lead, slot: 4, level }
    }

    fn residuals(errors: &[f64]) -> Vec<Residual> {
        errors.iter().enumerate().map(|(i, error)| residual(200 + i, 1 + i % 48, *error)).collect()
    }

    #[test]
    fn interval_width_depends_on_the_day_of_lead() {
        let errors: Vec<_> = (0..480).map(|i| if i % 48 < 24 { 1.0 } else { -2.0 }).collect();
        let intervals = Intervals::learn(24, 48, &residuals(&errors), &mut || ());
        let fan = intervals.fan(hour(700));
        let interval = |lead| fan.interval(ahead(lead, 1.0), 10.0);
        assert!(interval(1).1 > 10.5 && interval(1).0 == 10.0);
        assert!(interval(25).0 < 9.0 && interval(25).1 == 10.0);
        // The first day ends with the 24th hour; leads beyond the horizon are of the last day.
        assert_eq!([interval(24), interval(49)], [interval(1), interval(25)]);
        assert_eq!(intervals.ratios.iter().map(Vec::len).collect::<Vec<_>>(), [240, 240]);
        // Residuals of the training count at any time.
        assert!(intervals.fan(0).interval(ahead(1, 1.0), 10.0).1 > 10.5);
    }

    #[test]
    fn invalid_values_are_not_sound() {
        let intervals = Intervals::learn(24, 48, &residuals(&[1.0; 480]), &mut || ());
        assert!(intervals.is_sound(24) && !intervals.is_sound(48));
        let breaks: [fn(&mut Intervals); 8] = [
            |intervals| intervals.profile[1] = 0.0,
            |intervals| intervals.profile[1] = f64::INFINITY,
            |intervals| intervals.least_level = 0.0,
            |intervals| (intervals.ratios, intervals.scales) = (Vec::new(), Vec::new()),
            |intervals| intervals.ratios[0][0].value = f32::NAN,
            |intervals| drop(intervals.scales.pop()),
            |intervals| intervals.scales[0].push((0, 0.4)),
            |intervals| intervals.scales[0].push((0, 2.6)),
        ];
        for (at, invalid) in breaks.iter().enumerate() {
            let mut broken = intervals.clone();
            invalid(&mut broken);
            assert!(!broken.is_sound(24), "{at}");
        }
    }

    #[test]
    fn the_profile_is_the_mean_ratio_of_each_hour_and_its_neighbours_and_not_close_to_zero() {
        let profile = |error: fn(usize) -> Option<f64>| {
            let of_level = |(slot, error)| Residual { level: 2.0, ..residual(24, slot + 1, error) };
            let residuals = (0..24).filter_map(|slot| Some((slot, error(slot)?))).map(of_level);
            Intervals::learn(24, 24, &residuals.collect::<Vec<_>>(), &mut || ()).profile
        };
        let one = profile(|slot| Some(if slot == 12 { -12.0 } else { 0.0 }));
        assert_eq!(one[10..15], [LEAST_SHARE / 4.0, 2.0, 2.0, 2.0, LEAST_SHARE / 4.0]);
        assert_eq!(profile(|_| Some(0.0)), [1.0; 24]);
        // Hours without residuals have the overall mean.
        assert_eq!(profile(|slot| (slot < 6).then_some(6.0)), [3.0; 24]);
    }

    #[test]
    fn a_profile_in_utc_is_shifted() {
        let mut intervals = Intervals::learn(24, 24, &[], &mut || ());
        intervals.profile[0] = 2.0;
        assert_eq!(intervals.turned(25).profile[..3], [1.0, 2.0, 1.0]);
    }

    #[test]
    fn without_residuals_quantiles_are_the_forecast() {
        let intervals = Intervals::learn(24, 24, &[], &mut || ());
        assert_eq!(intervals.fan(0).quantiles(ahead(1, 1.0), 7.0, &[0.1, 0.9]), [7.0, 7.0]);
    }

    #[test]
    fn a_higher_level_widens_the_interval() {
        let intervals = Intervals::learn(24, 48, &residuals(&[1.0; 480]), &mut || ());
        let upper = |level| intervals.fan(hour(700)).interval(ahead(1, level), 0.0).1;
        assert!((upper(2.0) - 2.0 * upper(1.0)).abs() < 1e-6);
        assert_eq!(upper(0.0), upper(LEAST_SHARE));
        assert!((upper(LEAST_SHARE) - LEAST_SHARE * upper(1.0)).abs() < 1e-6);
        // Levels of zero, as of generation at night, do not lower the minimum.
        let night = Residual { level: 0.0, ..residual(200, 1, 0.0) };
        let with_nights = [residuals(&[1.0; 480]), vec![night; 480]].concat();
        assert_eq!(Intervals::learn(24, 48, &with_nights, &mut || ()).least_level, LEAST_SHARE);
    }

    #[test]
    fn new_residuals_change_the_interval_and_later_ones_are_not_used() {
        let mut intervals = Intervals::learn(24, 24, &residuals(&[1.0; 100]), &mut || ());
        let before = intervals.fan(hour(500)).interval(ahead(1, 1.0), 0.0);
        let join = |row| residual(row, 1, 9.0);
        intervals.calibrate(&(500..600).map(join).collect::<Vec<_>>(), i64::MAX, &mut || ());
        assert_eq!(intervals.fan(hour(500)).interval(ahead(1, 1.0), 0.0), before);
        assert!(intervals.fan(hour(700)).interval(ahead(1, 1.0), 0.0).1 > 5.0 * before.1);
        for (now, count) in [(700, 200), (701, 201)] {
            intervals.calibrate(&[join(700)], hour(now), &mut || ());
            assert_eq!(intervals.ratios[0].len(), count, "{now}");
        }
    }

    #[test]
    fn feedback_maintains_coverage_when_errors_grow_or_shrink() {
        let noise = |at: usize| (at.wrapping_mul(2_654_435_761) % 1999) as f64 / 1000.0 - 1.0;
        let day = |origin: usize, size: f64| -> Vec<Residual> {
            let error = |lead| size * noise(origin * 31 + lead);
            (1..=24).map(|lead| residual(origin, lead, error(lead))).collect()
        };
        let learnt: Vec<_> = (0..56).flat_map(|d| day(1000 + 24 * d, 1.0)).collect();
        for (size, before) in [(2.0, 0.6), (0.5, 1.0)] {
            let mut intervals = Intervals::learn(24, 24, &learnt, &mut || ());
            let mut shares = Vec::new();
            for origin in (0..84).map(|d| 1000 + 24 * (56 + d)) {
                let of_day = day(origin, size);
                let fan = intervals.fan(hour(origin));
                let inside = |r: &&Residual| {
                    let (lower, upper) = fan.interval(r.ahead(), 0.0);
                    (lower..=upper).contains(&r.error)
                };
                shares.push(of_day.iter().filter(inside).count() as f64 / 24.0);
                intervals.calibrate(&of_day, i64::MAX, &mut || ());
            }
            let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len() as f64;
            assert!((mean(&shares[..3]) - before).abs() < 0.2, "{size}: {} at first", mean(&shares[..3]));
            assert!((mean(&shares[42..]) - COVERAGE).abs() < 0.04, "{size}: {} at last", mean(&shares[42..]));
        }
    }

    #[test]
    fn feedback_starts_after_two_weeks_although_only_some_rows_of_a_day_are_uncertain() {
        let day = |d: usize| (9..13).map(move |lead| residual(1000 + 24 * d, lead, if d < 14 { 1.0 } else { 9.0 }));
        let learn = |days: usize| {
            let learnt: Vec<Residual> = (0..days).flat_map(day).collect();
            Intervals::learn(24, 24, &learnt, &mut || ())
        };
        assert_eq!([14, 15, 17].map(|days| learn(days).scales.concat().len()), [0, 1, 1]);
        // After the last hour of the day is over, the scale grows by the step size times the excess of the share.
        let issued = 1000 + 24 * 14;
        let scales = |now: usize| {
            let mut intervals = learn(14);
            intervals.calibrate(&day(14).collect::<Vec<_>>(), hour(now), &mut || ());
            intervals.scales.concat()
        };
        assert!(scales(issued + 23).is_empty());
        assert_eq!(scales(issued + 24), [(hour(issued + 12), (GAIN * COVERAGE).exp())]);
        assert!((GAIN * COVERAGE).exp() > 1.19 && (GAIN * COVERAGE).exp() < 1.2);
        let mut intervals = learn(15);
        let scale = |intervals: &Intervals, row: usize| intervals.fan(hour(row)).scales[0];
        intervals.calibrate(&day(15).collect::<Vec<_>>(), i64::MAX, &mut || ());
        assert_ne!(scale(&intervals, issued + 35), scale(&intervals, issued + 36));
        // It has a lower bound.
        let exact = |d: usize| (9..13).map(move |lead| residual(1000 + 24 * d, lead, 0.0));
        intervals.calibrate(&(16..120).flat_map(exact).collect::<Vec<_>>(), i64::MAX, &mut || ());
        assert_eq!(scale(&intervals, 1000 + 24 * 121), SCALES.0);
    }

    #[test]
    fn invalid_levels_are_rejected() {
        for bad in [&[0.0][..], &[1.0], &[f64::NAN], &[0.9, 0.1], &[0.5, 0.5]] {
            assert!(check_levels(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_levels(&[0.05, 0.95]), Ok(()));
        let levels = |count: usize| (1..=count).map(|at| at as f64 / 1000.0).collect::<Vec<_>>();
        assert!(check_levels(&levels(MOST_LEVELS)).is_ok() && check_levels(&levels(MOST_LEVELS + 1)).is_err());
    }

    proptest! {
        #[test]
        fn quantiles_never_cross(
            errors in proptest::collection::vec(-1e3..1e3_f64, 0..200), yhat in -1e3..1e3_f64,
            mut levels in proptest::collection::vec(0.001..0.999_f64, 1..9)
        ) {
            levels.sort_by(f64::total_cmp);
            let intervals = Intervals::learn(24, 48, &residuals(&errors), &mut || ());
            for lead in [1, 30, 48] {
                let quantiles = intervals.fan(hour(700)).quantiles(ahead(lead, 1.0), yhat, &levels);
                prop_assert!(quantiles.is_sorted() && quantiles.iter().all(|value| value.is_finite()));
            }
        }

        #[test]
        fn at_least_ninety_percent_of_equally_old_residuals_lie_inside(
            errors in proptest::collection::vec(-1e3..1e3_f64, 20..400)
        ) {
            let cumulated = |errors: &[f64]| {
                let mut sorted = errors.to_vec();
                sorted.sort_by(f64::total_cmp);
                sorted.into_iter().enumerate().map(|(i, value)| (value, (i + 1) as f64)).collect::<Vec<_>>()
            };
            let sorted = cumulated(&errors);
            let (lower, upper) = (quantile(&sorted, 0.05), quantile(&sorted, 0.95));
            let inside = errors.iter().filter(|error| (lower..=upper).contains(error)).count();
            prop_assert!(inside as f64 >= COVERAGE * errors.len() as f64);
        }
    }
}
