//! Detects faulty readings of a register from the readings around them.
//!
//! A register only rises. If it falls by more than jitter, either a reading is faulty or the meter was replaced:
//!
//! - **Dip**: within `jitter_h` the register returns to its previous value, or rises above it by no more than `max_kw`
//!   allows, and most of the recovery is a single step: the low readings are faulty. A new meter would rise gradually.
//!   A dip of zeros only may last up to a month.
//! - **Spike**: a reading within the previous `jitter_h` is below the new one: the readings in between, above both, are
//!   faulty.
//! - Otherwise it is a fall; `register` classifies it.
//!
//! A fall explained by a known replacement or by the width of the register is not a fault.

use super::{Meter, Point};
use crate::Checkpoint;
use chrono::{DateTime, TimeDelta, Utc};

/// Maximum duration of zeros from a register that counted before and continues afterwards.
const LONGEST_ZERO: TimeDelta = TimeDelta::days(31);

/// The readings without the faulty ones. Both `readings` and `replaced_at` are in time order.
pub(super) fn set_aside(
    readings: Vec<Point>,
    meter: &Meter,
    replaced_at: &[DateTime<Utc>],
    checkpoint: Checkpoint<'_>,
) -> Vec<Point> {
    let falls = |from: Point, to: Point| {
        from.value - to.value > meter.jitter_kwh
            && !meter
                .width_kwh
                .is_some_and(|width| (0.0..=meter.most_kwh(from.at, to.at)).contains(&(to.value + width - from.value)))
            && !is_replaced(replaced_at, from, to)
    };
    // The usual case.
    if !readings.windows(2).any(|pair| falls(pair[0], pair[1])) {
        return readings;
    }
    let higher = next_higher(&readings);
    let mut kept: Vec<Point> = Vec::with_capacity(readings.len());
    let mut at = 0;
    while at < readings.len() {
        checkpoint();
        let reading = readings[at];
        if let Some(last) = kept.last().copied().filter(|last| falls(*last, reading)) {
            if let Some(back) = recovery(&readings, &higher, last, at, meter)
                .filter(|back| !is_replaced(replaced_at, last, readings[*back]))
            {
                at = back;
                continue;
            }
            if let Some(before) =
                before_spike(&kept, reading, meter).filter(|before| !is_replaced(replaced_at, kept[*before], reading))
            {
                kept.truncate(before + 1);
            }
        }
        kept.push(reading);
        at += 1;
    }
    kept
}

/// The reading that ends a dip after `last`, which starts at reading `low`.
fn recovery(readings: &[Point], higher: &[usize], last: Point, low: usize, meter: &Meter) -> Option<usize> {
    let mut back = low;
    while readings[back].value < last.value - meter.jitter_kwh {
        let longest = if readings[back].value == 0.0 { LONGEST_ZERO } else { meter.longest_fault() };
        back = higher[back];
        if back >= readings.len() || readings[back].at - last.at > longest {
            return None;
        }
    }
    let (back_to, before) = (readings[back], readings[back - 1]);
    let is_plausible = back_to.value - last.value <= meter.most_kwh(last.at, back_to.at);
    let is_step = back_to.value - before.value > (back_to.value - readings[low].value) / 2.0;
    (is_plausible && is_step).then_some(back)
}

/// The newest kept reading that a spike rose from, given the `reading` after the spike.
fn before_spike(kept: &[Point], reading: Point, meter: &Meter) -> Option<usize> {
    let within = |earlier: &Point| reading.at - earlier.at <= meter.longest_fault();
    let above = |earlier: &Point| earlier.value - reading.value > meter.jitter_kwh;
    let before = kept.iter().rposition(|earlier| !within(earlier) || !above(earlier))?;
    within(&kept[before]).then_some(before)
}

fn is_replaced(replaced_at: &[DateTime<Utc>], from: Point, to: Point) -> bool {
    let first_after = replaced_at.partition_point(|replaced| *replaced <= from.at);
    replaced_at.get(first_after).is_some_and(|replaced| *replaced <= to.at)
}

