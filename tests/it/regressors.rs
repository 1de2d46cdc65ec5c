//! Configured regressors, such as a production plan or a price: known from their time of receipt.
//!
//! Everything is rolled back.

use crate::jobs::{BUILDING, issuing};
use edf_tests::{as_role, refusal};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};

/// A plant's plan, on or off at random hours, drives the demand of [`BUILDING`]; each hour is received `ahead` before.
async fn add_plan(work: &mut PgConnection, ahead: &str) {
    let plan = format!(
        "insert into raw.regressors (name, building_id, valid_at, received_at, value)
         select 'units_planned', '{BUILDING}', at, at - interval '{ahead}', abs(hashtext(at::text)) % 2
         from generate_series('2017-03-31 00:00Z'::timestamptz, '2017-08-02 00:00Z', '1 hour') as at"
    );
    work.execute(AssertSqlSafe(plan)).await.unwrap();
    let effect = "update energy.building_hours set consumption_kwh = consumption_kwh + 6 *
                      (abs(hashtext(hour_at::text)) % 2) where building_id = $1";
    query(effect).bind(BUILDING).execute(work).await.unwrap();
}

/// Configures these regressors, with a fast training.
async fn name(work: &mut PgConnection, regressors: &Value) {
    let load = "call energy.load_config(energy.current_config() || jsonb_build_object(
         'training', jsonb_build_object('strategy', 'xgboost', 'parameters', jsonb_build_object('rounds', 60),
             'regressors', $1),
         'evaluation', (energy.current_config() -> 'evaluation') || '{\"test_period\": \"7 days\"}'))";
    query(load).bind(regressors).execute(work).await.unwrap();
}

/// Trains [`BUILDING`]; returns the model, and the RMSE of the first day in its backtest.
async fn trained(work: &mut PgConnection) -> (i64, f64) {
    let model: i64 = query_scalar("select energy.train_model($1)").bind(BUILDING).fetch_one(&mut *work).await.unwrap();
    let rmse = "select rmse_kwh from energy.model_scores where model_id = $1 and lead_day = 1 and strategy = 'xgboost'";
    (model, query_scalar(rmse).bind(model).fetch_one(work).await.unwrap())
}

#[tokio::test]
async fn a_regressor_that_drives_demand_improves_the_forecast_in_backtest_and_service() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_plan(&mut work, "5 days").await;
    name(&mut work, &serde_json::json!([])).await;
    let (_, without) = trained(&mut work).await;
    name(&mut work, &serde_json::json!(["units_planned"])).await;
    let (model, with) = trained(&mut work).await;
    assert!(with < 0.8 * without, "{without} kWh without, {with} kWh with");

    query("select edf.approve_model($1)").bind(model).execute(&mut *work).await.unwrap();
    // The model reads the regressors it was trained with, whatever is configured later.
    name(&mut work, &serde_json::json!(["price", "units_planned"])).await;
    let other = "delete from energy.forecasts where building_id = $1 and issued_at = '2017-07-29 05:00Z'";
    query(other).bind(BUILDING).execute(&mut *work).await.unwrap();
    work.execute(issuing(Some("2017-07-29 05:00Z"))).await.unwrap();
    let served = "select count(*) from energy.forecasts
                  where building_id = $1 and issued_at = '2017-07-29 05:00Z' and source = 'model'";
    assert_eq!(query_scalar::<_, i64>(served).bind(BUILDING).fetch_one(&mut *work).await.unwrap(), 72);
    let apart: f64 = query_scalar(
        "select avg(yhat) filter (where value = 1) - avg(yhat) filter (where value = 0)
         from energy.forecasts join raw.regressors using (building_id, valid_at)
         where building_id = $1 and issued_at = '2017-07-29 05:00Z' and model_id = $2",
    )
    .bind(BUILDING)
    .bind(model)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!((3.0..9.0).contains(&apart), "the plan is worth {apart} kWh in the forecast");
}

