//! The installed extension, the deployed database and the API in front of it, as their users meet them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod artifact;
mod backtest;
mod bad_input;
mod calendar;
mod cancel;
mod config;
mod dump;
mod features;
mod forecasting;
mod gateway;
mod hours;
mod ingestion;
mod jobs;
mod known_weather;
mod metrics;
mod readme;
mod registry;
mod rules;
mod weather;
