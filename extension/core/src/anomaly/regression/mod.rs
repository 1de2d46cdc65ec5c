//! What a day is expected to use: Bayesian linear regression on degree days, sun, day type and whatever else is given.
//!
//! Every unit (an apartment) has weights of its own, which start from a prior that others taught ([`prior`]) and of
//! which the posterior is exact ([`posterior`]); a unit that was never seen has the prior alone, and wide intervals.
//! Faults among the rows that are learnt from are left out ([`robust`]), and noise may grow with the level ([`noise`]).
//!
//! How far a day is off is the normal score of its posterior predictive tail. Real days have heavier and unequal tails:
//! scores of the rows that were learnt from, each judged by the posterior without it, say how rare one is ([`rarity`]),
//! where there are enough of them. A run of days is judged by its cumulative sums ([`super::cusum`]).
//!
//! An amount, a target that was never negative, is expected to be at least zero.
//!
//! A missing feature counts as its median, and widens the interval by what its usual spread is worth. A row of whose
//! features less than half is known is not judged.

mod beliefs;
mod fit;
mod noise;
mod posterior;
mod prior;
mod rarity;
mod robust;
#[cfg(test)]
mod tests;
mod verdicts;

use super::observations::Observations;
use super::scaling::Scaling;
use super::verdict::Part;
use crate::error::Error;
use beliefs::Beliefs;
use rarity::Rarity;
use serde::{Deserialize, Serialize};

/// The least that can be expected. An amount is zero on a warm day, where a line falls below: measured against that, each
/// day of a summer would be a little too high, and their run an alarm.
fn floor(is_amount: bool) -> f64 {
    if is_amount { 0.0 } else { f64::NEG_INFINITY }
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    beliefs: Beliefs,
    rarity: Rarity,
    /// Whether the target was never negative.
    is_amount: bool,
}

impl Regression {
    /// What a row is made of: what each feature adds to a typical day, and what is left.
    pub fn explain(&self, rows: &Observations) -> Result<Vec<Part>, Error> {
        self.beliefs.explain(rows)
    }

    /// What is typical of each feature.
    pub fn scaling(&self) -> &Scaling {
        &self.beliefs.scaling
    }

    /// Whether it can have been fitted, to so many features.
    pub fn is_sound(&self, features: usize) -> bool {
        self.beliefs.is_sound(features) && self.rarity.is_sound()
    }
}
