//! Hourly means of gauges: temperatures, setpoints and other values that hold until the next report.

use super::{Hour, Meter, Point, Quality, Segment, Span, by_hour, covered, in_order, seconds, worst};
use crate::Checkpoint;
use chrono::{DateTime, TimeDelta, Utc};

/// Time-weighted hourly means, from readings in any order. Each value holds until the next one, for at most
/// `max_silence_h`; the last one until the meter was last heard. The mean of a partly known hour is that of the known
/// part, with quality interpolated.
pub fn gauge_hours(
    readings: &[Point],
    meter: &Meter,
    span: Span,
    heard_at: Option<DateTime<Utc>>,
    checkpoint: Checkpoint<'_>,
) -> Vec<Hour> {
    let readings = in_order(readings);
    let held = |pair: &[Point]| Segment::held(pair[0], pair[0].value, pair[1], meter);
    let mut segments: Vec<Segment> = readings.windows(2).filter_map(held).collect();
    if let (Some(last), Some(heard_at)) = (readings.last(), heard_at) {
        segments.extend(Segment::silence(*last, last.value, heard_at, meter));
    }
    by_hour(&segments, span, checkpoint, |from, to, parts| {
        let known = covered(from, to, parts);
        let weighted = |part: &Segment| Some(part.value? * seconds(part.to.min(to) - part.from.max(from)));
        let sum = parts.iter().map(weighted).sum::<Option<f64>>()?;
        let quality = if known < to - from { Quality::Interpolated } else { worst(parts) };
        (known > TimeDelta::zero()).then(|| (sum / seconds(known), quality))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours_of(minutes_and_values: &[(i64, f64)], hours: i64, heard_minute: i64) -> Vec<(Option<f64>, Quality)> {
        let start: DateTime<Utc> = "2026-03-28T00:00:00Z".parse().unwrap();
        let at = |minute| start + TimeDelta::minutes(minute);
        let point = |(minute, value): &(i64, f64)| Point { at: at(*minute), value: *value, received_at: at(*minute) };
        let readings: Vec<_> = minutes_and_values.iter().map(point).collect();
        let span = Span::new(start, at(hours * 60)).unwrap();
        let found = gauge_hours(&readings, &Meter::default(), span, Some(at(heard_minute)), &mut || ());
        found.into_iter().map(|hour| (hour.value, hour.quality)).collect()
    }

    #[test]
    fn means_are_weighted_by_duration() {
        let found = hours_of(&[(0, 20.0), (45, 24.0), (150, 18.0)], 6, 300);
        let measured = [21.0, 24.0, 21.0, 18.0, 18.0].map(|value| (Some(value), Quality::Measured));
        assert_eq!(found[..5], measured);
        assert_eq!(found[5], (None, Quality::Missing));
    }

    #[test]
    fn a_partly_known_hour_is_the_mean_of_the_known_part() {
        assert_eq!(hours_of(&[(30, 20.0)], 1, 600), [(Some(20.0), Quality::Interpolated)]);
    }

    #[test]
    fn a_value_is_not_held_until_a_time_before_its_reading() {
        let found = hours_of(&[(0, 20.0), (90, 24.0)], 2, 30);
        assert_eq!(found, [(Some(20.0), Quality::Measured), (Some(20.0), Quality::Interpolated)]);
    }
}
