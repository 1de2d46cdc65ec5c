//! Cold starts: a building without its own model is forecast by the model of its archetype.
//!
//! Each test uses a copy of the deployed database, since training all buildings commits.

use edf_tests::{as_role, connect, deployment, refusal, refusals};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar, raw_sql};

/// Adds a building of an archetype with this many apartments and no hours.
pub async fn add(postgres: &mut PgConnection, building: &str, archetype: &str, time_zone: &str, apartments: i32) {
    let add = format!(
        "insert into raw.buildings
         select '{building}', 'New', '{time_zone}', region, latitude, longitude, weather_location_id, '{archetype}'
         from raw.buildings where building_id = 'homes-1-4';
         insert into raw.apartments select '{building}', 'flat-' || n from generate_series(1, {apartments}) as n"
    );
    postgres.execute(raw_sql(AssertSqlSafe(add))).await.unwrap();
}

/// Copies the last days of a building's hours.
pub async fn add_hours(postgres: &mut PgConnection, building: &str, days: i32, factor: f64) {
    let add = format!(
        "insert into energy.building_hours
         select '{building}', hour_at, consumption_kwh * {factor}, 0, 4, 4, 1, 'measured', received_at
         from energy.building_hours where building_id = 'homes-1-4'
             and hour_at >= energy.clock() - interval '{days} days'"
    );
    postgres.execute(AssertSqlSafe(add)).await.unwrap();
}

