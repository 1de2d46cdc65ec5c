//! The result of one request: a document, or why it failed and whether to retry.

use crate::{Failure, Limits};
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// A failed try.
pub struct Miss {
    pub failure: Failure,
    /// Whether a retry may succeed.
    pub passing: bool,
    /// Wait requested by the service.
    pub wait: Option<Duration>,
}

impl Miss {
    fn lasting(code: &str, reason: impl Into<String>) -> Self {
        Self { failure: Failure { code: code.to_owned(), reason: reason.into() }, passing: false, wait: None }
    }
}

impl From<reqwest::Error> for Miss {
    fn from(error: reqwest::Error) -> Self {
        let (code, reason) = edf_http::failure(error);
        Self { passing: true, ..Self::lasting(code, reason) }
    }
}

/// Reads the document of a response.
pub async fn document(mut response: Response, limits: &Limits) -> Result<String, Miss> {
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status, response, limits).await);
    }
    let text = String::from_utf8(body(&mut response, limits.bytes).await?)
        .map_err(|error| Miss::lasting("not_text", format!("the answer is not UTF-8: {}", error.utf8_error())))?;
    match text.find('\0') {
        Some(at) => Err(Miss::lasting("not_text", format!("the answer holds a NUL at byte {at}"))),
        None => Ok(text),
    }
}

async fn body(response: &mut Response, most: usize) -> Result<Vec<u8>, Miss> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(Miss::lasting("too_large", format!("the answer is larger than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn refused(status: StatusCode, mut response: Response, limits: &Limits) -> Miss {
    let (code, passing) = match status {
        StatusCode::TOO_MANY_REQUESTS => ("rate_limited", true),
        status if status.is_server_error() => ("server_error", true),
        status if status.is_redirection() => ("redirect", false),
        _ => ("refused", false),
    };
    let wait = edf_http::asked_wait(&response);
    let why = body(&mut response, limits.bytes).await.ok().and_then(|body| said(&body));
    let reason = match why {
        Some(why) => format!("HTTP {status}: {why}"),
        None => format!("HTTP {status}"),
    };
    Miss { passing, wait, ..Miss::lasting(code, reason) }
}

/// The reason in the service's error response: `{"error": true, "reason": "..."}`.
fn said(body: &[u8]) -> Option<String> {
    let error: serde_json::Value = serde_json::from_slice(body).ok()?;
    let reason = error.get("reason")?.as_str()?;
    Some(reason.chars().filter(|c| !c.is_control()).take(200).collect())
}
