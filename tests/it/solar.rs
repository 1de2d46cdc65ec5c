//! Strategy `solar` in SQL: the generation of a roof, as in docs/forecasting.md.

use edf_tests::{Refusal, Throwaway, refusal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query_as, query_scalar, raw_sql};

const FEATURES: &str = r#"{"latitude": 47.4, "longitude": 8.5, "time_zone": "Europe/Zurich"}"#;

/// Two months of spring with clouds that vary from day to day; the last two days are ahead.
async fn roof() -> (Throwaway, PgConnection) {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let seed = "
        create table roof (hour_at timestamptz primary key, solar_kwh float8, temperature_c float8, ghi_w_m2 float8);
        insert into roof
        select hour_at, case when n <= 1416 then 4.2 * ghi / 1000 end, 8 + 5 * sin(pi() * (n - 8) / 12), ghi
        from generate_series('2026-03-08 00:00Z'::timestamptz, '2026-05-07 23:00Z', '1 hour')
        with ordinality as hours (hour_at, n),
            lateral (select 900 * greatest(0, cos(2 * pi() * (n - 12) / 24) - 0.25) *
                (0.2 + mod((n - 1) / 24 * 7919, 101) / 130.0)) as sky (ghi)";
    analyst.execute(raw_sql(seed)).await.unwrap();
    (database, analyst)
}

/// The SQL in the section with this heading.
fn documented(page: &str, heading: &str) -> String {
    // Read at run time: a binary in a shared build cache may come from another checkout.
    let path = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/../" + page;
    let text = std::fs::read_to_string(&path).unwrap();
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    section.split("```sql\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[tokio::test]
async fn the_documented_roof_is_forecast_with_zero_at_night() {
    let (_database, mut analyst) = roof().await;
    analyst
        .execute(raw_sql(AssertSqlSafe(documented("docs/forecasting.md", "The generation of a roof"))))
        .await
        .unwrap();
    let (hours, nights, wrong): (i64, i64, Option<f64>) = query_as(
        "select count(*), count(*) filter (where yhat = 0 and yhat_lower = 0 and yhat_upper = 0),
                sum(abs(yhat - 4.2 * ghi_w_m2 / 1000)) / sum(4.2 * ghi_w_m2 / 1000)
         from edf.forecast('roof', 'select * from roof', horizon => '48 hours') join roof on hour_at = valid_at
         where yhat_lower >= 0 and yhat_lower <= yhat and yhat <= yhat_upper",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    // Zurich has nine hours of darkness in the first week of May; the hours at sunrise and sunset are partly lit.
    assert!(hours == 48 && (16..=20).contains(&nights), "{hours} hours, {nights} of them dark");
    assert!(wrong < Some(0.1), "{wrong:?}");
    let better: bool = query_scalar(AssertSqlSafe(format!(
        "select max(rmse) filter (where candidate = 'solar') < 0.5 * max(rmse) filter (where candidate = 'profile')
         from (select candidate, edf.rmse(actual, yhat) as rmse
               from edf.backtest('select * from roof', candidates => '[\"solar\", \"profile\"]',
                   features => '{FEATURES}',
                                 schedule => '{{\"test_period\": \"7 days\"}}') group by candidate) as scores"
    )))
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(better);
}

#[tokio::test]
async fn it_can_be_tuned_and_be_an_ensemble_member() {
    let (_database, mut analyst) = roof().await;
    let tune = format!(
        r#"call edf.tune('roof', 'select * from roof', 'solar', trials => 2,
            settings => '{{"features": {FEATURES}, "schedule": {{"test_period": "5 days"}}, "horizon": "24 hours"}}')"#
    );
    analyst.execute(AssertSqlSafe(tune)).await.unwrap();
    let tried: i64 =
        query_scalar("select count(*) from edf.trials where score > 0").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(tried, 2);
    let members = r#"{"members": [{"strategy": "solar"}, {"strategy": "profile"}]}"#;
    let train = format!(
        "select edf.approve_model(edf.train('both', 'select * from roof', 'ensemble', '{members}', '{FEATURES}'),
             'a test')"
    );
    analyst.execute(AssertSqlSafe(train)).await.unwrap();
    let dark: i64 = query_scalar(
        "select count(*) from edf.forecast('both', 'select * from roof', horizon => '24 hours') where yhat_upper = 0",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!((8..=10).contains(&dark), "{dark}");
}

#[tokio::test]
async fn without_a_place_the_error_names_the_setting() {
    let (_database, mut analyst) = roof().await;
    let refused: Refusal = refusal(&mut analyst, "select edf.train('roof', 'select * from roof', 'solar')").await;
    assert_eq!(refused.code, "22023");
    assert!(refused.message.contains("\"latitude\" and \"longitude\""), "{}", refused.message);
}
