//! Imports trees from XGBoost files.

use super::parameters::Base;
use super::trees::Trees;
use super::{Day, OfPhase, Parameters, State, Xgboost};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::Table;
use crate::model::linear::Range;
use crate::model::target::{Scale, Target};
use crate::model::{Forecaster, TrainingSet, same_columns};

/// The trees of a phase and a day of lead, as an XGBoost file.
pub struct TreeFile {
    /// Row of the local day at which its forecasts start.
    pub slot: usize,
    /// Day of lead, from 1; the last one also covers all later ones.
    pub lead_day: usize,
    /// The file in XGBoost's UBJ format.
    pub ubj: Vec<u8>,
}

/// The forecaster of these files: trees only, with an untransformed target. Their features must be those of the spec.
pub(crate) fn of_files(
    training: TrainingSet<'_>,
    files: &[TreeFile],
    checkpoint: Checkpoint<'_>,
) -> Result<Box<dyn Forecaster>, Error> {
    let names = Table::new(training.spec, training.frame, checkpoint)?.names();
    let of_phase = |slot: usize| {
        let mut of_slot: Vec<&TreeFile> = files.iter().filter(|file| file.slot == slot).collect();
        of_slot.sort_by_key(|file| file.lead_day);
        if of_slot.iter().enumerate().any(|(at, file)| file.lead_day != at + 1) {
            let message = format!("files of issue_slot {slot}: their days of lead must be 1, 2, ..., each once");
            return Err(Error::InvalidArgument(message));
        }
        let day = |file: &&TreeFile| Ok(Day { base: None, trees: read(file, &names)? });
        Ok(OfPhase { slot, days: of_slot.iter().map(day).collect::<Result<_, Error>>()? })
    };
    let phases: Vec<OfPhase> = training.phases.iter().map(|phase| of_phase(phase.slot)).collect::<Result<_, _>>()?;
    let rounds = phases.iter().flat_map(|phase| &phase.days).map(|day| day.trees.trees.len()).max().unwrap_or(0);
    let parameters = Parameters {
        rounds: rounds.clamp(1, 10_000) as u32,
        base: Base::Mean,
        by_lead_day: phases.iter().any(|phase| phase.days.len() > 1),
        ..Parameters::default()
    };
    let seen = &training.frame.target[..training.end];
    let state = State { feature_names: names, target: Target::of(Scale::Plain, seen), range: Range::of(seen), phases };
    Ok(Box::new(Xgboost { spec: training.spec.clone(), parameters, state }))
}

fn read(file: &TreeFile, names: &[String]) -> Result<Trees, Error> {
    let TreeFile { slot, lead_day, ubj } = file;
    let (trees, found) = Trees::import(ubj).map_err(|error| match error {
        // The error concerns the file, not an artifact of this database.
        Error::DamagedArtifact(text) | Error::InvalidArgument(text) => {
            Error::InvalidArgument(format!("the file of issue_slot {slot} and lead_day {lead_day}: {text}"))
        }
        other => other,
    })?;
    same_columns(&found, names)?;
    Ok(trees)
}
