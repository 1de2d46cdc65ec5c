//! Lags: the target itself, some hours before the target hour or before the issue time.

use super::{Feature, FeatureSpec, Known};
use crate::error::Error;
use crate::series::Frame;

/// `lag_{h}h` for each lag, `recent_{h}h` for each age at the issue time.
pub(super) fn features(spec: &FeatureSpec, frame: &Frame) -> Result<Vec<Feature>, Error> {
    let target: Vec<f32> = frame.target.iter().map(|value| *value as f32).collect();
    let lags = spec.lags_h.iter().map(|hours| {
        let rows = frame.grid.rows_in_hours(*hours)?;
        Ok(Feature::new(format!("lag_{hours}h"), "target", Known::Lag(rows), target.clone()))
    });
    let recent = spec.recent_h.iter().map(|hours| {
        let rows = frame.grid.rows_in_hours(*hours)?;
        // Known at the issue time is the row before it, whose own age is one step.
        let mut shifted = vec![f32::NAN; (rows - 1).min(target.len())];
        shifted.extend(&target[..target.len() - shifted.len()]);
        Ok(Feature::new(format!("recent_{hours}h"), "target", Known::AtIssue, shifted))
    });
    lags.chain(recent).collect()
}
