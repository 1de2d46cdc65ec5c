//! The training queue: recorded steps, sessions that share it, failures, cancellation and kills.
//!
//! Each test uses a copy of the deployed database with quick models that pass the gate.

use crate::archetypes::{add, add_hours};
use edf_tests::{Refusal, Throwaway, approver, configure, connect, deployment, refusal, refusals, until_busy};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar};

async fn quick() -> (Throwaway, PgConnection, PgConnection) {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "1").await;
    configure(&mut postgres, "training,workers", "2").await;
    let pipeline = connect("pipeline", &copy.name).await;
    (copy, postgres, pipeline)
}

/// Building or archetype, state, step, attempt and message of each run.
async fn runs(session: &mut PgConnection) -> Vec<(String, String, String, i32, Option<String>)> {
    query_as(
        "select coalesce(building_id, archetype), state, coalesce(step, ''), attempt, message
         from energy.training_runs order by run_id",
    )
    .fetch_all(session)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_training_goes_through_its_steps_and_leaves_a_pending_model() {
    let (_copy, _postgres, mut pipeline) = quick().await;
    pipeline.execute("call energy.train_models('{homes-1-4}', reason => 'first of all')").await.unwrap();
    let steps: Vec<(String, String, Value)> =
        query_as("select step, outcome, details from energy.training_steps order by started_at")
            .fetch_all(&mut pipeline)
            .await
            .unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step.0.as_str()).collect();
    assert_eq!(names, ["validate", "features", "train", "evaluate", "check", "stress", "register"]);
    assert!(steps.iter().all(|step| step.1 == "succeeded"), "{steps:?}");
    assert!(
        steps[0].2["known_share"].as_f64().unwrap() > 0.9 && steps[1].2["inputs"].as_i64().unwrap() > 2000,
        "{steps:?}"
    );
    assert!(steps[3].2["seasonal_naive"]["rmse_kwh"].as_f64().unwrap() > 0.0, "{steps:?}");
    let run: (String, String, String, String, i64, String) = query_as(
        "select state, runs.reason, requested_by, models.status, trainings.config_id - energy.current_config_id(),
             trainings.recipe ->> 'strategy'
         from energy.training_runs as runs join edf.models using (model_id) join energy.trainings using (model_id)",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    let expected = ["registered", "first of all: it has no approved model", "pipeline", "pending"].map(str::to_owned);
    assert_eq!(([run.0, run.1, run.2, run.3], run.4, run.5.as_str()), (expected, 0, "seasonal_naive"));
    let rows: Vec<(Option<String>, String, i64, Option<String>)> = query_as(
        "select building_id, status, rows_written, message from energy.job_runs where job_name = 'train_models'
         order by job_run_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].0.as_deref(), rows[0].1.as_str(), rows[0].2), (Some("homes-1-4"), "succeeded", 1));
    assert!(rows[1].3.as_ref().unwrap().starts_with("1 of 1 done, 1 registered, 0 failed"), "{rows:?}");
}

#[tokio::test]
async fn a_model_that_misses_a_threshold_is_rejected_with_numbers_and_others_continue() {
    let (_copy, mut postgres, mut pipeline) = quick().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "0.9").await;
    add(&mut postgres, "young", "homes", "Etc/GMT+8", 4).await;
    add_hours(&mut postgres, "young", 5, 1.0).await;
    // The second is better than seasonal naive.
    pipeline.execute("select energy.queue_trainings('{young,homes-1-4}')").await.unwrap();
    pipeline.execute("select energy.queue_trainings('{homes-5-8}', strategy => 'lear')").await.unwrap();
    pipeline.execute("call energy.work_on_trainings()").await.unwrap();
    let found = runs(&mut pipeline).await;
    let states: Vec<(&str, &str, &str)> =
        found.iter().map(|run| (run.0.as_str(), run.1.as_str(), run.2.as_str())).collect();
    assert_eq!(
        states,
        [("homes-1-4", "failed", "check"), ("young", "failed", "validate"), ("homes-5-8", "registered", "register")],
        "{found:?}"
    );
    assert!(
        found[0].4.as_ref().unwrap().starts_with("gate: RMSE is 1.000 of seasonal naive's, at most 0.9"),
        "{found:?}"
    );
    assert!(found[1].4.as_ref().unwrap().contains("its evaluation needs hours from before"), "{found:?}");
    let models: Vec<(String, String, String)> = query_as(
        "select subject, status, coalesce(reason, '') from edf.models join edf.model_events using (model_id)
         where event = 'rejected' or status = 'pending' order by event_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    assert_eq!(models[0].1, "rejected");
    assert!(models[0].2.starts_with("gate: RMSE is 1.000"), "{models:?}");
    assert_eq!((models[1].0.as_str(), models[1].1.as_str()), ("homes-5-8", "pending"));
    let jobs: Vec<(String, String, Option<String>)> = query_as(
        "select building_id, status, sqlstate from energy.job_runs
         where job_name = 'train_models' and building_id is not null order by job_run_id",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    let row = |building: &str, status: &str, sqlstate: Option<&str>| {
        (building.to_owned(), status.to_owned(), sqlstate.map(str::to_owned))
    };
    assert_eq!(
        jobs,
        [
            row("homes-1-4", "succeeded", None),
            row("young", "failed", Some("22000")),
            row("homes-5-8", "succeeded", None)
        ]
    );
}

