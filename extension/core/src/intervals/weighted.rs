//! Weighted quantiles of residuals; weights decay with age.

use super::Ratio;
use crate::grid::DAY_SECONDS;
use std::collections::HashSet;

/// Half-life of the weight of a residual, in days.
pub(super) const HALF_LIFE_DAYS: f64 = 56.0;

/// Ratios by value, each with the time it became known and its weight as of `since`. All weights decay at the same
/// rate, so their proportions never change.
pub(super) struct ByValue {
    since: i64,
    entries: Vec<(f64, i64, f64)>,
}

impl ByValue {
    pub(super) fn new(ratios: &[Ratio], since: i64) -> Self {
        let mut by_value = Self { since, entries: Vec::new() };
        by_value.entries = ratios.iter().map(|ratio| by_value.entry(ratio)).collect();
        by_value.entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        by_value
    }

    pub(super) fn insert(&mut self, ratio: &Ratio) {
        let entry = self.entry(ratio);
        let at = self.entries.partition_point(|(value, ..)| value.total_cmp(&entry.0).is_le());
        self.entries.insert(at, entry);
    }

    fn entry(&self, ratio: &Ratio) -> (f64, i64, f64) {
        (f64::from(ratio.value), ratio.known_at, self.weight_of(ratio.known_at))
    }

    /// Doubles with every half-life after `since`; clamped to stay finite.
    fn weight_of(&self, seconds: i64) -> f64 {
        let half_lives = seconds.saturating_sub(self.since) as f64 / DAY_SECONDS as f64 / HALF_LIFE_DAYS;
        half_lives.clamp(-500.0, 500.0).exp2()
    }

    /// The number of days with ratios known by `now` (seconds since 1970).
    pub(super) fn days(&self, now: i64) -> usize {
        let known = || self.entries.iter().map(|(_, known_at, _)| *known_at).filter(|known_at| *known_at <= now);
        let first = known().min().unwrap_or(now);
        known().map(|known_at| known_at.saturating_sub(first) / DAY_SECONDS).collect::<HashSet<_>>().len()
    }

    /// The ratios known by `now` (seconds since 1970), sorted, each with the cumulative weight up to and including
    /// itself.
    pub(super) fn cumulated(&self, now: i64) -> Vec<(f64, f64)> {
        let (newest, mut sum) = (self.weight_of(now), 0.0);
        let known = self.entries.iter().filter(|(_, known_at, _)| *known_at <= now);
        let cumulated = known.map(|(value, _, weight)| {
            sum += weight / newest;
            (*value, sum)
        });
        cumulated.collect()
    }
}

/// The conformal quantile of sorted values with cumulative weights: upper levels count mass from below, lower levels
/// from above; the outermost value if the mass does not suffice.
pub(super) fn quantile(cumulated: &[(f64, f64)], level: f64) -> f64 {
    let last = cumulated.len() - 1;
    let total = cumulated[last].1;
    if level >= 0.5 {
        let asked = level * (total + 1.0);
        cumulated[cumulated.partition_point(|(_, weight)| *weight < asked).min(last)].0
    } else {
        let asked = total - (1.0 - level) * (total + 1.0);
        // The largest value for which the weight at or above it reaches the mass.
        cumulated[cumulated.partition_point(|(_, weight)| *weight <= asked).min(last)].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_on_each_side_needs_at_least_nineteen_residuals() {
        let equal = |count: usize| (1..=count).map(|i| (i as f64, i as f64)).collect::<Vec<_>>();
        assert_eq!(quantile(&equal(19), 0.95), 19.0);
        assert_eq!(quantile(&equal(39), 0.95), 38.0);
        assert_eq!([quantile(&equal(19), 0.05), quantile(&equal(39), 0.05)], [1.0, 2.0]);
        assert_eq!(quantile(&equal(39), 0.5), 20.0);
        // Between two residuals, the outer one: the upper for a level of a half.
        assert_eq!([0.05, 0.95].map(|level| quantile(&equal(30), level)), [1.0, 30.0]);
        assert_eq!(quantile(&equal(4), 0.5), 3.0);
    }

    fn by_value(hours: &[i64]) -> ByValue {
        let ratio = |hour: &i64| Ratio { known_at: hour * 3600, value: *hour as f32 };
        ByValue::new(&hours.iter().map(ratio).collect::<Vec<_>>(), 0)
    }

    #[test]
    fn the_weight_halves_in_56_days_and_later_residuals_have_none() {
        let days = |days: i64| days * DAY_SECONDS;
        let cumulated = by_value(&[0, 56 * 24, 57 * 24]).cumulated(days(56));
        assert_eq!(cumulated, [(0.0, 0.5), (1344.0, 1.5)]);
        assert!(by_value(&[]).weight_of(i64::MAX).is_finite());
    }

    #[test]
    fn days_are_counted_from_the_first_residual() {
        assert_eq!([29, 30, 36].map(|hour| by_value(&[12, 30, 36]).days(hour * 3600)), [1, 1, 2]);
    }
}
