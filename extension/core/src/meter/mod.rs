//! Converts meter readings to hours: registers to energy, gauges to means.
//!
//! A **register** is cumulative (kWh since installation, or litres) and is reported when it changes. The energy of an
//! hour is the register at its end minus the register at its start, interpolated between readings, so that hours add up
//! to the difference of the register. See [`register`] for how consecutive readings are interpreted. A **gauge** (a
//! temperature, a setpoint) holds its last value; an hour is the time-weighted mean: [`gauge`].
//!
//! A silence of up to `max_silence_h` means that nothing changed; after a longer one the meter was offline.
//!
//! The computation is local: the hours of a span depend on the readings in it, the nearest reading on either side, and
//! those up to four times `jitter_h` before and twice after these, which fault detection needs. So a part can be
//! computed separately and equals the same part of the whole, and neither the order of arrival nor duplicate readings
//! matter.

mod faults;
pub mod gauge;
mod profile;
pub mod register;
mod segment;
mod settings;

pub use profile::Profile;
pub use settings::{LongGaps, Meter};

use crate::Checkpoint;
use crate::error::Error;
use crate::grid::rfc3339;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use segment::Segment;

/// Maximum number of hours per call: ten years.
const MAX_HOURS: i64 = 87_672;

/// Quality of a value, best first; an hour has the quality of its worst part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// Measured, or known to be unchanged.
    Measured,
    /// Spread evenly over a gap.
    Interpolated,
    /// Spread over a long gap, or counted from zero after a meter replacement.
    Estimated,
    /// No value.
    Missing,
}

impl Quality {
    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Interpolated => "interpolated",
            Self::Estimated => "estimated",
            Self::Missing => "missing",
        }
    }
}

/// A reading of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Time of the reading.
    pub at: DateTime<Utc>,
    /// The value: kWh of a register, the unit of a gauge.
    pub value: f64,
    /// Time at which it became known.
    pub received_at: DateTime<Utc>,
}

/// The hours to compute: whole UTC hours from `from` up to `to` (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Span {
    /// Checks that both ends are full hours in order.
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Self, Error> {
        for end in [from, to] {
            if end.duration_trunc(TimeDelta::hours(1)) != Ok(end) {
                return Err(Error::InvalidArgument(format!("{} is not a full hour", rfc3339(end))));
            }
        }
        if !(0..=MAX_HOURS).contains(&(to - from).num_hours()) {
            return Err(Error::InvalidArgument(format!(
                "{} to {} is not a span of 0 to {MAX_HOURS} hours",
                rfc3339(from),
                rfc3339(to)
            )));
        }
        Ok(Self { from, to })
    }

    /// Whether it overlaps the time between two readings.
    fn meets(self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        from < self.to && to > self.from
    }

    /// Start and end of each hour.
    fn hours(self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let hour = TimeDelta::hours(1);
        let starts = std::iter::successors(Some(self.from), move |at| Some(*at + hour));
        starts.take_while(move |at| *at < self.to).map(move |at| (at, at + hour))
    }
}

/// One hour of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hour {
    /// Start of the hour.
    pub at: DateTime<Utc>,
    /// Energy of a register in kWh, mean of a gauge; `None` if missing.
    pub value: Option<f64>,
    /// Quality of the value.
    pub quality: Quality,
    /// When the last of the readings used was received; `None` without readings.
    pub received_at: Option<DateTime<Utc>>,
    /// Whether it depends, at least partly, on the silence after the last reading.
    pub rests_on_silence: bool,
}

/// Ascending and unique in time, finite values only.
fn in_order(readings: &[Point]) -> Vec<Point> {
    let mut readings: Vec<Point> = readings.iter().copied().filter(|reading| reading.value.is_finite()).collect();
    readings.sort_by(|a, b| a.at.cmp(&b.at).then(b.value.total_cmp(&a.value)));
    readings.dedup_by_key(|reading| reading.at);
    readings
}

/// The hours of `span`, each from the segments that overlap it: `hour(from, to, parts)`.
fn by_hour(
    segments: &[Segment],
    span: Span,
    checkpoint: Checkpoint<'_>,
    hour: impl Fn(DateTime<Utc>, DateTime<Utc>, &[Segment]) -> Option<(f64, Quality)>,
) -> Vec<Hour> {
    let one = |(from, to)| {
        checkpoint();
        // Segments are consecutive, so those of an hour are adjacent.
        let first = segments.partition_point(|segment| segment.to <= from);
        let end = segments.partition_point(|segment| segment.from < to).max(first);
        let parts = &segments[first..end];
        let (value, quality) = hour(from, to, parts).unzip();
        let received_at = parts.iter().map(|part| part.received_at).max();
        let rests_on_silence = parts.iter().any(|part| part.is_silence);
        Hour { at: from, value, quality: quality.unwrap_or(Quality::Missing), received_at, rests_on_silence }
    };
    span.hours().map(one).collect()
}

/// How much of the time from `from` to `to` the segments cover.
fn covered(from: DateTime<Utc>, to: DateTime<Utc>, parts: &[Segment]) -> TimeDelta {
    parts.iter().map(|part| part.to.min(to) - part.from.max(from)).sum()
}

fn worst(parts: &[Segment]) -> Quality {
    parts.iter().map(|part| part.quality).max().unwrap_or(Quality::Missing)
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

fn hours(span: TimeDelta) -> f64 {
    seconds(span) / 3600.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hours: i64) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-03-28T00:00:00Z".parse().unwrap();
        start + TimeDelta::hours(hours)
    }

    #[test]
    fn a_span_is_whole_hours_in_order_of_at_most_ten_years() {
        assert!([0, 1, MAX_HOURS].iter().all(|to| Span::new(hour(0), hour(*to)).is_ok()));
        assert!([-1, MAX_HOURS + 1].iter().all(|to| Span::new(hour(0), hour(*to)).is_err()));
        let half = TimeDelta::minutes(30);
        assert!(Span::new(hour(0) + half, hour(1)).is_err() && Span::new(hour(0), hour(1) + half).is_err());
    }

    #[test]
    fn readings_are_finite_and_the_highest_of_their_time() {
        let point = |hours, value| Point { at: hour(hours), value, received_at: hour(hours) };
        let ordered = [point(0, 1.0), point(1, 3.0)];
        assert_eq!(in_order(&[point(1, 3.0), point(1, 2.0), point(2, f64::NAN), point(0, 1.0)]), ordered);
        assert_eq!(in_order(&[point(1, 2.0), point(0, 1.0), point(1, 3.0), point(3, f64::INFINITY)]), ordered);
    }

    #[test]
    fn qualities_have_names_in_sql() {
        let qualities = [Quality::Measured, Quality::Interpolated, Quality::Estimated, Quality::Missing];
        assert_eq!(qualities.map(Quality::name), ["measured", "interpolated", "estimated", "missing"]);
    }
}
