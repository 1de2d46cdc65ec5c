//! Proposes hyperparameters to try: see `edf.tune`.

use edf_core::Error;
use edf_core::model::Strategy;
use edf_core::tuning::{self, Space, Trial};
use pgrx::datum::JsonB;
use pgrx::pg_extern;
use pgrx::pg_sys::panic::ErrorReport;

use crate::convert::{given, interrupts};
use crate::document::{Document, document};
use crate::report::report;

fn space_of(strategy: &str, space: Option<Document>) -> Result<Space, Error> {
    let space = space.map(|space| space.read("space")).transpose()?;
    Space::from_json(Strategy::parse(strategy)?, space.as_ref())
}

/// The complete search space; a strategy's own if `space` is NULL.
#[pg_extern(immutable, parallel_safe)]
fn tuning_space(strategy: Option<&str>, space: Option<Document>) -> Result<JsonB, ErrorReport> {
    let read = || space_of(given("strategy", strategy)?, space);
    read().map(|space| JsonB(space.to_json())).map_err(report)
}

/// The parameters to try after `trials`, an array of objects with `parameters` and `score`, which is null for a failed
/// trial; NULL if everything has been tried.
#[pg_extern(immutable, parallel_safe)]
fn next_trial(
    strategy: Option<&str>,
    space: Option<Document>,
    trials: Option<Document>,
    seed: Option<i32>,
) -> Result<Option<JsonB>, ErrorReport> {
    let next = || {
        let (strategy, seed) = (given("strategy", strategy)?, given("seed", seed)?);
        let space = space_of(strategy, Some(given("space", space)?))?;
        let trials: Vec<Trial> = serde_json::from_value(document("trials", trials)?)
            .map_err(|error| Error::InvalidArgument(format!("the trials cannot be read: {error}")))?;
        tuning::next_trial(&space, &trials, u64::from(seed.cast_unsigned()), &mut interrupts)
    };
    Ok(next().map_err(report)?.map(JsonB))
}
