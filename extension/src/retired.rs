//! Functions of earlier releases whose arguments have changed.
//!
//! A server maps a new library at once, a database has its functions until `alter extension edf update`. Under their old
//! names the new functions would read arguments of other types; so each change of arguments takes a new name in the
//! library, and the old one says what to do.

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
