//! The fit of a phase: a training row simulates a forecast, and each day of lead has its own trees.

use super::booster::{Booster, Matrix};
use super::parameters::{Base, Parameters, rises_with_heating};
use super::trees::{COMPARED_ROWS, Trees};
use super::{Day, Linear, Range, Standardised, Target, Term, TrainingSet, ridge, weight_of_age};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{Sample, Table};
use crate::origin::Phase;
use ndarray::{Array2, Axis};

/// The models of a phase by day of lead, and the range of the target in training.
pub(super) fn of_phase(
    training: TrainingSet<'_>,
    parameters: &Parameters,
    table: &Table<'_>,
    names: &[String],
    target: Target,
    phase: Phase,
    checkpoint: Checkpoint<'_>,
) -> Result<(Vec<Day>, Range), Error> {
    let (frame, end, day) = (training.frame, training.end, training.frame.grid.rows_per_day());
    // A few hours beyond the last whole day are added to it.
    let lead_days = if parameters.by_lead_day { ((training.horizon + day / 3) / day).max(1) } else { 1 };
    let mut samples = training.samples(&table.calendar().clock, phase, table.history());
    let surplus = samples.len().saturating_sub(parameters.max_rows as usize * lead_days);
    samples.drain(..surplus);
    let seen: Vec<f64> = samples.iter().map(|sample| frame.target[sample.target]).collect();
    let age = |sample: &Sample| (end - sample.target) as f64 / day as f64;
    let examples = Examples {
        features: table.matrix(&samples, checkpoint)?,
        names,
        labels: seen.iter().map(|value| target.to_scale(*value)).collect(),
        weights: samples.iter().map(|sample| weight_of_age(parameters.half_life_days, age(sample))).collect(),
    };
    let pairs = parameters.for_booster(names);
    let mut days: Vec<Day> = Vec::with_capacity(lead_days);
    for lead_day in 0..lead_days {
        let of_day = |row: &usize| ((samples[*row].lead() - 1) / day).min(lead_days - 1) == lead_day;
        let rows: Vec<usize> = (0..samples.len()).filter(of_day).collect();
        if rows.is_empty() {
            let need = table.history() + (lead_day + 1) * day;
            return Err(Error::TooLittleHistory { need, have: end });
        }
        let mut rounds = parameters.rounds;
        let (older, newest) = newest_block(&samples, &rows, end, day);
        if parameters.early_stopping_rounds > 0 && !older.is_empty() && !newest.is_empty() {
            let base = examples.base(parameters, &older)?;
            let (older, newest) = (examples.matrix(&older, base.as_ref())?, examples.matrix(&newest, base.as_ref())?);
            let patience = parameters.early_stopping_rounds;
            rounds = Booster::best_rounds(&older, &newest, &pairs, rounds, patience, checkpoint)?;
        }
        let base = examples.base(parameters, &rows)?;
        let booster = Booster::train(&examples.matrix(&rows, base.as_ref())?, &pairs, rounds, checkpoint)?;
        let some = &rows[..rows.len().min(COMPARED_ROWS)];
        let trees = Trees::of(&booster, examples.features.select(Axis(0), some).view())?;
        days.push(Day { base, trees });
    }
    Ok((days, Range::of(&seen)))
}

/// All training rows.
struct Examples<'a> {
    features: Array2<f32>,
    names: &'a [String],
    labels: Vec<f64>,
    weights: Vec<f64>,
}

impl Examples<'_> {
    /// The base that the trees of these rows start from.
    fn base(&self, parameters: &Parameters, rows: &[usize]) -> Result<Option<Linear>, Error> {
        if parameters.base == Base::Mean {
            return Ok(None);
        }
        let mut features = self.features.select(Axis(0), rows);
        let of_rows = |values: &[f64]| rows.iter().map(|row| values[*row]).collect::<Vec<_>>();
        let (labels, weights) = (of_rows(&self.labels), of_rows(&self.weights));
        // A linear season would be extrapolated beyond the months of the training set.
        let mut left_out: Vec<usize> =
            (0..self.names.len()).filter(|column| self.names[*column].starts_with("year_")).collect();
        loop {
            left_out.iter().for_each(|column| features.column_mut(*column).fill(f32::NAN));
            let (linear, _) = ridge(&Standardised::new(features.view(), &labels, &weights), None)?;
            let falls = |term: &&Term| term.weight < 0.0 && rises_with_heating(&self.names[term.column]);
            left_out = linear.terms.iter().filter(falls).map(|term| term.column).collect();
            if left_out.is_empty() || !parameters.monotone_heating {
                return Ok(Some(linear.flattened(parameters.base_share)));
            }
        }
    }

    /// These rows as a matrix, labelled with the residuals of `base`.
    fn matrix(&self, rows: &[usize], base: Option<&Linear>) -> Result<Matrix, Error> {
        let features = self.features.select(Axis(0), rows);
        let explained = |row: usize| base.map_or(0.0, |base| base.at(self.features.row(row)));
        let labels: Vec<f32> = rows.iter().map(|row| (self.labels[*row] - explained(*row)) as f32).collect();
        let weights: Vec<f32> = rows.iter().map(|row| self.weights[*row] as f32).collect();
        Matrix::new(features.view())?.with_labels(&labels, &weights)
    }
}

/// Rows that end before the newest block, and rows of forecasts made within it: the newest eighth of the training rows,
/// at most four weeks.
fn newest_block(samples: &[Sample], rows: &[usize], end: usize, day: usize) -> (Vec<usize>, Vec<usize>) {
    let first = rows.iter().map(|row| samples[*row].origin.row).min().unwrap_or(end);
    let start = end - ((end - first) / 8).min(28 * day);
    let (newest, older): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| samples[**row].origin.row >= start);
    (older.into_iter().filter(|row| samples[*row].target < start).collect(), newest)
}

#[cfg(test)]
mod tests {
    use super::super::ahead;
    use super::*;
    use crate::origin::Origin;

    #[test]
    fn the_newest_block_does_not_overlap_the_training_rows() {
        let samples: Vec<Sample> = (400..1400).step_by(24).flat_map(|origin| ahead(Origin::at(origin), 48)).collect();
        let rows: Vec<usize> = (0..samples.len()).collect();
        let (older, newest) = newest_block(&samples, &rows, 1400, 24);
        let start = newest.iter().map(|row| samples[*row].origin.row).min().unwrap();
        assert!((1400 - 125..1400).contains(&start));
        assert!(older.iter().all(|row| samples[*row].target < start) && older.len() > newest.len());
    }
}
