//! Rolling windows that end at the issue time, and means of the same hour over days, weeks and days of the
//! same type.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;
use polars::prelude::{Float64Chunked, IntoSeries, NewChunkedArray, PolarsResult, RollingOptionsFixedWindow, Series};
use polars_time::prelude::SeriesOpsTime;

/// `rolling_{mean,std,min,max}_{h}h`, `same_hour_{n}d`, `same_hour_{n}w` and `same_type_{n}d`;
/// `days_off` says of each row which of two types its day is.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame, days_off: &[bool]) -> Result<Vec<Feature>, Error> {
    let mut features = Vec::new();
    let target = column(&frame.target);
    for hours in &spec.rolling_h {
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
    let day = frame.grid.rows_per_day();
    for days in &spec.same_hour_days {
        let mean = mean_by_season(&frame.target, day, *days as usize);
        features.push(Feature::new(format!("same_hour_{days}d"), "target", Known::LastSeason(day), mean));
    }
    for weeks in &spec.same_hour_weeks {
        let mean = mean_by_season(&frame.target, 7 * day, *weeks as usize);
        features.push(Feature::new(format!("same_hour_{weeks}w"), "target", Known::LastSeason(7 * day), mean));
    }
    for days in &spec.same_type_days {
        let mean = mean_by_type(&frame.target, days_off, day, *days as usize);
        features.push(Feature::new(format!("same_type_{days}d"), "target", Known::LastOfType(day), mean));
    }
    Ok(features)
}

/// Half of a window must be known, else the value is missing.
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

/// At each row, the mean of the newest `count` values (itself included) that are whole seasons apart;
/// missing values are left out.
pub(super) fn mean_by_season(values: &[f64], season: usize, count: usize) -> Vec<f32> {
    (0..values.len())
        .map(|row| {
            let known = (0..count).map_while(|back| row.checked_sub(back * season)).map(|at| values[at]);
            let (sum, n) = known.filter(|value| value.is_finite()).fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
            if n > 0.0 { (sum / n) as f32 } else { f32::NAN }
        })
        .collect()
}

/// At each row, the mean of the newest `count` values (itself included) that are whole days apart and of
/// the row's own day type; missing values are left out. It looks back twice as many weeks as there are
/// workdays or weekends in them.
fn mean_by_type(values: &[f64], off: &[bool], day: usize, count: usize) -> Vec<f32> {
    let furthest = 7 * count.div_ceil(2) + 7;
    (0..values.len())
        .map(|row| {
            let rows = (0..furthest).map_while(|back| row.checked_sub(back * day));
            let alike = rows.filter(|at| off[*at] == off[row] && values[*at].is_finite()).take(count);
            let (sum, n) = alike.fold((0.0, 0.0), |(sum, n), at| (sum + values[at], n + 1.0));
            if n > 0.0 { (sum / n) as f32 } else { f32::NAN }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_at_its_row_and_leaves_missing_values_out() {
        let series = column(&[1.0, 2.0, f64::NAN, 6.0]);
        let mean = values(series.rolling_mean(window(2))).unwrap();
        assert_eq!(mean, [1.0, 1.5, 2.0, 6.0]);
    }

    #[test]
    fn a_mean_by_type_leaves_out_days_of_the_other_type() {
        let off = [false, false, true, false];
        assert_eq!(mean_by_type(&[1.0, 3.0, 9.0, 5.0], &off, 1, 2), [1.0, 2.0, 9.0, 4.0]);
    }

    #[test]
    fn a_season_mean_takes_the_same_hour_only() {
        assert_eq!(mean_by_season(&[1.0, 10.0, 3.0, 20.0, f64::NAN], 2, 2), [1.0, 10.0, 2.0, 15.0, 3.0]);
    }
}
