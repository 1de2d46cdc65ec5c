//! How a model is to be made.

use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, SEASON_H};
use crate::grid::Grid;
use crate::model::{Origins, Strategy};
use crate::origin::{IssueHours, Phases};
use crate::series::Frame;
use chrono::TimeDelta;
use serde_json::Value;

/// The most rows ahead that may be asked for.
pub const MAX_HORIZON: usize = 3_000;

/// How a model is to be made; what the caller of `train` and `backtest` chooses.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The strategy.
    pub strategy: Strategy,
    /// Its hyperparameters as given.
    pub parameters: Value,
    /// What the features are made of.
    pub features: FeatureSpec,
    /// Most rows ahead.
    pub horizon: usize,
    /// When forecasts are asked for.
    pub issue_hours: IssueHours,
    /// How long after its end a row is known, where that is assumed.
    pub availability: Option<TimeDelta>,
}

impl Recipe {
    /// Reads a recipe from what SQL hands over; every part is checked.
    pub fn new(strategy: &str, parameters: &Value, features: &Value, horizon: usize) -> Result<Self, Error> {
        let strategy = Strategy::parse(strategy)?;
        let features = FeatureSpec::from_json(features, strategy.preset())?;
        check_horizon(horizon)?;
        let parameters = strategy.read_parameters(parameters)?;
        let issue_hours = IssueHours::default();
        Ok(Self { strategy, parameters, features, horizon, issue_hours, availability: None })
    }

    /// Asked at these hours of the local day, each row being known so long after its end where the series does not say.
    #[must_use]
    pub fn issued(mut self, hours: &IssueHours, availability: Option<TimeDelta>) -> Self {
        (self.issue_hours, self.availability) = (hours.clone(), availability);
        self
    }

    /// Refuses fewer rows before the end of a training set than the longest lag and one season.
    pub fn check_history(&self, grid: &Grid, have: usize) -> Result<(), Error> {
        let history = self.strategy.history(&self.parameters, &self.features, grid)?;
        let need = history + grid.rows_in_hours(SEASON_H)?;
        if have < need { Err(Error::TooLittleHistory { need, have }) } else { Ok(()) }
    }

    /// The times of day that a model is fitted for, on the targets before row `end`.
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

/// Refuses no rows ahead, and more than any strategy is made for.
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
    fn a_series_shorter_than_the_longest_lag_and_a_season_is_refused() {
        let frame = hourly_frame(600);
        let recipe = Recipe::new("xgboost", &json!({"rounds": 40}), &json!({}), 48).unwrap();
        let fit = |end| Model::fit(&recipe, &frame, end, &mut || ()).map(|_| ());
        assert_eq!(fit(503), Err(Error::TooLittleHistory { need: 504, have: 503 }));
        assert_eq!(fit(504), Ok(()));
    }
}
