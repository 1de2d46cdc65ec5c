//! `edf.explain`: contributions to forecasts, and `edf.feature_importance`: the importance of features.

use edf_tests::{DEMAND, QUICK, Throwaway, as_role, refusals, seed_demand, trained};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar};
use std::path::PathBuf;

/// Trains a strategy on a query and approves the model.
async fn approve(analyst: &mut PgConnection, subject: &str, strategy: &str, data: &str, parameters: &str) -> i64 {
    query_scalar("select edf.approve_model(edf.train($1, $2, strategy => $3, parameters => $4::jsonb))")
        .bind(subject)
        .bind(data)
        .bind(strategy)
        .bind(parameters)
        .fetch_one(analyst)
        .await
        .unwrap()
}

#[tokio::test]
async fn contributions_of_each_step_add_up_to_its_forecast_for_every_strategy() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    // Hours without weather among those ahead, and late demand.
    let patchy = "select at, case when at < '2026-02-13 20:00Z' then demand_kwh end,
        case when extract(hour from at) not in (3, 4) then temperature_c end as temperature_c from hourly";
    let members = format!(
        r#"{{"members": [{{"strategy": "lear"}}, {{"strategy": "lear", "parameters": {{"target": "log"}}}},
        {{"strategy": "xgboost", "parameters": {QUICK}}}]}}"#
    );
    let log = r#"{"rounds": 20, "target": "log"}"#;
    for (subject, strategy, parameters) in [
        ("naive", "seasonal_naive", "{}"),
        ("profile", "profile", "{}"),
        ("mstl", "mstl", "{}"),
        ("prophet", "prophet", "{}"),
        ("sarimax", "sarimax", r#"{"candidates": 3}"#),
        ("lear", "lear", "{}"),
        ("trees", "xgboost", QUICK),
        ("trees on a log", "xgboost", log),
        ("ensemble", "ensemble", &members),
        ("global", "global", r#"{"trees": {"rounds": 20}}"#),
    ] {
        approve(&mut analyst, subject, strategy, DEMAND, parameters).await;
        for data in [DEMAND, patchy] {
            let (steps, parts, apart): (i64, i64, f64) = query_as(
                "select count(*), min(parts), max(abs(yhat - total) / greatest(abs(yhat), 1))
                 from edf.forecast($1, $2, issued_at => '2026-02-14 00:00Z') as f
                 join (select valid_at, lead_hours, sum(contribution) as total, count(*) as parts
                       from edf.explain($1, $2, issued_at => '2026-02-14 00:00Z') group by valid_at, lead_hours) as e
                     using (valid_at, lead_hours)",
            )
            .bind(subject)
            .bind(data)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
            assert!(steps == 72 && apart < 1e-6, "{subject}: {steps} steps, {apart} apart");
            assert!(parts >= if ["naive", "profile"].contains(&subject) { 1 } else { 3 }, "{subject}: {parts} parts");
        }
    }
    let roof = "select at, case when at < '2026-02-14' then
                    greatest(0, 5 * sin((extract(hour from at) - 6) / 12 * pi())) * (0.6 + 0.4 * sin(n)) end
            as generated_kwh, temperature_c
        from (select at, temperature_c, row_number() over (order by at) as n from hourly) as numbered";
    query(
        "select edf.approve_model(edf.train('roof', $1, 'solar', features => '{\"latitude\": 40, \"longitude\": 0}'))",
    )
    .bind(roof)
    .execute(&mut analyst)
    .await
    .unwrap();
    let (highest, apart): (f64, f64) = query_as(
        "select max(yhat), max(abs(yhat - total)) from edf.forecast('roof', $1)
         join (select valid_at, sum(contribution) as total from edf.explain('roof', $1) group by valid_at) as e
             using (valid_at)",
    )
    .bind(roof)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(highest > 1.0 && apart < 1e-6, "solar: {highest}, {apart}");
}

#[tokio::test]
async fn a_lower_temperature_changes_the_forecast_through_its_contribution() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    approve(&mut analyst, "house", "xgboost", DEMAND, r#"{"rounds": 100}"#).await;
    approve(&mut analyst, "line", "lear", DEMAND, "{}").await;
    let colder = "select at, demand_kwh, temperature_c - case when at >= '2026-02-14' then 4
                      else 0 end as temperature_c from hourly";
    for subject in ["house", "line"] {
        let (rise, by_weather, by_demand): (f64, f64, f64) = query_as(
            "with parts as (
                 select c.contribution - u.contribution as moved, feature ~ '^(hdd|cdd|temperature)' as of_weather,
                     feature ~ '^(newest|recent|rolling|same|lag)' as of_demand
                 from edf.explain($1, $2) as u full join edf.explain($1, $3) as c using (valid_at, feature)
             )
             select sum(moved), sum(moved) filter (where of_weather), sum(moved) filter (where of_demand) from parts",
        )
        .bind(subject)
        .bind(DEMAND)
        .bind(colder)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        // The demand has two kWh per hour for four degrees; trees on a linear base may give more at unseen
        // temperatures.
        assert!(rise > 70.0, "{subject}: {rise} kWh");
        assert!((by_weather - rise).abs() < 0.1 * rise, "{subject}: {by_weather} of {rise}");
        assert!(by_demand.abs() < 0.1 * rise, "{subject}: {by_demand} of {rise}");
    }
}

