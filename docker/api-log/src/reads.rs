//! Counts reads from nginx's log: who read which building when. docker/nginx/nginx.conf writes a line of JSON for each
//! request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum number of distinct kinds between two writes; further ones are counted without their buildings.
const MOST_KINDS: usize = 10_000;
/// Maximum number of buildings stored per request; a request that names more counts for all buildings, like one without
/// any.
const MOST_NAMED: usize = 1000;

#[derive(Deserialize)]
struct Line {
    at: String,
    path: String,
    query: String,
    status: u16,
    range: String,
    caller: String,
}

/// The caller, as returned by `api.check_token`.
#[derive(Deserialize)]
struct Caller {
    subject: String,
    role: String,
    key_id: Option<String>,
}

/// Key by which reads are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The minute of the request.
    pub minute: DateTime<Utc>,
    /// Claim sub of the token.
    pub subject: String,
    /// Role of the token.
    pub role: String,
    /// API key that the token was issued for.
    pub key_id: Option<String>,
    /// Path without the query string.
    pub path: String,
    /// Buildings selected by the query with `eq`, `in` or as an argument; `None` if it selects none or the filter is
    /// not understood, so that it may read all.
    pub named: Option<Vec<String>>,
    /// HTTP status: 200 to 299, or 304.
    pub status: u16,
}

/// Parses a line of the log with its number of rows; `None` if it is not a read.
pub fn parse(line: &str) -> Option<(Read, u64)> {
    let line: Line = serde_json::from_str(line).ok()?;
    let caller: Caller = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(line.caller).ok()?).ok()?;
    let at = DateTime::parse_from_rfc3339(&line.at).ok()?.to_utc();
    let is_answer = (200..300).contains(&line.status) || line.status == 304;
    let read = Read {
        minute: at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at),
        subject: caller.subject,
        role: caller.role,
        key_id: caller.key_id,
        path: line.path,
        named: named(&line.query),
        status: line.status,
    };
    is_answer.then(|| (read, rows(&line.range)))
}

/// The rows of a `Content-Range` such as `0-23/*`.
fn rows(range: &str) -> u64 {
    let ends = range.split('/').next().and_then(|ends| ends.split_once('-'));
    let count =
        ends.and_then(|(first, last)| last.parse::<u64>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1));
    count.unwrap_or(0)
}

/// The buildings selected by a query. Filters are combined with `and`, so any one of them limits the rows; a negated
/// one does not.
fn named(query: &str) -> Option<Vec<String>> {
    let mut found = None;
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let (name, value) = (decoded(name)?, decoded(value)?);
        let list = |text: &str| -> Option<Vec<String>> {
            // A quoted name may contain a comma or a parenthesis: rare, and counted for all buildings.
            (!text.contains(['"', '\\'])).then(|| text.split(',').map(str::to_owned).collect())
        };
        let inside = |open: &str, close: &str| value.strip_prefix(open)?.strip_suffix(close);
        let buildings = match name.as_str() {
            "building_id" if value.starts_with("eq.") => Some(vec![value[3..].to_owned()]),
            "building_id" if value.starts_with("in.") => inside("in.(", ")").and_then(list),
            // Arguments of functions; filters other than `eq` and `in` have an operator followed by a dot.
            "building_id" if !value.contains('.') => Some(vec![value]),
            "building_ids" => inside("{", "}").and_then(list),
            _ => None,
        };
        found = buildings.or(found);
    }
    found.filter(|buildings| buildings.len() <= MOST_NAMED).map(|mut buildings| {
        buildings.sort();
        buildings.dedup();
        buildings
    })
}

/// Percent-decodes a part of a query; `None` if the result is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut left) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = left.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [left.next()?, left.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Counted reads that are not yet written: requests and rows.
#[derive(Debug, Default)]
pub struct Reads(BTreeMap<Read, (u64, u64)>);

impl Reads {
    /// Adds a read.
    pub fn add(&mut self, read: Read, rows: u64) {
        self.add_many(read, (1, rows));
    }

    /// Adds other counts.
    pub fn merge(&mut self, others: Self) {
        for (read, counts) in others.0 {
            self.add_many(read, counts);
        }
    }

