//! Where a forecast starts, and the times of day at which a model can start.
//!
//! Leads are counted from the newest known row and not from the issue time: late readings mean an earlier origin and a
//! longer horizon. What a model learns depends on the local time of day of its origin (the newest hour carries
//! different information at night and at noon), so it is fitted for a few [`Phase`]s: its own issue hours with the
//! usual delay of the newest rows, and one twelve hours away. At any other time it starts from the newest of these; of
//! newer rows only the residuals are used ([`crate::intraday`]).

use crate::clock::Clock;
use crate::error::Error;
use crate::grid::DAY_SECONDS;
use crate::series::Frame;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hours between the phases that every model has besides its own.
const SPACING_H: usize = 12;
/// Number of newest days used to estimate delays.
const USUAL_DAYS: usize = 56;
/// Maximum number of days to look back for a known row.
const LOOK_BACK_DAYS: usize = 28;
/// A phase is used only if it has at least this share of the first phase's origins.
const LEAST_SHARE: f64 = 0.5;

/// The origin of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The issue: the row that starts then. Weather is read as known by then.
    pub issued: usize,
    /// The first row whose target is not read; not after `issued`.
    pub row: usize,
}

impl Origin {
    /// An origin with everything known up to the issue.
    pub fn at(row: usize) -> Self {
        Self { issued: row, row }
    }

    /// Rows from the origin to the issue.
    pub fn gap(self) -> usize {
        self.issued - self.row
    }
}

/// A local time of day of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Row of the local day.
    pub slot: usize,
    /// Usual number of rows from the origin to the issue.
    pub delay: usize,
}

/// The local hours of the day at which forecasts are issued.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IssueHours(Vec<u32>);

impl IssueHours {
    /// Hours from 0 to 23, each once; empty means the time of day at which the training set ends.
    pub fn new(hours: &[i32]) -> Result<Self, Error> {
        let mut read = Vec::with_capacity(hours.len());
        for hour in hours {
            match u32::try_from(*hour) {
                Ok(hour) if hour < 24 && !read.contains(&hour) => read.push(hour),
                _ => {
                    return Err(Error::InvalidArgument(format!(
                        "issue_hours {hours:?}: hours of the local day must lie between 0 and 23, without duplicates"
                    )));
                }
            }
        }
        Ok(Self(read))
    }

    /// Rows of the local day at which a model trained until row `end` issues forecasts; without hours, also those of
    /// rows `issues`.
    fn slots(&self, clock: &Clock, end: usize, issues: &[usize]) -> Vec<usize> {
        if !self.0.is_empty() {
            return self.0.iter().map(|hour| *hour as usize * clock.rows_per_day() / 24).collect();
        }
        let mut slots = vec![clock.slot(end)];
        for slot in issues.iter().map(|issued| clock.slot(*issued)) {
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
        slots
    }
}

/// The phases of a model, starting with the first of its own issue hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phases(Vec<Phase>);

impl Phases {
    /// A single phase.
    pub fn only(phase: Phase) -> Self {
        Self(vec![phase])
    }

    /// The phases for a training set that ends at row `end`, issued at `hours` or, if empty, also at the times of day
    /// of rows `issues`, which may lie on both sides of a clock change; `clock` must cover all these rows.
    pub fn learn(frame: &Frame, clock: &Clock, end: usize, hours: &IssueHours, issues: &[usize]) -> Self {
        let day = clock.rows_per_day();
        let mut phases: Vec<Phase> = Vec::new();
        for slot in hours.slots(clock, end, issues) {
            let delay = usual_delay(frame, clock, end, slot);
            phases.push(Phase { slot: (slot + day * delay.div_ceil(day) - delay) % day, delay });
        }
        let own = phases.len();
        let Phase { slot: first, delay } = phases[0];
        let spacing = (SPACING_H * day / 24).max(1);
        phases.extend((1..day / spacing).map(|n| Phase { slot: (first + n * spacing) % day, delay }));
        let mut kept: Vec<Phase> = Vec::new();
        let enough = LEAST_SHARE * origins(phases[0], frame, clock, 1..end).count() as f64;
        for (at, phase) in phases.into_iter().enumerate() {
            let apart = |other: &Phase| match other.slot.abs_diff(phase.slot) {
                rows if rows <= day / 2 => rows,
                rows => day - rows,
            };
            let nearest = kept.iter().map(apart).min().unwrap_or(day);
            let is_own = at < own && nearest > 0;
            if is_own || nearest > spacing / 2 && origins(phase, frame, clock, 1..end).count() as f64 >= enough {
                kept.push(phase);
            }
        }
        Self(kept)
    }

    /// Origins at these rows of the local day with the usual delay.
    pub fn at_slots(frame: &Frame, clock: &Clock, end: usize, slots: &[usize]) -> Self {
        let phase = |slot: &usize| Phase { slot: *slot, delay: usual_delay(frame, clock, end, *slot) };
        Self(slots.iter().map(phase).collect())
    }

