//! Scores: how rare a day is, and the run of days that it ends.

use super::beliefs::Judged;
use super::{Regression, floor};
use crate::Checkpoint;
use crate::anomaly::cusum::Sums;
use crate::anomaly::distribution::student_tail;
use crate::anomaly::observations::Observations;
use crate::anomaly::parameters::{ExpectedEnergy, Side};
use crate::anomaly::verdict::Verdict;
use crate::error::Error;

impl Regression {
    /// The verdict on each row.
    pub fn score(
        &self,
        rows: &Observations,
        parameters: &ExpectedEnergy,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Vec<Verdict>, Error> {
        Ok(self.verdicts(rows, &self.beliefs.judge(rows, floor(self.is_amount), None, checkpoint)?, parameters))
    }

    pub(super) fn verdicts(
        &self,
        rows: &Observations,
        judged: &[Option<Judged>],
        parameters: &ExpectedEnergy,
    ) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::default(); rows.len()];
        // The day and the run share what may be a false alarm.
        let share = parameters.alarm_share * if parameters.runs { 0.5 } else { 1.0 };
        for (_, places) in rows.by_group() {
            let (mut sums, mut last, mut limits) = (Sums::default(), f64::NAN, None);
            for place in places {
                let Some(found) = judged[place] else { continue };
                let (low, high) = match limits {
                    Some((freedom, limits)) if freedom == found.freedom => limits,
                    _ => self.rarity.limits(share, parameters.side, found.freedom),
                };
                limits = Some((found.freedom, (low, high)));
                let bound = |t: f64| found.expected + t * found.scale;
                let verdict = &mut verdicts[place];
                verdict.expected = Some(found.expected);
                verdict.lower = low.map(|t| bound(t).max(floor(self.is_amount)));
                verdict.upper = high.map(bound);
                if !found.z.is_finite() {
                    continue;
                }
                let t = (rows.target(place) - found.expected) / found.scale;
                verdict.raw = Some(found.z);
                verdict.tail = Some(match parameters.side {
                    Side::Both => (2.0 * student_tail(t.abs(), found.freedom)).min(1.0),
                    Side::Upper => student_tail(t, found.freedom),
                    Side::Lower => student_tail(-t, found.freedom),
                });
                let day = self.rarity.probability(found.z, parameters.side);
                let mut rare = day;
                let mut is_anomaly = day <= share;
                if parameters.runs {
                    if rows.day(place) - last > parameters.max_gap_days {
                        sums = Sums::default();
                    }
                    last = rows.day(place);
                    sums = self.rarity.cusum.next(sums, self.rarity.normal_score(found.z));
                    let (sum, days) = match parameters.side {
                        Side::Both => sums.larger(),
                        Side::Upper => sums.above(),
                        Side::Lower => sums.below(),
                    };
                    rare = (2.0 * day.min(self.rarity.cusum.probability(sum))).min(1.0);
                    is_anomaly |= self.rarity.cusum.is_alarm(sum);
                    (verdict.cusum, verdict.run_days) = (Some(sum), Some(days));
                }
                (verdict.score, verdict.is_anomaly) = (Some(1.0 - rare), Some(is_anomaly));
            }
        }
        verdicts
    }
}
