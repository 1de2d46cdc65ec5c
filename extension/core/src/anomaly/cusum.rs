//! A run of days that each are a little off: two cumulative sums, of what lies above and of what lies below.
//!
//! ```text
//! high(t) = max(0, high(t-1) + z(t) - drift)        low(t) = max(0, low(t-1) - z(t) - drift)
//! ```
//!
//! (Page, *Continuous inspection schemes*, 1954), `z` being standard normal on days like those that were learnt from.
//! Days depend on the day before, which makes sums of independent ones cry wolf: the threshold is found by
//! simulation, on a fixed stream of an autoregressive process with the correlation that was seen, so that a false
//! alarm comes once in `arl` days on average. Of independent days it is that of Siegmund's approximation (1985). The
//! same simulation says how rare a sum is on any one day.

use super::tail::Tail;
use crate::Checkpoint;
use crate::error::Error;
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// What one day adds at most: a day off by any amount is a day, and no run.
const MOST_PER_DAY: f64 = 4.0;
/// A sum stays at most so far above the threshold: it falls below again soon after the fault has ended.
const BEYOND: f64 = 1.0;
/// False alarms that are simulated, and the most days.
const ALARMS: f64 = 400.0;
const MOST_STEPS: usize = 600_000;
/// More correlation than this is a trend.
const MOST_CORRELATION: f64 = 0.9;

/// A calibrated pair of sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    /// What is taken off each day, in standard deviations: half the shift that is to be found quickest.
    pub drift: f64,
    /// The sum from which on it is an alarm.
    pub threshold: f64,
    /// Correlation of a day with the day before.
    pub correlation: f64,
    /// How rare sums are.
    pub tail: Tail,
}

/// The two sums, and for how many days each has not been zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    high: f64,
    low: f64,
    high_days: u32,
    low_days: u32,
}

impl Sums {
    /// The next day.
    fn add(&mut self, z: f64, drift: f64, most: f64) {
        let z = z.clamp(-MOST_PER_DAY, MOST_PER_DAY);
        for (sum, days, z) in [(&mut self.high, &mut self.high_days, z), (&mut self.low, &mut self.low_days, -z)] {
            *sum = (*sum + z - drift).clamp(0.0, most);
            *days = if *sum > 0.0 { *days + 1 } else { 0 };
        }
    }

    /// The sum of what lies above, and its days.
    pub fn above(&self) -> (f64, u32) {
        (self.high, self.high_days)
    }

    /// The sum of what lies below, as a negative number, and its days.
    pub fn below(&self) -> (f64, u32) {
        (-self.low, self.low_days)
    }

    /// The larger of the two.
    pub fn larger(&self) -> (f64, u32) {
        if self.high >= self.low { self.above() } else { self.below() }
    }
}

impl Cusum {
    /// Calibrated to a false alarm in `arl` days, where days correlate so.
    pub fn calibrated(drift: f64, arl: f64, correlation: f64, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let correlation = correlation.clamp(0.0, MOST_CORRELATION);
        let steps = ((ALARMS * arl) as usize).clamp(50_000, MOST_STEPS);
        let days = days(correlation, steps);
        let (mut least, mut most) = (0.0, 200.0);
        for _ in 0..24 {
            checkpoint();
            let middle = f64::midpoint(least, most);
            if steps as f64 / alarms(&days, drift, middle) < arl { least = middle } else { most = middle }
        }
        let mut sums = Sums::default();
        let mut seen = Vec::with_capacity(steps / 5);
        for (step, z) in days.iter().enumerate() {
            sums.add(*z, drift, f64::INFINITY);
            if step % 10 == 9 {
                seen.extend([sums.high, sums.low]);
            }
        }
        let tail = Tail::of(seen).ok_or_else(|| Error::Internal("too few sums were simulated".to_owned()))?;
        Ok(Self { drift, threshold: most, correlation, tail })
    }

    /// The sums after one more day; nothing is known of a day that is NaN.
    pub fn next(&self, mut sums: Sums, z: f64) -> Sums {
        if z.is_finite() {
            sums.add(z, self.drift, self.threshold + BEYOND);
        }
        sums
    }

    /// The probability of a sum as large on one day, of the two together.
    pub fn probability(&self, sum: f64) -> f64 {
        (2.0 * self.tail.probability(sum.abs())).min(1.0)
    }

