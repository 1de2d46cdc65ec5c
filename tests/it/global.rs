//! One model of several series: `edf.train_global`, and the forecast of a building without history.

use edf_tests::{Throwaway, refusals};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar};

/// Five blocks with 60 days of demand, proportional to their floor area, and the temperature.
async fn blocks() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    analyst
        .execute(
            "create table blocks as
             select format('block %s', number) as building, at as hour_at, 400.0 * number as floor_area_m2,
                 temperature_c,
                 number * (10 + 3 * sin(extract(hour from at) * pi() / 12) + 0.4 * greatest(18 - temperature_c, 0)
                           + 2 * (extract(isodow from at) < 6)::integer) as demand_kwh
             from generate_series(1, 5) as number
             cross join generate_series(timestamptz '2026-01-01 00:00Z', '2026-03-04 00:00Z', interval '1 hour') as at
             cross join lateral (select 5 + 4 * sin(extract(epoch from at) / 90000) + 3 *
                 sin(extract(epoch from at) / 400000) as temperature_c) as weather",
        )
        .await
        .unwrap();
    (database, analyst)
}

const TAUGHT: &str = "select building, hour_at, demand_kwh, temperature_c, floor_area_m2 from blocks
                      where building <> ''block 5'' and hour_at < ''2026-03-01Z''";

#[tokio::test]
async fn a_block_without_history_is_forecast_by_its_floor_area() {
    let (_database, mut analyst) = blocks().await;
    let train = format!(
        r#"select edf.train_global('blocks', '{TAUGHT}', '{{"size": "floor_area_m2", "trees": {{"rounds": 60}}}}',
               horizon => '48 hours')"#
    );
    let model: i64 = query_scalar(AssertSqlSafe(train)).fetch_one(&mut analyst).await.unwrap();
    let (strategy, series, rows): (String, String, i64) =
        query_as("select strategy, metrics #>> '{held_out,series}', training_rows from edf.models where model_id = $1")
            .bind(model)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!((&*strategy, &*series, rows), ("global", "4", 4 * 59 * 24));
    analyst.execute("select edf.approve_model(model_id) from edf.models").await.unwrap();
    let (wape, inside): (f64, f64) = query_as(
        "select edf.wape(demand_kwh, yhat), edf.coverage(demand_kwh, yhat_lower, yhat_upper)
         from edf.forecast('blocks', 'select hour_at, null::float8, temperature_c, floor_area_m2 from blocks
                                      where building = ''block 5'' and hour_at >= ''2026-02-20Z''',
                           horizon => '48 hours', issued_at => '2026-03-01Z')
         join blocks on hour_at = valid_at and building = 'block 5'",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(wape < 15.0 && inside > 60.0, "WAPE {wape} %, {inside} % inside");
}

#[tokio::test]
async fn invalid_panels_are_rejected() {
    let (_database, mut analyst) = blocks().await;
    let wrong_name = format!(r#"select edf.train_global('x', '{TAUGHT}', '{{"siz": "floor_area_m2"}}')"#);
    let wrong_tree = format!(r#"select edf.train_global('x', '{TAUGHT}', '{{"trees": {{"eta": 9}}}}')"#);
    let from = |query: &str| format!("select edf.train_global('x', '{query}')");
    let calls = [
        ("22004", "select edf.train_global(null, 'select 1')".to_owned()),
        ("22023", from("")),
        ("22023", from("select hour_at, demand_kwh from blocks")),
        ("22023", from("select building, hour_at, building as demand from blocks")),
        ("22000", from("select building, hour_at, demand_kwh from blocks where false")),
        ("22000", from("select null::text as building, hour_at, demand_kwh from blocks")),
        // Five rows for each hour.
        ("22000", from("select 1 as building, hour_at, demand_kwh from blocks")),
        ("22023", from("select building, hour_at, demand_kwh from blocks where floor_area_m2 = 400")),
        ("22023", wrong_name),
        ("22023", wrong_tree),
    ];
    let calls: Vec<(&str, &str)> = calls.iter().map(|(code, call)| (*code, call.as_str())).collect();
    refusals(&mut analyst, &calls).await;
}
