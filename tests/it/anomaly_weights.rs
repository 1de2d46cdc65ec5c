//! What technicians' answers teach: nothing before there are enough, then how far each detector is to be believed.

use crate::block::{block, raise, says};
use crate::storage::{run, texts};
use edf_tests::configure;
use sqlx::postgres::PgConnection;
use sqlx::{query_as, query_scalar};

const SCORES: &str = "select apartment_id || ' ' || round(anomaly_score::numeric, 2)
    from energy.combined_anomaly_scores(array['block'], '2026-03-26', '2026-03-26') order by 1";

async fn learn(postgres: &mut PgConnection) -> i64 {
    run(postgres, "set role pipeline").await;
    run(postgres, "call energy.run_job('learn_anomaly_weights')").await;
    run(postgres, "reset role").await;
    query_scalar(
        "select rows_written from energy.job_runs where job_name = 'learn_anomaly_weights'
         order by job_run_id desc limit 1",
    )
    .fetch_one(postgres)
    .await
    .unwrap()
}

/// What was found of the alerts of the flats whose number divided by two leaves the given rest.
async fn answer(postgres: &mut PgConnection, condition: &str, status: &str) {
    run(
        postgres,
        &format!(
            "update energy.anomaly_alerts set status = 'Resolved-{status}', resolved_at = energy.clock(),
                 resolved_by = 'tina'
             where {condition}"
        ),
    )
    .await;
}

/// Alerts of stuck valves and of open windows, several of each of ten flats.
async fn alarmed(postgres: &mut PgConnection) {
    for day in [2, 9, 16, 23] {
        for flat in 1..=10 {
            let detector = if flat % 2 == 0 { "stuck_valve" } else { "open_window" };
            // Not all on one day: that would be one of the building.
            says(postgres, &format!("flat-{flat}"), day + flat % 3, detector, 0.6 + 0.03 * f64::from(flat)).await;
        }
        raise(postgres).await;
    }
    says(postgres, "flat-1", 26, "open_window", 0.8).await;
    says(postgres, "flat-2", 26, "stuck_valve", 0.8).await;
}

