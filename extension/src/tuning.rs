//! Which hyperparameters to try next: see `edf.tune`.

use edf_core::Error;
use edf_core::model::Strategy;
use edf_core::tuning::{self, Space, Trial};
use pgrx::datum::JsonB;
use pgrx::pg_extern;
use pgrx::pg_sys::panic::ErrorReport;

use crate::report::report;

fn space_of(strategy: &str, space: Option<&JsonB>) -> Result<Space, Error> {
    Space::from_json(Strategy::parse(strategy)?, space.map(|space| &space.0))
}

/// A space with nothing left out; a strategy's own where it is NULL.
#[pg_extern(immutable, parallel_safe)]
fn tuning_space(strategy: &str, space: Option<JsonB>) -> Result<JsonB, ErrorReport> {
    space_of(strategy, space.as_ref()).map(|space| JsonB(space.to_json())).map_err(report)
}

/// What to try after `trials`, an array of objects with `parameters` and `score`, which is null for a trial that failed;
/// NULL where everything has been tried.
#[pg_extern(immutable, strict, parallel_safe)]
fn next_trial(strategy: &str, space: JsonB, trials: JsonB, seed: i32) -> Result<Option<JsonB>, ErrorReport> {
    let next = || {
        let trials: Vec<Trial> = serde_json::from_value(trials.0)
            .map_err(|error| Error::InvalidArgument(format!("the trials cannot be read: {error}")))?;
        tuning::next_trial(&space_of(strategy, Some(&space))?, &trials, u64::from(seed.cast_unsigned()))
    };
    Ok(next().map_err(report)?.map(JsonB))
}
