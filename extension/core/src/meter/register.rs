//! Hourly energy from cumulative registers.
//!
//! How two consecutive readings are interpreted:
//!
//! - They differ after a silence of up to `max_silence_h`: the meter samples every `sample_minutes` and reports
//!   changes, so the energy was used in the last sample. A single step of `resolution_kwh` may have accumulated over
//!   the whole silence. Quality: measured.
//! - They differ after a longer silence: the meter was offline. Up to `max_interpolation_h` the energy is spread evenly
//!   (interpolated); beyond that by a profile of the local day, or evenly (estimated), or left missing, as `long_gaps`
//!   says.
//! - They are equal: zero was measured, whatever the duration.
//! - The second is lower: by up to `jitter_kwh` it is noise and counts as zero, as does its recovery within `jitter_h`.
//!   If the register's width is known and the remaining difference is plausible, it is a rollover. At a known
//!   replacement, or if it fell below half and could have been reached from zero, it is a new meter, counted from zero
//!   (estimated). Otherwise there is no value.
//! - The power would exceed `max_kw` over the elapsed time, or that time is longer than `max_gap_h`: no value.
//!
//! Faulty readings are removed first: [`faults`].

use super::faults;
use super::{
    Hour, LongGaps, MAX_HOURS, Meter, Point, Profile, Quality, Segment, Span, by_hour, covered, hours, in_order, worst,
};
use crate::Checkpoint;
use chrono::{DateTime, Utc};

/// Additional information about a register.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Until when the meter is known to be online; a silent register is unchanged until then.
    pub heard_at: Option<DateTime<Utc>>,
    /// When the meter was replaced by one that starts at zero, in any order.
    pub replaced_at: &'a [DateTime<Utc>],
    /// Profile for long gaps.
    pub profile: Option<&'a Profile>,
}

/// Energy by hour, in kWh, from readings of one register in any order.
pub fn register_hours(
    readings: &[Point],
    meter: &Meter,
    span: Span,
    context: &Context<'_>,
    checkpoint: Checkpoint<'_>,
) -> Vec<Hour> {
    let mut replaced_at = context.replaced_at.to_vec();
    replaced_at.sort_unstable();
    let readings = faults::set_aside(in_order(readings), meter, &replaced_at, checkpoint);
    let context = &Context { replaced_at: &replaced_at, ..*context };
    let mut segments: Vec<Segment> = Vec::new();
    for at in (1..readings.len()).filter(|at| span.meets(readings[at - 1].at, readings[*at].at)) {
        checkpoint();
        segments.push(segment(&readings, at, meter, context));
    }
    if let (Some(last), Some(heard_at)) = (readings.last(), context.heard_at) {
        segments.extend(Segment::silence(*last, 0.0, heard_at, meter));
    }
    by_hour(&segments, span, checkpoint, |from, to, parts| {
        let energy = |part: &Segment| Some(part.value? * part.share(from, to, context.profile));
        let sum = parts.iter().map(energy).sum::<Option<f64>>()?;
        (covered(from, to, parts) >= to - from).then_some((sum, worst(parts)))
    })
}

/// The segment that ends at reading `at`.
fn segment(readings: &[Point], at: usize, meter: &Meter, context: &Context<'_>) -> Segment {
    let (a, b) = (readings[at - 1], readings[at]);
    let gap = hours(b.at - a.at);
    let (energy, counted_from_zero) = energy(readings, at, meter, context);
    let energy = energy.filter(|_| gap <= meter.max_gap_h);
    let mut segment = Segment::between(a, b, energy);
    let Some(energy) = energy else { return segment };
    if energy > 0.0 && gap > meter.max_silence_h {
        let is_long = gap > meter.max_interpolation_h;
        segment.quality = if is_long { Quality::Estimated } else { Quality::Interpolated };
        match (meter.long_gaps, context.profile) {
            (LongGaps::Missing, _) if is_long => return Segment::between(a, b, None),
            // Gaps of more than ten years are spread evenly.
            (LongGaps::Profile, Some(profile)) if is_long && gap <= MAX_HOURS as f64 => {
                segment.by_profile = Some(profile.weight(a.at, b.at)).filter(|whole| *whole > 0.0);
                segment.received_at = profile.known_at().map_or(segment.received_at, |at| at.max(segment.received_at));
            }
            _ => {}
        }
    } else if energy > 1.5 * meter.resolution_kwh {
        segment.rises_from = a.at.max(b.at - meter.sample());
    }
    if counted_from_zero {
        segment.quality = Quality::Estimated;
    }
    segment
}

