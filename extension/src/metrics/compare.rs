//! Comparisons: the scale of MASE, the Diebold-Mariano test, and the validation of names.

use edf_core::Error;
use edf_core::metrics::diebold_mariano::{Alternative, Kernel, Test};
use edf_core::metrics::scaled::seasonal_naive_mae;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{default, name, pg_extern};

use super::finite;
use crate::convert::{given, given_all, interrupts};
use crate::report::report;

/// Mean absolute error of seasonal naive inside a history.
#[pg_extern(immutable, strict, parallel_safe)]
fn mase_scale(history: Vec<Option<f64>>, season: default!(i32, 168)) -> Result<Option<f64>, ErrorReport> {
    let run = || Ok(seasonal_naive_mae(&numbers("history", history)?, at_least_one("season", season)?));
    run().map_err(report)
}

/// The Diebold-Mariano test of two series of errors.
#[pg_extern(immutable, parallel_safe)]
fn diebold_mariano(
    errors_a: Option<Vec<Option<f64>>>,
    errors_b: Option<Vec<Option<f64>>>,
    horizon: default!(Option<i32>, 1),
    power: default!(Option<f64>, 2.0),
    alternative: default!(Option<&str>, "'two_sided'"),
    kernel: default!(Option<&str>, "'bartlett'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(n, i64),
            name!(mean_difference, Option<f64>),
            name!(statistic, Option<f64>),
            name!(p_value, Option<f64>),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let test = Test {
            horizon: at_least_one("horizon", given("horizon", horizon)?)?,
            power: given("power", power)?,
            kernel: Kernel::from_name(given("kernel", kernel)?)?,
            alternative: Alternative::from_name(given("alternative", alternative)?)?,
        };
        // array_agg over no rows is NULL.
        let first = numbers("errors_a", errors_a.unwrap_or_default())?;
        let second = numbers("errors_b", errors_b.unwrap_or_default())?;
        let found = test.compare(&first, &second, &mut interrupts)?;
        Ok((found.pairs as i64, found.mean_difference, found.statistic, found.p_value))
    };
    Ok(TableIterator::once(run().map_err(report)?))
}

/// Rejects a name that is not among the known ones.
#[pg_extern(immutable, parallel_safe)]
fn require_known(
    kind: Option<&str>,
    name: Option<&str>,
    known: Option<Vec<Option<String>>>,
) -> Result<(), ErrorReport> {
    let arguments = || Ok((given("kind", kind)?, given("name", name)?, given_all("known", known)?));
    let (kind, name, known) = arguments().map_err(report)?;
    let kind = match kind {
        "metric" => "metric",
        "column" => "column",
        _ => "name",
    };
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(report(Error::UnknownName { kind, name: name.to_owned(), known }))
}

/// The numbers of an array; NULL becomes NaN, which the core treats as missing.
fn numbers(name: &'static str, values: Vec<Option<f64>>) -> Result<Vec<f64>, Error> {
    values.into_iter().map(|value| value.map_or(Ok(f64::NAN), |value| finite(name, value))).collect()
}

fn at_least_one(name: &str, steps: i32) -> Result<usize, Error> {
    usize::try_from(steps)
        .ok()
        .filter(|steps| *steps > 0)
        .ok_or_else(|| Error::InvalidArgument(format!("the {name} is {steps}; it must be at least 1 step")))
}