#[tokio::test]
async fn a_dry_run_lists_trainings_with_reasons_and_writes_nothing() {
    let (copy, mut postgres, mut pipeline) = quick().await;
    add(&mut postgres, "young", "homes", "Etc/GMT+8", 4).await;
    let mut analyst = connect("analyst", &copy.name).await;
    let plan = "select coalesce(building_id, 'archetype ' || archetype), will_train, reason, problem
                from energy.plan_trainings(";
    let all: Vec<(String, bool, String, Option<String>)> =
        query_as(AssertSqlSafe(format!("{plan})"))).fetch_all(&mut analyst).await.unwrap();
    let names: Vec<&str> = all.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(names, ["all-homes", "homes-1-4", "homes-14-17", "homes-5-8", "homes-9-13", "young", "archetype homes"]);
    assert!(all[1].1 && all[1].3.is_none() && all[1].2 == "it has no approved model", "{all:?}");
    assert!(all[5].3.as_ref().unwrap().contains("has no hours"), "{all:?}");
    analyst.execute("select energy.queue_trainings('{homes-1-4}')").await.unwrap();
    let some: Vec<(String, bool, String, Option<String>)> =
        query_as(AssertSqlSafe(format!("{plan}'{{homes-1-4,nowhere}}', parameters => '{{\"no_such\": 1}}')")))
            .fetch_all(&mut analyst)
            .await
            .unwrap();
    assert!(!some[0].1 && some[0].2.contains("is already queued"), "{some:?}");
    assert!(
        some[0].3.as_ref().unwrap().contains("no_such") && some[1].3.as_ref().unwrap().contains("there is no building"),
        "{some:?}"
    );
    let of_archetype: Vec<(String, bool, String, Option<String>)> =
        query_as(AssertSqlSafe(format!("{plan}archetypes => '{{homes}}')"))).fetch_all(&mut analyst).await.unwrap();
    assert!(of_archetype.iter().all(|row| row.0 != "all-homes") && of_archetype.len() == 6, "{of_archetype:?}");
    assert_eq!(runs(&mut pipeline).await.len(), 1, "only what was queued");
    refusals(
        &mut analyst,
        &[
            ("42704", "select energy.queue_trainings(strategy => 'magic')"),
            ("22023", "select energy.queue_trainings(parameters => '{\"no_such\": 1}')"),
            ("22023", "select energy.queue_trainings(features => '{\"lagz\": 1}')"),
        ],
    )
    .await;
    let queued: i64 =
        query_scalar("select queued from energy.queue_trainings('{homes-1-4}')").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(queued, 0, "it is queued already");
}

#[tokio::test]
async fn as_many_sessions_as_configured_share_the_queue() {
    let (copy, mut postgres, mut pipeline) = quick().await;
    for n in 1..=6 {
        let building = format!("more-{n}");
        add(&mut postgres, &building, "more", "Etc/GMT+8", 4).await;
        let hours = format!(
            "insert into energy.building_hours select '{building}', hour_at, consumption_kwh, 0, 4, 4, 1, 'measured',
                 received_at
             from energy.building_hours where building_id = 'homes-1-4'"
        );
        postgres.execute(AssertSqlSafe(hours)).await.unwrap();
    }
    // Long enough that both sessions get some.
    pipeline
        .execute(
            "select energy.queue_trainings(array(select 'more-' || n from generate_series(1, 6) as n),
                 strategy => 'lear')",
        )
        .await
        .unwrap();
    let mut sessions = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let name = copy.name.clone();
        sessions.spawn(async move {
            connect("pipeline", &name).await.execute("call energy.work_on_trainings()").await.unwrap()
        });
    }
    sessions.join_all().await;
    let found = runs(&mut pipeline).await;
    assert!(found.iter().all(|run| run.1 == "registered" && run.3 == 1), "{found:?}");
    let (workers, models): (i64, i64) =
        query_as("select count(distinct worker_pid), count(distinct model_id) from energy.training_runs")
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert_eq!((workers, models), (2, 6));

    // A third session exceeds the limit.
    configure(&mut postgres, "training,workers", "1").await;
    postgres
        .execute(
            "update energy.training_runs set state = 'running', changed_at = clock_timestamp()
             where building_id = 'more-1'",
        )
        .await
        .unwrap();
    pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
    let (status, message): (String, String) =
        query_as("select status, message from energy.job_runs order by job_run_id desc limit 1")
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert!(status == "skipped" && message.starts_with("1 sessions are already training"), "{status} {message}");
    assert_eq!(runs(&mut pipeline).await.last().unwrap().1, "queued", "what was asked for stays in the queue");
}

