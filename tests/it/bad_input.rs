//! Invalid input fails with its SQLSTATE and a hint, and the session remains usable.

use edf_tests::{DEMAND, Throwaway, refusals, seed_demand, train, trained};
use sqlx::postgres::PgConnection;

/// Training on each query must fail with its code.
async fn training_refuses(connection: &mut PgConnection, cases: &[(&str, &str)]) {
    let cases: Vec<_> = cases
        .iter()
        .map(|(code, query)| (*code, format!("select edf.train('house', $data$ {query} $data$)")))
        .collect();
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(connection, &cases).await;
    let models: i64 = sqlx::query_scalar("select count(*) from edf.models").fetch_one(connection).await.unwrap();
    assert_eq!(models, 0, "a refused training leaves no model");
}

#[tokio::test]
async fn a_series_unusable_for_training_is_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    training_refuses(
        &mut analyst,
        &[
            // The longest lag is 336 h, the season 168 h.
            ("22000", "select at, demand_kwh from hourly order by at limit 503"),
            ("22000", "select at, demand_kwh from hourly limit 1"),
            ("22000", "select at, demand_kwh from hourly where false"),
            ("22000", "select at, null::float8 from hourly"),
            ("22000", "select at, case when at = '2026-01-20Z' then 'NaN' else demand_kwh end as kwh from hourly"),
            ("22000", "select at, case when at = '2026-01-20Z' then 'Infinity' else demand_kwh end as kwh from hourly"),
            (
                "22000",
                "select at, case when at = '2026-01-20Z' then '-Infinity' else demand_kwh end as kwh from hourly",
            ),
            ("22000", "select at, demand_kwh, 'NaN'::float8 as temperature_c from hourly"),
            ("22000", "select at, demand_kwh from hourly where at <> '2026-01-20Z'"),
            ("22000", "select at, demand_kwh from hourly union all select '2026-01-20Z', 1"),
            ("22000", "select nullif(at, '2026-01-20Z') as at, demand_kwh from hourly"),
            ("22023", "select case when at = '2026-01-05Z' then '-infinity' else at end as at, demand_kwh from hourly"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_query_with_other_columns_is_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    training_refuses(
        &mut analyst,
        &[
            ("22023", "select at::timestamp as at, demand_kwh from hourly"),
            ("22023", "select at::date as at, demand_kwh from hourly"),
            ("22023", "select demand_kwh, at from hourly"),
            ("22023", "select at from hourly"),
            ("22023", "select at, demand_kwh::text as demand from hourly"),
            ("22023", "select at, demand_kwh, 'warm' as weather from hourly"),
            ("22023", "select at, demand_kwh, '{}'::jsonb as weather from hourly"),
            ("22023", "select at, demand_kwh, temperature_c, temperature_c from hourly"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_empty_query_is_rejected_with_a_hint() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    let cases = ["", "   ", ";"].map(|query| format!("select edf.train('house', '{query}')"));
    refusals(&mut analyst, &cases.each_ref().map(|statement| ("22023", statement.as_str()))).await;
}

#[tokio::test]
async fn unknown_or_invalid_arguments_are_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let cases = [
        ("42704", "strategy => 'xgbost'"),
        ("42704", "strategy => ''"),
        ("22023", r#"parameters => '{"rouns": 10}'"#),
        ("22023", r#"parameters => '{"rounds": 0}'"#),
        ("22023", r#"parameters => '{"eta": "fast"}'"#),
        ("22023", r#"parameters => '{"nthread": 8}'"#),
        ("22023", r#"parameters => '[]'"#),
        ("22023", r#"strategy => 'seasonal_naive', parameters => '{"season_h": 0}'"#),
        ("22023", r#"features => '{"lag_hours": [24]}'"#),
        ("22023", r#"features => '{"lags_h": [0]}'"#),
        ("22023", r#"features => '{"lags_h": [1.5]}'"#),
        ("22023", r#"features => '{"time_zone": "Mars/Olympus"}'"#),
        ("22023", r#"features => '"lags"'"#),
        ("22023", "horizon => '0 hours'"),
        ("22023", "horizon => '-3 hours'"),
        ("22023", "horizon => '30 minutes'"),
        ("22023", "horizon => '1 month'"),
        ("22023", "horizon => '1000000 years'"),
    ];
    let cases = cases.map(|(code, argument)| (code, format!("select edf.train('house', '{DEMAND}', {argument})")));
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}

#[tokio::test]
async fn a_forecast_beyond_the_models_limits_is_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let cases = [
        ("42704", format!("'castle', '{DEMAND}'")),
        ("22023", format!("'house', '{DEMAND}', '0 hours'")),
        ("22023", format!("'house', '{DEMAND}', '1 month'")),
        ("22023", format!("'house', '{DEMAND}', '73 hours'")),
        ("22023", format!("'house', '{DEMAND}', issued_at => '2026-02-14 00:30Z'")),
        ("22023", format!("'house', '{DEMAND}', issued_at => '2020-01-01Z'")),
        ("22023", format!("'house', '{DEMAND}', issued_at => 'infinity'")),
        ("22000", format!("'house', '{DEMAND} where at > ''2026-02-13Z'''")),
        ("22023", "'house', 'select at, demand_kwh, temperature_c as outside from hourly'".to_owned()),
        (
            "22023",
            "'house', 'select ''2026-01-05Z''::timestamptz + (at - ''2026-01-05Z'') / 2 as at,
                       demand_kwh, temperature_c from hourly'"
                .to_owned(),
        ),
    ];
    let cases = cases.map(|(code, arguments)| (code, format!("select edf.forecast({arguments})")));
    let cases: Vec<_> = cases.iter().map(|(code, statement)| (*code, statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}

#[tokio::test]
async fn errors_name_the_null_argument() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = train(&mut analyst, "house").await;
    let of_train = ["strategy", "parameters", "features", "horizon"];
    let of_backtest = ["strategy", "parameters", "features", "horizon", "schedule", "levels", "workers"];
    let mut statements = vec![
        format!("select edf.train(null, '{DEMAND}')"),
        "select edf.train('house', null)".to_owned(),
        format!("select edf.forecast(null, '{DEMAND}')"),
        "select edf.forecast('house', null)".to_owned(),
        format!("select edf.forecast('house', '{DEMAND}', null)"),
        "select edf.backtest(null)".to_owned(),
        "select edf.features(null)".to_owned(),
        format!("select edf.features('{DEMAND}', null)"),
        format!("select edf.features('{DEMAND}', horizon => null)"),
        "select edf.approve_model(null)".to_owned(),
        "select edf.reject_model(null, 'a test')".to_owned(),
        format!("select edf.reject_model({model}, null)"),
    ];
    statements.extend(of_train.map(|name| format!("select edf.train('house', '{DEMAND}', {name} => null)")));
    statements.extend(of_backtest.map(|name| format!("select edf.backtest('{DEMAND}', {name} => null)")));
    let cases: Vec<_> = statements.iter().map(|statement| ("22004", statement.as_str())).collect();
    refusals(&mut analyst, &cases).await;
}
