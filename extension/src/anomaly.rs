//! Anomalies over arrays; see `edf.train_anomaly_model`, `edf.score_anomalies` and `edf.explain_anomaly`.

use edf_core::Error;
use edf_core::anomaly::{Columns, Fitted, Kind, Model, Observations, Part, Verdict};
use pgrx::datum::JsonB;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{name, pg_extern};

use crate::convert::{Composite, complete, given, interrupts, numbers, texts};
use crate::document::{Document, document};
use crate::report::report;

pgrx::extension_sql_file!("../sql/observations.sql", name = "observations", requires = ["series_of", "portfolio"]);

/// A value of `edf.observations` as rows.
fn observations_of(value: &Composite<'_>) -> Result<Observations, Error> {
    let given =
        |name: &str| Ok::<_, Error>(value.get_by_name::<pgrx::datum::Array<'_, f64>>(name).ok().flatten().is_some());
    let groups = value.get_by_name::<pgrx::datum::Array<'_, String>>("groups").ok().flatten();
    Observations::new(Columns {
        names: texts(value, "names")?,
        features: numbers(value, "features")?,
        target: given("target")?.then(|| numbers(value, "target")).transpose()?,
        groups: groups.map(|groups| complete("groups", groups.iter().collect())).transpose()?,
        days: given("days")?.then(|| numbers(value, "days")).transpose()?,
        rows: texts(value, "keys")?.len(),
    })
}

/// Parameters of a strategy with the defaults filled in.
#[pg_extern(immutable, parallel_safe)]
fn read_anomaly_parameters(strategy: Option<&str>, parameters: Option<Document>) -> Result<JsonB, ErrorReport> {
    let run = || {
        let kind = Kind::parse(given("strategy", strategy)?)?;
        kind.read_parameters(&document("parameters", parameters)?)
    };
    run().map(JsonB).map_err(report)
}

/// Fits; `prior`: the artifact of a model whose prior is taken.
fn fit(
    strategy: Option<&str>,
    observations: Option<Composite<'_>>,
    parameters: Option<Document>,
    prior: Option<&[u8]>,
) -> Result<Fitted, Error> {
    let kind = Kind::parse(given("strategy", strategy)?)?;
    let parameters = document("parameters", parameters)?;
    let rows = observations_of(&given("observations", observations)?)?;
    let prior = prior.map(Model::from_bytes).transpose()?;
    Model::fit(kind, &parameters, rows, prior.as_ref(), &mut interrupts)
}

/// Fits a model; one row.
#[pg_extern(immutable, parallel_safe, requires = ["observations"])]
fn fit_anomalies<'a>(
    strategy: Option<&str>,
    observations: Option<pgrx::composite_type!('a, "edf.observations")>,
    parameters: Option<Document>,
    prior: Option<&[u8]>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(artifact, Vec<u8>),
            name!(parameters_used, JsonB),
            name!(features_used, JsonB),
            name!(feature_names, Vec<String>),
            name!(training_rows, i64),
            name!(metrics, JsonB),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let Fitted { model, rows, metrics, .. } = fit(strategy, observations, parameters, prior)?;
        Ok::<_, Error>((
            model.to_bytes()?,
            JsonB(model.parameters()),
            JsonB(model.typical()),
            model.features().to_vec(),
            rows as i64,
            JsonB(metrics),
        ))
    };
    Ok(TableIterator::once(run().map_err(report)?))
}

type Row = (
    i64,
    Option<f64>,
    Option<bool>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<i32>,
);

fn rows_of(verdicts: Vec<Verdict>) -> impl Iterator<Item = Row> {
    (1..).zip(verdicts).map(|(n, v)| {
        let days = v.run_days.map(|days| i32::try_from(days).unwrap_or(i32::MAX));
        (n, v.score, v.is_anomaly, v.expected, v.lower, v.upper, v.tail, v.raw, v.cusum, days)
    })
}

/// The verdict on each row, by a model.
#[pg_extern(immutable, parallel_safe, requires = ["observations"])]
fn anomaly_scores<'a>(
    artifact: Option<&[u8]>,
    observations: Option<pgrx::composite_type!('a, "edf.observations")>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(n, i64),
            name!(score, Option<f64>),
            name!(is_anomaly, Option<bool>),
            name!(expected, Option<f64>),
            name!(lower, Option<f64>),
            name!(upper, Option<f64>),
            name!(tail_probability, Option<f64>),
            name!(raw_score, Option<f64>),
            name!(cusum, Option<f64>),
            name!(run_days, Option<i32>),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let model = Model::from_bytes(given("artifact", artifact)?)?;
        model.score(observations_of(&given("observations", observations)?)?, &mut interrupts)
    };
    Ok(TableIterator::new(rows_of(run().map_err(report)?)))
}

/// The verdict on each row, by what these rows themselves teach.
#[pg_extern(immutable, parallel_safe, requires = ["observations"])]
fn own_anomaly_scores<'a>(
    strategy: Option<&str>,
    observations: Option<pgrx::composite_type!('a, "edf.observations")>,
    parameters: Option<Document>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(n, i64),
            name!(score, Option<f64>),
            name!(is_anomaly, Option<bool>),
            name!(expected, Option<f64>),
            name!(lower, Option<f64>),
            name!(upper, Option<f64>),
            name!(tail_probability, Option<f64>),
            name!(raw_score, Option<f64>),
            name!(cusum, Option<f64>),
            name!(run_days, Option<i32>),
        ),
    >,
    ErrorReport,
> {
    let own = fit(strategy, observations, parameters, None).map_err(report)?.own;
    Ok(TableIterator::new(rows_of(own)))
}

/// What made the score of the first row.
#[pg_extern(immutable, parallel_safe, requires = ["observations"])]
fn anomaly_parts<'a>(
    artifact: Option<&[u8]>,
    observations: Option<pgrx::composite_type!('a, "edf.observations")>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(feature, String),
            name!(value, Option<f64>),
            name!(typical, Option<f64>),
            name!(contribution, f64),
            name!(would_explain, Option<f64>),
        ),
    >,
    ErrorReport,
> {
    let run = || {
        let model = Model::from_bytes(given("artifact", artifact)?)?;
        model.explain(observations_of(&given("observations", observations)?)?)
    };
    let row = |part: Part| (part.feature, part.value, part.typical, part.contribution, part.would_explain);
    Ok(TableIterator::new(run().map_err(report)?.into_iter().map(row)))
}
