//! Model approval: who decides, by which rule, and the provenance of every forecast.
//!
//! Each test uses a copy of the deployed database with quick models.

use edf_tests::{Throwaway, approver, as_role, configure, connect, deployment, refusal, refusals};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};

/// Trains a building by the pipeline in one call; returns the pending model.
async fn trained_by(role: &str, copy: &Throwaway, building: &str) -> i64 {
    query_scalar("select energy.train_model($1)")
        .bind(building)
        .fetch_one(&mut connect(role, &copy.name).await)
        .await
        .unwrap()
}

type Outcome = (i64, String, bool, Option<String>);

async fn approve(session: &mut PgConnection, arguments: &str) -> Vec<Outcome> {
    let call = format!("select model_id, subject, approved, problem from energy.approve_models('a test'{arguments})");
    query_as(AssertSqlSafe(call)).fetch_all(session).await.unwrap()
}

async fn status(session: &mut PgConnection, model: i64) -> String {
    query_scalar("select status from edf.models where model_id = $1").bind(model).fetch_one(session).await.unwrap()
}

#[tokio::test]
async fn a_second_person_approves_models_also_in_bulk_by_filter() {
    let (copy, mut postgres) = deployment().await;
    let older = trained_by("pipeline", &copy, "homes-1-4").await;
    let newer = trained_by("pipeline", &copy, "homes-1-4").await;
    let other = trained_by("analyst", &copy, "homes-5-8").await;
    let damaged = trained_by("pipeline", &copy, "homes-9-13").await;
    for role in ["pipeline", "analyst", "dashboard"] {
        let mut session = connect(role, &copy.name).await;
        for call in ["select * from energy.approve_models('me')", "select energy.rollback_model('homes-1-4', 'me')"] {
            assert_eq!(refusal(&mut session, call).await.code, "42501", "{role}: {call}");
        }
    }

    // The person who trained it may have the role too, but cannot approve it.
    postgres.execute("begin; grant edf_approver to analyst, pipeline").await.unwrap();
    postgres.execute("set local session authorization analyst; set local role edf_approver").await.unwrap();
    let refused = approve(&mut postgres, ", subjects => '{homes-5-8}'").await;
    assert!(refused.len() == 1 && !refused[0].2, "{refused:?}");
    assert!(refused[0].3.as_ref().unwrap().contains("a second person must approve it"), "{refused:?}");
    let allowed = approve(&mut postgres, ", subjects => '{homes-1-4}'").await;
    assert!(allowed.len() == 1 && allowed[0].2, "{allowed:?}");
    postgres.execute("rollback").await.unwrap();
    postgres.execute("reset session authorization").await.unwrap();
    let asked: i64 = {
        let mut analyst = connect("analyst", &copy.name).await;
        analyst.execute("select energy.queue_trainings('{homes-14-17}', reason => 'a look')").await.unwrap();
        connect("pipeline", &copy.name).await.execute("call energy.work_on_trainings()").await.unwrap();
        query_scalar("select model_id from energy.training_runs").fetch_one(&mut analyst).await.unwrap()
    };
    // Rejected by the gate: the strategy is seasonal naive itself.
    assert_eq!(status(&mut postgres, asked).await, "rejected");

    postgres
        .execute(AssertSqlSafe(format!(
            "set session_replication_role = replica;
             update edf.models set artifact = set_byte(artifact, 300, 255 - get_byte(artifact, 300))
             where model_id = {damaged};
             set session_replication_role = origin"
        )))
        .await
        .unwrap();
    let mut approver = approver(&copy.name).await;
    refusals(
        &mut approver,
        &[("22023", "select energy.approve_models(' ')"), ("22023", "select energy.approve_models(null)")],
    )
    .await;
    let all = approve(&mut approver, "").await;
    let by_model: Vec<(i64, bool)> = all.iter().map(|row| (row.0, row.2)).collect();
    assert_eq!(by_model, [(newer, true), (other, true), (damaged, false)]);
    assert!(all[2].3.as_ref().unwrap().contains("checksum"), "{all:?}");
    assert_eq!(status(&mut approver, older).await, "pending", "of each subject the newest");
    let again = approve(&mut approver, &format!(", model_ids => '{{{newer}}}'")).await;
    assert!(again.len() == 1 && again[0].3.as_ref().unwrap().contains("is already approved"), "{again:?}");
    let event: (String, String, String) = query_as(
        "select happened_by, session_role, reason from edf.model_events where model_id = $1 and event = 'approved'",
    )
    .bind(newer)
    .fetch_one(&mut approver)
    .await
    .unwrap();
    assert_eq!(event, ("edf_approver".to_owned(), "postgres".to_owned(), "a test".to_owned()));

    let next = trained_by("pipeline", &copy, "homes-1-4").await;
    assert!(approve(&mut approver, ", subjects => '{homes-1-4}'").await[0].2);
    let back: i64 = query_scalar("select energy.rollback_model('homes-1-4', 'too high since Monday')")
        .fetch_one(&mut approver)
        .await
        .unwrap();
    assert_eq!((back, status(&mut approver, next).await.as_str()), (newer, "retired"));
    let rejected: Vec<i64> = query_scalar("select model_id from energy.reject_models('superseded', '{homes-1-4}')")
        .fetch_all(&mut approver)
        .await
        .unwrap();
    assert_eq!(rejected, [older]);
    let none: Vec<i64> =
        query_scalar("select model_id from energy.reject_models('all')").fetch_all(&mut approver).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn one_person_can_approve_if_the_configuration_allows_it() {
    let (copy, mut postgres) = deployment().await;
    let model = trained_by("postgres", &copy, "homes-1-4").await;
    assert!(!approve(&mut postgres, "").await[0].2);
    configure(&mut postgres, "governance,second_person", "false").await;
    assert_eq!(approve(&mut postgres, "").await[0].0, model);
    assert_eq!(status(&mut postgres, model).await, "approved");
}

#[tokio::test]
async fn every_forecast_can_be_traced_even_after_its_artifact_is_deleted() {
    let (copy, mut postgres) = deployment().await;
    let mut approver = approver(&copy.name).await;
    let mut models = Vec::new();
    for slot in ["2017-07-29 03:00Z", "2017-07-29 04:00Z", "2017-07-29 05:00Z"] {
        models.push(trained_by("pipeline", &copy, "homes-1-4").await);
        assert!(approve(&mut approver, "").await[0].2);
        let issue = format!("call energy.issue_forecasts('{slot}')");
        connect("pipeline", &copy.name).await.execute(AssertSqlSafe(issue)).await.unwrap();
    }
    let refused = trained_by("pipeline", &copy, "homes-1-4").await;
    query("select edf.reject_model($1, 'a test')").bind(refused).execute(&mut postgres).await.unwrap();

    let lineage = "
        select array_agg(distinct model_id order by model_id),
            bool_and(model_checksum is not null and training_rows > 0 and trained_by = 'pipeline'
                   and approved_by = 'edf_approver' and approved_because = 'a test' and approved_at <= created_at
                   and training_config_id = config_id and config_checksum is not null and made_with_edf = '0.2.0'
                       and trained_with_code = made_with_code
                   and weather_location_id is not null and weather_issued_at <= issued_at),
            count(*), array_agg(distinct model_id) filter (where model_is_emptied)
        from energy.forecast_lineage where building_id = 'homes-1-4'";
    let mut dashboard = connect("dashboard", &copy.name).await;
    let found: (Vec<i64>, bool, i64, Option<Vec<i64>>) = query_as(lineage).fetch_one(&mut dashboard).await.unwrap();
    assert_eq!(found, (models.clone(), true, 216, None));

    // The first is older than the retained ones; rejected models are retained for some months only.
    configure(&mut postgres, "governance,retention", r#"{"keep_months": 0, "keep_last": 1}"#).await;
    postgres.execute("call energy.apply_retention()").await.unwrap();
    let found: (Vec<i64>, bool, i64, Option<Vec<i64>>) = query_as(lineage).fetch_one(&mut dashboard).await.unwrap();
    assert_eq!((found.0, found.2, found.3), (models.clone(), 216, Some(vec![models[0]])));
    let emptied: Vec<(i64, String)> =
        query_as("select model_id, reason from edf.model_events where event = 'emptied' order by model_id")
            .fetch_all(&mut dashboard)
            .await
            .unwrap();
    assert_eq!(emptied.iter().map(|row| row.0).collect::<Vec<_>>(), [models[0], refused]);
    assert!(emptied[0].1.starts_with("governance.retention of configuration"), "{emptied:?}");
    let back: i64 =
        query_scalar("select energy.rollback_model('homes-1-4', 'a test')").fetch_one(&mut approver).await.unwrap();
    assert_eq!(back, models[1], "the last that was retired is kept for a rollback");
    assert_eq!(refusal(&mut approver, "select energy.rollback_model('homes-1-4', 'further')").await.code, "55000");
}

#[tokio::test]
async fn a_model_card_is_complete() {
    let (copy, mut postgres) = deployment().await;
    let model = trained_by("pipeline", &copy, "homes-1-4").await;
    let card = |model: i64| format!("select energy.model_card({model})");
    let mut analyst = connect("analyst", &copy.name).await;
    let pending: String = query_scalar(AssertSqlSafe(card(model))).fetch_one(&mut analyst).await.unwrap();
    assert!(pending.contains("It fails evaluation.gate: RMSE is 1.000 of seasonal naive's"), "{pending}");
    assert!(approve(&mut approver(&copy.name).await, "").await[0].2);
    connect("pipeline", &copy.name).await.execute("call energy.issue_forecasts('2017-07-29 05:00Z')").await.unwrap();
    // One day later some actuals are known.
    postgres
        .execute(
            "insert into energy.building_hours select building_id, valid_at, yhat + 1, 0, 4, 4, 1, 'measured',
                 valid_at from energy.forecasts where lead_hours <= 24",
        )
        .await
        .unwrap();
    let approved: String = query_scalar(AssertSqlSafe(card(model))).fetch_one(&mut analyst).await.unwrap();
    for part in [
        &*format!("# Model {model}: homes-1-4"),
        "| status | approved |",
        "| strategy | seasonal_naive |",
        "UTC by pipeline, with edf 0.2.0, code ",
        "| this model | 1 | ",
        "| (history) | ",
        "It has forecast 72 hours; demand is known for 24: RMSE 1.000 kWh",
        "| approved | edf_approver (logged in as postgres) | a test |",
        "## Limits",
    ] {
        assert!(approved.contains(part), "{part}\n{approved}");
    }
    assert!(!approved.contains("evaluation.gate"));
    // Every line of a table has as many cells as its first.
    for table in approved.split("\n\n").filter(|part| part.starts_with('|')) {
        let cells: Vec<usize> =
            table.lines().map(|line| line.matches(" |").count().max(line.matches("---|").count())).collect();
        assert!(cells.iter().all(|count| *count == cells[1]), "{table}");
    }
    refusals(
        &mut analyst,
        &[("42704", "select energy.model_card(987654321)"), ("42704", "select energy.model_card(null)")],
    )
    .await;
}

#[tokio::test]
async fn a_deployment_is_recorded_once_per_code_version() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let count = "select count(*) from energy.deployments";
    let before: i64 = query_scalar(count).fetch_one(&mut *work).await.unwrap();
    assert!(before > 0);
    work.execute("select energy.record_deployment()").await.unwrap();
    assert_eq!(query_scalar::<_, i64>(count).fetch_one(&mut *work).await.unwrap(), before);
    work.execute(raw_sql(
        "create function energy.a_test() returns int language sql as 'select 1'; select energy.record_deployment()",
    ))
    .await
    .unwrap();
    assert_eq!(query_scalar::<_, i64>(count).fetch_one(&mut *work).await.unwrap(), before + 1);
}

#[tokio::test]
async fn configured_gate_limits_are_enforced_and_reported() {
    let (copy, mut postgres) = deployment().await;
    let model = trained_by("pipeline", &copy, "homes-1-4").await;
    let failures = format!("select to_jsonb(energy.gate_failures({model}))");
    for (path, value, expected) in [
        ("evaluation,gate,max_rmse_ratio", "1", None),
        ("evaluation,gate,max_mape_pct", "1", Some(" %, at most 1 % is allowed")),
        ("evaluation,gate,max_mape_pct", "null", None),
        ("evaluation,gate,max_rmse_kwh", "0.01", Some(" kWh, at most 0.01 kWh is allowed")),
        ("evaluation,gate,max_rmse_kwh", "1000", None),
        ("evaluation,gate,min_coverage_pct", "99.9", Some("at least 99.9 % is required")),
    ] {
        configure(&mut postgres, path, value).await;
        let found: Value = query_scalar(AssertSqlSafe(&*failures)).fetch_one(&mut postgres).await.unwrap();
        let found: Vec<String> = serde_json::from_value(found).unwrap();
        match expected {
            None => assert!(found.is_empty(), "{path} {value}: {found:?}"),
            Some(text) => assert!(found.len() == 1 && found[0].ends_with(text), "{path} {value}: {found:?}"),
        }
    }
}
