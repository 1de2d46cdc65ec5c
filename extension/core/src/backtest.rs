//! Rolling-origin evaluation: what the forecasts would have been.
//!
//! From the first origin to the end of the series, a forecast is issued every `step` rows from what was
//! known then; the model is fitted anew every `refit` rows on everything before that origin (expanding
//! window; Tashman, *Out-of-sample tests of forecasting accuracy*, 2000).

use crate::Checkpoint;
use crate::error::Error;
use crate::intervals::check_levels;
use crate::model::Memo;
use crate::series::{Frame, rfc3339};
use crate::train::{Forecast, Model, Recipe};

/// When forecasts are issued and models fitted, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first origin.
    pub first: usize,
    /// Distance of two origins.
    pub step: usize,
    /// Distance of two fits, rounded up to whole steps.
    pub refit: usize,
}

/// Every forecast of every origin whose target lies in the frame.
pub fn backtest(
    recipe: &Recipe,
    schedule: Schedule,
    frame: &Frame,
    levels: &[f64],
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Forecast>, Error> {
    check_levels(levels)?;
    let end = frame.end_of_target();
    if schedule.first >= end {
        return Err(Error::InvalidArgument(format!(
            "the first origin {} is not before the end of the known targets, {}",
            rfc3339(frame.grid.time(schedule.first)),
            rfc3339(frame.grid.time(end)),
        )));
    }
    let origins: Vec<usize> = (schedule.first..end).step_by(schedule.step).collect();
    let memo = Memo::default();
    let mut forecasts = Vec::with_capacity(origins.len() * recipe.horizon);
    for block in origins.chunks(schedule.refit.div_ceil(schedule.step)) {
        let model = Model::fit_again(recipe, frame, block[0], Some(&memo), checkpoint)?;
        let block = model.forecast(frame, block, recipe.horizon, levels)?;
        forecasts.extend(block.into_iter().filter(|forecast| forecast.target() < end));
    }
    Ok(forecasts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use serde_json::json;

    fn run(frame: &Frame) -> Vec<Forecast> {
        let recipe = Recipe::new("xgboost", &json!({"rounds": 10}), &json!({}), 48).unwrap();
        let schedule = Schedule { first: 1200, step: 24, refit: 72 };
        backtest(&recipe, schedule, frame, &[0.5], &mut || ()).unwrap()
    }

    #[test]
    fn origins_leads_and_targets_cover_the_period() {
        let forecasts = run(&hourly_frame(1320));
        assert_eq!(forecasts.iter().filter(|f| f.lead == 1).count(), 5);
        assert_eq!(forecasts.len(), 4 * 48 + 24);
        assert!(forecasts.iter().all(|f| f.target() < 1320));
    }

    #[test]
    fn a_forecast_does_not_change_when_later_targets_do() {
        let frame = hourly_frame(1320);
        let mut later = frame.clone();
        later.target[1248..].iter_mut().for_each(|value| *value += 50.0);
        let until = |forecasts: Vec<Forecast>| forecasts.into_iter().filter(|f| f.origin <= 1248).collect::<Vec<_>>();
        assert_eq!(until(run(&frame)), until(run(&later)));
    }
}
