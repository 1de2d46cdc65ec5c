//! The installed extension, the deployed database and the API in front of it, as their users meet them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod apartment_days;
mod api;
mod artifact;
mod backtest;
mod bad_input;
mod bad_messages;
mod bad_weather;
mod calendar;
mod cancel;
mod compare;
mod config;
mod contenders;
mod dump;
mod features;
mod forecasting;
mod gap_profiles;
mod gateway;
mod hours;
mod house;
mod ingestion;
mod jobs;
mod kept_backtests;
mod known;
mod known_weather;
mod metrics;
mod portfolio;
mod readme;
mod registry;
mod rules;
mod score;
mod storage;
mod timescaledb;
mod tuning;
mod weather;
mod weather_hours;