#[tokio::test]
async fn a_pending_model_is_explained_by_id_and_unsupported_models_are_rejected() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first = trained(&mut analyst, "house").await;
    let pending: i64 =
        query_scalar("select edf.train('house', $1, 'lear')").bind(DEMAND).fetch_one(&mut analyst).await.unwrap();
    let differ: bool = query_scalar(
        "select (select sum(contribution) from edf.explain('house', $1)) <> (select sum(contribution)
         from edf.explain('house', $1, model_id => $2))",
    )
    .bind(DEMAND)
    .bind(pending)
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    assert!(differ);
    trained(&mut analyst, "house").await;
    analyst.execute(AssertSqlSafe(format!("select edf.empty_model({first}, 'old')"))).await.unwrap();
    // Trees of an earlier release.
    let golden = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("../extension/core/tests/golden/format-5/xgboost.edfm");
    let old: i64 = query_scalar(
        "select edf.register_model('old', 'xgboost', $1, '{}', '{}', '{}', '2024-01-01Z', '2024-03-03 12:00Z', 1500,
             '{}')",
    )
    .bind(std::fs::read(golden).unwrap())
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    let hours = "select at, case when n <= 1600 then 8.0 end, 8.0 as temperature_c, 0.0 as is_holiday
                 from generate_series(''2024-01-01Z''::timestamptz, ''2024-03-08 15:00Z'', ''1 hour'')
                 with ordinality as hours (at, n)";
    refusals(
        &mut analyst,
        &[
            ("42704", "select edf.explain('shed', 'select 1')"),
            ("42704", "select edf.explain('house', 'select 1', model_id => 987654321)"),
            ("42704", &format!("select edf.explain('shed', 'select 1', model_id => {pending})")),
            ("55000", &format!("select edf.explain('house', '{DEMAND}', model_id => {first})")),
            ("22023", &format!("select edf.explain('house', '{DEMAND}', '4 days')")),
            ("22023", "select edf.explain('house', 'select at, demand_kwh from hourly')"),
            ("22004", "select edf.explain(null, 'select 1')"),
            ("22004", "select edf.explain('house', null)"),
            ("22004", "select edf.contributions(null, null, null, null)"),
            ("XX001", &format!("select edf.contributions('\\x00', edf.series_of('{DEMAND}'), '1 hour', null)")),
            ("0A000", &format!("select edf.explain('old', '{hours}', '24 hours', model_id => {old})")),
            ("0A000", &format!("select edf.feature_importance({old})")),
            ("42704", "select edf.feature_importance(987654321)"),
            ("22004", "select edf.feature_importance(null)"),
        ],
    )
    .await;
}

#[tokio::test]
async fn importance_ranks_the_features_by_effect() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let trees = trained(&mut analyst, "house").await;
    let panel: i64 = query_scalar(
        "select edf.train_global('houses', 'select building, at, demand_kwh * size, temperature_c, size::float8 as size
             from hourly cross join (values (''a'', 1), (''b'', 2), (''c'', 3)) as buildings (building, size)',
             '{\"size\": \"size\", \"trees\": {\"rounds\": 20}}')",
    )
    .fetch_one(&mut analyst)
    .await
    .unwrap();
    for model in [trees, panel] {
        let (features, shares, falling, heating, unknown): (i64, f64, bool, f64, i64) = query_as(
            "select count(*), sum(share), bool_and(mean_contribution <= before),
                 sum(share) filter (where feature ~ '^(hdd|temperature)'),
                 count(*) filter (where feature <> all (feature_names) and feature not like '(%)')
             from (select *, lag(mean_contribution, 1, 'infinity') over () as before
             from edf.feature_importance($1)) as ranked
             join edf.models on model_id = $1",
        )
        .bind(model)
        .fetch_one(&mut analyst)
        .await
        .unwrap();
        assert!(
            features > 10 && (shares - 1.0).abs() < 1e-9 && falling && unknown == 0,
            "{features} {shares} {falling} {unknown}"
        );
        assert!((0.01..0.9).contains(&heating), "{heating}");
    }
}

#[tokio::test]
async fn an_analyst_can_train_and_explain_without_the_right_to_approve() {
    let mut analyst = as_role("analyst").await;
    let mut work = analyst.begin().await.unwrap();
    let hours = "select at, case when at < '2026-02-14Z' then 5 + sin(extract(hour from at)) +
                     mod(extract(day from at)::int, 3) end as kwh
        from generate_series('2026-01-05Z'::timestamptz, '2026-02-15Z', '1 hour') as at";
    let model: i64 =
        query_scalar("select edf.train('a test', $1, 'lear')").bind(hours).fetch_one(&mut *work).await.unwrap();
    let (hours, features): (i64, i64) = query_as(
        "select (select count(distinct valid_at) from edf.explain('a test', $1, '24 hours', model_id => $2)),
             (select count(*) from edf.feature_importance($2))",
    )
    .bind(hours)
    .bind(model)
    .fetch_one(&mut *work)
    .await
    .unwrap();
    assert!(hours == 24 && features > 10, "{hours} {features}");
    work.rollback().await.unwrap();
}
