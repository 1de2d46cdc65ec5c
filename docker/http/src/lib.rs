//! HTTP code shared by the programs beside the database: client, waits between retries, secrets, and error reasons.

mod key;
mod retry;

pub use key::Key;
pub use retry::{Waits, retry_after};

use anyhow::Context;
use reqwest::{Client, Response, redirect};
use std::time::Duration;

/// An HTTP client with this user agent and these timeouts.
pub fn client(name: &'static str, connect: Duration, total: Duration) -> anyhow::Result<Client> {
    Client::builder()
        .connect_timeout(connect)
        .timeout(total)
        // A key is for one service only: redirects could send it elsewhere.
        .redirect(redirect::Policy::none())
        .user_agent(name)
        .build()
        .map_err(reqwest::Error::without_url)
        .context("the HTTP client cannot be made")
}

/// Why a request got no response: a machine-readable code and a reason. The address may contain a key, so neither
/// includes it.
pub fn failure(error: reqwest::Error) -> (&'static str, String) {
    let code = match &error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "unreachable",
        _ => "interrupted",
    };
    (code, format!("{:#}", anyhow::Error::new(error.without_url())))
}

/// The wait requested by the response's Retry-After header.
pub fn asked_wait(response: &Response) -> Option<Duration> {
    let header = response.headers().get(reqwest::header::RETRY_AFTER)?;
    retry_after(header.to_str().ok()?, chrono::Utc::now())
}