    fn add_many(&mut self, mut read: Read, (requests, rows): (u64, u64)) {
        if self.0.len() >= MOST_KINDS && !self.0.contains_key(&read) {
            read.named = None;
        }
        let counts = self.0.entry(read).or_default();
        *counts = (counts.0 + requests, counts.1 + rows);
    }

    /// Whether there are no counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The argument of `energy.record_api_reads`.
    pub fn document(&self) -> Value {
        let row = |(read, (requests, rows)): (&Read, &(u64, u64))| {
            json!({"minute": read.minute.to_rfc3339(), "subject": read.subject, "role": read.role,
                   "key_id": read.key_id, "path": read.path, "named": read.named, "status": read.status,
                   "requests": requests, "rows": rows})
        };
        self.0.iter().map(row).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(query: &str, status: u16, range: &str) -> String {
        let caller = URL_SAFE_NO_PAD.encode(r#"{"subject": "a \"supplier\"", "role": "supplier", "key_id": "edf_1"}"#);
        json!({"at": "2026-11-26T13:04:34+01:00", "method": "GET", "path": "/forecasts", "query": query,
               "status": status, "range": range, "caller": caller})
        .to_string()
    }

    #[test]
    fn lines_are_parsed_to_caller_and_building() {
        let (read, rows) = parse(&line("building_id=eq.all-homes&limit=24", 206, "0-23/*")).unwrap();
        assert_eq!(read.minute.to_rfc3339(), "2026-11-26T12:04:00+00:00");
        assert_eq!(
            (read.subject.as_str(), read.role.as_str(), read.key_id.as_deref()),
            ("a \"supplier\"", "supplier", Some("edf_1"))
        );
        assert_eq!(
            (read.path.as_str(), read.named, read.status, rows),
            ("/forecasts", Some(vec!["all-homes".to_owned()]), 206, 24)
        );
        assert_eq!(parse(&line("", 304, "")).map(|(read, rows)| (read.named, rows)), Some((None, 0)));
        for not_read in [
            line("", 404, ""),
            line("", 500, ""),
            "x".to_owned(),
            "{}".to_owned(),
            line("", 200, "").replace("caller", "no"),
        ] {
            assert_eq!(parse(&not_read), None, "{not_read}");
        }
    }

    #[test]
    fn buildings_are_those_of_limiting_filters() {
        for (query, expected) in [
            ("building_id=eq.a%20b%C3%A9", Some(&["a bé"][..])),
            ("building_id=in.(b,a,b)&order=valid_at", Some(&["a", "b"])),
            ("building_ids=%7Ba,b%7D&scenarios=9", Some(&["a", "b"])),
            ("building_id=tall&hours=48", Some(&["tall"])),
            ("building_id=neq.a", None),
            ("building_id=not.eq.a", None),
            ("building_id=like.a*", None),
            ("building_id=in.(\"a,b\",c)", None),
            ("or=(building_id.eq.a,valid_at.gt.2)", None),
            ("building_id=eq.%ff", None),
            ("building_id=eq.%", None),
            ("", None),
        ] {
            let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            assert_eq!(named(query), expected, "{query}");
        }
    }

    #[test]
    fn rows_are_parsed_from_the_content_range() {
        for (range, expected) in
            [("0-23/*", 24), ("10-10/500", 1), ("*/*", 0), ("", 0), ("5-3/9", 0), ("0-18446744073709551615/*", 0)]
        {
            assert_eq!(rows(range), expected, "{range}");
        }
    }

    #[test]
    fn kinds_beyond_the_maximum_lose_only_their_buildings() {
        let mut reads = Reads::default();
        for n in 0..20_000 {
            let (read, rows) = parse(&line(&format!("building_id=eq.{n}"), 200, "0-1/*")).unwrap();
            reads.add(read, rows);
        }
        let document = reads.document();
        let kept = document.as_array().unwrap();
        assert_eq!(kept.len(), MOST_KINDS + 1);
        let sum = |name: &str| kept.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("requests"), sum("rows")), (20_000, 40_000));
    }
}
