//! Regressors for linear models: degree days, imputed missing values, standardised.
//!
//! Demand is not linear in the temperature, but nearly linear in heating and cooling degrees, hourly and smoothed by
//! the thermal inertia of the walls. A missing value is replaced by the newest known one at the same time in the week
//! before, else by the mean. Two-valued columns (flags) are unchanged; others are standardised and clamped to the range
//! of the training set plus a quarter of it, since a reading of 1000 degrees is an error and linear effects are not
//! valid that far.

use crate::error::Error;
use crate::features::{FeatureSpec, cooling_degrees, heating_degrees, smooth};
use crate::series::Frame;
use serde::{Deserialize, Serialize};

/// Minimum number of known values of a column.
const LEAST_KNOWN: usize = 48;
/// Margin beyond the training range, as a share of it.
const BEYOND: f64 = 0.25;

/// The transformation of a regressor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The value itself.
    Value,
    /// Degrees below the base; smoothed with this half-life in hours where it is not zero.
    Heating { base_c: f64, half_life_h: u32 },
    /// Degrees above the base.
    Cooling { base_c: f64, half_life_h: u32 },
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    kind: Kind,
    /// Imputed if the value is missing and no value of the week before is known.
    typical: f64,
    mean: f64,
    scale: f64,
    low: f64,
    high: f64,
}

/// The columns that a model was fitted with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Regressors(Vec<Column>);

