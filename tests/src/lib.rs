//! Shared test helpers: connections as any role, throwaway databases, errors, tokens.
//!
//! The server is given by `EDF_TEST_SOCKET` (its socket folder) and `EDF_TEST_PORT`, PostgREST in front of it by
//! `EDF_TEST_API_URL` and `EDF_TEST_JWT_SECRET`. Its database `edf` is deployed and holds four months of real data.
//! `make test` sets all of this up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod copies;
mod database;
mod demand;
mod refusal;
mod timing;

pub use api::{Api, api_url, postgrest, token, token_of};
pub use copies::{approver, configure, deployment, dump_and_restore, run_at, run_program};
pub use database::{
    Throwaway, as_role, connect, connect_when_up, environment, until_blocked, until_blocked_by, until_busy,
};
pub use demand::{DEMAND, KNOWN_HOURS, QUICK, seed_demand, train, trained};
pub use refusal::{Refusal, refusal, refusals};
pub use timing::assert_times_alike;
