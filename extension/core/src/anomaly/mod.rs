//! Rows that are not as they should be: daily features in, scores out.
//!
//! A [`Model`] is one of four [`Kind`]s: what a unit is expected to use ([`regression`]), rows that are easily set
//! apart ([`forest`]), rows that are less dense than their neighbours ([`neighbours`]), and how likely it is real,
//! given what such detectors say ([`logistic`]). The first three score a row by how rare one as odd is among normal
//! ones ([`tail`]), so that scores of one kind can be compared with those of another. Rows come as [`Observations`];
//! a missing value is never a reason for an alarm.

mod cholesky;
mod cusum;
mod distribution;
mod forest;
mod logistic;
mod model;
mod neighbours;
mod observations;
mod parameters;
mod regression;
mod scaling;
mod tail;
#[cfg(test)]
mod testing;
mod verdict;

pub use model::{Fitted, Kind, Model};
pub use observations::{Columns, Observations};
pub use parameters::Roles;
pub use verdict::{Part, Verdict};
