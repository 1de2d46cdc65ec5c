//! The modules of `edf-core` that parse external input, without the rest: polars and XGBoost would take longer to build
//! than the fuzzing takes.

#[path = "../../src/message/mod.rs"]
pub mod message;
