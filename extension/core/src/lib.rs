//! The forecasting core of `edf`: no Postgres, no SQL, no IO, no clock, no global state.
//!
//! Suggested reading order: [`grid`] and [`clock`] (rows and local time), [`series`] (the input of a forecast),
//! [`origin`] (where it starts), [`features`] (what is known when), [`model`] (the strategies), [`intervals`],
//! [`train`] and [`backtest`] (how they are combined), [`artifact`] (serialised models), [`tuning`] (hyperparameter
//! search), [`portfolio`] (sums of series), [`scenarios`] (joint paths), [`anomaly`] (anomalous rows). [`message`]
//! parses the messages of meters and weather services, [`meter`] turns registers and gauges into hours, [`schema`]
//! validates a configuration.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod anomaly;
pub mod artifact;
pub mod backtest;
pub mod chart;
pub mod clean;
pub mod clock;
pub mod confidence;
pub mod error;
pub mod features;
pub mod grid;
pub mod intervals;
pub mod intraday;
mod lives;
pub mod margin;
pub mod message;
pub mod meter;
pub mod metrics;
pub mod model;
mod options;
pub mod origin;
pub mod parallel;
pub mod portfolio;
mod random;
pub mod scenarios;
pub mod schema;
pub mod series;
mod signals;
pub mod train;
pub mod tuning;
pub mod vintages;

#[cfg(test)]
mod testing;

pub use error::Error;

/// Called between units of long work. It may unwind to stop the work, which must not leave inconsistent state.
pub type Checkpoint<'a> = &'a mut dyn FnMut();
