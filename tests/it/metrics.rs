//! The metrics as aggregates over any table.

use edf_tests::{Throwaway, refusals};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row, query, query_scalar, raw_sql};

/// Results of scikit-learn, scoringrules and scipy on random input; see the script beside the file.
pub fn reference() -> Value {
    serde_json::from_str(include_str!("../../extension/core/tests/metrics/reference.json")).unwrap()
}

/// Whether a number equals the expected one up to rounding of sums computed in another order.
pub fn close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        (found, expected) => found == expected,
    }
}

/// Every metric of the rows, NULL if the rows lack a column that a metric reads.
const ALL: &str = "
    select edf.mape(a, p), edf.smape(a, p), edf.wape(a, p), edf.rmse(a, p), edf.mae(a, p), edf.bias(a, p),
        edf.mase(a, p, 2),
        edf.pinball(a, p, 0.9), edf.pinball(a, array[p, p + 1], '{0.1,0.9}'), edf.crps(a, array[p, p + 1], '{0.1,0.9}'),
        edf.rcrps(a, array[p, p + 1], '{0.1,0.9}'), edf.coverage(a, p - 2, p + 2), edf.interval_width(p - 2, p + 2),
            edf.peak_error(a, p)
    from pairs";

async fn all_of(connection: &mut PgConnection) -> Vec<Option<f64>> {
    let row = query(ALL).fetch_one(connection).await.unwrap();
    (0..row.len()).map(|at| row.get(at)).collect()
}

async fn pairs(connection: &mut PgConnection, values: &str) {
    let table = format!(
        "drop table if exists pairs; create table pairs (a double precision, p double precision);
         insert into pairs values {values}"
    );
    connection.execute(raw_sql(AssertSqlSafe(&*table))).await.unwrap();
}

#[tokio::test]
async fn errors_of_10_and_20_agree_with_the_textbook() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    pairs(&mut analyst, "(100, 110), (200, 180)").await;
    let smape = 100.0 * (2.0 * 10.0 / 210.0 + 2.0 * 20.0 / 380.0) / 2.0;
    let pinball = (0.1 * 10.0 + 0.9 * 20.0) / 2.0;
    // The 10 % and 90 % quantiles are 110 and 111 for 100, 180 and 181 for 200; each represents half of all levels.
    let pinballs = (0.9 * 10.0 + 0.1 * 11.0 + 0.1 * 20.0 + 0.9 * 19.0) / 4.0;
    let range = 0.9 * 100.0;
    let expected = [
        Some(10.0),
        Some(smape),
        Some(10.0),
        Some(250_f64.sqrt()),
        Some(15.0),
        Some(-5.0),
        Some(7.5),
        Some(pinball),
        Some(pinballs),
        Some(2.0 * pinballs),
        Some(2.0 * pinballs / range),
        Some(0.0),
        Some(4.0),
        Some(10.0),
    ];
    let found = all_of(&mut analyst).await;
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(close(*found, expected), "{found:?}, expected {expected:?}");
    }
    // Rows with a NULL are ignored.
    analyst.execute("insert into pairs values (null, 1), (3, null), (null, null)").await.unwrap();
    assert_eq!(all_of(&mut analyst).await, found);
}

#[tokio::test]
async fn hours_without_demand_have_no_percentage_error() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    pairs(&mut analyst, "(0, 10), (0, 0)").await;
    let found: Vec<Option<f64>> = query_scalar(
        "select array[edf.mape(a, p), edf.wape(a, p), edf.smape(a, p),
             edf.mase(a, p, 0), edf.peak_error(a, p)] from pairs",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!(found, [None, None, Some(100.0), None, None]);
}

#[tokio::test]
async fn without_rows_metrics_are_null() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    pairs(&mut analyst, "(null, null)").await;
    assert!(all_of(&mut analyst).await.iter().all(Option::is_none));
    analyst.execute("truncate pairs").await.unwrap();
    assert!(all_of(&mut analyst).await.iter().all(Option::is_none));
}

#[tokio::test]
async fn the_metrics_agree_with_scikit_learn_scoringrules_and_openstef() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let reference = reference();
    let point = "
        select jsonb_build_object('mae', edf.mae(a, p), 'rmse', edf.rmse(a, p), 'mape', edf.mape(a, p), 'smape',
            edf.smape(a, p),
            'wape', edf.wape(a, p), 'bias', edf.bias(a, p), 'pinball_of_90', edf.pinball(a, p, 0.9))
        from (select jsonb_array_elements($1 -> 'actual')::float8 as a,
            jsonb_array_elements($1 -> 'predicted')::float8 as p) as pairs";
    let found: Value = query_scalar(point).bind(&reference).fetch_one(&mut analyst).await.unwrap();
    for (name, expected) in reference["metrics"].as_object().unwrap() {
        assert!(close(found[name].as_f64(), expected.as_f64()), "{name}: {}, expected {expected}", found[name]);
    }
    let of_quantiles = "
        select jsonb_build_object('pinball', edf.pinball(a, p, l), 'crps', edf.crps(a, p, l), 'rcrps',
            edf.rcrps(a, p, l))
        from (select jsonb_array_elements($1 -> 'actual')::float8 as a,
                  translate(jsonb_array_elements($2 -> 'predicted')::text, '[]', '{}')::float8[] as p,
                  translate(($2 -> 'levels')::text, '[]', '{}')::float8[] as l) as rows";
    for case in reference["quantiles"].as_array().unwrap() {
        let found: Value =
            query_scalar(of_quantiles).bind(&reference).bind(case).fetch_one(&mut analyst).await.unwrap();
        for name in ["pinball", "crps", "rcrps"] {
            assert!(
                close(found[name].as_f64(), case[name].as_f64()),
                "{name}: {}, expected {}",
                found[name],
                case[name]
            );
        }
    }
}

