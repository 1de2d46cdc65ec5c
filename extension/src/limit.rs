//! Limits the run time of the current statement.
//!
//! `statement_timeout` is read at the start of a statement: a procedure that sets it limits only the next statement.
//! This sets the same timer for the current statement, which is cancelled with the same error (57014).

use edf_core::Error;
use pgrx::datum::Interval;
use pgrx::pg_extern;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{GetCurrentTimestamp, TimestampTz};
use std::ffi::c_int;

use crate::convert::{given, to_span};
use crate::report::report;

/// `STATEMENT_TIMEOUT` of the server's `utils/timeout.h`, for which pgrx has no bindings.
const STATEMENT_TIMEOUT: c_int = 3;

unsafe extern "C-unwind" {
    fn enable_timeout_after(id: c_int, delay_ms: c_int);
    fn get_timeout_active(id: c_int) -> bool;
    fn get_timeout_finish_time(id: c_int) -> TimestampTz;
}

/// Cancels the current statement after this much more time; an earlier limit is kept.
#[pg_extern]
fn cancel_after(timeout: Option<Interval>) -> Result<(), ErrorReport> {
    let read = || {
        let span = to_span("timeout", given("timeout", timeout)?)?;
        let delay = i32::try_from(span.num_milliseconds()).ok().filter(|delay| *delay > 0);
        delay.ok_or_else(|| Error::InvalidArgument("timeout is not between 1 millisecond and 24 days".to_owned()))
    };
    let delay = read().map_err(report)?;
    // SAFETY: every backend registers this timer when it connects to its database, and this is its only thread.
    unsafe {
        let wanted = GetCurrentTimestamp() + i64::from(delay) * 1000;
        if !get_timeout_active(STATEMENT_TIMEOUT) || get_timeout_finish_time(STATEMENT_TIMEOUT) > wanted {
            enable_timeout_after(STATEMENT_TIMEOUT, delay);
        }
    }
    Ok(())
}