#[tokio::test]
async fn a_building_forecast_by_its_archetype_uses_the_regressors_of_that_model() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    work.execute(
        "insert into raw.regressors (name, region, valid_at, received_at, value)
         select 'price', region, at, at - interval '5 days', extract(hour from at)
         from (select distinct region from raw.buildings) as regions
         cross join generate_series('2017-03-31 00:00Z'::timestamptz, '2017-08-02 00:00Z', '1 hour') as at",
    )
    .await
    .unwrap();
    add_plan(&mut work, "5 days").await;
    name(&mut work, &serde_json::json!(["units_planned"])).await;
    let (own, _) = trained(&mut work).await;
    name(&mut work, &serde_json::json!(["price"])).await;
    let shared: i64 =
        query_scalar("select energy.train_archetype('homes', '{\"max_rows\": 20000, \"trees\": {\"rounds\": 20}}')")
            .fetch_one(&mut *work)
            .await
            .unwrap();
    query("select edf.approve_model(model_id) from unnest(array[$1, $2]) as model_id")
        .bind(own)
        .bind(shared)
        .execute(&mut *work)
        .await
        .unwrap();
    name(&mut work, &serde_json::json!([])).await;
    for (stage, source, model, regressor) in
        [("archetype", "archetype", shared, "price"), ("own", "model", own, "units_planned")]
    {
        query(
            "insert into energy.building_stages values ($1, $2, now(), 100, false, 'a test', '{}', now())
             on conflict (building_id) do update set stage = excluded.stage",
        )
        .bind(BUILDING)
        .bind(stage)
        .execute(&mut *work)
        .await
        .unwrap();
        query("delete from energy.forecast_slots where building_id = $1 and slot_at = '2017-07-29 05:00Z'")
            .bind(BUILDING)
            .execute(&mut *work)
            .await
            .unwrap();
        query("delete from energy.forecasts where building_id = $1 and issued_at = '2017-07-29 05:00Z'")
            .bind(BUILDING)
            .execute(&mut *work)
            .await
            .unwrap();
        work.execute(issuing(Some("2017-07-29 05:00Z"))).await.unwrap();
        let served: Vec<(String, Option<i64>, i64)> = query_as(
            "select source, model_id, count(*) from energy.forecasts
             where building_id = $1 and issued_at = '2017-07-29 05:00Z' group by 1, 2",
        )
        .bind(BUILDING)
        .fetch_all(&mut *work)
        .await
        .unwrap();
        assert_eq!(served, [(source.to_owned(), Some(model), 72)]);
        let names: Vec<String> =
            query_scalar("select energy.served_regressors($1)").bind(BUILDING).fetch_one(&mut *work).await.unwrap();
        assert_eq!(names, [regressor], "{stage}");
    }
    // The analysts' queries, one for each of the two models.
    let queries: (String, String) = query_as(
        "select energy.forecast_query($1, '2017-07-29 05:00Z', '72 hours'),
             energy.forecast_query($1, '2017-07-29 05:00Z', '72 hours', energy.approved_regressors($1, true))",
    )
    .bind(BUILDING)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(queries.0.contains("units_planned") && !queries.0.contains("price"), "{}", queries.0);
    assert!(queries.1.contains("price") && !queries.1.contains("units_planned"), "{}", queries.1);
}

#[tokio::test]
async fn a_regressor_known_only_afterwards_does_not_improve_the_backtest() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add_plan(&mut work, "-2 hours").await;
    name(&mut work, &serde_json::json!([])).await;
    let (_, without) = trained(&mut work).await;
    name(&mut work, &serde_json::json!(["units_planned"])).await;
    let (_, with) = trained(&mut work).await;
    assert!(with > 0.9 * without, "{without} kWh without, {with} kWh with unknown values");
}

/// What a training row reads that simulates a forecast issued at noon of 18 July for noon of the 20th.
async fn read(work: &mut PgConnection) -> Vec<(String, Option<f64>)> {
    query_as(
        "select feature, value from edf.features(
             energy.training_query($1, energy.clock()), '{}', '72 hours', '2017-07-18 12:00Z',
                 energy.regressor_forecasts_query($1, energy.clock()))
         where valid_at = '2017-07-20 12:00Z' and feature in ('price', 'units_planned') order by feature",
    )
    .bind(BUILDING)
    .fetch_all(work)
    .await
    .unwrap()
}

