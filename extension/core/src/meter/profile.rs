//! The daily profile by which the energy of long gaps is distributed over hours.
//!
//! Demand follows local time, so the weights are those of local hours. On the day the clocks go forward, the skipped
//! hour gets no share; on the day they go back, the repeated hour gets two.

use super::seconds;
use crate::error::Error;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

/// Weights of the 24 hours of the local day.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    weights: [f64; 24],
    zone: Tz,
    known_at: Option<DateTime<Utc>>,
}

impl Profile {
    /// `time_zone` is an IANA name. `known_at` is when the profile was estimated; energy distributed by it became known
    /// no earlier.
    pub fn new(weights: &[f64], time_zone: &str, known_at: Option<DateTime<Utc>>) -> Result<Self, Error> {
        let bad = || Error::InvalidArgument("profile holds 24 weights, finite and not negative".to_owned());
        let weights: [f64; 24] = weights.try_into().map_err(|_| bad())?;
        if !weights.iter().all(|weight| (0.0..=1e12).contains(weight)) {
            return Err(bad());
        }
        let unknown = |_| Error::InvalidArgument(format!("\"{time_zone}\" is not an IANA time zone"));
        Ok(Self { weights, zone: time_zone.parse().map_err(unknown)?, known_at })
    }

    pub(super) fn known_at(&self) -> Option<DateTime<Utc>> {
        self.known_at
    }

    /// The weight of the time from `from` to `to`, in weighted hours.
    pub(super) fn weight(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
        let (mut at, mut sum) = (from, 0.0);
        while at < to {
            let local = at.with_timezone(&self.zone).time();
            // Clock changes coincide with the end of a local hour, so no hour is cut short.
            let into_hour = TimeDelta::seconds(i64::from(local.num_seconds_from_midnight() % 3600))
                + TimeDelta::nanoseconds(i64::from(local.nanosecond() % 1_000_000_000));
            let end = (at + TimeDelta::hours(1) - into_hour).min(to);
            sum += self.weights[local.hour() as usize] * seconds(end - at) / 3600.0;
            at = end;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(zone: &str) -> Profile {
        let weights: Vec<f64> = (0..24).map(f64::from).collect();
        Profile::new(&weights, zone, None).unwrap()
    }

    fn weight(profile: &Profile, from: &str, to: &str) -> f64 {
        profile.weight(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn an_hour_has_the_weight_of_its_local_hour_in_summer_and_winter() {
        let zurich = counting("Europe/Zurich");
        assert_eq!(weight(&zurich, "2026-01-15T17:00:00Z", "2026-01-15T18:00:00Z"), 18.0);
        assert_eq!(weight(&zurich, "2026-07-15T17:00:00Z", "2026-07-15T18:00:00Z"), 19.0);
        assert_eq!(weight(&counting("Asia/Kolkata"), "2026-07-15T00:00:00Z", "2026-07-15T01:00:00Z"), 5.5);
        // Half a second of either hour.
        let across = weight(&counting("UTC"), "2026-01-15T17:59:59.5Z", "2026-01-15T18:00:00.5Z");
        assert!((across * 3600.0 - 17.5).abs() < 1e-9, "{across}");
    }

    #[test]
    fn on_clock_changes_an_hour_is_skipped_or_counted_twice() {
        let whole: f64 = (0..24).map(f64::from).sum();
        for (zone, from, to, differs) in [
            ("Europe/Zurich", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", -2.0),
            ("Europe/Zurich", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 2.0),
            ("America/Los_Angeles", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z", 1.0),
            // The repeated half hour from 1:30 to 2:00.
            ("Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", 0.5),
        ] {
            assert!((weight(&counting(zone), from, to) - whole - differs).abs() < 1e-9, "{zone} {from}");
        }
    }

    #[test]
    fn weights_are_24_finite_non_negative_numbers() {
        for bad in [&[1.0; 23][..], &[-1.0; 24], &[f64::NAN; 24], &[f64::INFINITY; 24], &[1.1e12; 24]] {
            let error = Profile::new(bad, "UTC", None).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument(_)), "{error}");
        }
        assert!([0.0, 1e12].iter().all(|weight| Profile::new(&[*weight; 24], "UTC", None).is_ok()));
        assert!(Profile::new(&[1.0; 24], "Mars/Olympus", None).unwrap_err().to_string().contains("Mars/Olympus"));
    }
}
