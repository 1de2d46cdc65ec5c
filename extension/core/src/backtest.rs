//! Rolling-origin evaluation: forecasts as they would have been made at past origins.
//!
//! From the first origin on, a forecast is issued every `step` rows from the data known then. The model is refitted
//! every `refit` rows, on everything before that origin (expanding window) or on the newest rows before it (sliding
//! window; Tashman, *Out-of-sample tests of forecasting accuracy*, 2000). A fit and the origins up to the next one form
//! a block. Blocks are independent of each other, so that they can run in parallel.

use crate::Checkpoint;
use crate::error::Error;
use crate::features::MOST_CELLS;
use crate::grid::{Grid, rfc3339};
use crate::intervals::check_levels;
use crate::model::Memo;
use crate::parallel;
use crate::series::Frame;
use crate::train::{Forecast, Model, Purpose, Recipe};

mod candidate;
pub use candidate::Candidate;

/// Maximum number of values in the forecasts of a backtest: 200 MB. Each forecast has ten values plus one per level;
/// while they are computed, the forecasts of one issue reach a day beyond the horizon.
const MOST_NUMBERS: usize = 25_000_000;

/// When forecasts are issued and models are refitted, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first origin.
    pub first: usize,
    /// The latest possible origin; `None` continues to the end of the known targets.
    pub last: Option<usize>,
    /// Distance between origins.
    pub step: usize,
    /// Distance between refits, rounded up to whole steps.
    pub refit: usize,
    /// Number of rows before its origin that a fit reads; `None` reads all.
    pub window: Option<usize>,
}

impl Schedule {
    /// The origins, given that the targets before row `end` are known.
    fn origins(&self, grid: &Grid, end: usize) -> Result<Vec<usize>, Error> {
        let time = |row: usize| rfc3339(grid.time(row));
        if self.first >= end {
            return Err(Error::InvalidArgument(format!(
                "the first origin {} is not before the end of the known targets, {}",
                time(self.first),
                time(end),
            )));
        }
        match self.last.filter(|last| *last < self.first) {
            Some(last) => Err(Error::InvalidArgument(format!(
                "the last origin {} is before the first one, {}",
                time(last),
                time(self.first),
            ))),
            None => Ok((self.first..end.min(self.last.map_or(end, |last| last + 1))).step_by(self.step).collect()),
        }
    }

    /// The first row that a fit at `origin` reads.
    fn start(&self, origin: usize) -> usize {
        self.window.map_or(0, |window| origin.saturating_sub(window))
    }
}

/// The forecasts of all origins whose targets lie in the frame, per candidate, ordered by origin and lead.
pub fn backtest(
    candidates: &[Candidate],
    schedule: Schedule,
    frame: &Frame,
    levels: &[f64],
    workers: usize,
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Vec<Forecast>>, Error> {
    check_levels(levels)?;
    parallel::check_workers(workers)?;
    let end = frame.end_of_target();
    let origins = schedule.origins(&frame.grid, end)?;
    check_size(candidates, origins.len(), frame, levels.len())?;
    for candidate in candidates {
        let have = origins[0] - schedule.start(origins[0]);
        candidate.say(candidate.recipe.check_history(&frame.grid, have))?;
    }
    let workers = workers.min(most_workers(candidates, frame));
    let blocks: Vec<&[usize]> = origins.chunks(schedule.refit.div_ceil(schedule.step)).collect();
    let memos: Vec<Memo> = candidates.iter().map(|_| Memo::default()).collect();
    let work: Vec<(&Candidate, &Memo, &[usize])> = candidates
        .iter()
        .zip(&memos)
        .flat_map(|(candidate, memo)| blocks.iter().map(move |block| (candidate, memo, *block)))
        .collect();
    let forecasts = parallel::map(&work, workers, checkpoint, |(candidate, memo, block), checkpoint| {
        checkpoint();
        let forecasts = forecast(&candidate.recipe, schedule, block, frame, levels, memo, checkpoint);
        let mut forecasts = candidate.say(forecasts)?;
        forecasts.retain(|forecast| forecast.target() < end);
        Ok(forecasts)
    })?;
    let mut forecasts = forecasts.into_iter();
    Ok(candidates.iter().map(|_| forecasts.by_ref().take(blocks.len()).flatten().collect()).collect())
}

/// Rejects a backtest whose forecasts would not fit into memory.
fn check_size(candidates: &[Candidate], origins: usize, frame: &Frame, levels: usize) -> Result<(), Error> {
    let rows = |candidate: &Candidate| origins * (candidate.recipe.horizon + frame.grid.rows_per_day());
    let numbers = candidates.iter().map(rows).sum::<usize>() * (10 + levels);
    if numbers <= MOST_NUMBERS {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "{origins} origins by the steps ahead of {} candidates with {levels} levels are {numbers} numbers, more than \
         the {MOST_NUMBERS} of one backtest: give a longer step, a later first_origin, a shorter horizon or fewer \
         candidates",
        candidates.len()
    )))
}

