//! How far a forecast row can be trusted: how like it is to the situations that were learnt.
//!
//! A model that is asked beyond what it has learnt extrapolates, and its intervals do not know it. The idea is that of
//! the similarity index of Elith, Kearney and Phillips (*The art of modelling range-shifting species*, 2010), which
//! measures a value against the range of those that were learnt. A value scores 1 inside of that range; outside, it
//! loses in proportion to its distance, down to 0 at one width of the range; a value that is missing or implausible
//! scores 0. Then
//!
//! ```text
//! confidence = (mean score of the regressors of the hour, as they are known at the issue)
//!            * (weighted mean score of the demand of the newest four weeks, as it is known at the issue)
//! ```
//!
//! The weeks end where demand is usually known at that time, and the weight of an hour halves each [`HALF_LIFE_DAYS`]
//! days back, so that demand that is late for a day costs a tenth and a week half; a model that has learnt to forecast
//! series of which nothing is known counts it half. A worse input never raises it.

use crate::clean::Plausible;
use crate::origin::Origin;
use crate::series::Frame;
use serde::{Deserialize, Serialize};

/// Days of demand that are looked at.
const NEWEST_DAYS: usize = 28;
/// Days back over which the weight of an hour of demand halves.
const HALF_LIFE_DAYS: f64 = 7.0;

/// The least and the highest value that were learnt; none where none was known, or where they say nothing.
type Range = Option<(f64, f64)>;

/// Between which values a model has learnt; kept with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learnt {
    /// Of the demand; none of several series, which have a size each.
    target: Range,
    /// Of the regressors, in their order.
    regressors: Vec<Range>,
}

/// What a confidence is about, beside the origin.
pub struct Asked<'a> {
    /// The series as it was given, implausible values included.
    pub frame: &'a Frame,
    /// Which regressors are believed.
    pub plausible: &'a Plausible,
    /// For each regressor, whether the model reads it and when: `None` is not at all.
    pub reads: &'a [Option<Reads>],
    /// Rows after which demand is usually known.
    pub usual_delay: usize,
    /// How much the demand counts: 1, or less for a model that has learnt to do without.
    pub weight_of_demand: f64,
}

/// Which value of a regressor a forecast reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// That of the hour which is forecast.
    Ahead,
    /// The newest one that is usually known at the issue.
    AtIssue,
}

impl Learnt {
    /// From the rows of `frame` before `end`, implausible values left out.
    pub fn learn(frame: &Frame, end: usize) -> Self {
        let of = |values: &[f64]| range(values[..end.min(values.len())].iter().copied());
        Self { target: of(&frame.target), regressors: frame.regressors.iter().map(|r| of(&r.values)).collect() }
    }

    /// From several series with the same regressors.
    pub fn learn_all<'a>(frames: impl Iterator<Item = &'a Frame>) -> Self {
        let mut all = Self::default();
        for frame in frames {
            let learnt = Self::learn(frame, frame.grid.len()).regressors;
            all.regressors.resize(learnt.len(), None);
            for (all, learnt) in all.regressors.iter_mut().zip(learnt) {
                *all = range([*all, learnt].into_iter().flatten().flat_map(|(low, high)| [low, high]));
            }
        }
        all
    }

    /// Whether its numbers can be.
    pub fn is_sound(&self) -> bool {
        let sound = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low <= high;
        self.target.iter().chain(self.regressors.iter().flatten()).all(sound)
    }

    /// The confidence in the forecasts of so many rows from the issue on, between 0 and 1.
    pub fn confidence(&self, asked: &Asked<'_>, origin: Origin, horizon: usize) -> Vec<f64> {
        let demand = 1.0 - asked.weight_of_demand * (1.0 - self.of_demand(asked, origin));
        let first = origin.issued.saturating_sub(asked.usual_delay + 1);
        let known = asked.frame.regressors_as_known(origin, first..origin.issued + horizon);
        let of_regressors = |ahead: usize| {
            let scores = asked.reads.iter().zip(&known).enumerate().filter_map(|(at, (reads, regressor))| {
                let row = match (*reads)? {
                    Reads::Ahead => origin.issued + ahead,
                    Reads::AtIssue => first,
                };
                let value = regressor.values[row - first];
                let is_believed = asked.plausible.holds(at, value);
                Some(if is_believed { score(self.regressors.get(at).copied().flatten(), value) } else { 0.0 })
            });
            mean(scores.map(|score| (score, 1.0))).unwrap_or(1.0)
        };
        (0..horizon).map(|ahead| demand * of_regressors(ahead)).collect()
    }

    fn of_demand(&self, asked: &Asked<'_>, origin: Origin) -> f64 {
        let day = asked.frame.grid.rows_per_day();
        let end = origin.issued.saturating_sub(asked.usual_delay);
        let weighted = (end.saturating_sub(NEWEST_DAYS * day)..end).map(|row| {
            let is_known = asked.frame.was_known(row, origin.issued);
            let value = asked.frame.target.get(row).copied().filter(|_| is_known).unwrap_or(f64::NAN);
            let age = (end - row) as f64 / day as f64;
            (score(self.target, value), 0.5_f64.powf(age / HALF_LIFE_DAYS))
        });
        mean(weighted).unwrap_or(0.0)
    }
}

