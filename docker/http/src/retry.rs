//! Waits between retries.

use chrono::{DateTime, Utc};
use std::time::Duration;

/// Exponential backoff.
#[derive(Debug, Clone)]
pub struct Waits {
    /// Wait after the first try.
    pub first: Duration,
    /// Maximum wait, even if the service asks for more.
    pub longest: Duration,
}

impl Waits {
    /// The wait after `tries` tries: as requested by the service, else exponential; limited to the maximum.
    pub fn after(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let doubled = || self.first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(self.longest);
        // Jitter, so that programs that failed together do not retry together.
        asked.unwrap_or_else(|| doubled().mul_f64(0.5 + fastrand::f64() / 2.0)).min(self.longest)
    }
}

/// Parses a Retry-After header: seconds, or a date.
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(header.trim()).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const WAITS: Waits = Waits { first: Duration::from_secs(2), longest: Duration::from_secs(60) };

    #[test]
    fn waits_double_with_jitter_up_to_the_limit() {
        for (tries, longest) in [(1, 2), (2, 4), (3, 8), (6, 60), (u32::MAX, 60)] {
            let (wait, longest) = (WAITS.after(tries, None), Duration::from_secs(longest));
            assert!(wait >= longest / 2 && wait <= longest, "{tries}: {wait:?}");
        }
    }

    #[test]
    fn a_requested_wait_is_used_up_to_the_limit() {
        assert_eq!(WAITS.after(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(WAITS.after(1, Some(Duration::from_secs(86_400))), Duration::from_secs(60));
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        for (header, seconds) in [
            ("120", Some(120)),
            ("Tue, 24 Nov 2026 12:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(retry_after(header, now), seconds.map(Duration::from_secs), "{header}");
        }
    }
}
