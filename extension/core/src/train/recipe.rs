//! The definition of a model.

use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, SEASON_H};
use crate::grid::Grid;
use crate::model::{Origins, Strategy};
use crate::origin::{IssueHours, Phases};
use crate::series::Frame;
use chrono::TimeDelta;
use serde_json::Value;

/// Maximum horizon, in rows.
pub const MAX_HORIZON: usize = 3_000;

/// The definition of a model, as chosen by the caller of `train` and `backtest`.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The strategy.
    pub strategy: Strategy,
    /// Hyperparameters as given.
    pub parameters: Value,
    /// The feature spec.
    pub features: FeatureSpec,
    /// Maximum lead, in rows.
    pub horizon: usize,
    /// Local hours at which forecasts are issued.
    pub issue_hours: IssueHours,
    /// Assumed delay between the end of a row and its availability, if given.
    pub availability: Option<TimeDelta>,
}

impl Recipe {
    /// Validates and builds a recipe from SQL arguments.
    pub fn new(strategy: &str, parameters: &Value, features: &Value, horizon: usize) -> Result<Self, Error> {
        let strategy = Strategy::parse(strategy)?;
        let features = FeatureSpec::from_json(features, strategy.preset())?;
        check_horizon(horizon)?;
        let parameters = strategy.read_parameters(parameters)?;
        let issue_hours = IssueHours::default();
        Ok(Self { strategy, parameters, features, horizon, issue_hours, availability: None })
    }

    /// Sets the issue hours (local time), and the availability delay assumed if the series does not specify one.
    #[must_use]
    pub fn issued(mut self, hours: &IssueHours, availability: Option<TimeDelta>) -> Self {
        (self.issue_hours, self.availability) = (hours.clone(), availability);
        self
    }

    /// Rejects a training set shorter than the longest lag plus one season.
    pub fn check_history(&self, grid: &Grid, have: usize) -> Result<(), Error> {
        let history = self.strategy.history(&self.parameters, &self.features, grid)?;
        let need = history + grid.rows_in_hours(SEASON_H)?;
        if have < need { Err(Error::TooLittleHistory { need, have }) } else { Ok(()) }
    }

    /// The phases that a model is fitted for, on the targets before row `end`.
    pub(super) fn phases(&self, frame: &Frame, clock: &Clock, end: usize, issues: Option<&[usize]>) -> Phases {
        let Some(issues) = issues else {
            let phases = Phases::learn(frame, clock, end, &self.issue_hours, &[]);
            return if self.strategy.origins() == Origins::Newest { Phases::only(phases.first()) } else { phases };
        };
        let last = issues.iter().copied().max().unwrap_or(end);
        let clock = Clock::new(&frame.grid, self.features.time_zone, last.max(end) + 1);
        let phases = Phases::learn(frame, &clock, end, &self.issue_hours, issues);
        match self.strategy.origins() {
            Origins::Newest => Phases::only(phases.first()),
            Origins::Pooled | Origins::Phases => phases.asked(frame, &clock, issues),
        }
    }
}

/// Rejects a horizon of zero or above the maximum.
pub fn check_horizon(horizon: usize) -> Result<(), Error> {
    if (1..=MAX_HORIZON).contains(&horizon) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!("a horizon of {horizon} steps is not between 1 and {MAX_HORIZON}")))
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::testing::hourly_frame;
    use crate::train::{Model, Recipe};
    use serde_json::json;

    #[test]
    fn a_series_shorter_than_the_longest_lag_plus_a_season_is_rejected() {
        let frame = hourly_frame(600);
        let recipe = Recipe::new("xgboost", &json!({"rounds": 40}), &json!({}), 48).unwrap();
        let fit = |end| Model::fit(&recipe, &frame, end, &mut || ()).map(|_| ());
        assert_eq!(fit(503), Err(Error::TooLittleHistory { need: 504, have: 503 }));
        assert_eq!(fit(504), Ok(()));
    }
}