async fn add(work: &mut PgConnection, rows: &[(&str, bool, &str, f64)]) {
    for (name, is_own, received, value) in rows {
        query(
            "insert into raw.regressors (name, region, building_id, valid_at, received_at, value)
             select $2, case when not $3 then region end, case when $3 then building_id end, '2017-07-20 12:00Z',
                 $4::text::timestamptz, $5
             from raw.buildings where building_id = $1",
        )
        .bind(BUILDING)
        .bind(name)
        .bind(is_own)
        .bind(received)
        .bind(value)
        .execute(&mut *work)
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_training_reads_the_known_version_and_prefers_the_building_over_its_region() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    name(&mut work, &serde_json::json!(["units_planned", "price"])).await;
    let row = |price, units| vec![("price".to_owned(), price), ("units_planned".to_owned(), units)];
    add(&mut work, &[("price", false, "2017-07-18 13:00Z", 99.0), ("units_planned", true, "2017-07-19 00:00Z", 98.0)])
        .await;
    assert_eq!(read(&mut work).await, row(None, None), "received after the issue");
    add(&mut work, &[("price", false, "2017-07-17 13:00Z", 40.0), ("units_planned", true, "2017-07-18 12:00Z", 3.0)])
        .await;
    assert_eq!(read(&mut work).await, row(Some(40.0), Some(3.0)));
    add(&mut work, &[("price", true, "2017-07-10 00:00Z", 50.0), ("price", false, "2017-07-18 11:00Z", 60.0)]).await;
    assert_eq!(read(&mut work).await, row(Some(50.0), Some(3.0)));
    add(&mut work, &[("units_planned", true, "2017-07-20 13:00Z", 97.0), ("price", true, "2017-07-25 00:00Z", 96.0)])
        .await;
    assert_eq!(read(&mut work).await, row(Some(50.0), Some(3.0)), "corrected since");
    // The query in service at the same time returns the same.
    let service: (Option<f64>, Option<f64>) = sqlx::query_as(AssertSqlSafe(format!(
        "select price, units_planned from ({}) as inputs where valid_at = '2017-07-20 12:00Z'",
        query_scalar::<_, String>(
            "select energy.building_inputs($1, '2017-07-18 12:00Z', '2017-07-18 00:00Z', '2017-07-21 00:00Z')"
        )
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap()
    )))
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert_eq!(service, (Some(50.0), Some(3.0)));
}

#[tokio::test]
async fn invalid_regressor_values_are_rejected_on_write() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let mut analyst = as_role("analyst").await;
    let insert = |columns: &str, values: &str| format!("insert into raw.regressors ({columns}) values ({values})");
    let own = "name, building_id, valid_at, value";
    work.execute("set local role analyst").await.unwrap();
    work.execute(AssertSqlSafe(insert(own, "'price', 'homes-1-4', '2017-07-20 12:00Z', 1"))).await.unwrap();
    work.rollback().await.unwrap();
    for (columns, values) in [
        (own, "'price', 'homes-1-4', '2017-07-20 12:30Z', 1"),
        (own, "'Price', 'homes-1-4', '2017-07-20 12:00Z', 1"),
        (own, "'price', 'homes-1-4', '2017-07-20 12:00Z', 'NaN'"),
        (own, "'price', 'homes-1-4', '2017-07-20 12:00Z', 9.96921e36"),
        ("name, valid_at, value", "'price', '2017-07-20 12:00Z', 1"),
        ("name, region, building_id, valid_at, value", "'price', 'x', 'homes-1-4', '2017-07-20 12:00Z', 1"),
    ] {
        assert_eq!(refusal(&mut analyst, &insert(columns, values)).await.code, "23514", "{values}");
    }
    let nowhere = insert(own, "'price', 'nowhere', '2017-07-20 12:00Z', 1");
    assert_eq!(refusal(&mut analyst, &nowhere).await.code, "23503");
    for (names, word) in [
        (r#"["temperature_c"]"#, "temperature_c"),
        (r#"["is_holiday"]"#, "is_holiday"),
        (r#"["Price"]"#, "lower-case"),
        (r#"["price", "price"]"#, "twice"),
        (r#""price""#, "array"),
    ] {
        let load = format!(
            "call energy.load_config(jsonb_set(energy.current_config(), '{{training,regressors}}', '{names}'))"
        );
        let refused = refusal(&mut analyst, &load).await;
        assert!(refused.code == "22023" && format!("{refused:?}").contains(word), "{names}: {refused:?}");
    }
}

/// Number of rows that the scans of `relation` read, including filtered ones, and number of temporary blocks written.
fn read_rows(plan: &Value, relation: &str) -> (f64, f64) {
    let number = |field: &str| plan[field].as_f64().unwrap_or(0.0);
    let own = match plan["Relation Name"].as_str() {
        Some(name) if name.starts_with(relation) => {
            (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops")
        }
        _ => 0.0,
    };
    let children = plan["Plans"].as_array().into_iter().flatten().map(|child| read_rows(child, relation));
    children.fold((own, number("Temp Written Blocks")), |(rows, temp), child| (rows + child.0, temp.max(child.1)))
}

async fn explained(work: &mut PgConnection, text: &str) -> (f64, f64) {
    let explain = format!("explain (analyze, buffers, format json) {text}");
    let plan: Value = query_scalar(AssertSqlSafe(explain)).fetch_one(work).await.unwrap();
    read_rows(&plan[0]["Plan"], "building_hours")
}

#[tokio::test]
async fn a_training_only_reads_the_hours_of_its_own_buildings() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let hours: i64 = query_scalar("select count(*) from energy.building_hours where building_id = $1")
        .bind(BUILDING)
        .fetch_one(&mut *work)
        .await
        .unwrap();
    let hours = hours as f64;
    // A fleet: with few buildings the planner may read the whole table.
    work.execute(raw_sql(
        "insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
         select 'fleet-' || n, 'a test', time_zone, region, latitude, longitude, weather_location_id
         from raw.buildings cross join generate_series(1, 40) as n where building_id = 'homes-1-4';
         insert into energy.building_hours
         select 'fleet-' || n, hour_at, consumption_kwh, solar_kwh, apartments_reporting, apartments_expected,
             coverage_share, quality, received_at
         from energy.building_hours cross join generate_series(1, 40) as n where building_id = 'homes-1-4';
         analyze energy.building_hours",
    ))
    .await
    .unwrap();
    for (call, buildings) in [
        ("select energy.training_query('homes-1-4', energy.clock())", 1.0),
        ("select energy.forecast_query('homes-1-4', energy.clock(), '72 hours')", 1.0),
        // A dbt mart, which reads the span first.
        ("select $$select * from features.fct_training_samples where building_id = 'homes-1-4'$$", 2.0),
        ("select energy.archetype_training_query('{homes-1-4,homes-5-8}', energy.clock())", 2.0),
    ] {
        let text: String = query_scalar(call).fetch_one(&mut *work).await.unwrap();
        let (rows, temporary) = explained(&mut work, &text).await;
        assert!(rows >= 1.0 && rows <= buildings * hours, "{rows} rows of {hours} were read: {call}");
        assert_eq!(temporary, 0.0, "{call}");
    }
}

#[tokio::test]
async fn buildings_at_one_location_read_its_weather_once() {
    let mut postgres = as_role("postgres").await;
    let text: String =
        query_scalar("select energy.archetype_training_query('{homes-1-4,homes-5-8,homes-9-13}', energy.clock())")
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!(text.matches("energy.weather_as_of(").count(), 1);
    let members: i64 =
        query_scalar(AssertSqlSafe(format!("select count(distinct building_id) from ({text}) as inputs")))
            .fetch_one(&mut postgres)
            .await
            .unwrap();
    assert_eq!(members, 3);
    // A building among others gives the same result as alone.
    let alone: String = query_scalar(
        "select format('select building_id::text, inputs.*, apartments
                        from (select %L as building_id, 4 as apartments) as building
                        cross join lateral (%s) as inputs',
                       'homes-1-4', energy.training_query('homes-1-4', energy.clock()))",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    let differing = format!(
        "select count(*) from (select * from ({text}) as many where building_id = 'homes-1-4' except {alone}) as rows"
    );
    assert_eq!(query_scalar::<_, i64>(AssertSqlSafe(differing)).fetch_one(&mut postgres).await.unwrap(), 0);
}
