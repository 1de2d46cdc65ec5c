//! The interval between two consecutive readings.

use super::{Meter, Point, Profile, Quality, seconds};
use chrono::{DateTime, Utc};

/// An interval with its energy (register) or value (gauge).
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Start of the time in which the energy was used.
    pub rises_from: DateTime<Utc>,
    /// `None` if unknown.
    pub value: Option<f64>,
    pub quality: Quality,
    /// Total weight of the profile, if the energy is distributed by it.
    pub by_profile: Option<f64>,
    pub received_at: DateTime<Utc>,
    /// After the last reading, while other meters of the building were online.
    pub is_silence: bool,
}

impl Segment {
    /// Between two readings, measured, spread evenly.
    pub fn between(a: Point, b: Point, value: Option<f64>) -> Self {
        let quality = if value.is_some() { Quality::Measured } else { Quality::Missing };
        let received_at = a.received_at.max(b.received_at);
        Self {
            from: a.at,
            to: b.at,
            rises_from: a.at,
            value,
            quality,
            by_profile: None,
            received_at,
            is_silence: false,
        }
    }

    /// `value` from `reading` until `end`, limited to the maximum silence.
    pub fn held(reading: Point, value: f64, end: Point, meter: &Meter) -> Option<Self> {
        let end = Point { at: end.at.min(reading.at + meter.max_silence()), ..end };
        (reading.at < end.at).then(|| Self::between(reading, end, Some(value)))
    }

    /// The silence after the last reading, until `heard_at`.
    pub fn silence(last: Point, value: f64, heard_at: DateTime<Utc>, meter: &Meter) -> Option<Self> {
        let segment = Self::held(last, value, Point { at: heard_at, ..last }, meter)?;
        Some(Self { is_silence: true, ..segment })
    }

    /// The share of the segment's energy that lies between `from` and `to`.
    pub fn share(&self, from: DateTime<Utc>, to: DateTime<Utc>, profile: Option<&Profile>) -> f64 {
        let (from, to) = (from.max(self.rises_from), to.min(self.to));
        if from >= to {
            return 0.0;
        }
        match (profile, self.by_profile) {
            (Some(profile), Some(whole)) => profile.weight(from, to) / whole,
            _ => seconds(to - from) / seconds(self.to - self.rises_from),
        }
    }
}