#[tokio::test]
async fn each_archetype_of_two_buildings_or_more_is_trained_last_and_gated() {
    let (copy, mut postgres) = deployment().await;
    for (building, time_zone) in [("here", "Etc/GMT+8"), ("nearby", "Etc/GMT+8"), ("there", "Europe/Zurich")] {
        add(&mut postgres, building, "scattered", time_zone, 4).await;
        add_hours(&mut postgres, building, 40, 1.0).await;
    }
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute("call energy.train_models()").await.unwrap();

    let runs: Vec<(String, String, String, String)> = query_as(
        "select coalesce(building_id, 'archetype ' || archetype), status, concat_ws(' ', sqlstate, message),
             coalesce(hint, '')
         from energy.job_runs where building_id like 'homes-%' or archetype is not null order by job_run_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    let names: Vec<&str> = runs.iter().map(|run| run.0.as_str()).collect();
    let homes = ["homes-1-4", "homes-14-17", "homes-5-8", "homes-9-13"];
    assert_eq!(names, [&homes[..], &["archetype homes", "there", "archetype scattered"]].concat());
    // A building in another time zone is excluded from its archetype's model and reported; the others are in it.
    assert!(runs.iter().all(|run| (run.1 == "succeeded") == (run.0 != "there")), "{runs:?}");
    let (_, status, message, hint) = &runs[5];
    assert!(status == "failed" && message.starts_with("22023") && hint.contains("an archetype of its own"), "{runs:?}");
    assert!(
        message.contains("is in time zone Europe/Zurich, but the model of its archetype \"scattered\" uses Etc/GMT+8"),
        "{message}"
    );

    let models: Vec<(String, String, String, String, bool)> = query_as(
        "select trainings.archetype, subject, strategy, status, config_id = energy.current_config_id()
         from energy.trainings join edf.models using (model_id) where building_id is null order by 1",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    let (archetype, subject, strategy, status, is_current) = &models[0];
    assert_eq!([archetype, subject, strategy, status], ["homes", "archetype:homes", "global", "pending"]);
    assert!(models.len() == 2 && *is_current, "{models:?}");

    let (hours, of_naive, rmse, naive_rmse): (i64, i64, f64, f64) = query_as(
        "select model.n, rival.n, model.rmse_kwh, rival.rmse_kwh
         from edf.models
         join energy.model_scores as model on model.model_id = models.model_id and model.strategy = 'global'
         join energy.model_scores as rival on rival.model_id = models.model_id and rival.strategy = 'seasonal_naive'
         where subject = 'archetype:homes' and model.lead_day = 0 and rival.lead_day = 0",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert!(
        hours >= of_naive && of_naive > 0 && rmse > 0.0 && naive_rmse > 0.0,
        "{hours} {of_naive} {rmse} {naive_rmse}"
    );

    let status = "select status from edf.models where subject = 'archetype:homes'";
    pipeline.execute("call energy.gate_models()").await.unwrap();
    assert_eq!(query_scalar::<_, String>(status).fetch_one(&mut pipeline).await.unwrap(), "pending");
    let strict = "call energy.load_config(jsonb_set(energy.current_config(),
                      '{evaluation,gate,max_newcomer_rmse_ratio}', '0.01'))";
    postgres.execute(strict).await.unwrap();
    pipeline.execute("call energy.gate_models()").await.unwrap();
    let reason: String = query_scalar(
        "select reason from edf.model_events join edf.models using (model_id)
         where subject = 'archetype:homes' and event = 'rejected'",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert!(reason.starts_with("gate: RMSE is 0.") && !reason.contains("interval"), "{reason}");
}

/// Rows, mean of the forecast, narrowest interval, model and archetype of a building's forecast.
async fn forecast(
    connection: &mut PgConnection,
    building: &str,
    issued_at: &str,
) -> (i64, f64, f64, i64, Option<String>) {
    query_as(
        "select count(*), avg(yhat), min(yhat_upper - yhat_lower), max(model_id), max(archetype)
         from energy.forecasts where building_id = $1 and issued_at = $2::timestamptz",
    )
    .bind(building)
    .bind(issued_at)
    .fetch_one(connection)
    .await
    .unwrap_or_else(|error| panic!("{building}: {error}"))
}

#[tokio::test]
async fn a_building_uses_its_archetypes_model_until_it_has_its_own() {
    let (copy, mut postgres) = deployment().await;
    postgres.execute("select edf.approve_model(energy.train_archetype('homes'), 'a test')").await.unwrap();
    for (building, archetype, time_zone, apartments) in [
        ("new-4", "homes", "Etc/GMT+8", 4),
        ("new-12", "homes", "Etc/GMT+8", 12),
        ("thirsty", "homes", "Etc/GMT+8", 4),
        ("stranger", "castles", "Etc/GMT+8", 1),
        ("no-flats", "homes", "Etc/GMT+8", 0),
        ("abroad", "homes", "Europe/Zurich", 4),
    ] {
        add(&mut postgres, building, archetype, time_zone, apartments).await;
    }
    // New apartments make the refresh recompute their building's hours; these hours are inserted without readings.
    postgres.execute("call energy.refresh_building_hours()").await.unwrap();
    add_hours(&mut postgres, "thirsty", 3, 5.0).await;
    let mut pipeline = connect("pipeline", &copy.name).await;
    pipeline.execute("call energy.issue_forecasts('2017-07-29 04:00Z')").await.unwrap();

    let model: i64 = query_scalar("select model_id from edf.models where status = 'approved'")
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    let per_apartment: f64 = query_scalar(
        "select avg(consumption_kwh / apartments_expected) from energy.building_hours
         where building_id like 'homes-%' and hour_at >= energy.clock() - interval '7 days'",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    let mut means = Vec::new();
    for (building, apartments) in [("new-4", 4.0), ("new-12", 12.0), ("thirsty", 4.0)] {
        let (hours, mean, narrowest, by, archetype) = forecast(&mut pipeline, building, "2017-07-29 04:00Z").await;
        assert_eq!((hours, by, archetype.as_deref()), (72, model, Some("homes")), "{building}");
        // Three days of five times the demand outweigh the prior of the apartments.
        let share = mean / apartments / per_apartment / if building == "thirsty" { 4.0 } else { 1.0 };
        assert!((0.6..1.6).contains(&share) && narrowest > 0.1 * mean, "{building}: {share}, {narrowest}");
        means.push(mean);
    }
    assert!((2.7..3.3).contains(&(means[1] / means[0])), "{means:?}");
    // Nothing is known of the first building, three days of the others.
    let confidences: Vec<f64> = query_scalar(
        "select avg(confidence) from energy.forecasts
         where building_id in ('new-4', 'thirsty') and issued_at = '2017-07-29 04:00Z'
         group by building_id order by building_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    assert!((0.4..0.51).contains(&confidences[0]) && confidences[1] > confidences[0] + 0.05, "{confidences:?}");

    let failures: Vec<(String, String, String, String)> = query_as(
        "select building_id, sqlstate, message, hint from energy.job_runs
         where job_name = 'issue_forecasts' and building_id in ('stranger', 'no-flats', 'abroad') order by building_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    for ((building, sqlstate, message, hint), (name, code, says, advice)) in failures.iter().zip([
        ("abroad", "22023", "uses Etc/GMT+8", "an archetype of its own"),
        ("no-flats", "22000", "has no apartments", "raw.apartments"),
    ]) {
        assert_eq!((building.as_str(), sqlstate.as_str()), (name, code));
        assert!(message.contains(says) && hint.contains(advice), "{message} {hint}");
    }
    assert_eq!(failures.len(), 2);
    let stranger = refusal(&mut pipeline, "select energy.model_of_building('stranger')").await;
    assert!(
        stranger.message.contains("neither building \"stranger\" nor its archetype \"castles\"")
            && stranger.hint.contains("energy.train_archetype('castles')"),
        "{stranger:?}"
    );
    // A building without a model still gets a plan.
    let planned: Vec<(String, i64)> = query_as(
        "select building_id, count(*) from energy.forecasts
         where source = 'design' and issued_at = '2017-07-29 04:00Z' group by building_id order by building_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(planned, ["abroad", "no-flats", "stranger"].map(|building| (building.to_owned(), 72)));

    postgres
        .execute(raw_sql(
            r#"insert into energy.building_access values ('me', 'new-4'); set request.jwt.claims = '{"sub": "me"}';
               set role resident"#,
        ))
        .await
        .unwrap();
    let served: i64 = query_scalar("select count(*) from api.forecasts").fetch_one(&mut postgres).await.unwrap();
    assert_eq!(served, 71, "the hour of the issue is over");
    postgres.execute("reset role").await.unwrap();

    let by_archetype = forecast(&mut pipeline, "homes-5-8", "2017-07-29 04:00Z").await;
    assert_eq!((by_archetype.3, by_archetype.4.as_deref()), (model, Some("homes")));
    let own: i64 = query_scalar("select energy.train_model('homes-5-8')")
        .fetch_one(&mut connect("analyst", &copy.name).await)
        .await
        .unwrap();
    query("select edf.approve_model($1, 'a test')").bind(own).execute(&mut postgres).await.unwrap();
    pipeline.execute("call energy.issue_forecasts('2017-07-29 05:00Z')").await.unwrap();
    let (hours, _, _, by, archetype) = forecast(&mut pipeline, "homes-5-8", "2017-07-29 05:00Z").await;
    assert_eq!((hours, by, archetype), (72, own, None));
    assert_eq!(forecast(&mut pipeline, "new-4", "2017-07-29 05:00Z").await.3, model);
}

#[tokio::test]
async fn invalid_archetypes_are_rejected_and_no_building_can_have_their_name() {
    let mut postgres = as_role("postgres").await;
    refusals(
        &mut postgres,
        &[
            ("42704", "select energy.train_archetype('castles')"),
            ("42704", "select energy.train_archetype(null)"),
            ("42704", "select energy.model_of_building('nowhere')"),
        ],
    )
    .await;
    for (column, value) in [("archetype", ""), ("building_id", "archetype:building")] {
        let update = format!("update raw.buildings set {column} = '{value}' where building_id = 'homes-1-4'");
        assert_eq!(refusal(&mut postgres, &update).await.code, "23514", "{update}");
    }
}

#[tokio::test]
async fn archetype_training_only_reads_data_received_by_then() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    let inputs = "select string_agg(to_jsonb(p)::text, ',')
                  from edf.panel_of(energy.archetype_training_query(energy.archetype_members('homes',
                      '2017-07-28 05:00Z'), '2017-07-28 05:00Z')) as p";
    let before: String = query_scalar(inputs).fetch_one(&mut *work).await.unwrap();
    work.execute(raw_sql(
        "update energy.building_hours set consumption_kwh = 1e6, received_at = '2017-07-28 09:00Z'
         where received_at > '2017-07-28 05:00Z';
         update raw.weather_observations set temperature_c = 99, ghi_w_m2 = 9999
         where received_at > '2017-07-28 05:00Z'",
    ))
    .await
    .unwrap();
    let after: String = query_scalar(inputs).fetch_one(&mut *work).await.unwrap();
    assert!(before.len() > 100_000 && before == after);
}

#[tokio::test]
async fn a_building_with_too_little_history_for_evaluation_reports_that() {
    let mut postgres = as_role("postgres").await;
    let mut work = postgres.begin().await.unwrap();
    add(&mut work, "young", "homes", "Etc/GMT+8", 4).await;
    add_hours(&mut work, "young", 30, 1.0).await;
    let refused = refusal(&mut work, "select energy.train_model('young')").await;
    assert_eq!(refused.code, "22000", "{refused:?}");
    assert!(refused.message.contains("has hours from 2017-06-29") && refused.hint.contains("archetype"), "{refused:?}");
}
