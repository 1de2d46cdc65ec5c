//! What the programs beside the database share that speak HTTP: the client, waits between tries, secrets, and why a
//! request failed.

mod key;
mod retry;

pub use key::Key;
pub use retry::{Waits, retry_after};

use anyhow::Context;
use reqwest::{Client, Response, redirect};
use std::time::Duration;

/// A client that names itself, and gives up on a connection and on a request after these times.
pub fn client(name: &'static str, connect: Duration, total: Duration) -> anyhow::Result<Client> {
    Client::builder()
        .connect_timeout(connect)
        .timeout(total)
        // A key is for one service and no other: an address that moved is set anew by a person.
        .redirect(redirect::Policy::none())
        .user_agent(name)
        .build()
        .map_err(reqwest::Error::without_url)
        .context("the HTTP client cannot be made")
}

/// Why a request brought no answer: a code for machines and a reason for people. The address may hold a key, so it is
/// in neither.
pub fn failure(error: reqwest::Error) -> (&'static str, String) {
    let code = match &error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "unreachable",
        _ => "interrupted",
    };
    (code, format!("{:#}", anyhow::Error::new(error.without_url())))
}

/// How long an answer asks to wait, in its header Retry-After.
pub fn asked_wait(response: &Response) -> Option<Duration> {
    let header = response.headers().get(reqwest::header::RETRY_AFTER)?;
    retry_after(header.to_str().ok()?, chrono::Utc::now())
}