    /// All phases, starting with the first of its own issue hours.
    pub fn all(&self) -> &[Phase] {
        &self.0
    }

    /// The first phase, which residuals and weights are learned from.
    pub fn first(&self) -> Phase {
        self.0[0]
    }

    /// The phases used by forecasts issued at these rows, and the first.
    #[must_use]
    pub fn asked(&self, frame: &Frame, clock: &Clock, issues: &[usize]) -> Self {
        let slots: Vec<usize> =
            issues.iter().map(|issued| clock.slot(self.origin(frame, clock, *issued).row)).collect();
        let kept = self.0.iter().enumerate().filter(|(at, phase)| *at == 0 || slots.contains(&phase.slot));
        Self(kept.map(|(_, phase)| *phase).collect())
    }

    /// The longest usual delay from the newest known row to an issue, in rows.
    pub fn usual_delay(&self) -> usize {
        self.0.iter().map(|phase| phase.delay).max().unwrap_or(0)
    }

    /// Maximum number of rows from an origin to its issue if data has no more than the usual delay.
    pub fn longest_gap(&self, day: usize) -> usize {
        self.usual_delay() + if self.0.len() > 1 { SPACING_H * day / 24 } else { 0 }
    }

    /// The origin of a forecast issued at row `issued`: the newest row of one of these phases that is not after the
    /// first unknown row.
    pub fn origin(&self, frame: &Frame, clock: &Clock, issued: usize) -> Origin {
        let newest = newest_origin(frame, issued);
        let stands = |row: &usize| self.0.iter().any(|phase| phase.slot == clock.slot(*row));
        let oldest = newest.saturating_sub(2 * clock.rows_per_day());
        let row = (oldest..=newest).rev().find(stands).unwrap_or(newest);
        Origin { issued, row }
    }

    /// Whether they are valid for a series with this many rows per day.
    pub fn is_sound(&self, day: usize) -> bool {
        !self.0.is_empty() && self.0.iter().all(|phase| phase.slot < day && phase.delay <= LOOK_BACK_DAYS * day)
    }
}

/// The row after the newest known one; the issue itself if nothing has been known for weeks.
pub fn newest_origin(frame: &Frame, issued: usize) -> usize {
    let from = issued.saturating_sub(LOOK_BACK_DAYS * frame.grid.rows_per_day());
    frame.end_of_known(issued, from).unwrap_or(issued)
}

/// Origins of a phase in a range of rows, each with its issue; only those whose newest row was known.
pub fn origins<'a>(
    phase: Phase,
    frame: &'a Frame,
    clock: &'a Clock,
    rows: Range<usize>,
) -> impl Iterator<Item = Origin> + 'a {
    let origins = clock.at_slot(phase.slot, rows).map(move |row| Origin { issued: row + phase.delay, row });
    origins.filter(|origin| {
        origin.row.checked_sub(1).is_some_and(|newest| frame.end_of_known(origin.issued, newest).is_some())
    })
}

/// Origins of a phase in a range of rows known by the start of row `until`, each issued as soon as its newest row was
/// known. In service a model is updated from these, since rows may have more than the usual delay.
pub fn past_origins<'a>(
    phase: Phase,
    frame: &'a Frame,
    clock: &'a Clock,
    rows: Range<usize>,
    until: usize,
) -> impl Iterator<Item = Origin> + 'a {
    let known_from = |newest: usize| match &frame.known_at {
        Some(known_at) => frame.grid.first_at_or_after(known_at[newest]),
        None => newest + 1,
    };
    clock.at_slot(phase.slot, rows).filter_map(move |row| {
        let newest =
            row.checked_sub(1).filter(|newest| frame.target.get(*newest).is_some_and(|value| value.is_finite()))?;
        let issued = known_from(newest).max(row + phase.delay);
        (issued <= until).then_some(Origin { issued, row })
    })
}

/// The median delay, in rows, of the newest known row before an issue at this slot, over the newest days.
fn usual_delay(frame: &Frame, clock: &Clock, end: usize, slot: usize) -> usize {
    let day = clock.rows_per_day();
    let from = (end + 1).saturating_sub(USUAL_DAYS * day).max(day);
    let mut delays: Vec<usize> = clock
        .at_slot(slot, from..end + 1)
        .filter_map(|issued| Some(issued - frame.end_of_known(issued, issued.saturating_sub(LOOK_BACK_DAYS * day))?))
        .collect();
    let middle = delays.len() / 2;
    if delays.is_empty() { 0 } else { *delays.select_nth_unstable(middle).1 }
}

