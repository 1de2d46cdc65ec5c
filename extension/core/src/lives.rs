//! Simulates young series: cuts a series into windows of four weeks.

use crate::clock::Clock;
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::origin::{Origin, Phase};
use crate::series::Frame;
use std::borrow::Cow;

/// Length of a window, in days.
const LIFE_DAYS: usize = 28;

/// A window of a series, and the origins of its forecasts. It holds no values: [`Life::frame`] returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    /// Rows of the whole series: the first row kept, the start of the demand, and the first row whose target must not
    /// be read.
    from: usize,
    birth: usize,
    end: usize,
    /// Origins, as rows of the window's own frame.
    pub origins: Vec<Origin>,
}

impl Life {
    /// The whole series as one window, with the origins that have `history` rows before them.
    pub fn whole(clock: &Clock, end: usize, phases: &[Phase], history: usize) -> Self {
        Self { from: 0, birth: 0, end, origins: stand(clock, phases, history, end, 0) }
    }

    /// The series as known in this window: no demand before its start.
    pub fn frame<'a>(&self, whole: &'a Frame) -> Cow<'a, Frame> {
        if self.from == 0 && self.birth == 0 {
            return Cow::Borrowed(whole);
        }
        let mut young = whole.since(self.from);
        young.truncate(self.end - self.from);
        young.target[..self.birth - self.from].fill(f64::NAN);
        Cow::Owned(young)
    }

    /// First row of its own frame whose target must not be read.
    pub fn end(&self) -> usize {
        self.end - self.from
    }
}

/// Windows of four weeks without demand before their start, but with weather, from the newest `days` days before `end`,
/// or as many as there are.
pub(crate) fn lives(
    frame: &Frame,
    clock: &Clock,
    end: usize,
    days: usize,
    phases: &[Phase],
    spec: &FeatureSpec,
) -> Result<Vec<Life>, Error> {
    let day = frame.grid.rows_per_day();
    let memory = spec.weather_memory(&frame.grid)?;
    let first = (end % day).max(end.saturating_sub(days * day));
    let cut = |birth: usize| {
        let from = birth.saturating_sub(memory);
        let death = (birth + LIFE_DAYS * day).min(end);
        Life { from, birth, end, origins: stand(clock, phases, birth, death, from) }
    };
    Ok((first..end).step_by(LIFE_DAYS * day).map(cut).collect())
}

/// Origins at these phases from row `first` up to `last`, relative to `from`.
fn stand(clock: &Clock, phases: &[Phase], first: usize, last: usize, from: usize) -> Vec<Origin> {
    let rows = (first..last.min(clock.rows())).filter_map(|row| {
        let phase = phases.iter().find(|phase| phase.slot == clock.slot(row))?;
        Some(Origin { issued: row - from + phase.delay, row: row - from })
    });
    rows.collect()
}