fn range(values: impl Iterator<Item = f64>) -> Range {
    values.filter(|value| value.is_finite()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// 1 inside of the range, falling to 0 at one width outside; of a value that is missing, 0.
fn score(range: Range, value: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    let Some((low, high)) = range else { return 1.0 };
    let distance = (low - value).max(value - high).max(0.0);
    if distance == 0.0 { 1.0 } else { (1.0 - distance / (high - low)).max(0.0) }
}

/// The weighted mean; none of no values.
fn mean(weighted: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, weights) = weighted.fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + value * weight, all + weight));
    (weights > 0.0).then(|| (sum / weights).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Availability;
    use crate::testing::hourly_frame;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    const END: usize = 1200;

    fn confidence(frame: &Frame, delay: usize) -> Vec<f64> {
        confidence_by(frame, delay, 1.0)
    }

    fn confidence_by(frame: &Frame, usual_delay: usize, weight_of_demand: f64) -> Vec<f64> {
        let whole = hourly_frame(1400);
        let plausible = Plausible::learn(&whole, END);
        let reads = [Some(Reads::Ahead), Some(Reads::Ahead)];
        let asked = Asked { frame, plausible: &plausible, reads: &reads, usual_delay, weight_of_demand };
        Learnt::learn(&whole, END).confidence(&asked, Origin::at(END), 48)
    }

    #[test]
    fn what_was_learnt_is_trusted() {
        assert_eq!(confidence(&hourly_frame(1400), 0), [1.0; 48]);
    }

    #[test]
    fn missing_and_implausible_weather_and_a_holiday_never_seen_cost_their_share_of_the_regressors() {
        let mut frame = hourly_frame(1400);
        let temperatures = |frame: &Frame| range(frame.regressors[0].values[..END].iter().copied()).unwrap();
        let (low, high) = temperatures(&frame);
        frame.regressors[0].values[END] = f64::NAN;
        frame.regressors[0].values[END + 1] = -9999.0;
        frame.regressors[0].values[END + 2] = high + 0.5 * (high - low);
        frame.regressors[1].values[END + 3] = 1.0;
        let found = confidence(&frame, 0);
        assert_eq!((found[0], found[1], found[3], found[4]), (0.5, 0.5, 0.5, 1.0));
        assert!((found[2] - 0.75).abs() < 1e-9);
    }

    #[test]
    fn demand_that_is_unknown_for_a_day_costs_a_tenth_and_for_a_week_half() {
        let mut frame = hourly_frame(1400);
        frame.target[END - 24..END].fill(f64::NAN);
        let day = confidence(&frame, 0)[0];
        frame.target[END - 168..END].fill(f64::NAN);
        let week = confidence(&frame, 0)[0];
        frame.target[..END].fill(f64::NAN);
        assert!((day - 0.9).abs() < 0.01 && (week - 0.5).abs() < 0.05, "{day} {week}");
        assert_eq!(confidence(&frame, 0), [0.0; 48]);
        assert_eq!(confidence_by(&frame, 0, 0.5), [0.5; 48]);
    }

    #[test]
    fn a_delay_costs_only_where_it_is_longer_than_usual() {
        let mut frame = hourly_frame(1400);
        frame.set_availability(Availability::After(TimeDelta::hours(6))).unwrap();
        assert_eq!(confidence(&frame, 6)[0], 1.0);
        assert!(confidence(&frame, 0)[0] < 0.98);
    }

    #[test]
    fn demand_outside_of_what_was_learnt_costs_by_its_distance() {
        let mut frame = hourly_frame(1400);
        frame.target[END - 168..END].iter_mut().for_each(|value| *value += 8.0);
        let some = confidence(&frame, 0)[0];
        frame.target[END - 168..END].iter_mut().for_each(|value| *value += 80.0);
        let none = confidence(&frame, 0)[0];
        assert!(none < some && some < 1.0 && (none - 0.5).abs() < 0.05, "{some} {none}");
    }

    #[test]
    fn a_model_of_several_series_knows_the_range_of_all() {
        let (small, mut large) = (hourly_frame(300), hourly_frame(300));
        large.regressors[0].values.iter_mut().for_each(|value| *value += 100.0);
        let learnt = Learnt::learn_all([&small, &large].into_iter());
        let (low, high) = learnt.regressors[0].unwrap();
        assert!(low < 20.0 && high > 100.0 && learnt.target.is_none() && learnt.is_sound());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_worse_input_never_raises_it_and_it_lies_between_0_and_1(
            changes in proptest::collection::vec((END - 700..END + 48, 0_usize..3, -40.0..40.0_f64), 0..60),
            row in END - 700..END + 48, column in 0_usize..3, by in 0.0..200.0_f64, gone in proptest::bool::ANY
        ) {
            let mut frame = hourly_frame(1400);
            for (row, column, change) in changes {
                values(&mut frame, column)[row] += change;
            }
            let before = confidence(&frame, 0);
            let middle = values(&mut hourly_frame(1400), column)[..END].iter().sum::<f64>() / END as f64;
            // Farther from the middle of what was learnt, or missing.
            let value = &mut values(&mut frame, column)[row];
            *value = if gone { f64::NAN } else { *value + by.copysign(*value - middle) };
            for (after, before) in confidence(&frame, 0).into_iter().zip(before) {
                prop_assert!(after <= before + 1e-12 && (0.0..=1.0).contains(&after), "{} after {}", after, before);
            }
        }
    }

    /// The target, or a regressor.
    fn values(frame: &mut Frame, column: usize) -> &mut Vec<f64> {
        match column.checked_sub(1) {
            None => &mut frame.target,
            Some(regressor) => &mut frame.regressors[regressor].values,
        }
    }
}
