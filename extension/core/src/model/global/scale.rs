//! How large a series is: what its demand is divided by.

use crate::model::TrainingSet;
use crate::origin::Origin;
use crate::series::Frame;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Days before the issue time whose mean absolute demand is the scale.
const SCALE_DAYS: usize = 28;
/// Days of history that what the size suggests counts as much as: a few days differ from the month by weather and
/// weekday.
const PRIOR_DAYS: f64 = 3.0;

/// The mean absolute demand of the last four weeks, drawn to what the size suggests as if that were some days more of
/// history: with nothing known, the size alone counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Demand per unit of size.
    intensity: f64,
    /// The regressor that is the size; all are of size one where it is empty or missing.
    size: String,
}

/// The scale of all series, and for each series the one that the others suggest: what it would have had as a
/// newcomer.
pub struct Scales {
    pub of_all: Scale,
    pub without_each: Vec<Scale>,
}

impl Scale {
    /// The intensity is the geometric mean over the series.
    pub fn learn(trainings: &[TrainingSet<'_>], size: &str) -> Scales {
        let scale = |intensity| Scale { intensity, size: size.to_owned() };
        let logs: Vec<f64> = trainings
            .iter()
            .map(|training| {
                let (sum, known) = absolute(&training.frame.target[..training.end]);
                (sum / known / scale(1.0).size(training.frame)).ln()
            })
            .collect();
        let mean = |left_out: Option<usize>| {
            let counts = |at: &usize| Some(*at) != left_out && logs[*at].is_finite();
            let counted: Vec<f64> = (0..logs.len()).filter(counts).map(|at| logs[at]).collect();
            let mean = counted.iter().sum::<f64>() / counted.len() as f64;
            // Nothing but zeros, or nothing at all.
            if mean.is_finite() { mean.exp() } else { 1.0 }
        };
        let others = |at| if logs.len() > 1 { mean(Some(at)) } else { mean(None) };
        Scales { of_all: scale(mean(None)), without_each: (0..logs.len()).map(|at| scale(others(at))).collect() }
    }

    /// The scale at `origin`, from targets before it.
    pub fn at(&self, frame: &Frame, origin: Origin) -> f64 {
        let (sum, known) = absolute(&recent(frame, origin));
        let prior = PRIOR_DAYS * frame.grid.rows_per_day() as f64;
        let scale = (sum + prior * self.intensity * self.size(frame)) / (known + prior);
        if scale > 0.0 && scale.is_finite() { scale } else { 1.0 }
    }

    fn size(&self, frame: &Frame) -> f64 {
        let values = frame.regressor(&self.size).into_iter().flat_map(|regressor| &regressor.values);
        values.copied().find(|size| size.is_finite() && *size > 0.0).unwrap_or(1.0)
    }

    pub fn is_sound(&self) -> bool {
        self.intensity > 0.0 && self.intensity.is_finite()
    }
}

/// Days of the last four weeks whose demand is known.
pub fn known_days(frame: &Frame, origin: Origin) -> f64 {
    absolute(&recent(frame, origin)).1 / frame.grid.rows_per_day() as f64
}

fn recent(frame: &Frame, origin: Origin) -> Cow<'_, [f64]> {
    frame.known_target(origin, origin.row.saturating_sub(SCALE_DAYS * frame.grid.rows_per_day()))
}

/// Sum of the absolute known values, and their number.
fn absolute(values: &[f64]) -> (f64, f64) {
    let known = values.iter().filter(|value| value.is_finite());
    known.fold((0.0, 0.0), |(sum, count), value| (sum + value.abs(), count + 1.0))
}
