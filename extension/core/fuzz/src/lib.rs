//! The files of `edf-core` that read what comes from outside, by themselves: polars and XGBoost would take longer to build than the
//! fuzzing takes.

#[path = "../../src/message/mod.rs"]
pub mod message;
