//! PostgREST's log, counted: with `log-level = "warn"` it has a line for each request that failed, and nothing in the
//! database can know of all of them, since what fails is rolled back or never gets there.
//!
//! Requests are counted by minute, method, path, role and status. The query of an address is not kept: it may say who
//! was asked about. The same program reads nginx's log of [`reads`].

pub mod reads;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Kinds of requests that are told apart between two writes; further ones are counted under no path.
const MOST_KINDS: usize = 1000;
/// Characters of a path that are kept.
const LONGEST_PATH: usize = 100;

/// What requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The minute of the request.
    pub minute: DateTime<Utc>,
    /// GET, POST and so on.
    pub method: String,
    /// Without its query.
    pub path: String,
    /// Of the token; none where there was no valid one.
    pub role: Option<String>,
    /// HTTP status: 400 or more.
    pub status: u16,
}

/// Reads a line of the log; none where it is not about a request that failed.
pub fn parse(line: &str) -> Option<Kind> {
    // 127.0.0.1 - supplier [26/Nov/2026:13:04:34 +0000] "GET /forecasts?limit=1 HTTP/1.1" 404 - "" "curl/7.88.1"
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

/// Requests that are counted and not yet written.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<Kind, u64>);

impl Counts {
    /// Counts one.
    pub fn add(&mut self, kind: Kind) {
        self.add_many(kind, 1);
    }

    /// Counts what others have counted.
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

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As `energy.record_api_errors` takes them.
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
    fn a_line_of_a_failed_request_is_read_without_its_query() {
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
    fn other_lines_are_nothing() {
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
    fn many_kinds_are_one() {
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
