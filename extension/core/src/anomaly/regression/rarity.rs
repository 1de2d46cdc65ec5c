//! How rare a day's normal score is, and a run of days.

use super::beliefs::Judged;
use crate::Checkpoint;
use crate::anomaly::cusum::Cusum;
use crate::anomaly::distribution::{normal_quantile, student_of_normal};
use crate::anomaly::observations::Observations;
use crate::anomaly::parameters::{ExpectedEnergy, Side};
use crate::anomaly::tail::Tail;
use crate::error::Error;
use serde::{Deserialize, Serialize};

/// Two rows so many days apart follow each other.
const NEXT_DAY: f64 = 1.5;
/// Fewer such pairs say nothing of how days depend on each other.
const FEWEST_PAIRS: f64 = 30.0;

/// Tails of both sides, and the sums of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rarity {
    upper: Tail,
    lower: Tail,
    pub cusum: Cusum,
}

impl Rarity {
    /// Of the rows that count, and of how days depend on the day before.
    pub fn learnt(
        rows: &Observations,
        judged: &[Option<Judged>],
        counts: &[bool],
        parameters: &ExpectedEnergy,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, Error> {
        let score = |row: usize| judged[row].filter(|_| counts[row]).map(|judged| judged.z);
        let scores = |sign: f64| (0..rows.len()).filter_map(score).map(|z| sign * z).collect();
        let upper = Tail::of(scores(1.0)).unwrap_or(Tail::Normal);
        let lower = Tail::of(scores(-1.0)).unwrap_or(Tail::Normal);
        let (mut products, mut squares, mut pairs) = (0.0, 0.0, 0.0);
        for (_, places) in rows.by_group() {
            for pair in places.windows(2) {
                let is_far = (rows.day(pair[1]) - rows.day(pair[0])).abs() > NEXT_DAY;
                let (Some(a), Some(b), false) = (score(pair[0]), score(pair[1]), is_far) else { continue };
                let (a, b) = (normal(&upper, &lower, a), normal(&upper, &lower, b));
                products += a * b;
                squares += 0.5 * (a * a + b * b);
                pairs += 1.0;
            }
        }
        let correlation = if pairs >= FEWEST_PAIRS && squares > 0.0 { products / squares } else { 0.0 };
        let cusum = Cusum::calibrated(parameters.run_drift, parameters.run_arl_days, correlation, checkpoint)?;
        Ok(Self { upper, lower, cusum })
    }

    /// A normal score as it would be, were it as rare as the tails say.
    pub fn normal_score(&self, z: f64) -> f64 {
        normal(&self.upper, &self.lower, z)
    }

    /// The probability of a score as far out on the side that counts.
    pub fn probability(&self, z: f64, side: Side) -> f64 {
        match side {
            Side::Both => (2.0 * self.upper.probability(z).min(self.lower.probability(-z))).min(1.0),
            Side::Upper => self.upper.probability(z),
            Side::Lower => self.lower.probability(-z),
        }
    }

    /// Between which values of Student's t a day is no alarm.
    pub fn limits(&self, share: f64, side: Side, freedom: f64) -> (Option<f64>, Option<f64>) {
        let high = |share: f64| student_of_normal(self.upper.limit(share), freedom);
        let low = |share: f64| student_of_normal(-self.lower.limit(share), freedom);
        match side {
            Side::Both => (Some(low(0.5 * share)), Some(high(0.5 * share))),
            Side::Upper => (None, Some(high(share))),
            Side::Lower => (Some(low(share)), None),
        }
    }

    /// Whether it can have been learnt.
    pub fn is_sound(&self) -> bool {
        self.upper.is_sound() && self.lower.is_sound() && self.cusum.is_sound()
    }
}

/// Of the side on which the score lies: where many days are exactly as expected, they are in the middle of both.
fn normal(upper: &Tail, lower: &Tail, z: f64) -> f64 {
    let tail = if z >= 0.0 { upper.probability(z) } else { lower.probability(-z) };
    // Where everything is exactly as expected, rounding is no deviation.
    normal_quantile(tail.min(0.5)).min(2.0 * z.abs()) * z.signum()
}