impl Regressors {
    /// Learns from the rows of `frame` from `first` on whose target is known before `end`. Skips the columns in
    /// `except`, those known up to the issue only, and constant ones.
    pub fn learn(
        frame: &Frame,
        first: usize,
        end: usize,
        spec: &FeatureSpec,
        degree_days: bool,
        except: &[String],
    ) -> Result<Self, Error> {
        let mut columns = Vec::new();
        let read = |name: &String| !except.contains(name) && !spec.past.contains(name);
        for regressor in frame.regressors.iter().filter(|regressor| read(&regressor.name)) {
            let kinds = match degree_days && regressor.name == spec.temperature {
                true => degree_kinds(spec),
                false => vec![Kind::Value],
            };
            let known: Vec<f64> =
                rows(frame, first, end).map(|row| regressor.values[row]).filter(|v| v.is_finite()).collect();
            if known.len() < LEAST_KNOWN {
                continue;
            }
            let typical = known.iter().sum::<f64>() / known.len() as f64;
            for kind in kinds {
                let mut column = Column {
                    name: regressor.name.clone(),
                    kind,
                    typical,
                    mean: 0.0,
                    scale: 1.0,
                    low: f64::MIN,
                    high: f64::MAX,
                };
                let raw = column.raw(frame, end)?;
                let seen: Vec<f64> = rows(frame, first, end).map(|row| raw[row]).collect();
                column.low = seen.iter().copied().fold(f64::INFINITY, f64::min);
                column.high = seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let n = seen.len() as f64;
                let mean = seen.iter().sum::<f64>() / n;
                let scale = (seen.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
                if !seen.iter().all(|value| *value == column.low || *value == column.high) {
                    (column.mean, column.scale) = (mean, scale);
                }
                if column.high > column.low && column.scale > 0.0 && column.scale.is_finite() {
                    columns.push(column);
                }
            }
        }
        Ok(Self(columns))
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        let name = |column: &Column| match column.kind {
            Kind::Value => column.name.clone(),
            Kind::Heating { half_life_h: 0, .. } => "hdd".to_owned(),
            Kind::Cooling { half_life_h: 0, .. } => "cdd".to_owned(),
            Kind::Heating { half_life_h, .. } => format!("hdd_smoothed_{half_life_h}h"),
            Kind::Cooling { half_life_h, .. } => format!("cdd_smoothed_{half_life_h}h"),
        };
        self.0.iter().map(name).collect()
    }

    /// The first `end` rows of every column; rows beyond the frame count as missing.
    pub fn columns(&self, frame: &Frame, end: usize) -> Result<Vec<Vec<f64>>, Error> {
        self.0
            .iter()
            .map(|column| {
                let margin = BEYOND * (column.high - column.low);
                let (low, high) = (column.low - margin, column.high + margin);
                let scaled = |value: f64| (value.max(low).min(high) - column.mean) / column.scale;
                Ok(column.raw(frame, end)?.into_iter().map(scaled).collect())
            })
            .collect()
    }

    /// Converts a value of [`Self::columns`] to the unit of its regressor.
    pub fn unscaled(&self, column: usize, value: f64) -> f64 {
        let Column { mean, scale, .. } = self.0[column];
        mean + scale * value
    }

    /// Rejects values that [`Self::learn`] does not produce.
    pub fn check(&self) -> Result<(), Error> {
        let sound = |c: &Column| {
            let numbers = [c.typical, c.mean, c.low, c.high];
            numbers.iter().all(|value| value.is_finite()) && c.scale > 0.0 && c.scale.is_finite()
        };
        if self.0.iter().all(sound) {
            return Ok(());
        }
        Err(Error::DamagedArtifact("its regressors have invalid values".to_owned()))
    }
}

fn degree_kinds(spec: &FeatureSpec) -> Vec<Kind> {
    let half_lives = std::iter::once(0).chain(spec.inertia_h.iter().copied());
    half_lives
        .flat_map(|half_life_h| {
            [
                Kind::Heating { base_c: spec.heating_base_c, half_life_h },
                Kind::Cooling { base_c: spec.cooling_base_c, half_life_h },
            ]
        })
        .collect()
}

/// The rows used in a fit.
fn rows(frame: &Frame, first: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
    (first..end.min(frame.target.len())).filter(|row| frame.target[*row].is_finite())
}

impl Column {
    /// Values before scaling, with missing ones imputed.
    fn raw(&self, frame: &Frame, end: usize) -> Result<Vec<f64>, Error> {
        let regressor = frame.regressor(&self.name).ok_or_else(|| {
            Error::InvalidArgument(format!("the model was trained with columns that the input lacks: {}", self.name))
        })?;
        let day = frame.grid.rows_per_day();
        let known = |row: usize| regressor.values.get(row).copied().filter(|value| value.is_finite());
        let filled = (0..end).map(|row| {
            let week = (0..=7).filter_map(|days| known(row.checked_sub(days * day)?));
            week.into_iter().next().unwrap_or(self.typical)
        });
        let smoothed = |degrees: Vec<f64>, half_life_h: u32| match half_life_h {
            0 => Ok(degrees),
            hours => Ok(smooth(&degrees, frame.grid.rows_in_hours(hours)?)),
        };
        match self.kind {
            Kind::Value => Ok(filled.collect()),
            Kind::Heating { base_c, half_life_h } => {
                smoothed(filled.map(|value| heating_degrees(value, base_c)).collect(), half_life_h)
            }
            Kind::Cooling { base_c, half_life_h } => {
                smoothed(filled.map(|value| cooling_degrees(value, base_c)).collect(), half_life_h)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    fn learn(frame: &Frame) -> Regressors {
        let spec = FeatureSpec { inertia_h: vec![24], ..FeatureSpec::default() };
        Regressors::learn(frame, 0, 3600, &spec, true, &[]).unwrap()
    }

    #[test]
    fn columns_are_standardised_and_flags_unchanged() {
        let frame = hourly_frame(3600);
        let regressors = learn(&frame);
        assert_eq!(regressors.names(), ["hdd", "hdd_smoothed_24h", "is_holiday"]);
        let columns = regressors.columns(&frame, 3600).unwrap();
        let mean = columns[0].iter().sum::<f64>() / 3600.0;
        let deviation = (columns[0].iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3599.0).sqrt();
        assert!(mean.abs() < 1e-9 && (deviation - 1.0).abs() < 1e-9);
        assert_eq!(columns[2], frame.regressors[1].values);
    }

    #[test]
    fn missing_values_repeat_the_day_before_and_impossible_ones_are_clamped() {
        let mut frame = hourly_frame(3600);
        let regressors = learn(&frame);
        let before = regressors.columns(&frame, 3600).unwrap();
        frame.regressors[0].values[3000..3024].fill(f64::NAN);
        frame.regressors[0].values[3500] = -1000.0;
        let after = regressors.columns(&frame, 3700).unwrap();
        assert_eq!(after[0][3000..3024], before[0][2976..3000]);
        let (low, high) = before[0].iter().fold((0.0_f64, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        assert!((after[0][3500] - (high + 0.25 * (high - low))).abs() < 1e-9);
        assert!(after.iter().flatten().all(|value| value.is_finite()));
    }

    #[test]
    fn unknown_columns_are_skipped_and_missing_ones_are_named() {
        let mut frame = hourly_frame(3600);
        let regressors = learn(&frame);
        frame.regressors[0].values.fill(f64::NAN);
        assert_eq!(learn(&frame).names(), ["is_holiday"]);
        frame.regressors.remove(0);
        let error = regressors.columns(&frame, 10).unwrap_err().to_string();
        assert_eq!(error, "the model was trained with columns that the input lacks: temperature_c");
    }
}