/// Rows per day for a step, validated for deserialised values.
pub fn rows_per_day(step_seconds: i64) -> usize {
    (DAY_SECONDS / step_seconds.max(1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Availability;
    use crate::testing::hourly_frame;
    use chrono::TimeDelta;

    fn learn(frame: &Frame, hours: &[i32]) -> (Clock, Phases) {
        let clock = Clock::new(&frame.grid, chrono_tz::UTC, frame.grid.len() + 100);
        let phases = Phases::learn(frame, &clock, frame.grid.len() - 100, &IssueHours::new(hours).unwrap(), &[]);
        (clock, phases)
    }

    #[test]
    fn issues_on_both_sides_of_a_clock_change_are_two_phases_where_no_hours_are_named() {
        let frame = hourly_frame(8760);
        let clock = Clock::new(&frame.grid, chrono_tz::Europe::Paris, 8760);
        // The last Sunday of October lies between; row 7200 is at midnight UTC.
        let issues: Vec<usize> = (0..14).map(|day| 7200 + 24 * day).collect();
        let slots = |hours: &[i32], issues: &[usize]| {
            let hours = IssueHours::new(hours).unwrap();
            let phases = Phases::learn(&frame, &clock, 7200, &hours, issues);
            phases.asked(&frame, &clock, issues).all().iter().map(|phase| phase.slot).collect::<Vec<_>>()
        };
        assert_eq!(slots(&[], &issues), [2, 1]);
        assert_eq!(slots(&[], &issues[..1]), [2]);
        assert_eq!(slots(&[2], &issues), [2, 14]);
    }

    #[test]
    fn own_hours_with_usual_delay_come_first_then_distant_ones() {
        let mut frame = hourly_frame(1000);
        let slots = |phases: &Phases| phases.all().iter().map(|phase| phase.slot).collect::<Vec<_>>();
        assert_eq!(slots(&learn(&frame, &[]).1), [12, 0]);
        assert_eq!(slots(&learn(&frame, &[5, 11, 23]).1), [5, 11, 23]);
        frame.set_availability(Availability::After(TimeDelta::minutes(61))).unwrap();
        let (_, phases) = learn(&frame, &[5, 16]);
        // An hour that is known 61 minutes after its end has a delay of two hours at every full hour.
        assert_eq!(slots(&phases), [3, 14]);
        assert_eq!(phases.first(), Phase { slot: 3, delay: 2 });
        assert!(
            IssueHours::new(&[24]).is_err() && IssueHours::new(&[-1]).is_err() && IssueHours::new(&[5, 5]).is_err()
        );
    }

    #[test]
    fn late_readings_give_an_earlier_origin_and_rows_after_a_phase_are_not_read() {
        let mut frame = hourly_frame(1000);
        let (clock, phases) = learn(&frame, &[5]);
        // Row 485 is 05:00.
        assert_eq!(phases.origin(&frame, &clock, 485), Origin::at(485));
        assert_eq!(phases.origin(&frame, &clock, 490), Origin { issued: 490, row: 485 });
        frame.target[484] = f64::NAN;
        assert_eq!(phases.origin(&frame, &clock, 485), Origin { issued: 485, row: 473 });
        frame.target[300..500].fill(f64::NAN);
        assert_eq!(phases.origin(&frame, &clock, 485), Origin { issued: 485, row: 293 });
        assert_eq!(newest_origin(&frame, 485), 300);
    }

    #[test]
    fn origins_need_a_known_newest_row() {
        let mut frame = hourly_frame(200);
        frame.target[76] = f64::NAN;
        let clock = Clock::new(&frame.grid, chrono_tz::UTC, 200);
        let rows = |phase| origins(phase, &frame, &clock, 40..130).map(|origin| origin.row).collect::<Vec<_>>();
        assert_eq!(rows(Phase { slot: 5, delay: 0 }), [53, 101, 125]);
        assert_eq!(rows(Phase { slot: 5, delay: 1 }), [53, 77, 101, 125]);
    }

    #[test]
    fn past_origins_are_issued_when_their_newest_row_was_known() {
        let mut frame = hourly_frame(200);
        frame.target[76] = f64::NAN;
        frame.set_availability(Availability::After(TimeDelta::hours(3))).unwrap();
        let clock = Clock::new(&frame.grid, chrono_tz::UTC, 200);
        let phase = Phase { slot: 5, delay: 1 };
        assert_eq!(origins(phase, &frame, &clock, 40..130).count(), 0);
        let past = |until| past_origins(phase, &frame, &clock, 40..130, until).collect::<Vec<_>>();
        assert_eq!(past(128), [53, 101, 125].map(|row| Origin { issued: row + 3, row }));
        assert_eq!(past(127).len(), 2);
        frame.known_at = None;
        assert_eq!(
            past_origins(phase, &frame, &clock, 40..60, 100).collect::<Vec<_>>(),
            [Origin { issued: 54, row: 53 }]
        );
    }

    #[test]
    fn a_time_of_day_without_known_rows_is_not_a_phase() {
        let mut frame = hourly_frame(1000);
        (0..1000).filter(|row| (14..18).contains(&(row % 24))).for_each(|row| frame.target[row] = f64::NAN);
        let (_, phases) = learn(&frame, &[5]);
        assert_eq!(phases.all().iter().map(|phase| phase.slot).collect::<Vec<_>>(), [5]);
    }
}
