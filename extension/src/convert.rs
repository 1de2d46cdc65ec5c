//! Postgres values to the core's and back.

use chrono::{DateTime, TimeDelta, Utc};
use edf_core::Error;
use edf_core::outlooks::Versions;
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
    /// Some of them as they were forecast.
    pub outlooks: Outlooks,
}

/// Regressors as they were forecast, as SQL hands them over; empty where nothing was kept.
pub struct Outlooks {
    /// The row's time.
    pub times: Vec<TimestampWithTimeZone>,
    /// When the version was known, in seconds since 1970.
    pub received: Vec<Option<f64>>,
    /// Names of the regressors.
    pub names: Vec<String>,
    /// Their values, one column after the other.
    pub values: Vec<Option<f64>>,
}

impl TryFrom<Series> for Frame {
    type Error = Error;

    fn try_from(series: Series) -> Result<Self, Error> {
        let utc = |times: Vec<_>| times.into_iter().map(to_utc).collect::<Result<Vec<_>, _>>();
        let mut frame = Self::new(&utc(series.times)?, &series.target, &series.names, &series.regressors)?;
        let Outlooks { times, received, names, values } = series.outlooks;
        if !times.is_empty() {
            let received = received.into_iter().map(from_seconds).collect::<Result<Vec<_>, _>>()?;
            let versions = Versions { times: &utc(times)?, received: &received, names: &names, values: &values };
            frame.outlooks = Some(edf_core::outlooks::Outlooks::new(&frame.grid, &frame.regressors, &versions)?);
        }
        Ok(frame)
    }
}

fn from_seconds(seconds: Option<f64>) -> Result<DateTime<Utc>, Error> {
    seconds
        .and_then(|seconds| DateTime::from_timestamp_micros((seconds * 1e6).round() as i64))
        .ok_or_else(|| Error::InvalidArgument("received_at of a regressor forecast is NULL or infinite".to_owned()))
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
