//! Scenarios and their scores, over arrays: called by `edf.scenarios` and `edf.score_scenarios`.

use edf_core::Error;
use edf_core::margin::interpolate;
use edf_core::metrics::joint;
use edf_core::scenarios::{PastError, Step, scenarios};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};

use crate::convert::{given, given_all, interrupts, to_utc};
use crate::report::report;

/// Draws scenarios of steps from their quantiles (`quantile_values`, one step after the other) and past errors:
/// parallel arrays of both. One row per scenario, with values in the order of the steps.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn draw_scenarios(
    series: Option<Vec<Option<i32>>>,
    valid_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    lead_hours: Option<Vec<Option<f64>>>,
    quantile_values: Option<Vec<Option<f64>>>,
    quantiles: Option<Vec<Option<f64>>>,
    residual_series: Option<Vec<Option<i32>>>,
    residual_issued_at: Option<Vec<Option<TimestampWithTimeZone>>>,
    residual_lead_hours: Option<Vec<Option<f64>>>,
    residual_errors: Option<Vec<Option<f64>>>,
    scenarios: Option<i32>,
    seed: Option<i64>,
) -> Result<
    TableIterator<'static, (name!(scenario, i32), name!(scenario_values, Vec<f64>), name!(origins, i64))>,
    ErrorReport,
> {
    let run = || {
        let levels = given_all("quantiles", quantiles)?;
        let values = finite("quantile_values", given_all("quantile_values", quantile_values)?)?;
        let series = given_all("series", series)?;
        let valid_at = given_all("valid_at", valid_at)?;
        let leads = given_all("lead_hours", lead_hours)?;
        same_length(&[series.len(), valid_at.len(), leads.len(), values.len() / levels.len().max(1)])?;
        let steps = series.into_iter().zip(valid_at).zip(leads).zip(values.chunks(levels.len().max(1)));
        let step = |(((series, valid_at), lead_hours), values): (((i32, _), f64), &[f64])| {
            let (series, quantiles) = (number("series", series)?, values.to_vec());
            Ok(Step { series, valid_at: to_utc(valid_at)?, lead_hours, quantiles })
        };
        let steps = steps.map(step).collect::<Result<Vec<_>, Error>>()?;
        let series = given_all("residual_series", residual_series)?;
        let issued_at = given_all("residual_issued_at", residual_issued_at)?;
        let leads = finite("residual_lead_hours", given_all("residual_lead_hours", residual_lead_hours)?)?;
        let errors = finite("residual_errors", given_all("residual_errors", residual_errors)?)?;
        same_length(&[series.len(), issued_at.len(), leads.len(), errors.len()])?;
        let past = |(((series, issued_at), lead_hours), error): (((i32, _), f64), f64)| {
            Ok(PastError {
                series: number("residual_series", series)?,
                issued_at: to_utc(issued_at)?,
                lead_hours,
                error,
            })
        };
        let errors = series.into_iter().zip(issued_at).zip(leads).zip(errors);
        let errors = errors.map(past).collect::<Result<Vec<_>, Error>>()?;
        let (count, seed) = (number("scenarios", given("scenarios", scenarios)?)?, given("seed", seed)?);
        self::scenarios(&steps, &levels, &errors, count, seed.cast_unsigned(), &mut interrupts)
    };
    let drawn = run().map_err(report)?;
    let (origins, values) = (drawn.origins as i64, drawn.values);
    let rows = (0..values.nrows()).map(move |at| (at as i32 + 1, values.row(at).to_vec(), origins));
    Ok(TableIterator::new(rows))
}

/// Quantiles at other levels than the known ones.
#[pg_extern(immutable, parallel_safe)]
fn interpolate_quantiles(
    quantile_values: Option<Vec<Option<f64>>>,
    quantiles: Option<Vec<Option<f64>>>,
    levels: Option<Vec<Option<f64>>>,
) -> Result<Vec<f64>, ErrorReport> {
    let run = || {
        let values = finite("quantile_values", given_all("quantile_values", quantile_values)?)?;
        interpolate(&values, &given_all("quantiles", quantiles)?, &given_all("levels", levels)?)
    };
    run().map_err(report)
}

/// Energy score of scenarios, given one path after the other.
#[pg_extern(immutable, parallel_safe)]
fn energy_score(actual: Option<Vec<Option<f64>>>, scenarios: Option<Vec<Option<f64>>>) -> Result<f64, ErrorReport> {
    score(actual, scenarios, |actual, scenarios| joint::energy_score(actual, scenarios, &mut interrupts))
}

/// Variogram score of order one half of scenarios, given one path after the other.
#[pg_extern(immutable, parallel_safe)]
fn variogram_score(actual: Option<Vec<Option<f64>>>, scenarios: Option<Vec<Option<f64>>>) -> Result<f64, ErrorReport> {
    score(actual, scenarios, |actual, scenarios| joint::variogram_score(actual, scenarios, &mut interrupts))
}

fn score(
    actual: Option<Vec<Option<f64>>>,
    scenarios: Option<Vec<Option<f64>>>,
    score: impl FnOnce(&[f64], &[f64]) -> Result<f64, Error>,
) -> Result<f64, ErrorReport> {
    let run = || {
        let actual = finite("actual", given_all("actual", actual)?)?;
        score(&actual, &finite("scenarios", given_all("scenarios", scenarios)?)?)
    };
    run().map_err(report)
}

fn finite(name: &'static str, values: Vec<f64>) -> Result<Vec<f64>, Error> {
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(Error::NonFiniteArgument(name)) }
}

fn number(name: &str, value: i32) -> Result<usize, Error> {
    usize::try_from(value).map_err(|_| Error::InvalidArgument(format!("{name} is {value}, a negative number")))
}

fn same_length(lengths: &[usize]) -> Result<(), Error> {
    if lengths.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(());
    }
    Err(Error::InvalidArgument("columns of unequal length".to_owned()))
}
