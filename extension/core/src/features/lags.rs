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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    fn of(lags_h: &[u32], lag_days: &[u32], recent_h: &[u32]) -> Vec<Feature> {
        let [lags_h, lag_days, recent_h] = [lags_h, lag_days, recent_h].map(<[u32]>::to_vec);
        let spec = FeatureSpec { lags_h, lag_days, recent_h, ..FeatureSpec::default() };
        features(&spec, &hourly_frame(5)).unwrap()
    }

    #[test]
    fn a_lag_is_the_nearest_number_of_days_and_the_rows_beyond() {
        let known: Vec<_> = of(&[11, 12, 24, 35, 36], &[], &[]).iter().map(|feature| feature.known).collect();
        let lag = |days, rows| Known::Lag { days, rows };
        assert_eq!(known, [lag(0, 11), lag(1, -12), lag(1, 0), lag(1, 11), lag(2, -12)]);
    }

    #[test]
    fn newest_days_and_recent_hours_count_from_one() {
        let (features, target) = (of(&[], &[1, 2], &[3, 9]), hourly_frame(5).target);
        let newest = |older| Known::Newest { season: 1, older };
        assert_eq!([0, 1].map(|at| features[at].known), [newest(0), newest(1)]);
        assert_eq!(features[2].values[2..], [0, 1, 2].map(|row| target[row] as f32));
        assert!(features[2].values[1].is_nan() && features[3].values.len() == 5);
    }
}
