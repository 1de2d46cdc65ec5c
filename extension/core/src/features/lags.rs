//! Lags of the target: by hours or days before the target hour, or by hours before the origin.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;

/// `lag_{h}h` for each lag, `newest_day_{n}` for each day counted back from the newest known one, `recent_{h}h` for
/// each age at the origin.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame) -> Result<Vec<Feature>, Error> {
    let day = frame.grid.rows_per_day();
    let target: Vec<f32> = frame.target.iter().map(|value| *value as f32).collect();
    let lags = spec.lags_h.iter().map(|hours| {
        let rows = frame.grid.rows_in_hours(*hours)?;
        let days = (rows + day / 2) / day;
        let known = Known::Lag { days, rows: rows as isize - (days * day) as isize };
        Ok(Feature::new(format!("lag_{hours}h"), "target", known, target.clone()))
    });
    let days = spec.lag_days.iter().map(|days| {
        let known = Known::Newest { season: 1, older: *days as usize - 1 };
        Ok(Feature::new(format!("newest_day_{days}"), "target", known, target.clone()))
    });
    let recent = spec.recent_h.iter().map(|hours| {
        let rows = frame.grid.rows_in_hours(*hours)?;
        // The row before the origin is known then; its age is one step.
        let mut shifted = vec![f32::NAN; (rows - 1).min(target.len())];
        shifted.extend(&target[..target.len() - shifted.len()]);
        Ok(Feature::new(format!("recent_{hours}h"), "target", Known::AtIssue, shifted))
    });
    lags.chain(days).chain(recent).collect()
}
