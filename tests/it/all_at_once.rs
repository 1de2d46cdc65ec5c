//! Every job and procedure in several sessions at the same time: one works, the others report that and end; no
//! deadlock, nothing done twice.

use edf_tests::{approver, configure, connect, deployment};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use sqlx::{Executor, query_as, query_scalar};
use std::sync::Arc;

/// Procedures called by people besides the jobs; concurrent sessions must give the same rows.
const CALLS: [&str; 7] = [
    "call energy.train_models('{homes-1-4,homes-5-8}')",
    "call energy.work_on_trainings()",
    "call energy.issue_forecasts()",
    "call energy.reissue_forecasts('2017-07-29 05:00Z', '{homes-1-4,homes-5-8}')",
    "call energy.refresh_building_hours('2017-07-20Z')",
    "call energy.rebuild_building_hours('{homes-9-13}')",
    "call energy.score_forecasts('-infinity')",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_procedure_calls_do_not_deadlock_or_repeat_work() {
    let (copy, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "2").await;
    configure(&mut postgres, "evaluation,gate,max_champion_rmse_ratio", "2").await;
    configure(&mut postgres, "governance,second_person", "false").await;
    // Approved models, so that there is something to issue; and two more that two people approve at the same time.
    postgres.execute("call energy.train_models('{homes-1-4,homes-5-8}')").await.unwrap();
    approver(&copy.name)
        .await
        .execute("select * from energy.approve_models('first', despite_stress => true)")
        .await
        .unwrap();
    postgres.execute("call energy.train_models('{homes-1-4,homes-5-8}')").await.unwrap();
    let jobs: Vec<String> =
        query_scalar("select command from energy.jobs order by job_name").fetch_all(&mut postgres).await.unwrap();
    assert!(jobs.len() >= 13, "{jobs:?}");
    let calls: Arc<Vec<String>> = Arc::new(jobs.into_iter().chain(CALLS.map(str::to_owned)).collect());

    let mut sessions = tokio::task::JoinSet::new();
    for seed in 0..3_u64 {
        let (name, calls) = (copy.name.clone(), calls.clone());
        sessions.spawn(async move {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut session = connect("postgres", &name).await;
            let mut order: Vec<&String> = calls.iter().collect();
            let mut failed = Vec::new();
            for _ in 0..2 {
                order.shuffle(&mut rng);
                for call in &order {
                    if let Err(error) = session.execute(sqlx::AssertSqlSafe((*call).clone())).await {
                        failed.push(format!("{call}: {error}"));
                    }
                }
            }
            session.execute("set role edf_approver").await.unwrap();
            let approved: i64 = query_scalar(
                "select count(*) from energy.approve_models('at once', despite_stress => true) where approved",
            )
            .fetch_one(&mut session)
            .await
            .unwrap();
            (failed, approved)
        });
    }
    let outcomes = sessions.join_all().await;
    let failed: Vec<&String> = outcomes.iter().flat_map(|(failed, _)| failed).collect();
    assert!(failed.is_empty(), "{failed:#?}");

    // One champion each, one forecast per hour and revision, at least one successful run per job, and no failed run.
    let (champions, subjects, doubles, half, unfinished): (i64, i64, i64, i64, i64) = query_as(
        "select (select count(*) from edf.models where status = 'approved'),
             (select count(distinct subject) from edf.models where status = 'approved'),
             (select count(*) from (select from energy.forecasts group by building_id, issued_at, valid_at
             having count(*) > 1) as twice),
             (select count(*) from (select from energy.forecasts group by building_id, issued_at
             having count(*) <> 72) as half),
             (select count(*) from energy.training_runs where state in ('queued', 'running'))",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(champions >= 2 && champions == subjects, "{champions} champions of {subjects} subjects");
    assert_eq!((doubles, half, unfinished), (0, 0, 0));
    let never: Vec<String> = query_scalar(
        "select job_name from energy.jobs where not exists (
             select from energy.job_runs as runs
             where runs.job_name = jobs.job_name and building_id is null and status = 'succeeded')",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(never.is_empty(), "{never:?}");
    let broken: Vec<String> = query_scalar(
        "select format('%s %s: %s %s', job_name, building_id, sqlstate, message) from energy.job_runs
         where status = 'failed' and sqlstate in ('40P01', '40001', '23505', 'XX000')",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(broken.is_empty(), "{broken:?}");
}
