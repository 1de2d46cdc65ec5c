//! `edf`: energy demand forecasting inside PostgreSQL.
//!
//! This crate converts, calls `edf-core` and reports; it computes nothing and names no table. The model registry and
//! the functions for analysts are in `sql/`, built on the functions of this crate.

// pgrx' ErrorReport is large but carries the SQLSTATE; a table's type lists its columns.
#![allow(clippy::result_large_err, clippy::type_complexity)]

mod anomaly;
mod backtest;
mod chart;
mod config;
mod convert;
mod document;
mod explain;
mod forecast;
mod import;
mod limit;
mod message;
mod meter;
mod metrics;
mod panel;
mod portfolio;
mod report;
mod retired;
mod scenarios;
mod tuning;

pgrx::pg_module_magic!(name, version);

pgrx::extension_sql_file!("../sql/comments.sql", name = "comments", finalize);
pgrx::extension_sql_file!("../sql/registry.sql", name = "registry", bootstrap);
pgrx::extension_sql_file!("../sql/series.sql", name = "series");
pgrx::extension_sql_file!("../sql/schedule.sql", name = "schedule");
pgrx::extension_sql_file!("../sql/series_of.sql", name = "series_of", requires = ["series", "score_inputs"]);
pgrx::extension_sql_file!("../sql/train.sql", name = "train", requires = ["series_of", "registry"]);
pgrx::extension_sql_file!(
    "../sql/train_global.sql",
    name = "train_global",
    requires = ["series_of", "registry", "fit_panel"]
);
pgrx::extension_sql_file!("../sql/decide.sql", name = "decide", requires = ["registry"]);
pgrx::extension_sql_file!("../sql/forecast.sql", name = "forecast", requires = ["series_of", "registry"]);
pgrx::extension_sql_file!("../sql/explain.sql", name = "explain", requires = ["series_of", "decide", "settings"]);
pgrx::extension_sql_file!("../sql/backtest.sql", name = "backtest", requires = ["series_of", "schedule"]);
pgrx::extension_sql_file!("../sql/settings.sql", name = "settings", requires = ["backtest", "metrics"]);
pgrx::extension_sql_file!("../sql/keep_backtest.sql", name = "keep_backtest", requires = ["settings", "registry"]);
pgrx::extension_sql_file!("../sql/tuning.sql", name = "tuning", requires = ["settings", "registry"]);
pgrx::extension_sql_file!("../sql/tune.sql", name = "tune", requires = ["tuning", "score_inputs"]);
pgrx::extension_sql_file!("../sql/transfer.sql", name = "transfer", requires = ["keep_backtest", "tuning"]);
pgrx::extension_sql_file!("../sql/export_xgboost.sql", name = "export_xgboost", requires = ["decide", "settings"]);
pgrx::extension_sql_file!("../sql/import_xgboost.sql", name = "import_xgboost", requires = ["series_of", "registry"]);
pgrx::extension_sql_file!("../sql/portfolio.sql", name = "portfolio", requires = ["score_inputs"]);
pgrx::extension_sql_file!("../sql/scenarios.sql", name = "scenarios", requires = ["score_inputs", "portfolio"]);
pgrx::extension_sql_file!(
    "../sql/train_anomaly_model.sql",
    name = "train_anomaly_model",
    requires = ["observations", "decide", "anomaly_kinds"]
);
pgrx::extension_sql_file!("../sql/anomaly_kinds.sql", name = "anomaly_kinds", requires = ["registry", "series"]);
pgrx::extension_sql_file!("../sql/score_anomalies.sql", name = "score_anomalies", requires = ["train_anomaly_model"]);
pgrx::extension_sql_file!("../sql/explain_anomaly.sql", name = "explain_anomaly", requires = ["score_anomalies"]);
pgrx::extension_sql_file!("../sql/features.sql", name = "features", requires = ["series_of"]);
pgrx::extension_sql_file!("../sql/pseudonym_key.sql", name = "pseudonym_key");
