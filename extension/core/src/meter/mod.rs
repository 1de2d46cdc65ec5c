//! From what meters report to hours: registers become energy, gauges become means.
//!
//! A **register** counts upwards (kWh since it was made, or litres) and is reported when it has changed. The energy of
//! an hour is the register at its end less the register at its start, the register between two readings being
//! interpolated: so hours add up to the register's difference, and nothing is lost between them. See [`register`] for
//! how two readings are read. A **gauge** (a temperature, a setpoint) holds its last value; its hour is the time-weighted mean:
//! [`gauge`].
//!
//! A silence up to `max_silence_h` means that nothing changed; a longer one, that the meter was offline.
//!
//! Everything is local: the hours of a span depend on the readings inside it, the nearest one on either side, and
//! those up to four times `jitter_h` before that and twice after it, which tell wrong readings from right ones. So a part
//! may be computed alone, and equals the same part of the whole; and the order of arrival and repeated readings leave no trace.

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

/// The most hours that one call computes: ten years.
const MAX_HOURS: i64 = 87_672;

/// How sure a value is, best first; the worst part of an hour is the hour's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// Read, or known to be unchanged.
    Measured,
    /// Spread evenly over a gap.
    Interpolated,
    /// Spread over a long gap, or counted from zero after a replacement.
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

/// What a meter showed at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// What it showed: kWh of a register, the unit of a gauge.
    pub value: f64,
    /// When that was known.
    pub received_at: DateTime<Utc>,
}

/// The hours to compute: whole UTC hours from `from` up to `to`, which is not included.
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

    /// Whether it has an hour in common with the time between two readings.
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
    /// Energy in kWh of a register, mean of a gauge; none where it is missing.
    pub value: Option<f64>,
    /// How sure it is.
    pub quality: Quality,
    /// When the last of the readings that it rests on was known; none where it rests on none.
    pub received_at: Option<DateTime<Utc>>,
    /// It rests, at least in part, on the silence after the last reading.
    pub rests_on_silence: bool,
}

/// Ascending in time, one finite reading a time.
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
        // Segments follow each other, so that those of an hour stand together.
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
