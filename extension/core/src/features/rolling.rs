//! Rolling windows that end at the issue time, and means of the same hour over days, weeks and days of the same type.

use super::{Calendar, Feature, FeatureSpec, Known};
use crate::Checkpoint;
use crate::error::Error;
use crate::series::Frame;
use polars::prelude::{Float64Chunked, IntoSeries, NewChunkedArray, PolarsResult, RollingOptionsFixedWindow, Series};
use polars_time::prelude::SeriesOpsTime;

/// Rows between calls of the checkpoint: a few milliseconds.
pub(super) const ROWS_PER_CHECKPOINT: usize = 1024;

/// `rolling_{mean,std,min,max}_{h}h`, `same_hour_{n}d`, `same_hour_{n}w` and `same_type_{n}d`.
pub(super) fn features(
    spec: &FeatureSpec,
    frame: &Frame,
    calendar: &Calendar,
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Feature>, Error> {
    let mut features = Vec::new();
    let target = column(&frame.target);
    for hours in &spec.rolling_h {
        checkpoint();
        let window = window(frame.grid.rows_in_hours(*hours)?);
        for (name, rolled) in [
            ("mean", target.rolling_mean(window.clone())),
            ("std", target.rolling_std(window.clone())),
            ("min", target.rolling_min(window.clone())),
            ("max", target.rolling_max(window)),
        ] {
            let values = values(rolled)?;
            features.push(Feature::new(format!("rolling_{name}_{hours}h"), "target", Known::AtIssue, values));
        }
    }
    for days in &spec.same_hour_days {
        let mean = mean_by_season(&frame.target, calendar, 1, *days as usize, checkpoint);
        let known = Known::Newest { season: 1, older: 0 };
        features.push(Feature::new(format!("same_hour_{days}d"), "target", known, mean));
    }
    for weeks in &spec.same_hour_weeks {
        let mean = mean_by_season(&frame.target, calendar, 7, *weeks as usize, checkpoint);
        let known = Known::Newest { season: 7, older: 0 };
        features.push(Feature::new(format!("same_hour_{weeks}w"), "target", known, mean));
    }
    for days in &spec.same_type_days {
        let mean = mean_by_type(&frame.target, calendar, *days as usize, checkpoint);
        features.push(Feature::new(format!("same_type_{days}d"), "target", Known::NewestOfType, mean));
    }
    Ok(features)
}

/// At least half of a window must be known, otherwise the value is missing.
pub(super) fn window(rows: usize) -> RollingOptionsFixedWindow {
    RollingOptionsFixedWindow { window_size: rows, min_periods: rows.div_ceil(2), ..Default::default() }
}

pub(super) fn column(values: &[f64]) -> Series {
    let known = values.iter().map(|value| value.is_finite().then_some(*value));
    Float64Chunked::from_iter_options("target".into(), known).into_series()
}

pub(super) fn values(series: PolarsResult<Series>) -> Result<Vec<f32>, Error> {
    let internal = |error: polars::error::PolarsError| Error::Internal(error.to_string());
    let series = series.map_err(internal)?;
    let column = series.f64().map_err(internal)?;
    Ok(column.iter().map(|value| value.map_or(f32::NAN, |value| value as f32)).collect())
}

/// At each row, the mean of the newest `count` values (including its own) that are whole seasons of `days` local days
/// apart; missing values are skipped.
pub(super) fn mean_by_season(
    values: &[f64],
    calendar: &Calendar,
    season: usize,
    count: usize,
    checkpoint: Checkpoint<'_>,
) -> Vec<f32> {
    let seasons = |row| (0..count).map_while(move |back| calendar.clock.days_before(row, back * season));
    let mean = |row: usize| {
        if row.is_multiple_of(ROWS_PER_CHECKPOINT) {
            checkpoint();
        }
        mean(seasons(row).map(|at| values[at]))
    };
    (0..values.len()).map(mean).collect()
}

/// Maximum look-back of a mean over `count` days of a type, in days: twice as many weeks as needed for that many
/// workdays or weekend days.
pub(super) fn furthest_of_type(count: usize) -> usize {
    7 * count.div_ceil(2) + 7
}

/// At each row, the mean of the newest `count` values (including its own) at the same local time on days of the same
/// type; missing values are skipped.
fn mean_by_type(values: &[f64], calendar: &Calendar, count: usize, checkpoint: Checkpoint<'_>) -> Vec<f32> {
    let alike = |row: usize| {
        let days = (0..furthest_of_type(count)).map_while(move |back| calendar.clock.days_before(row, back));
        let alike = days.filter(move |at| calendar.is_off(*at) == calendar.is_off(row));
        alike.map(|at| values[at]).filter(|value| value.is_finite()).take(count)
    };
    let mean = |row: usize| {
        if row.is_multiple_of(ROWS_PER_CHECKPOINT) {
            checkpoint();
        }
        mean(alike(row))
    };
    (0..values.len()).map(mean).collect()
}

/// The mean of the known values.
fn mean(values: impl Iterator<Item = f64>) -> f32 {
    let known = values.filter(|value| value.is_finite());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { (sum / count) as f32 } else { f32::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta, Utc};

    #[test]
    fn a_window_ends_at_its_row_and_skips_missing_values() {
        let series = column(&[1.0, 2.0, f64::NAN, 6.0]);
        let mean = values(series.rolling_mean(window(2))).unwrap();
        assert_eq!(mean, [1.0, 1.5, 2.0, 6.0]);
        // Two of three are at least half.
        let mean = values(column(&[1.0, 2.0, f64::NAN, f64::NAN]).rolling_mean(window(3))).unwrap();
        assert!(mean[1..3] == [1.5, 1.5] && mean[0].is_nan() && mean[3].is_nan(), "{mean:?}");
    }

    /// Daily values starting on a Friday.
    fn daily(values: &[f64]) -> Calendar {
        let start: DateTime<Utc> = "2026-05-15T00:00:00Z".parse().unwrap();
        let times: Vec<_> = (0..values.len() as i64).map(|day| start + TimeDelta::days(day)).collect();
        let frame = Frame::new(&times, &vec![None; values.len()], &[], &[]).unwrap();
        Calendar::new(&FeatureSpec::default(), &frame, values.len())
    }

    #[test]
    fn a_mean_by_type_skips_days_of_the_other_type() {
        let values = [1.0, 9.0, 9.0, 3.0, 5.0];
        assert_eq!(mean_by_type(&values, &daily(&values), 2, &mut || ()), [1.0, 9.0, 9.0, 2.0, 4.0]);
        let values = [1.0, 9.0, 9.0, f64::NAN, 5.0];
        assert_eq!(mean_by_type(&values, &daily(&values), 2, &mut || ()), [1.0, 9.0, 9.0, 1.0, 3.0]);
        assert_eq!([1, 2, 3, 10].map(furthest_of_type), [14, 14, 21, 42]);
    }

    #[test]
    fn a_seasonal_mean_uses_the_same_hour_only() {
        let values = [1.0, 10.0, 3.0, 20.0, f64::NAN];
        assert_eq!(mean_by_season(&values, &daily(&values), 2, 2, &mut || ()), [1.0, 10.0, 2.0, 15.0, 3.0]);
    }
}