/// The energy between reading `at` and the one before, and whether it was counted from zero.
fn energy(readings: &[Point], at: usize, meter: &Meter, context: &Context<'_>) -> (Option<f64>, bool) {
    let (a, b) = (readings[at - 1], readings[at]);
    let plausible = |energy: f64| Some(energy).filter(|energy| (0.0..=meter.most_kwh(a.at, b.at)).contains(energy));
    let first_after = context.replaced_at.partition_point(|replaced| *replaced <= a.at);
    if context.replaced_at.get(first_after).is_some_and(|replaced| *replaced <= b.at) {
        return (plausible(b.value), true);
    }
    if a.value - b.value <= meter.jitter_kwh {
        let rise = level(readings, at, meter) - level(readings, at - 1, meter);
        return (plausible(rise.max(0.0)), false);
    }
    if let Some(energy) = meter.width_kwh.and_then(|width| plausible(b.value + width - a.value)) {
        return (Some(energy), false);
    }
    (plausible(b.value).filter(|_| b.value < a.value / 2.0), true)
}

/// A reading without jitter: the highest of the last hours that is above it by no more than the jitter.
fn level(readings: &[Point], at: usize, meter: &Meter) -> f64 {
    let Point { at: now, value, .. } = readings[at];
    let recent = readings[..at].iter().rev().take_while(|earlier| hours(now - earlier.at) <= meter.jitter_h);
    recent.map(|earlier| earlier.value).filter(|earlier| *earlier <= value + meter.jitter_kwh).fold(value, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn start() -> DateTime<Utc> {
        "2026-03-28T00:00:00Z".parse().unwrap()
    }

    fn readings(minutes_and_kwh: &[(i64, f64)]) -> Vec<Point> {
        let point = |(minute, value): &(i64, f64)| {
            let at = start() + TimeDelta::minutes(*minute);
            Point { at, value: *value, received_at: at }
        };
        minutes_and_kwh.iter().map(point).collect()
    }

    fn span(from_h: i64, to_h: i64) -> Span {
        Span::new(start() + TimeDelta::hours(from_h), start() + TimeDelta::hours(to_h)).unwrap()
    }

    /// Energies and qualities of the first `hours` hours.
    fn hours_of(minutes_and_kwh: &[(i64, f64)], meter: &Meter, hours: i64) -> Vec<(Option<f64>, Quality)> {
        let found = register_hours(&readings(minutes_and_kwh), meter, span(0, hours), &Context::default(), &mut || ());
        // Rounded to twelve digits, so that tests can use decimal literals.
        let round = |value: f64| (value * 1e12).round() / 1e12;
        found.into_iter().map(|hour| (hour.value.map(round), hour.quality)).collect()
    }

    use Quality::{Estimated, Interpolated, Measured, Missing};

    #[test]
    fn energy_between_readings_is_split_at_the_hour() {
        // 0.4 kWh from 00:50 to 01:05, ten minutes of which are in the first hour.
        let found = hours_of(&[(0, 5.0), (50, 5.0), (65, 5.3), (120, 5.3)], &Meter::default(), 2);
        assert_eq!(found, [(Some(0.2), Measured), (Some(0.1), Measured)]);
        // Readings closer than a sample.
        let found = hours_of(&[(0, 5.0), (54, 5.0), (63, 5.3), (120, 5.3)], &Meter::default(), 2);
        assert_eq!(found, [(Some(0.2), Measured), (Some(0.1), Measured)]);
    }

    #[test]
    fn after_a_short_silence_the_energy_is_in_the_last_sample() {
        let found = hours_of(&[(0, 5.0), (240, 6.0)], &Meter::default(), 4);
        let zero = (Some(0.0), Measured);
        assert_eq!(found, [zero, zero, zero, (Some(1.0), Measured)]);
        let found = hours_of(&[(0, 5.0), (125, 5.3), (180, 5.3)], &Meter::default(), 3);
        assert_eq!(found, [zero, (Some(0.2), Measured), (Some(0.1), Measured)]);
        assert_eq!(hours_of(&[(0, 5.0), (240, 5.002)], &Meter::default(), 4)[3], (Some(0.002), Measured));
        // A single step of a coarse register may have accumulated over the whole silence.
        let coarse = Meter { resolution_kwh: 1.0, ..Meter::default() };
        assert_eq!(hours_of(&[(0, 5.0), (240, 6.0)], &coarse, 4), [(Some(0.25), Measured); 4]);
    }

    #[test]
    fn longer_gaps_are_spread_evenly_by_profile_or_not_at_all() {
        assert_eq!(hours_of(&[(0, 5.0), (480, 9.0)], &Meter::default(), 8), [(Some(0.5), Interpolated); 8]);
        let long = [(0, 0.0), (1440, 48.0)];
        assert_eq!(hours_of(&long, &Meter::default(), 24), [(Some(2.0), Estimated); 24]);
        let missing = Meter { long_gaps: LongGaps::Missing, ..Meter::default() };
        assert_eq!(hours_of(&long, &missing, 24), [(None, Missing); 24]);
        for (minute, quality) in [
            (360, Measured),
            (361, Interpolated),
            (720, Interpolated),
            (721, Estimated),
            (2208 * 60, Estimated),
            (2208 * 60 + 1, Missing),
        ] {
            assert_eq!(hours_of(&[(0, 0.0), (minute, 9.0)], &Meter::default(), 1)[0].1, quality, "{minute}");
        }

        let mut weights = [1.0; 24];
        weights[18] = 25.0;
        let known_at = start() + TimeDelta::days(30);
        let profile = Profile::new(&weights, "Europe/Zurich", Some(known_at)).unwrap();
        let context = Context { profile: Some(&profile), ..Context::default() };
        // 18:00 in Zurich, which is 17:00 UTC.
        let found = register_hours(&readings(&long), &Meter::default(), span(16, 18), &context, &mut || ());
        assert_eq!(found.iter().map(|hour| hour.value).collect::<Vec<_>>(), [Some(1.0), Some(25.0)]);
        assert!(found.iter().all(|hour| hour.received_at == Some(known_at)));
        let evenly = Meter { long_gaps: LongGaps::Estimated, ..Meter::default() };
        let found = register_hours(&readings(&long), &evenly, span(16, 18), &context, &mut || ());
        assert!(found.iter().all(|hour| hour.value == Some(2.0) && hour.received_at < Some(known_at)));
        let short = readings(&[(960, 0.0), (1440, 8.0)]);
        let found = register_hours(&short, &Meter::default(), span(17, 18), &context, &mut || ());
        assert_eq!(found[0].value, Some(1.0));
    }

    #[test]
    fn a_gap_is_spread_evenly_if_it_exceeds_ten_years_or_the_profile_has_no_weight_in_it() {
        let at_17 = |hours: i64, weights: &[f64; 24]| {
            let known_at = start() - TimeDelta::days(1);
            let profile = Profile::new(weights, "UTC", Some(known_at)).unwrap();
            let context = Context { profile: Some(&profile), ..Context::default() };
            let meter = Meter { max_gap_h: 87_840.0, ..Meter::default() };
            let readings = readings(&[(0, 0.0), (hours * 60, hours as f64)]);
            let found = register_hours(&readings, &meter, span(17, 18), &context, &mut || ());
            // The profile was known before the reading.
            assert_eq!(found[0].received_at, Some(readings[1].at));
            found[0].value.unwrap()
        };
        let mut weights = [1.0; 24];
        weights[17] = 25.0;
        assert!((at_17(MAX_HOURS, &weights) - 12.5).abs() < 1e-9);
        assert_eq!([at_17(MAX_HOURS + 1, &weights), at_17(24, &[0.0; 24])], [1.0, 1.0]);
    }

    #[test]
    fn an_hour_has_the_quality_of_its_worst_part() {
        let found = hours_of(&[(0, 5.0), (510, 9.25), (600, 9.25)], &Meter::default(), 10);
        assert_eq!(found[7..], [(Some(0.5), Interpolated), (Some(0.25), Interpolated), (Some(0.0), Measured)]);
    }

    #[test]
    fn an_unchanged_register_measured_zero_whatever_the_duration() {
        assert_eq!(hours_of(&[(0, 5.0), (6000, 5.0)], &Meter::default(), 100), [(Some(0.0), Measured); 100]);
    }

    #[test]
    fn a_small_dip_and_its_recovery_count_as_zero() {
        let found = hours_of(&[(0, 10.0), (15, 9.9), (30, 10.0), (45, 9.95), (60, 10.2)], &Meter::default(), 1);
        assert_eq!(found, [(Some(0.2), Measured)]);
        let coarse = Meter { jitter_kwh: 0.5, ..Meter::default() };
        assert_eq!(hours_of(&[(0, 10.0), (15, 9.5), (60, 10.0)], &coarse, 1), [(Some(0.0), Measured)]);
        assert_eq!(hours_of(&[(0, 10.0), (60, 9.75)], &Meter::default(), 1), [(None, Missing)]);
        // A dip that lasts longer than the time of jitter is the new level.
        for (minute, energy) in [(360, 0.0), (361, 0.1)] {
            let dip = [(0, 10.0), (15, 9.9), (minute, 9.9), (400, 10.0), (420, 10.0)];
            assert_eq!(hours_of(&dip, &Meter::default(), 7)[6], (Some(energy), Measured), "{minute}");
        }
    }

    #[test]
    fn a_rollover_continues_the_count() {
        let meter = Meter { width_kwh: Some(100_000.0), ..Meter::default() };
        let found = hours_of(&[(0, 99_999.5), (60, 0.25)], &meter, 1);
        assert_eq!(found, [(Some(0.75), Measured)]);
    }

    #[test]
    fn a_replacement_is_counted_from_zero_and_any_other_fall_has_no_value() {
        assert_eq!(hours_of(&[(0, 500.0), (60, 0.5)], &Meter::default(), 1), [(Some(0.5), Estimated)]);
        assert_eq!(hours_of(&[(0, 500.0), (60, 400.0)], &Meter::default(), 1), [(None, Missing)]);
        assert_eq!(hours_of(&[(0, 500.0), (60, 250.0)], &Meter::default(), 1), [(None, Missing)]);
        let found = hours_of(&[(0, 500.0), (60, 249.0), (120, 249.5)], &Meter::default(), 2);
        assert_eq!(found, [(Some(249.0), Estimated), (Some(0.5), Measured)]);
        let replaced = [start() + TimeDelta::minutes(30)];
        let context = Context { replaced_at: &replaced, ..Context::default() };
        let found =
            register_hours(&readings(&[(0, 5.0), (60, 7.0)]), &Meter::default(), span(0, 1), &context, &mut || ());
        assert_eq!((found[0].value, found[0].quality), (Some(7.0), Estimated));
        for (minute, energies) in [(0, [2.0, 1.0]), (60, [7.0, 1.0]), (61, [2.0, 8.0]), (121, [2.0, 1.0])] {
            let replaced = [start() + TimeDelta::minutes(minute)];
            let context = Context { replaced_at: &replaced, ..Context::default() };
            let readings = readings(&[(0, 5.0), (60, 7.0), (120, 8.0)]);
            let found = register_hours(&readings, &Meter::default(), span(0, 2), &context, &mut || ());
            assert_eq!([0, 1].map(|hour| found[hour].value), energies.map(Some), "{minute}");
        }
    }

    #[test]
    fn energy_above_the_connection_limit_has_no_value() {
        let meter = Meter { max_kw: 10.0, ..Meter::default() };
        let found = hours_of(&[(0, 0.0), (60, 9.0), (120, 1e9), (180, 1e9)], &meter, 3);
        assert_eq!(found, [(Some(9.0), Measured), (None, Missing), (Some(0.0), Measured)]);
        let found = hours_of(&[(0, 0.0), (60, 1000.0), (120, 2001.0)], &Meter::default(), 2);
        assert_eq!(found, [(Some(1000.0), Measured), (None, Missing)]);
    }

    #[test]
    fn a_short_zero_does_not_count_the_register_twice() {
        let meter = Meter { max_kw: 100.0, ..Meter::default() };
        let mut found = hours_of(&[(0, 3.70), (110, 3.74), (149, 0.0), (150, 3.75), (240, 3.80)], &meter, 4);
        let sum: f64 = found.iter().map(|hour| hour.0.unwrap()).sum();
        assert!((sum - 0.1).abs() < 1e-9, "{found:?}");
        found.retain(|hour| hour.1 != Measured);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn energy_is_limited_by_the_elapsed_time() {
        let meter = Meter { max_kw: 100.0, ..Meter::default() };
        // 20 kWh in five minutes.
        assert_eq!(hours_of(&[(0, 5.0), (55, 5.0), (60, 25.0)], &meter, 1), [(None, Missing)]);
        assert_eq!(hours_of(&[(0, 5.0), (45, 5.0), (60, 25.0)], &meter, 1), [(Some(20.0), Measured)]);
        // One step of a coarse register may come at any time.
        let coarse = Meter { resolution_kwh: 10.0, ..meter };
        assert_eq!(hours_of(&[(0, 10.0), (59, 10.0), (60, 20.0)], &coarse, 1), [(Some(10.0), Measured)]);
    }

    #[test]
    fn gaps_beyond_the_maximum_have_no_hours() {
        let long = |value| [(0, 427.7), (93 * 24 * 60, value)];
        for value in [427.7, 427.9, 5000.0] {
            assert_eq!(hours_of(&long(value), &Meter::default(), 2), [(None, Missing); 2], "{value}");
        }
    }

    #[test]
    fn silence_means_unchanged_only_while_the_meter_is_online() {
        let readings = readings(&[(0, 5.0), (60, 6.0)]);
        let until = |minute| {
            let context = Context { heard_at: Some(start() + TimeDelta::minutes(minute)), ..Context::default() };
            let found = register_hours(&readings, &Meter::default(), span(0, 10), &context, &mut || ());
            found.iter().filter(|hour| hour.value.is_some()).count()
        };
        assert_eq!((until(60), until(179), until(180), until(6000)), (1, 2, 3, 7));
        let context = Context { heard_at: Some(start() + TimeDelta::hours(3)), ..Context::default() };
        let found = register_hours(&readings, &Meter::default(), span(0, 3), &context, &mut || ());
        assert_eq!(found.iter().map(|hour| hour.rests_on_silence).collect::<Vec<_>>(), [false, true, true]);
        for (minute, rests) in [(90, false), (91, true)] {
            let context = Context { heard_at: Some(start() + TimeDelta::minutes(minute)), ..Context::default() };
            let readings = self::readings(&[(0, 5.0), (90, 6.0)]);
            let found = register_hours(&readings, &Meter::default(), span(0, 2), &context, &mut || ());
            assert_eq!([0, 1].map(|hour| found[hour].rests_on_silence), [false, rests], "{minute}");
        }
    }

    #[test]
    fn an_hour_is_known_when_its_last_reading_is_received() {
        let found = register_hours(
            &readings(&[(0, 1.0), (50, 2.0), (70, 3.0), (120, 4.0)]),
            &Meter::default(),
            span(0, 3),
            &Context::default(),
            &mut || (),
        );
        let minutes = |hour: &Hour| hour.received_at.map(|at| (at - start()).num_minutes());
        assert_eq!(found.iter().map(minutes).collect::<Vec<_>>(), [Some(70), Some(120), None]);
        let mut late = readings(&[(0, 1.0), (60, 2.0)]);
        late[0].received_at += TimeDelta::minutes(90);
        let found = register_hours(&late, &Meter::default(), span(0, 1), &Context::default(), &mut || ());
        assert_eq!(minutes(&found[0]), Some(90));
    }

    #[test]
    fn days_of_daylight_saving_have_23_and_25_hours() {
        let zone = chrono_tz::Europe::Zurich;
        let rising: Vec<_> = (0..6000).map(|hour| (hour * 60, hour as f64)).collect();
        let found =
            register_hours(&readings(&rising), &Meter::default(), span(0, 5999), &Context::default(), &mut || ());
        for (day, hours) in [("2026-03-28", 24.0), ("2026-03-29", 23.0), ("2026-10-25", 25.0)] {
            let of_day = found.iter().filter(|hour| hour.at.with_timezone(&zone).date_naive().to_string() == day);
            // 28 March (local) began an hour before the readings.
            let expected = if day == "2026-03-28" { hours - 1.0 } else { hours };
            let sum: f64 = of_day.map(|hour| hour.value.unwrap()).sum();
            assert!((sum - expected).abs() < 1e-9, "{day}: {sum}");
        }
    }

    /// A register read at arbitrary minutes over two days; some steps are long, some zero.
    fn register() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let step = prop_oneof![4 => 1_i64..40, 1 => 40_i64..1200];
        let rise = prop_oneof![1 => Just(0.0), 3 => 0.0..3.0_f64];
        proptest::collection::vec((step, rise), 2..80).prop_map(|steps| {
            let (mut minute, mut value, mut readings) = (0, 100.0, vec![(0, 100.0)]);
            for (step, rise) in steps {
                (minute, value) = (minute + step, value + rise);
                readings.push((minute, value));
            }
            // A last reading on a full hour, so that all energy lies in whole hours.
            readings.push(((minute / 60 + 1) * 60, value + 0.5));
            readings
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn hours_add_up_to_the_register_s_difference(
            register in register(), weights in proptest::collection::vec(0.0..9.0_f64, 24)
        ) {
            let (first, last) = (register[0], register[register.len() - 1]);
            // The clocks go forward on the second day.
            let profile = Profile::new(&weights, "Europe/Zurich", None).unwrap();
            let context = Context { profile: Some(&profile), ..Context::default() };
            let all = span(0, last.0 / 60);
            let found = register_hours(&readings(&register), &Meter::default(), all, &context, &mut || ());
            let sum: f64 = found.iter().map(|hour| hour.value.unwrap()).sum();
            prop_assert!((sum - (last.1 - first.1)).abs() < 1e-9, "{sum}");
            prop_assert!(found.iter().all(|hour| hour.value.unwrap() >= 0.0));
        }

        #[test]
        fn jitter_that_recovers_adds_nothing(
            register in register(), dips in proptest::collection::vec((any::<Index>(), 0.0..0.19_f64), 0..9)
        ) {
            let mut jittering = register.clone();
            for (at, dip) in dips {
                let at = 1 + at.index(register.len() - 2);
                // Within an hour of a kept reading, so that the true level is known.
                let (before, now) = (register[at - 1], register[at]);
                if now.0 - before.0 < 60 && now.1 == before.1 && jittering[at - 1] == before {
                    jittering[at].1 = register[at].1 - dip;
                }
            }
            let hours = register[register.len() - 1].0 / 60;
            let sum = |register: &[(i64, f64)]| -> f64 {
                let (meter, context) = (Meter::default(), Context::default());
                let found = register_hours(&readings(register), &meter, span(0, hours), &context, &mut || ());
                found.iter().map(|hour| hour.value.unwrap()).sum()
            };
            prop_assert!((sum(&jittering) - sum(&register)).abs() < 1e-9);
        }

        #[test]
        fn order_and_duplicates_do_not_matter(
            register in register(), order in proptest::collection::vec(any::<u32>(), 82), again in any::<Index>()
        ) {
            let sent = readings(&register);
            let mut arrived: Vec<_> = sent.iter().copied().zip(order).collect();
            arrived.push((sent[again.index(sent.len())], 0));
            arrived.sort_by_key(|(_, key)| *key);
            let arrived: Vec<_> = arrived.into_iter().map(|(point, _)| point).collect();
            let span = span(0, register[register.len() - 1].0 / 60);
            let (meter, context) = (Meter::default(), Context::default());
            let hours = |points: &[Point]| register_hours(points, &meter, span, &context, &mut || ());
            prop_assert_eq!(hours(&sent), hours(&arrived));
        }

        #[test]
        fn a_span_computed_separately_equals_its_part_of_the_whole(
            register in register(), cut in any::<Index>(), fall in any::<Index>(),
            wrong in proptest::collection::vec((any::<Index>(), 0.0..300.0_f64), 0..30)
        ) {
            let mut sent = readings(&register);
            let weights: Vec<f64> = (0..24).map(f64::from).collect();
            let profile = Profile::new(&weights, "Europe/Zurich", None).unwrap();
            let context = Context { profile: Some(&profile), ..Context::default() };
            let (meter, last) = (Meter::default(), register[register.len() - 1].0 / 60);
            let fall = fall.index(sent.len());
            sent[fall..].iter_mut().for_each(|point| point.value -= 60.0);
            let count = sent.len();
            wrong.into_iter().for_each(|(at, value)| sent[at.index(count)].value = value);
            let cut = cut.index(last as usize) as i64;
            let whole = register_hours(&sent, &meter, span(0, last), &context, &mut || ());
            let part = |from_h: i64, to_h: i64| {
                let (from, to) = (start() + TimeDelta::hours(from_h), start() + TimeDelta::hours(to_h));
                let before = sent.iter().rev().find(|point| point.at <= from).unwrap().at;
                let after = sent.iter().find(|point| point.at >= to).unwrap().at;
                let near = |point: &&Point| (before - TimeDelta::hours(24)..=after + TimeDelta::hours(12)).contains(&point.at);
                let near: Vec<_> = sent.iter().filter(near).copied().collect();
                register_hours(&near, &meter, span(from_h, to_h), &context, &mut || ())
            };
            prop_assert_eq!([part(0, cut), part(cut, last)].concat(), whole);
        }
    }
}