/// Maximum number of parallel fits: the feature tables of all of them must fit into memory.
fn most_workers(candidates: &[Candidate], frame: &Frame) -> usize {
    let columns = |candidate: &Candidate| candidate.recipe.features.most_columns(frame.regressors.len());
    let most = candidates.iter().map(columns).max().unwrap_or(1);
    (MOST_CELLS / (most * frame.grid.len()).max(1)).max(1)
}

/// One block: a fit and the forecasts of its origins. Forecasts read the whole frame: a sliding window limits training,
/// not the data available in service.
fn forecast(
    recipe: &Recipe,
    schedule: Schedule,
    block: &[usize],
    frame: &Frame,
    levels: &[f64],
    memo: &Memo,
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Forecast>, Error> {
    let start = schedule.start(block[0]);
    let model = match start {
        0 => Model::fit_for(
            recipe,
            frame,
            block[0],
            Purpose { issues: Some(block), memo: Some(memo), ..Purpose::default() },
            checkpoint,
        )?,
        start => {
            let issues: Vec<usize> = block.iter().map(|issued| issued - start).collect();
            let purpose = Purpose { issues: Some(&issues), memo: None, ..Purpose::default() };
            Model::fit_for(recipe, &frame.since(start), block[0] - start, purpose, checkpoint)?
        }
    };
    model.forecast(frame, block, recipe.horizon, levels, checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Strategy;
    use crate::testing::hourly_frame;
    use serde_json::json;

    const SCHEDULE: Schedule = Schedule { first: 1200, last: None, step: 24, refit: 72, window: None };

    fn candidates(given: serde_json::Value) -> Vec<Candidate> {
        Candidate::list(&given, &json!({}), 48).unwrap()
    }

    fn quick() -> serde_json::Value {
        json!([{"strategy": "xgboost", "parameters": {"rounds": 10}}])
    }

    fn run(frame: &Frame, schedule: Schedule) -> Result<Vec<Forecast>, Error> {
        Ok(backtest(&candidates(quick()), schedule, frame, &[0.5], 1, &mut || ())?.remove(0))
    }

    #[test]
    fn origins_leads_and_targets_cover_the_period() {
        let forecasts = run(&hourly_frame(1320), SCHEDULE).unwrap();
        assert_eq!(forecasts.iter().filter(|f| f.lead == 1).count(), 5);
        assert_eq!(forecasts.len(), 4 * 48 + 24);
        assert!(forecasts.iter().all(|f| f.target() < 1320));
    }

    #[test]
    fn origins_stop_at_the_last_one_which_cannot_precede_the_first() {
        let frame = hourly_frame(1320);
        let origins = |last| -> Vec<_> {
            let forecasts = run(&frame, Schedule { last: Some(last), ..SCHEDULE }).unwrap();
            forecasts.iter().filter(|f| f.lead == 1).map(|f| f.issued).collect()
        };
        assert_eq!(origins(1200), [1200]);
        assert_eq!(origins(1250), [1200, 1224, 1248]);
        assert_eq!(origins(5000).len(), 5);
        let error = run(&frame, Schedule { last: Some(1199), ..SCHEDULE }).unwrap_err().to_string();
        assert_eq!(error, "the last origin 2024-02-19T23:00:00Z is before the first one, 2024-02-20T00:00:00Z");
    }

    #[test]
    fn later_targets_do_not_change_a_forecast() {
        let frame = hourly_frame(1320);
        let mut later = frame.clone();
        later.target[1248..].iter_mut().for_each(|value| *value += 50.0);
        for window in [None, Some(700)] {
            let until = |frame: &Frame| {
                let forecasts = run(frame, Schedule { window, ..SCHEDULE }).unwrap();
                forecasts.into_iter().filter(|f| f.issued <= 1248).collect::<Vec<_>>()
            };
            assert_eq!(until(&frame), until(&later));
        }
    }

    #[test]
    fn a_sliding_window_limits_training_but_not_forecasting() {
        let frame = hourly_frame(1320);
        let mut before = frame.clone();
        before.target[..500].iter_mut().for_each(|value| *value *= 3.0);
        let block = |frame: &Frame, window| run(frame, Schedule { window, last: Some(1200), ..SCHEDULE }).unwrap();
        assert_eq!(block(&frame, Some(700)), block(&before, Some(700)));
        assert_ne!(block(&frame, None), block(&before, None));
        assert_eq!(block(&frame, Some(1200)), block(&frame, None));
        assert_eq!(block(&frame, Some(9999)), block(&frame, None));
        // A forecast from the last origin of a block reads more than the window before that origin.
        assert_eq!(run(&frame, Schedule { window: Some(504), ..SCHEDULE }).unwrap().len(), 4 * 48 + 24);
        let error = run(&frame, Schedule { window: Some(503), ..SCHEDULE });
        assert_eq!(error.unwrap_err().to_string(), "too little history: 504 steps are needed, 503 are available");
    }

    #[test]
    fn every_strategy_forecasts_from_a_sliding_window() {
        let frame = hourly_frame(2200);
        let of_demand = |strategy: &Strategy| strategy.name() != "solar";
        for strategy in Strategy::ALL.into_iter().filter(of_demand) {
            let schedule = Schedule { first: 2112, window: Some(1400), ..SCHEDULE };
            let found = backtest(&candidates(json!([strategy.name()])), schedule, &frame, &[], 1, &mut || ()).unwrap();
            let near = |f: &&Forecast| (f.yhat - frame.target[f.target()]).abs() < 8.0;
            assert_eq!(found[0].iter().filter(near).count(), found[0].len(), "{}", strategy.name());
        }
    }

    #[test]
    fn the_number_of_workers_does_not_change_results() {
        let frame = hourly_frame(1800);
        let candidates = candidates(json!([
            {"strategy": "xgboost", "parameters": {"rounds": 30}}, "lear", "seasonal_naive", "profile", "prophet",
            "mstl", {"strategy": "sarimax", "parameters": {"candidates": 4}},
            {"strategy": "ensemble", "parameters": {"members": [
                {"strategy": "lear"}, {"strategy": "xgboost", "parameters": {"rounds": 20}}
            ]}}
        ]));
        let run = |workers| {
            let schedule = Schedule { first: 1600, ..SCHEDULE };
            backtest(&candidates, schedule, &frame, &[0.1, 0.9], workers, &mut || ()).unwrap()
        };
        let bits = |forecasts: Vec<Vec<Forecast>>| -> Vec<_> {
            forecasts
                .into_iter()
                .flatten()
                .map(|f| {
                    (f.issued, f.lead, [f.yhat, f.lower, f.upper, f.quantiles[0], f.quantiles[1]].map(f64::to_bits))
                })
                .collect()
        };
        let alone = bits(run(1));
        assert_eq!(alone.len(), 8 * (7 * 48 + 32 + 8));
        assert!(alone == bits(run(3)));
    }

    #[test]
    fn long_series_run_fewer_fits_in_parallel() {
        let candidates = candidates(quick());
        assert!(most_workers(&candidates, &hourly_frame(8760)) > 64);
        assert!((1..4).contains(&most_workers(&candidates, &hourly_frame(400_000))));
    }

    #[test]
    fn backtests_too_large_for_memory_are_rejected() {
        let schedule = Schedule { first: 600, step: 1, refit: 100_000, ..SCHEDULE };
        let error = run(&hourly_frame(50_000), schedule).unwrap_err().to_string();
        assert!(error.contains("49400 origins") && error.contains("more than the 25000000"), "{error}");
    }

    #[test]
    fn errors_name_the_candidate() {
        let frame = hourly_frame(1320);
        let candidates = candidates(json!([
            {"name": "floor", "strategy": "seasonal_naive"},
            {"name": "long", "strategy": "lear", "features": {"lags_h": [24, 1200]}}
        ]));
        for workers in [1, 2] {
            let error = backtest(&candidates, SCHEDULE, &frame, &[], workers, &mut || ()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "candidate \"long\": too little history: 1368 steps are needed, 1200 are available"
            );
        }
    }
}