    /// Whether it is an alarm.
    pub fn is_alarm(&self, sum: f64) -> bool {
        sum.abs() >= self.threshold
    }

    /// Whether it can have been calibrated.
    pub fn is_sound(&self) -> bool {
        let finite = [self.drift, self.threshold, self.correlation].iter().all(|value| value.is_finite());
        finite && self.drift > 0.0 && self.threshold > 0.0 && self.tail.is_sound()
    }
}

/// Days of an autoregressive process of variance one.
fn days(correlation: f64, steps: usize) -> Vec<f64> {
    let mut random = Random::new(1985, 0);
    let (mut day, fresh) = (random.normal(), (1.0 - correlation * correlation).sqrt());
    let next = |_| {
        day = correlation * day + fresh * random.normal();
        day
    };
    (0..steps).map(next).collect()
}

/// Alarms, after each of which both sums start anew.
fn alarms(days: &[f64], drift: f64, threshold: f64) -> f64 {
    let (mut sums, mut alarms) = (Sums::default(), 0.5_f64);
    for z in days {
        sums.add(*z, drift, f64::INFINITY);
        if sums.high >= threshold || sums.low >= threshold {
            (sums, alarms) = (Sums::default(), alarms + 1.0);
        }
    }
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Siegmund, *Sequential Analysis*, 1985: average run length of one sum of independent days.
    fn siegmund(drift: f64, threshold: f64) -> f64 {
        let b = threshold + 1.166;
        ((2.0 * drift * b).exp() - 2.0 * drift * b - 1.0) / (2.0 * drift * drift)
    }

    #[test]
    fn of_independent_days_the_threshold_is_that_of_siegmund() {
        for (drift, arl) in [(0.5, 168.0), (0.5, 465.0), (0.25, 730.0), (1.0, 730.0)] {
            let cusum = Cusum::calibrated(drift, arl, 0.0, &mut || ()).unwrap();
            // Two sums alarm twice as often as one.
            let theirs = 0.5 * siegmund(drift, cusum.threshold);
            assert!((theirs / arl - 1.0).abs() < 0.15, "{drift}, {arl}: {theirs} at {}", cusum.threshold);
        }
        // Montgomery, *Statistical Quality Control*: 4 and 5 for 168 and 465 days with a drift of a half.
        assert!((Cusum::calibrated(0.5, 465.0, 0.0, &mut || ()).unwrap().threshold - 5.0).abs() < 0.1);
    }

    #[test]
    fn days_that_hang_together_need_a_higher_threshold_and_have_no_more_false_alarms() {
        let (independent, together) = (
            Cusum::calibrated(0.5, 365.0, 0.0, &mut || ()).unwrap(),
            Cusum::calibrated(0.5, 365.0, 0.5, &mut || ()).unwrap(),
        );
        assert!(together.threshold > independent.threshold + 1.0);
        // Another stream than that of the calibration.
        let mut random = Random::new(77, 3);
        let mut day = 0.0;
        let fresh: Vec<f64> = (0..300_000)
            .map(|_| {
                day = 0.5 * day + 0.75_f64.sqrt() * random.normal();
                day
            })
            .collect();
        let arl = 300_000.0 / alarms(&fresh, 0.5, together.threshold);
        assert!((arl / 365.0 - 1.0).abs() < 0.15, "{arl}");
    }

    #[test]
    fn a_small_shift_alarms_within_two_weeks_and_is_over_soon_after_it_ends() {
        let cusum = Cusum::calibrated(0.5, 730.0, 0.0, &mut || ()).unwrap();
        let mut sums = Sums::default();
        let mut after = 0;
        for day in 1..=40 {
            sums = cusum.next(sums, -1.2);
            if after == 0 && cusum.is_alarm(sums.larger().0) {
                after = day;
            }
        }
        let (sum, days) = sums.larger();
        assert!((4..14).contains(&after) && sum < 0.0 && days == 40, "{after} {sum} {days}");
        assert!(cusum.probability(sum) < 0.01);
        for _ in 0..3 {
            sums = cusum.next(sums, 0.1);
        }
        assert!(!cusum.is_alarm(sums.larger().0));
        assert_eq!(cusum.next(sums, f64::NAN).larger(), sums.larger());
    }
}