/// Queues a training of several minutes with priority, and starts a session that works on it.
async fn at_work(copy: &Throwaway, pipeline: &mut PgConnection) -> (i32, tokio::task::JoinHandle<Option<Refusal>>) {
    let queue = r#"select energy.queue_trainings('{homes-1-4}', strategy => 'xgboost',
                       parameters => '{"rounds": 10000, "max_depth": 12}')"#;
    pipeline.execute(queue).await.unwrap();
    pipeline.execute("select energy.queue_trainings('{homes-5-8}')").await.unwrap();
    let mut worker = connect("pipeline", &copy.name).await;
    let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut worker).await.unwrap();
    let work = tokio::spawn(async move {
        match worker.execute("call energy.work_on_trainings()").await {
            Ok(_) => None,
            Err(sqlx::Error::Database(error)) => Some(Refusal::from(sqlx::Error::Database(error))),
            Err(_) => None,
        }
    });
    loop {
        let step: Option<String> = query_scalar("select step from energy.training_runs where state = 'running'")
            .fetch_optional(&mut *pipeline)
            .await
            .unwrap()
            .flatten();
        if step.as_deref() == Some("train") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    until_busy(backend).await;
    (backend, work)
}

#[tokio::test]
async fn a_cancelled_training_is_recorded_and_leaves_the_queue() {
    let (copy, _postgres, mut pipeline) = quick().await;
    let (backend, work) = at_work(&copy, &mut pipeline).await;
    // Its row is locked by its session; cancelling does not wait for it.
    assert_eq!(
        refusal(&mut connect("dashboard", &copy.name).await, "select energy.cancel_trainings('x')").await.code,
        "42501"
    );
    pipeline.execute("set statement_timeout = '10s'").await.unwrap();
    let asked: i64 = query_scalar("select energy.cancel_trainings('not now', building_ids => '{homes-1-4}')")
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    assert_eq!(asked, 1);
    query("select pg_cancel_backend($1)").bind(backend).execute(&mut pipeline).await.unwrap();
    let refused = work.await.unwrap().unwrap();
    assert!(refused.code == "57014" && !refused.hint.is_empty(), "{refused:?}");
    let found = runs(&mut pipeline).await;
    assert_eq!(
        (found[0].1.as_str(), found[0].2.as_str(), found[1].1.as_str()),
        ("cancelled", "train", "queued"),
        "{found:?}"
    );
    let (status, sqlstate): (String, String) =
        query_as("select status, sqlstate from energy.job_runs where building_id = 'homes-1-4'")
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert_eq!((status.as_str(), sqlstate.as_str()), ("failed", "57014"));
    let cancelled: i64 =
        query_scalar("select energy.cancel_trainings('not today')").fetch_one(&mut pipeline).await.unwrap();
    assert_eq!(cancelled, 1);
    let found = runs(&mut pipeline).await;
    assert!(
        found[1].1 == "cancelled" && found[1].4.as_ref().unwrap() == "cancelled by pipeline: not today",
        "{found:?}"
    );
    let progress: (i64, i64, i64) =
        query_as("select sum(total)::bigint, sum(done)::bigint, sum(cancelled)::bigint from energy.training_progress")
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert_eq!(progress, (2, 2, 2));
    // No model remains that could be approved.
    let models: i64 = query_scalar("select count(*) from edf.models").fetch_one(&mut pipeline).await.unwrap();
    assert_eq!(models, 0);
}

