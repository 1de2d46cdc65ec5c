//! What is worth trying of each strategy. Its defaults lie inside.

use crate::model::Strategy;
use serde_json::{Value, json};

/// The space where the user gives none.
pub(super) fn of(strategy: Strategy) -> Value {
    // Days after which a day counts half; 0 counts all alike.
    let half_lives = json!([0, 60, 120, 240, 480]);
    match strategy {
        Strategy::SeasonalNaive => json!({"season_h": [168, 24, 336]}),
        Strategy::Profile => json!({"weeks": {"low": 2, "high": 8}, "days": {"low": 3, "high": 30}}),
        Strategy::Mstl => json!({
            "weeks": {"low": 4, "high": 16},
            "daily_window": {"low": 5, "high": 41},
            "weekly_window": {"low": 5, "high": 41},
            "max_order": {"low": 0, "high": 3},
        }),
        Strategy::Prophet => json!({
            "weeks": [26, 52, 104, 156],
            "changepoint_prior_scale": {"low": 0.001, "high": 0.5, "log": true},
            "seasonality_prior_scale": {"low": 0.1, "high": 100, "log": true},
            "holidays_prior_scale": {"low": 0.1, "high": 100, "log": true},
            "regressors_prior_scale": {"low": 0.1, "high": 100, "log": true},
            "off_work_seasonality": {"low": 0, "high": 10},
            "degree_days": [true, false],
        }),
        Strategy::Sarimax => json!({
            "weeks": {"low": 8, "high": 104, "log": true},
            "daily_seasonality": {"low": 3, "high": 12},
            "off_work_seasonality": {"low": 0, "high": 10},
            "weekly_seasonality": {"low": 3, "high": 24},
            "max_seasonal_d": [0, 1],
            "degree_days": [true, false],
        }),
        Strategy::Lear => json!({
            "penalty": ["ridge", "lasso"],
            "target": ["plain", "log"],
            "window_days": {"low": 84, "high": 1460, "log": true},
            "half_life_days": half_lives,
        }),
        Strategy::Xgboost => json!({
            "eta": {"low": 0.02, "high": 0.3, "log": true},
            "rounds": {"low": 50, "high": 600, "log": true},
            "max_depth": {"low": 3, "high": 9},
            "min_child_weight": {"low": 1, "high": 30, "log": true},
            "subsample": {"low": 0.5, "high": 1},
            "colsample_bytree": {"low": 0.3, "high": 1},
            "lambda": {"low": 0.1, "high": 30, "log": true},
            "half_life_days": half_lives,
            "base": ["mean", "linear"],
            "monotone_heating": [false, true],
        }),
        // Of its members, each can be tuned alone.
        Strategy::Ensemble => json!({
            "correction_half_life_days": {"low": 0.5, "high": 14, "log": true},
            "correction_share": {"low": 0, "high": 1},
            "weight_half_life_days": {"low": 7, "high": 112, "log": true},
            "shrinkage": {"low": 0.01, "high": 10, "log": true},
        }),
        // Its trees can be tuned as xgboost.
        Strategy::Global => json!({"max_rows": {"low": 50_000, "high": 1_000_000, "log": true}}),
    }
}