#[tokio::test]
async fn parallel_workers_give_the_same_result() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    pairs(&mut analyst, "(1, 2)").await;
    analyst
        .execute(
            "insert into pairs select mod(n * 7919, 1009), mod(n * 7577, 1013)
             from generate_series(1, 50000) as n; analyze pairs",
        )
        .await
        .unwrap();
    analyst.execute("set max_parallel_workers_per_gather = 0").await.unwrap();
    let alone = all_of(&mut analyst).await;
    analyst
        .execute(
            "set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
             set min_parallel_table_scan_size = 0; alter table pairs set (parallel_workers = 2)",
        )
        .await
        .unwrap();
    let plan: Vec<String> =
        query_scalar(AssertSqlSafe(format!("explain {ALL}"))).fetch_all(&mut analyst).await.unwrap();
    assert!(plan.iter().any(|line| line.contains("Partial Aggregate")), "{}", plan.join("\n"));
    let together = all_of(&mut analyst).await;
    for (alone, together) in alone.into_iter().zip(together) {
        assert!(alone.is_some() && close(together, alone), "{together:?} of workers, {alone:?} alone");
    }
}

#[tokio::test]
async fn metrics_work_over_windows_and_groups() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let of_window: Vec<Option<f64>> = query_scalar(
        "select edf.rcrps(a, array[a + 1], '{0.5}') over (order by a) from generate_series(0, 20, 10) as a order by a",
    )
    .fetch_all(&mut analyst)
    .await
    .unwrap();
    assert_eq!(of_window, [None, Some(1.0 / 9.0), Some(1.0 / 18.0)]);
    let groups: i64 = query_scalar(
        "select count(*) from (select edf.rcrps(a, array[a + 1], '{0.5}') as r
         from generate_series(1, 30000) as a group by a / 3) as g
         where r > 0",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert_eq!(groups, 10_000);
}

#[tokio::test]
async fn every_metric_rejects_nan_and_infinity() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let over = |metric: &str| {
        format!("select {metric} from (values (1::float8, 'NaN'::float8, 'Infinity'::float8)) as v (one, nan, inf)")
    };
    let mut statements = Vec::new();
    for metric in ["mape", "smape", "wape", "rmse", "mae", "bias", "peak_error", "interval_width"] {
        statements.extend([over(&format!("edf.{metric}(one, nan)")), over(&format!("edf.{metric}(inf, one)"))]);
    }
    for metric in [
        "mase(one, one, nan)",
        "mase(nan, one, one)",
        "pinball(inf, one, 0.5)",
        "coverage(one, nan, one)",
        "coverage(one, one, inf)",
    ] {
        statements.push(over(&format!("edf.{metric}")));
    }
    for metric in ["pinball", "crps", "rcrps"] {
        statements.extend([
            over(&format!("edf.{metric}(nan, array[one], '{{0.5}}')")),
            over(&format!("edf.{metric}(one, array[inf], '{{0.5}}')")),
        ]);
    }
    let cases: Vec<_> = statements.iter().map(|statement| ("22000", statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}

#[tokio::test]
async fn invalid_levels_and_scales_are_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let mut statements = vec!["select edf.mase(1, 2, -1)".to_owned()];
    statements.extend(["1.5", "-0.1", "'NaN'"].map(|level| format!("select edf.pinball(1, 2, {level})")));
    for metric in ["pinball", "crps", "rcrps"] {
        for arrays in [
            "'{1,2}', '{0.5}'",
            "'{}', '{}'",
            "'{1,2}', '{0.9,0.1}'",
            "'{1,2}', '{0.5,0.5}'",
            "'{1}', '{null}'",
            "'{1}', '{1}'",
        ] {
            statements.push(format!("select edf.{metric}(1, {arrays}::float8[])"));
        }
    }
    let cases = statements
        .iter()
        .map(|statement| (if statement.contains("null") { "22004" } else { "22023" }, statement.as_str()));
    let cases: Vec<_> = cases.collect();
    refusals(&mut analyst, &cases).await;
}
