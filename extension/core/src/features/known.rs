//! When a feature is known.

use crate::series::Grid;

/// Which row of a feature's column a forecast reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The last row before the issue time. The column may look back from its row, never ahead.
    AtIssue,
    /// The target's row less this many; missing where that is not before the issue time.
    Lag(usize),
    /// The newest row before the issue time that is a whole number of seasons before the target.
    LastSeason(usize),
    /// The newest row before the issue time that is whole days (of so many rows) before the target and on a
    /// day of its type; missing where there is none in a fortnight.
    LastOfType(usize),
    /// The target's row: calendar, weather, whatever is known in advance.
    Ahead,
    /// No row: the lead itself, in hours.
    Lead,
}

impl Known {
    /// The same in words, for analysts.
    pub fn describe(self, grid: &Grid) -> String {
        let hours = |rows| grid.lead_hours(rows);
        match self {
            Self::AtIssue => "at issue".to_owned(),
            Self::Lag(rows) => format!("{0} h before the end of the hour, so at leads up to {0} h", hours(rows)),
            Self::LastSeason(rows) => {
                format!("at issue: the newest hour that is whole {} h before", hours(rows))
            }
            Self::LastOfType(_) => "at issue: the same hour of the newest day of its type".to_owned(),
            Self::Ahead => "ahead, as it is forecast at issue".to_owned(),
            Self::Lead => "always".to_owned(),
        }
    }
}
