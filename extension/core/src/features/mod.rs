//! Features: one spec, one code path for training and service.
//!
//! A forecast issued at row `origin` for row `target` (so `lead = target - origin + 1` steps ahead) may
//! read only targets before `origin`. Each feature is a column on the frame's grid and a [`Known`] that
//! says which row of it a forecast reads; the row is computed here, in [`Table::fill`], and nowhere else.
//! So a feature that looks ahead cannot be written down.
//!
//! One file a family: [`lags`], [`rolling`], [`weather`], [`calendar`].

mod calendar;
mod lags;
mod rolling;
mod spec;
mod weather;

pub use spec::{FeatureSpec, SEASON_H};

use crate::error::Error;
use crate::series::Frame;
use ndarray::{Array2, ArrayViewMut1};

/// Which row of a feature's column a forecast reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The last row before the issue time. The column may look back from its row, never ahead.
    AtIssue,
    /// The target's row less this many; missing where that is not before the issue time.
    Lag(usize),
    /// The newest row before the issue time that is a whole number of seasons before the target.
    LastSeason(usize),
    /// The target's row: calendar, weather, whatever is known in advance.
    Ahead,
    /// No row: the lead itself, in hours.
    Lead,
}

/// One named column and when it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Name, stable across versions of a model.
    pub name: String,
    /// Unit of the value; `target` stands for the unit of the target.
    pub unit: &'static str,
    /// When it is known.
    pub known: Known,
    /// One value per row of the frame; NaN is missing.
    values: Vec<f32>,
}

impl Feature {
    fn new(name: impl Into<String>, unit: &'static str, known: Known, values: Vec<f32>) -> Self {
        Self { name: name.into(), unit, known, values }
    }
}

/// Where a forecast stands: the first row it does not know, and the row it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// First row whose target is not known.
    pub origin: usize,
    /// The row that the forecast is about; not before `origin`.
    pub target: usize,
}

impl Sample {
    /// Steps from the last known row to the target: 1 for the first row ahead.
    pub fn lead(&self) -> usize {
        self.target - self.origin + 1
    }
}

/// Every feature of a spec over one frame.
#[derive(Debug, Clone)]
pub struct Table {
    features: Vec<Feature>,
    step_hours: f64,
    history: usize,
}

impl Table {
    /// Computes the columns of `spec` over `frame`.
    pub fn new(spec: &FeatureSpec, frame: &Frame) -> Result<Self, Error> {
        let mut features = vec![Feature::new("lead", "h", Known::Lead, Vec::new())];
        features.extend(lags::features(spec, frame)?);
        features.extend(rolling::features(spec, frame)?);
        features.extend(weather::features(spec, frame)?);
        features.extend(calendar::features(spec, frame)?);
        Ok(Self { features, step_hours: frame.grid.lead_hours(1), history: spec.history(&frame.grid)? })
    }

    /// The features, in the order of the matrix' columns.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Names, in the order of the matrix' columns.
    pub fn names(&self) -> Vec<String> {
        self.features.iter().map(|feature| feature.name.clone()).collect()
    }

    /// Rows of history that the longest feature looks back.
    pub fn history(&self) -> usize {
        self.history
    }

    /// The matrix of `samples` (rows) by features (columns); NaN is missing.
    pub fn matrix(&self, samples: &[Sample]) -> Array2<f32> {
        let mut matrix = Array2::from_elem((samples.len(), self.features.len()), f32::NAN);
        for (sample, row) in samples.iter().zip(matrix.rows_mut()) {
            self.fill(*sample, row);
        }
        matrix
    }

    fn fill(&self, sample: Sample, mut row: ArrayViewMut1<f32>) {
        let Sample { origin, target } = sample;
        for (feature, cell) in self.features.iter().zip(row.iter_mut()) {
            let at = match feature.known {
                Known::Lead => {
                    *cell = (sample.lead() as f64 * self.step_hours) as f32;
                    continue;
                }
                Known::AtIssue => origin.checked_sub(1),
                Known::Lag(rows) => target.checked_sub(rows).filter(|at| *at < origin),
                Known::LastSeason(rows) => target.checked_sub(rows * sample.lead().div_ceil(rows)),
                Known::Ahead => Some(target),
            };
            if let Some(value) = at.and_then(|at| feature.values.get(at)) {
                *cell = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use proptest::prelude::*;

    fn table(frame: &Frame) -> Table {
        Table::new(&FeatureSpec::default(), frame).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_feature_moves_when_a_later_target_does(
            origin in 400_usize..700, ahead in 0_usize..72,
            noise in proptest::collection::vec(-1e3..1e3_f64, 800)
        ) {
            let frame = hourly_frame(800);
            let mut later = frame.clone();
            for (value, noise) in later.target.iter_mut().zip(noise).skip(origin) {
                *value += noise;
            }
            let samples = [Sample { origin, target: origin + ahead }];
            let (a, b) = (table(&frame).matrix(&samples), table(&later).matrix(&samples));
            for (x, y) in a.iter().zip(&b) {
                prop_assert!(x.to_bits() == y.to_bits());
            }
        }

        #[test]
        fn training_and_service_see_the_same_features(origin in 400_usize..700, ahead in 0_usize..72) {
            let frame = hourly_frame(800);
            let mut service = frame.clone();
            service.target[origin..].fill(f64::NAN);
            let samples = [Sample { origin, target: origin + ahead }];
            let (a, b) = (table(&frame).matrix(&samples), table(&service).matrix(&samples));
            for (x, y) in a.iter().zip(&b) {
                prop_assert!(x.to_bits() == y.to_bits());
            }
        }
    }

    #[test]
    fn a_lag_is_used_wherever_it_is_known_at_that_lead() {
        let frame = hourly_frame(800);
        let table = table(&frame);
        let column = table.names().iter().position(|name| name == "lag_24h").unwrap();
        let at = |ahead: usize| table.matrix(&[Sample { origin: 500, target: 500 + ahead }])[[0, column]];
        assert_eq!(at(23), frame.target[499] as f32);
        assert!(at(24).is_nan());
    }

    #[test]
    fn names_are_unique() {
        let mut names = table(&hourly_frame(800)).names();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
