//! Hyperparameters.

use crate::error::Error;
use crate::grid::Grid;
use crate::options;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Weeks before the end of the series used for the fit.
    pub weeks: u32,
    /// Number of the newest weeks that orders are compared on.
    pub search_weeks: u32,
    /// `[p, d, q]`; searched for by default.
    pub order: Option<[u32; 3]>,
    /// `[P, D, Q]` over the day; searched for by default.
    pub seasonal_order: Option<[u32; 3]>,
    /// Maximum `p` and `q`.
    pub max_order: u32,
    /// Maximum `P` and `Q`.
    pub max_seasonal_order: u32,
    /// Maximum `d`. Zero by default: for demand driven by weather and seasons, `d` = 1 was less accurate days ahead.
    pub max_d: u32,
    /// Maximum `D`.
    pub max_seasonal_d: u32,
    /// Maximum number of orders fitted for each choice of `d` and `D`.
    pub candidates: u32,
    /// Fourier order of the daily season.
    pub daily_seasonality: u32,
    /// Fourier order of the additional daily season of days off.
    pub off_work_seasonality: u32,
    /// Fourier order of the weekly season.
    pub weekly_seasonality: u32,
    /// Fourier order of the yearly season; used from two years of history on.
    pub yearly_seasonality: u32,
    /// Whether heating and cooling degrees, plain and smoothed, replace the temperature.
    pub degree_days: bool,
    /// Clipping of innovations, in standard deviations.
    pub outlier_sigmas: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            weeks: 52,
            search_weeks: 26,
            order: None,
            seasonal_order: None,
            max_order: 3,
            max_seasonal_order: 1,
            max_d: 0,
            max_seasonal_d: 1,
            candidates: 20,
            daily_seasonality: 8,
            off_work_seasonality: 6,
            weekly_seasonality: 12,
            yearly_seasonality: 3,
            degree_days: true,
            outlier_sigmas: 5.0,
        }
    }
}

impl Parameters {
    pub fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self::default())?;
        let [p, d, q] = read.order.unwrap_or_default().map(f64::from);
        let [sp, sd, sq] = read.seasonal_order.unwrap_or_default().map(f64::from);
        let ranges = [
            ("weeks", f64::from(read.weeks), 4.0, 522.0),
            ("search_weeks", f64::from(read.search_weeks), 4.0, 522.0),
            ("order", p.max(q), 0.0, 5.0),
            ("order", d, 0.0, 2.0),
            ("seasonal_order", sp.max(sq), 0.0, 2.0),
            ("seasonal_order", sd, 0.0, 1.0),
            ("max_order", f64::from(read.max_order), 0.0, 5.0),
            ("max_seasonal_order", f64::from(read.max_seasonal_order), 0.0, 2.0),
            ("max_d", f64::from(read.max_d), 0.0, 1.0),
            ("max_seasonal_d", f64::from(read.max_seasonal_d), 0.0, 1.0),
            ("candidates", f64::from(read.candidates), 1.0, 500.0),
            ("daily_seasonality", f64::from(read.daily_seasonality), 0.0, 48.0),
            ("off_work_seasonality", f64::from(read.off_work_seasonality), 0.0, 48.0),
            ("weekly_seasonality", f64::from(read.weekly_seasonality), 0.0, 84.0),
            ("yearly_seasonality", f64::from(read.yearly_seasonality), 0.0, 50.0),
            ("outlier_sigmas", read.outlier_sigmas, 1.0, 1e6),
        ];
        options::check_ranges("parameter", &ranges)?;
        if read.order.is_some() != read.seasonal_order.is_some() {
            return Err(Error::InvalidArgument("order and seasonal_order are given both or neither".to_owned()));
        }
        Ok(read)
    }

    /// Minimum number of rows before the issue time: the ARIMA's reach, and as many for its state to settle.
    pub fn history(&self, grid: &Grid) -> Result<usize, Error> {
        let ordered = self.order.zip(self.seasonal_order);
        let [p, _, q] = ordered.map_or([self.max_order, 0, self.max_order], |(order, _)| order);
        let [sp, _, sq] =
            ordered.map_or([self.max_seasonal_order, 0, self.max_seasonal_order], |(_, seasonal)| seasonal);
        let season = season(grid);
        let reach = (p + 2) as usize + season * (sp + 1) as usize;
        let moving = q as usize + season * sq as usize;
        Ok((2 * reach.max(moving)).max(grid.rows_in_hours(168)?))
    }

    /// Minimum number of known rows for a fit: four weeks.
    pub fn need(&self, grid: &Grid) -> Result<usize, Error> {
        grid.rows_in_hours(4 * 168)
    }
}

/// Rows per season: a day, or a week of daily values.
pub(super) fn season(grid: &Grid) -> usize {
    match grid.rows_per_day() {
        1 => 7,
        rows => rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn out_of_range_parameters_are_named() {
        for (parameters, says) in [
            (
                json!({"order": [1, 0, 9], "seasonal_order": [0, 0, 0]}),
                "parameter \"order\" = 9 is not between 0 and 5",
            ),
            (json!({"order": [1, 0, 1]}), "order and seasonal_order are given both or neither"),
            (json!({"order": [1, 0]}), "parameter \"order\" cannot be [1,0]"),
            (json!({"max_p": 3}), "unknown parameter \"max_p\""),
        ] {
            let error = Parameters::from_json(&parameters).unwrap_err().to_string();
            assert!(error.contains(says), "{parameters}: {error}");
        }
    }
}