/// For each reading, the index of the next higher one, or the number of readings if there is none.
fn next_higher(readings: &[Point]) -> Vec<usize> {
    let mut higher = vec![readings.len(); readings.len()];
    let mut open: Vec<usize> = Vec::new();
    for (at, reading) in readings.iter().enumerate() {
        while let Some(lower) = open.pop_if(|lower| readings[*lower].value < reading.value) {
            higher[lower] = at;
        }
        open.push(at);
    }
    higher
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn points(minutes_and_kwh: &[(i64, f64)]) -> Vec<Point> {
        let start: DateTime<Utc> = "2026-03-28T00:00:00Z".parse().unwrap();
        let point = |(minute, value): &(i64, f64)| {
            let at = start + TimeDelta::minutes(*minute);
            Point { at, value: *value, received_at: at }
        };
        minutes_and_kwh.iter().map(point).collect()
    }

    fn left(minutes_and_kwh: &[(i64, f64)], meter: &Meter) -> Vec<f64> {
        set_aside(points(minutes_and_kwh), meter, &[], &mut || ()).iter().map(|point| point.value).collect()
    }

    #[test]
    fn a_dip_that_recovers_in_one_step_is_removed() {
        let meter = Meter { max_kw: 100.0, ..Meter::default() };
        for low in
            [&[(30, 0.0)][..], &[(30, 0.0), (45, 0.0)], &[(30, 2.0), (45, 0.3)], &[(30, 0.0), (45, 1.5), (300, 0.0)]]
        {
            let mut readings = vec![(0, 3.7), (15, 3.74)];
            readings.extend(low);
            readings.extend([(330, 3.75), (345, 3.8)]);
            assert_eq!(left(&readings, &meter), [3.7, 3.74, 3.75, 3.8], "{low:?}");
        }
        // The same with a high register value and a small dip.
        assert_eq!(left(&[(0, 500.0), (15, 400.0), (75, 500.2)], &meter), [500.0, 500.2]);
        // It rises above the previous value by more than the connection allows.
        assert_eq!(left(&[(0, 3.7), (15, 0.0), (30, 1000.0)], &meter).len(), 3);
    }

    #[test]
    fn a_fault_lasts_no_longer_than_the_time_of_jitter() {
        for (minute, count) in [(360, 2), (361, 3)] {
            assert_eq!(left(&[(0, 500.0), (15, 400.0), (minute, 500.2)], &Meter::default()).len(), count, "{minute}");
            assert_eq!(left(&[(0, 3.7), (15, 9.9), (minute, 3.75)], &Meter::default()).len(), count, "{minute}");
        }
    }

    #[test]
    fn a_decrease_by_the_jitter_is_no_fault() {
        let meter = Meter { jitter_kwh: 0.5, ..Meter::default() };
        assert_eq!(left(&[(0, 10.0), (15, 9.5), (30, 10.0)], &meter), [10.0, 9.5, 10.0]);
        assert_eq!(left(&[(0, 10.0), (15, 5.0), (30, 9.5)], &meter), [10.0, 9.5]);
        assert_eq!(left(&[(0, 10.5), (15, 20.0), (30, 10.0)], &meter), [10.5, 10.0]);
    }

    #[test]
    fn gradual_rises_and_known_replacements_are_kept() {
        let meter = Meter { max_kw: 100.0, ..Meter::default() };
        let climbing = [(0, 3.74), (60, 0.0), (120, 1.2), (180, 2.4), (240, 3.6), (300, 4.8)];
        assert_eq!(left(&climbing, &meter).len(), 6);
        assert_eq!(left(&[(0, 4.0), (60, 0.0), (120, 2.0), (180, 4.0)], &meter).len(), 4);
        let step = points(&[(0, 3.74), (60, 0.0), (300, 4.8)]);
        assert_eq!(set_aside(step.clone(), &meter, &[], &mut || ()).len(), 2);
        for minutes in [0, 30] {
            let replaced_at = [step[1].at + TimeDelta::minutes(minutes)];
            assert_eq!(set_aside(step.clone(), &meter, &replaced_at, &mut || ()).len(), 3);
        }
        // A fall after a higher reading, and whether the meter was replaced between the reading before and it.
        let spike = points(&[(0, 3.7), (15, 9.9), (30, 3.75)]);
        for (minute, count) in [(0, 2), (10, 3), (30, 3), (31, 2)] {
            let replaced_at = [spike[0].at + TimeDelta::minutes(minute)];
            assert_eq!(set_aside(spike.clone(), &meter, &replaced_at, &mut || ()).len(), count, "{minute}");
        }
    }

    #[test]
    fn a_spike_is_removed() {
        let meter = Meter { max_kw: 100.0, ..Meter::default() };
        assert_eq!(left(&[(0, 3.7), (15, 9.9), (30, 3.75), (45, 3.8)], &meter), [3.7, 3.75, 3.8]);
        assert_eq!(left(&[(0, 3.7), (15, 1e6), (30, 1e6), (45, 3.75)], &meter), [3.7, 3.75]);
    }

    #[test]
    fn days_of_zeros_before_the_register_continues_are_removed() {
        let meter = Meter { max_kw: 100.0, ..Meter::default() };
        let day = 24 * 60;
        let zeros = |days: i64| -> Vec<_> {
            let zeros = (1..days * 4).map(|part| (part * day / 4, 0.0));
            std::iter::once((0, 20.0)).chain(zeros).chain([(days * day, 21.0)]).collect()
        };
        assert_eq!(left(&zeros(9), &meter), [20.0, 21.0]);
        assert_eq!(left(&zeros(40), &meter).len(), 161);
    }

    #[test]
    fn the_width_of_a_register_explains_its_fall() {
        let meter = Meter { width_kwh: Some(100.0), max_kw: 10.0, ..Meter::default() };
        assert_eq!(left(&[(0, 99.0), (60, 1.5), (120, 99.5)], &meter), [99.0, 1.5, 99.5]);
        assert_eq!(left(&[(0, 50.0), (60, 1.5), (120, 50.5)], &meter), [50.0, 50.5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn exactly_the_isolated_faults_are_removed(
            rises in proptest::collection::vec(0.0..3.0_f64, 2..60),
            wrong in proptest::collection::vec((any::<Index>(), prop_oneof![Just(0.0), 0.0..0.4_f64, 3.0..1e6_f64]), 0..6),
        ) {
            let mut value = 20.0;
            let sound: Vec<(i64, f64)> = rises.iter().enumerate().map(|(at, rise)| { value += rise; (at as i64 * 15, value) }).collect();
            let meter = Meter { max_kw: 100.0, ..Meter::default() };
            let mut sent = sound.clone();
            let mut at_fault = Vec::new();
            for (at, share) in wrong {
                let at = at.index(sent.len());
                // Isolated: with a valid reading on either side.
                if at > 0 && at + 1 < sent.len() && !at_fault.iter().any(|other: &usize| other.abs_diff(at) < 24) {
                    sent[at].1 = sound[at].1 * share;
                    at_fault.push(at);
                }
            }
            let expected: Vec<f64> = sound.iter().enumerate().filter(|(at, _)| !at_fault.contains(at)).map(|(_, (_, value))| *value).collect();
            prop_assert_eq!(left(&sent, &meter), expected);
        }
    }
}
