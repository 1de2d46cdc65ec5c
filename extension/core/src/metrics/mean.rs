//! The mean of a value per row, which most metrics are.

use super::ratio;

/// Count and sum; mergeable.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mean {
    rows: f64,
    sum: f64,
}

impl Mean {
    /// Adds one row.
    pub fn add(&mut self, value: f64) {
        self.rows += 1.0;
        self.sum += value;
    }

    /// Merges the rows of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, sum: self.sum + other.sum }
    }

    /// The mean, if there are any rows.
    pub fn value(&self) -> Option<f64> {
        ratio(self.sum, self.rows)
    }

    /// The state as numbers, for storage in the database.
    pub fn to_array(self) -> [f64; 2] {
        [self.rows, self.sum]
    }

    /// The inverse of [`Self::to_array`].
    pub fn from_array([rows, sum]: [f64; 2]) -> Self {
        Self { rows, sum }
    }
}
