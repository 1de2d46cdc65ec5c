//! Postgres values to the core's and back.

use chrono::{DateTime, TimeDelta, Utc};
use edf_core::Error;
use edf_core::series::Frame;
use pgrx::datum::{Interval, TimestampWithTimeZone};

/// Microseconds from the Unix epoch to the one of Postgres, 2000-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The columns of a series as SQL hands them over.
pub struct Series {
    /// When each row starts, ascending.
    pub times: Vec<TimestampWithTimeZone>,
    /// What is forecast.
    pub target: Vec<Option<f64>>,
    /// Names of the regressors.
    pub names: Vec<String>,
    /// The regressors, one column after the other.
    pub regressors: Vec<Option<f64>>,
}

impl TryFrom<Series> for Frame {
    type Error = Error;

    fn try_from(series: Series) -> Result<Self, Error> {
        let times = series.times.into_iter().map(to_utc).collect::<Result<Vec<_>, _>>()?;
        Self::new(&times, &series.target, &series.names, &series.regressors)
    }
}

/// A time of Postgres as one of chrono; its infinities are none.
pub fn to_utc(time: TimestampWithTimeZone) -> Result<DateTime<Utc>, Error> {
    let micros: i64 = time.into_inner();
    micros
        .checked_add(POSTGRES_EPOCH)
        .and_then(DateTime::from_timestamp_micros)
        .ok_or_else(|| Error::InvalidArgument("a time is infinite or out of range".to_owned()))
}

/// A time of chrono as one of Postgres.
pub fn from_utc(time: DateTime<Utc>) -> Result<TimestampWithTimeZone, Error> {
    let micros = time.timestamp_micros() - POSTGRES_EPOCH;
    TimestampWithTimeZone::try_from(micros)
        .map_err(|_| Error::InvalidArgument("a time is outside of what Postgres can hold".to_owned()))
}

/// An interval of days and smaller as absolute time.
pub fn to_span(name: &str, interval: Interval) -> Result<TimeDelta, Error> {
    if interval.months() != 0 {
        return Err(Error::InvalidArgument(format!(
            "{name} holds months, which have no fixed length; write it in days"
        )));
    }
    Ok(TimeDelta::days(i64::from(interval.days())) + TimeDelta::microseconds(interval.micros()))
}
