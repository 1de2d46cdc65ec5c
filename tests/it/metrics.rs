//! The metrics as aggregates over (actual, predicted).

use edf_tests::Throwaway;
use sqlx::query_as;

type Metrics = (Option<f64>, Option<f64>, Option<f64>);

async fn metrics_of(pairs: &'static str) -> Metrics {
    let database = Throwaway::with_extension().await;
    let question =
        format!("select edf.mape(a, p), edf.rmse(a, p), edf.mae(a, p) from (values {pairs}) as pairs (a, p)");
    query_as(sqlx::AssertSqlSafe(question)).fetch_one(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn errors_of_10_and_20_give_the_numbers_of_the_textbook() {
    let found = metrics_of("(100::float8, 110::float8), (200, 180)").await;
    assert_eq!(found, (Some(10.0), Some(250_f64.sqrt()), Some(15.0)));
}

#[tokio::test]
async fn pairs_with_a_null_are_skipped() {
    let found = metrics_of("(100::float8, 110::float8), (200, 180), (null, 1), (3, null), (null, null)").await;
    assert_eq!(found, (Some(10.0), Some(250_f64.sqrt()), Some(15.0)));
}

#[tokio::test]
async fn hours_without_demand_have_no_percentage() {
    let found = metrics_of("(100::float8, 110::float8), (0, 10)").await;
    assert_eq!(found, (Some(10.0), Some(10.0), Some(10.0)));
}

#[tokio::test]
async fn no_pair_gives_null() {
    assert_eq!(metrics_of("(null::float8, null::float8)").await, (None, None, None));
}
