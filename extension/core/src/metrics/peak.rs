//! The error of the highest hour, regardless of its time.
//!
//! The peak determines the cost of a connection or tariff. As in the BigDEAL Challenge 2022, the highest forecast of a
//! day is compared with the highest actual value of that day, in percent; an offset in time does not count.

use super::ratio;

/// The highest actual and forecast values; mergeable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    actual: f64,
    predicted: f64,
}

impl Default for Peak {
    fn default() -> Self {
        Self { actual: f64::NEG_INFINITY, predicted: f64::NEG_INFINITY }
    }
}

impl Peak {
    /// Adds one pair.
    pub fn add(&mut self, actual: f64, predicted: f64) {
        *self = self.merge(Self { actual, predicted });
    }

    /// The higher values of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { actual: self.actual.max(other.actual), predicted: self.predicted.max(other.predicted) }
    }

    /// Difference of the two peaks, in percent of the actual one; `None` without pairs or if the actual peak is zero.
    pub fn error(&self) -> Option<f64> {
        ratio(100.0 * (self.predicted - self.actual).abs(), self.actual.abs())
    }

    /// The state as numbers, for storage in the database.
    pub fn to_array(self) -> [f64; 2] {
        [self.actual, self.predicted]
    }

    /// The inverse of [`Self::to_array`].
    pub fn from_array([actual, predicted]: [f64; 2]) -> Self {
        Self { actual, predicted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(pairs: &[(f64, f64)]) -> Peak {
        let mut peak = Peak::default();
        pairs.iter().for_each(|(actual, predicted)| peak.add(*actual, *predicted));
        peak
    }

    #[test]
    fn peaks_are_compared_regardless_of_their_time() {
        assert_eq!(peak(&[(1.0, 1.0), (10.0, 4.0), (3.0, 8.0)]).error(), Some(20.0));
        assert_eq!(peak(&[(-10.0, -12.0), (-4.0, -5.0)]).error(), Some(25.0));
    }

    #[test]
    fn without_pairs_or_with_a_zero_peak_there_is_no_error() {
        assert_eq!((Peak::default().error(), peak(&[(0.0, 3.0)]).error()), (None, None));
    }

    #[test]
    fn merging_parts_equals_the_whole() {
        let pairs = [(1.0, 9.0), (5.0, 2.0), (4.0, 4.0)];
        assert_eq!(peak(&pairs[..1]).merge(peak(&pairs[1..])), peak(&pairs));
    }
}
