//! Counts failed requests from PostgREST's log: with `log-level = "warn"` it has a line for each, and the database
//! cannot count all of them, since failed requests are rolled back or never reach it.
//!
//! Requests are counted by minute, method, path, role and status. The query string is not stored: it may identify
//! people. The same program counts reads from nginx's log ([`reads`]).

pub mod reads;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum number of distinct kinds between two writes; further ones are counted without a path.
const MOST_KINDS: usize = 1000;
/// Maximum length of a stored path, in characters.
const LONGEST_PATH: usize = 100;

/// Key by which requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The minute of the request.
    pub minute: DateTime<Utc>,
    /// GET, POST and so on.
    pub method: String,
    /// Path without the query string.
    pub path: String,
    /// Role of the token; `None` without a valid token.
    pub role: Option<String>,
    /// HTTP status: 400 or more.
    pub status: u16,
}

/// Parses a line of the log; `None` if it is not a failed request.
pub fn parse(line: &str) -> Option<Kind> {
    // Example: 127.0.0.1 - supplier [26/Nov/2026:13:04:34 +0000] "GET /forecasts?limit=1 HTTP/1.1" 404 - ""
    // "curl/7.88.1"
    let (head, rest) = line.split_once("] \"")?;
    let (who, time) = head.split_once(" [")?;
    let at = DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").ok()?.to_utc();
    let (request, rest) = rest.split_once(" HTTP/")?;
    let (method, address) = request.split_once(' ')?;
    let status: u16 = rest.split_once("\" ")?.1.split(' ').next()?.parse().ok()?;
    let path = address.split(['?', '#']).next().unwrap_or_default();
    (400..600).contains(&status).then(|| Kind {
        minute: at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at),
        method: method.chars().filter(char::is_ascii_uppercase).take(10).collect(),
        path: path.chars().filter(|c| !c.is_control()).take(LONGEST_PATH).collect(),
        role: who.split(' ').nth(2).filter(|role| *role != "-").map(str::to_owned),
        status,
    })
}

/// Counted requests that are not yet written.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<Kind, u64>);

impl Counts {
    /// Adds a request.
    pub fn add(&mut self, kind: Kind) {
        self.add_many(kind, 1);
    }

    /// Adds other counts.
    pub fn merge(&mut self, others: Self) {
        for (kind, requests) in others.0 {
            self.add_many(kind, requests);
        }
    }

    fn add_many(&mut self, mut kind: Kind, requests: u64) {
        if self.0.len() >= MOST_KINDS && !self.0.contains_key(&kind) {
            kind.path.clear();
            kind.role = None;
        }
        *self.0.entry(kind).or_default() += requests;
    }

    /// Whether there are no counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The argument of `energy.record_api_errors`.
    pub fn document(&self) -> Value {
        let row = |(kind, requests): (&Kind, &u64)| {
            json!({"minute": kind.minute.to_rfc3339(), "method": kind.method, "path": kind.path, "role": kind.role,
                   "status": kind.status, "requests": requests})
        };
        self.0.iter().map(row).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn failed_requests_are_parsed_without_the_query() {
        let line = r#"127.0.0.1 - supplier [26/Nov/2026:13:04:34 +0000] "GET /forecasts?building_id=eq.x HTTP/1.1" 404 - "" "curl/7""#;
        let kind = parse(line).unwrap();
        assert_eq!(kind.minute.to_rfc3339(), "2026-11-26T13:04:00+00:00");
        assert_eq!(
            (kind.method.as_str(), kind.path.as_str(), kind.role.as_deref(), kind.status),
            ("GET", "/forecasts", Some("supplier"), 404)
        );
        let anonymous = line.replace("supplier", "-").replace("404", "503");
        assert_eq!(parse(&anonymous).map(|kind| (kind.role, kind.status)), Some((None, 503)));
    }

    #[test]
    fn other_lines_are_ignored() {
        for line in [
            "",
            "26/Nov/2026:12:54:29 +0000: Schema cache loaded",
            r#"127.0.0.1 - - [26/Nov/2026:13:04:34 +0000] "GET / HTTP/1.1" 200 - "" """#,
            r#"127.0.0.1 - - [some time] "GET / HTTP/1.1" 500 - "" """#,
            r#"127.0.0.1 - - [26/Nov/2026:13:04:34 +0000] "GET" 500"#,
            "Cannot decode byte '\\xff'",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn kinds_beyond_the_maximum_are_merged() {
        let mut counts = Counts::default();
        let line = |n: usize| format!(r#"a - r{n} [26/Nov/2026:13:04:34 +0000] "GET /{n} HTTP/1.1" 404 - "" """#);
        for n in 0..5000 {
            counts.add(parse(&line(n)).unwrap());
        }
        let document = counts.document();
        let rows = document.as_array().unwrap();
        assert_eq!(rows.len(), MOST_KINDS + 1);
        assert_eq!(rows.iter().map(|row| row["requests"].as_u64().unwrap()).sum::<u64>(), 5000);
    }
}
