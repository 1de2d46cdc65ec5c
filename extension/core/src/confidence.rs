//! The confidence of a forecast row: how similar its inputs are to the training data.
//!
//! A model extrapolates outside the range of its training data, and its intervals do not reflect that. The idea is the
//! similarity index of Elith, Kearney and Phillips (*The art of modelling range-shifting species*, 2010), which
//! compares a value with the range of the training data. A value inside the range scores 1; outside, the score falls
//! linearly to 0 at a distance of one range width; a missing or implausible value scores 0. Then
//!
//! ```text
//! confidence = (mean score of the regressors of the hour, as they are known at the issue)
//!            * (weighted mean score of the demand of the newest four weeks, as it is known at the issue)
//! ```
//!
//! The four weeks end where demand is usually known by that time. The weight of an hour halves every [`HALF_LIFE_DAYS`]
//! days back, so demand that is a day late costs a tenth, and a week late a half. A model trained to forecast series
//! without history weights demand by half. Worse inputs never raise the confidence.

use crate::clean::Plausible;
use crate::origin::Origin;
use crate::series::Frame;
use serde::{Deserialize, Serialize};

/// Number of days of demand that count.
const NEWEST_DAYS: usize = 28;
/// Half-life of the weight of an hour of demand, in days.
const HALF_LIFE_DAYS: f64 = 7.0;

/// Lowest and highest value in training; `None` if no value was known or the range is not informative.
type Range = Option<(f64, f64)>;

/// The ranges of the training data, stored with the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learnt {
    /// Range of the demand; `None` for a model of several series, which differ in size.
    target: Range,
    /// Ranges of the regressors, in order.
    regressors: Vec<Range>,
}

/// The inputs of a confidence, besides the origin.
pub struct Asked<'a> {
    /// The series as given, including implausible values.
    pub frame: &'a Frame,
    /// Plausible ranges of the regressors.
    pub plausible: &'a Plausible,
    /// Which value of each regressor the model reads; `None` if it does not read it.
    pub reads: &'a [Option<Reads>],
    /// Usual delay of demand, in rows.
    pub usual_delay: usize,
    /// Weight of the demand: 1, or less for a model trained to forecast without it.
    pub weight_of_demand: f64,
}

/// Which value of a regressor a forecast reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The value of the target hour.
    Ahead,
    /// The newest value usually known at the issue.
    AtIssue,
}

impl Learnt {
    /// Learns from the rows of `frame` before `end`, without implausible values.
    pub fn learn(frame: &Frame, end: usize) -> Self {
        let of = |values: &[f64]| range(values[..end.min(values.len())].iter().copied());
        Self { target: of(&frame.target), regressors: frame.regressors.iter().map(|r| of(&r.values)).collect() }
    }

    /// Learns from several series with the same regressors.
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

    /// Whether the ranges are valid.
    pub fn is_sound(&self) -> bool {
        let sound = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low <= high;
        self.target.iter().chain(self.regressors.iter().flatten()).all(sound)
    }

    /// The confidence of the forecasts of the `horizon` rows after the issue, between 0 and 1.
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

/// 1 inside the range, falling to 0 at a distance of one range width; 0 for a missing value.
fn score(range: Range, value: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    let Some((low, high)) = range else { return 1.0 };
    let distance = (low - value).max(value - high).max(0.0);
    if distance == 0.0 { 1.0 } else { (1.0 - distance / (high - low)).max(0.0) }
}

/// The weighted mean; `None` without values.
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
    fn inputs_within_the_training_range_have_full_confidence() {
        assert_eq!(confidence(&hourly_frame(1400), 0), [1.0; 48]);
    }

    #[test]
    fn missing_implausible_and_unseen_regressors_cost_their_share() {
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
    fn demand_a_day_late_costs_a_tenth_and_a_week_late_half() {
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
    fn demand_outside_the_training_range_costs_by_its_distance() {
        let mut frame = hourly_frame(1400);
        frame.target[END - 168..END].iter_mut().for_each(|value| *value += 8.0);
        let some = confidence(&frame, 0)[0];
        frame.target[END - 168..END].iter_mut().for_each(|value| *value += 80.0);
        let none = confidence(&frame, 0)[0];
        assert!(none < some && some < 1.0 && (none - 0.5).abs() < 0.05, "{some} {none}");
    }

    #[test]
    fn a_model_of_several_series_has_the_range_of_all() {
        let (small, mut large) = (hourly_frame(300), hourly_frame(300));
        large.regressors[0].values.iter_mut().for_each(|value| *value += 100.0);
        let learnt = Learnt::learn_all([&small, &large].into_iter());
        let (low, high) = learnt.regressors[0].unwrap();
        assert!(low < 20.0 && high > 100.0 && learnt.target.is_none() && learnt.is_sound());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn confidence_is_between_0_and_1_and_worse_inputs_never_raise_it(
            changes in proptest::collection::vec((END - 700..END + 48, 0_usize..3, -40.0..40.0_f64), 0..60),
            row in END - 700..END + 48, column in 0_usize..3, by in 0.0..200.0_f64, gone in proptest::bool::ANY
        ) {
            let mut frame = hourly_frame(1400);
            for (row, column, change) in changes {
                values(&mut frame, column)[row] += change;
            }
            let before = confidence(&frame, 0);
            let middle = values(&mut hourly_frame(1400), column)[..END].iter().sum::<f64>() / END as f64;
            // Farther from the middle of the training range, or missing.
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
