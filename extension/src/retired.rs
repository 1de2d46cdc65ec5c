//! Functions of earlier releases whose arguments have changed.
//!
//! A server loads a new library at once, while a database keeps its functions until `alter extension edf update`. Under
//! its old name a new function would read arguments of the wrong types, so each change of arguments gets a new name in
//! the library, and the old one raises an error that says what to do.

use edf_core::Error;
use pgrx::pg_extern;
use pgrx::pg_sys::panic::ErrorReport;

use crate::report::report;

macro_rules! retired {
    ($($name:ident),+) => {
        $(
            #[pg_extern(sql = false)]
            fn $name() -> Result<(), ErrorReport> {
                Err(report(Error::Outdated(stringify!($name))))
            }
        )+
    };
}

retired!(fit, fit_panel, predict, feature_rows, backtest_series);
