//! When a feature is known.

use crate::grid::Grid;

/// Which row of a feature's column a forecast reads. Days are local: the row at the same local time on another day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The last row before the origin. The column may look back from its row, but not ahead.
    AtIssue,
    /// The same local time `days` days before the target, shifted back by `rows` rows; missing if that is not before
    /// the origin.
    Lag {
        /// Local days before the target.
        days: usize,
        /// Rows before that; negative values are after it.
        rows: isize,
    },
    /// The newest row before the origin that is a whole number of seasons before the target, or an older one.
    Newest {
        /// Days per season.
        season: usize,
        /// Seasons before the newest.
        older: usize,
    },
    /// The newest row before the origin at the target's local time on a day of its type; missing if there is none
    /// within a fortnight.
    NewestOfType,
    /// The target's row: calendar, weather and other inputs known in advance.
    Ahead,
    /// No row: the lead itself, in hours from the origin.
    Lead,
}

impl Known {
    /// The same as text, for analysts.
    pub fn describe(self, grid: &Grid) -> String {
        match self {
            Self::AtIssue => "at issue".to_owned(),
            Self::Lag { days, rows } => {
                let hours = 24.0 * days as f64 + rows.signum() as f64 * grid.lead_hours(rows.unsigned_abs());
                format!("{hours} h before the end of the hour, so at leads up to {hours} h")
            }
            Self::Newest { season, older: 0 } => {
                format!("at issue: the newest hour a multiple of {} h before", 24 * season)
            }
            Self::Newest { season, older } => {
                format!(
                    "at issue: {} h before the newest hour a multiple of {} h before",
                    24 * season * older,
                    24 * season
                )
            }
            Self::NewestOfType => "at issue: the same hour of the newest day of its type".to_owned(),
            Self::Ahead => "ahead, as forecast at issue".to_owned(),
            Self::Lead => "always".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn descriptions_name_hours() {
        let grid = hourly_frame(48).grid;
        let lag = |rows| Known::Lag { days: 1, rows }.describe(&grid);
        assert!(lag(-2).starts_with("22 h before") && lag(2).ends_with("up to 26 h"), "{} {}", lag(-2), lag(2));
        let newest = |older| Known::Newest { season: 7, older }.describe(&grid);
        assert_eq!(newest(0), "at issue: the newest hour a multiple of 168 h before");
        assert_eq!(newest(2), "at issue: 336 h before the newest hour a multiple of 168 h before");
        assert_eq!([Known::AtIssue, Known::Lead].map(|known| known.describe(&grid)), ["at issue", "always"]);
    }
}