#[tokio::test]
async fn answers_teach_once_there_are_min_labels_and_move_what_a_detector_counts() {
    let (_database, mut postgres) = block().await;
    alarmed(&mut postgres).await;
    let before = texts(&mut postgres, SCORES).await;
    // 0.4 and 0.75 are the precisions of the configuration; a rule's alarm of 0.8 speaks with 0.9.
    assert_eq!(before, ["flat-1 0.36", "flat-2 0.68"]);
    answer(&mut postgres, "detectors = '{stuck_valve}' and first_date < '2026-03-16'", "False Positive").await;
    answer(&mut postgres, "detectors = '{open_window}' and first_date < '2026-03-16'", "True Positive").await;
    let labels: i64 =
        query_scalar("select count(*) from energy.anomaly_labels('flats')").fetch_one(&mut postgres).await.unwrap();
    assert_eq!(labels, 20);
    assert_eq!(learn(&mut postgres).await, 0);
    assert_eq!(texts(&mut postgres, SCORES).await, before, "min_labels are 24");

    configure(&mut postgres, "anomaly_alerts,min_labels", "20").await;
    assert_eq!(learn(&mut postgres).await, 2, "of all, and of the archetype");
    let learnt: Vec<(String, String, i32, i32)> = query_as(
        "select archetype, detector, labels, positives from energy.anomaly_weights
         order by archetype, detector collate \"C\"",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let names: Vec<_> = learnt.iter().filter(|row| row.0 == "flats").map(|row| row.1.as_str()).collect();
    assert_eq!(names, ["(intercept)", "(prior)", "open_window", "stuck_valve"]);
    assert!(learnt.iter().all(|row| (row.2, row.3) == (20, 10)), "{learnt:?}");
    let after = texts(&mut postgres, SCORES).await;
    let score = |row: &String| row.split(' ').next_back().unwrap().parse::<f64>().unwrap();
    assert!(score(&after[0]) > 0.6 && score(&after[1]) < 0.4, "{after:?}");
    // The days that the budget ranks have the new scores at once, and the old one beside.
    let kept: (f64, f64) = query_as(
        "select anomaly_score, prior from energy.anomaly_findings
         where apartment_id = 'flat-3' and local_date = '2026-03-23'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert!(kept.0 > 0.6 && kept.1 < 0.4, "{kept:?}");

    assert_eq!(learn(&mut postgres).await, 0, "again nothing changes");
    answer(&mut postgres, "detectors = '{stuck_valve}' and status = 'Unseen'", "False Positive").await;
    run(&mut postgres, "set energy.clock = '2026-03-29 12:00Z'").await;
    assert_eq!(learn(&mut postgres).await, 2);
    let versions = "select count(distinct learnt_at)::text from energy.anomaly_weights where archetype = 'flats'";
    assert_eq!(texts(&mut postgres, versions).await, ["2"]);
}

#[tokio::test]
async fn answers_that_contradict_each_other_leave_the_precisions_of_the_configuration() {
    let (_database, mut postgres) = block().await;
    alarmed(&mut postgres).await;
    configure(&mut postgres, "anomaly_alerts,min_labels", "20").await;
    let before = texts(&mut postgres, SCORES).await;
    // As many faults of each as the configuration says.
    answer(&mut postgres, "detectors = '{stuck_valve}'", "True Positive").await;
    answer(&mut postgres, "detectors = '{stuck_valve}' and apartment_id in ('flat-2', 'flat-6')", "False Positive")
        .await;
    answer(&mut postgres, "detectors = '{open_window}'", "False Positive").await;
    answer(&mut postgres, "detectors = '{open_window}' and apartment_id in ('flat-1', 'flat-5')", "True Positive")
        .await;
    learn(&mut postgres).await;
    let weights: Vec<(String, f64)> =
        query_as("select detector, weight from energy.anomaly_weights where archetype = 'flats' order by 1")
            .fetch_all(&mut postgres)
            .await
            .unwrap();
    let moved: Vec<(f64, f64)> = texts(&mut postgres, SCORES)
        .await
        .iter()
        .zip(&before)
        .map(|(now, then)| {
            let score = |row: &str| row.split(' ').next_back().unwrap().parse::<f64>().unwrap();
            (score(then), score(now))
        })
        .collect();
    assert!(moved.iter().all(|(then, now)| (then - now).abs() < 0.15), "{moved:?} {weights:?}");
}

#[tokio::test]
async fn an_archetype_that_fails_is_a_row_and_the_others_go_on() {
    let (_database, mut postgres) = block().await;
    alarmed(&mut postgres).await;
    configure(&mut postgres, "anomaly_alerts,min_labels", "20").await;
    answer(&mut postgres, "true", "True Positive").await;
    run(&mut postgres, "alter table energy.anomaly_weights add constraint a_test check (archetype <> '')").await;
    run(&mut postgres, "set role pipeline; call energy.learn_anomaly_weights(); reset role").await;
    let runs = "select concat_ws(' ', status, rows_written, coalesce(archetype, 'all'), sqlstate, message)
                from energy.job_runs
        where job_name = 'learn_anomaly_weights' order by job_run_id";
    let reason = r#"new row for relation "anomaly_weights" violates check constraint "a_test""#;
    let rows = [format!("failed 0  23514 {reason}"), "failed 1 all 1 archetypes failed".to_owned()];
    assert_eq!(texts(&mut postgres, runs).await, rows);
    let learnt = "select distinct archetype from energy.anomaly_weights";
    assert_eq!(texts(&mut postgres, learnt).await, ["flats"]);

    // As a job it has one row as a whole.
    run(&mut postgres, "delete from energy.job_runs").await;
    learn(&mut postgres).await;
    let rows = ["failed 0 all 1 archetypes failed".to_owned(), format!("failed 0  23514 {reason}")];
    assert_eq!(texts(&mut postgres, runs).await, rows);
    run(&mut postgres, "alter table energy.anomaly_weights drop constraint a_test; delete from energy.job_runs").await;
    assert_eq!(learn(&mut postgres).await, 1, "of all together");
    assert_eq!(texts(&mut postgres, runs).await, ["succeeded 1 all"]);
}