#[tokio::test]
async fn a_killed_training_resumes_at_its_step_and_fails_at_the_third_kill() {
    let (copy, mut postgres, mut pipeline) = quick().await;
    let (backend, work) = at_work(&copy, &mut pipeline).await;
    query("select pg_terminate_backend($1)").bind(backend).execute(&mut postgres).await.unwrap();
    work.await.unwrap();
    // Within a minute it may be between two steps; the other one can be claimed.
    let none: (Option<i64>, Option<String>) =
        query_as("select run_id, refusal from energy.claim_training() where run_id is null")
            .fetch_optional(&mut pipeline)
            .await
            .unwrap()
            .unwrap_or((None, None));
    assert_eq!(none.1, None);
    let aged = "update energy.training_runs set changed_at = changed_at - interval '2 minutes' where state = 'running'";
    postgres
        .execute("update energy.training_runs set state = 'cancelled' where building_id = 'homes-5-8'")
        .await
        .unwrap();
    for attempt in 2..=3 {
        postgres.execute(aged).await.unwrap();
        let claim: (i64, i32) =
            query_as("select run_id, attempt from energy.claim_training()").fetch_one(&mut pipeline).await.unwrap();
        assert_eq!(claim.1, attempt);
        let found = runs(&mut pipeline).await;
        assert_eq!((found[0].1.as_str(), found[0].2.as_str()), ("running", "train"), "what was done is not done again");
        // The previous session would detect that its run was taken over.
        let stale: bool = query_scalar("select over from energy.run_training_step($1, $2)")
            .bind(claim.0)
            .bind(attempt - 1)
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
        assert!(stale);
    }
    postgres.execute(aged).await.unwrap();
    pipeline.execute("call energy.work_on_trainings()").await.unwrap();
    let found = runs(&mut pipeline).await;
    assert_eq!((found[0].1.as_str(), found[0].3), ("failed", 3), "{found:?}");
    assert!(found[0].4.as_ref().unwrap().contains("three sessions"), "{found:?}");
}

#[tokio::test]
async fn the_champion_is_scored_on_the_same_hours_and_a_configured_rule_approves_a_better_model() {
    let (copy, mut postgres, mut pipeline) = quick().await;
    pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
    let approved: i64 = query_scalar("select model_id from energy.approve_models('a test') where approved")
        .fetch_one(&mut approver(&copy.name).await)
        .await
        .unwrap();
    // The same recipe has the same scores, and is not better than itself.
    configure(&mut postgres, "evaluation,stress", "null").await;
    configure(&mut postgres, "governance,auto_approve", r#"{"min_improvement_pct": 2, "min_days": 7}"#).await;
    configure(&mut postgres, "evaluation,gate,max_champion_rmse_ratio", "1").await;
    pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
    let same: Vec<(String, f64)> = query_as(
        "select strategy, rmse_kwh from energy.overall_scores
         where model_id = (select max(model_id) from edf.models) order by strategy",
    )
    .fetch_all(&mut pipeline)
    .await
    .unwrap();
    assert!(same.len() == 2 && same[0].0 == "champion" && same[0].1 == same[1].1, "{same:?}");

    pipeline.execute("call energy.train_models('{homes-1-4}', strategy => 'lear')").await.unwrap();
    let (model, status, decided_by): (i64, String, Option<String>) =
        query_as("select model_id, status, decided_by from edf.models order by model_id desc limit 1")
            .fetch_one(&mut pipeline)
            .await
            .unwrap();
    assert_eq!((status.as_str(), decided_by.as_deref()), ("approved", Some("pipeline")));
    let reason: String = query_scalar("select reason from edf.model_events where model_id = $1 and event = 'approved'")
        .bind(model)
        .fetch_one(&mut pipeline)
        .await
        .unwrap();
    assert!(reason.starts_with("rule governance.auto_approve of configuration"), "{reason}");
    assert!(
        reason
            .ends_with(&format!("% below that of model {approved} over 7 days; at least 2 % over 7 days is required")),
        "{reason}"
    );

    // A recipe worse than the champion's fails the gate.
    pipeline.execute("call energy.train_models('{homes-1-4}')").await.unwrap();
    let last = runs(&mut pipeline).await.pop().unwrap();
    assert!(
        last.1 == "failed"
            && last.4.as_ref().unwrap().contains("of the champion's on the same hours, at most 1 is allowed"),
        "{last:?}"
    );
}
