//! Which models are retrained automatically: missing or old ones and those with increased errors, but not too often.

use crate::monitoring::{FAULTS, check, two_buildings};
use crate::storage::{run, texts};
use sqlx::postgres::PgConnection;

/// Building and reason of the trainings due at a time.
async fn due(postgres: &mut PgConnection, at: &str) -> Vec<String> {
    run(postgres, &format!("set energy.clock = '{at}'")).await;
    let plan = "select building_id || ' ' || regexp_replace(reason, '^model.*until [^:]*:\\d\\d:[^:]*: ', '')
                from energy.plan_trainings(only_due => true)";
    texts(postgres, plan).await
}

const QUEUED: &str = "select building_id || ' ' || state || ' ' || reason from energy.training_runs order by run_id";

#[tokio::test]
async fn a_model_is_retrained_after_a_month_unless_another_is_pending() {
    let (_database, mut postgres) = two_buildings().await;
    // Both were trained on data of thirty days ago.
    run(
        &mut postgres,
        "update energy.trainings set known_at = energy.clock() - interval '29 days 23 hours'
         where building_id = 'south'",
    )
    .await;
    assert_eq!(due(&mut postgres, "2026-03-15 12:00Z").await, ["north it was trained 30 days ago"]);
    let all = "select building_id || ' ' || will_train || ' ' || is_due from energy.plan_trainings()";
    assert_eq!(texts(&mut postgres, all).await, ["north true true", "south true false"]);
    assert_eq!(due(&mut postgres, "2026-03-15 13:00Z").await.len(), 2);

    // Queued once, and then, whatever the outcome, not again for a week without an approved model, otherwise for a
    // month.
    let queue = "select queued::text from energy.queue_trainings(only_due => true)";
    assert_eq!(texts(&mut postgres, queue).await, ["2"]);
    assert_eq!(texts(&mut postgres, queue).await, ["0"]);
    run(&mut postgres, "update energy.training_runs set state = 'failed'").await;
    assert_eq!(due(&mut postgres, "2026-04-14 12:00Z").await, Vec::<String>::new());
    assert_eq!(due(&mut postgres, "2026-04-14 13:00Z").await.len(), 2);

    // A newer model of one is pending, and the other has no model any more.
    run(
        &mut postgres,
        "insert into energy.trainings (model_id, config_id, building_id, known_at)
         select edf.train('north',
             'select hour_at, consumption_kwh from energy.building_hours where building_id = ''north''',
                 'seasonal_naive'),
             energy.current_config_id(), 'north', '2026-04-14 12:00Z';
         select edf.reject_model(model_id, 'a test') from edf.models where subject = 'south' and status = 'pending';
         set session_replication_role = replica;
         update edf.models set status = 'retired' where subject = 'south' and status = 'approved';
         set session_replication_role = origin",
    )
    .await;
    assert_eq!(due(&mut postgres, "2026-04-14 13:00Z").await, ["south it has no approved model"]);
    assert_eq!(due(&mut postgres, "2026-03-22 12:59Z").await, Vec::<String>::new());
    assert_eq!(due(&mut postgres, "2026-03-22 13:00Z").await, ["south it has no approved model"]);
    assert_eq!(due(&mut postgres, "2026-05-14 12:00Z").await.len(), 2);
}

#[tokio::test]
async fn increased_errors_queue_a_training_at_once_and_then_not_for_a_week() {
    let (_database, mut postgres) = two_buildings().await;
    run(&mut postgres, "update energy.trainings set known_at = energy.clock() - interval '20 days'").await;
    assert_eq!(check(&mut postgres).await, Vec::<String>::new());
    run(&mut postgres, FAULTS[7].0).await;
    assert_eq!(check(&mut postgres).await, ["accuracy_worse warning north"]);
    let queued = texts(&mut postgres, QUEUED).await;
    assert!(queued.len() == 1 && queued[0].starts_with("north queued model "), "{queued:?}");
    assert!(queued[0].ends_with(": accuracy_worse since 2026-03-15"), "{queued:?}");
    check(&mut postgres).await;
    assert_eq!(texts(&mut postgres, QUEUED).await.len(), 1);

    // It failed, or its model was rejected: the alert is still open, and it is retried, but not daily.
    run(&mut postgres, "update energy.training_runs set state = 'failed'").await;
    assert_eq!(due(&mut postgres, "2026-03-22 11:59Z").await, Vec::<String>::new());
    assert_eq!(due(&mut postgres, "2026-03-22 12:00Z").await, ["north accuracy_worse since 2026-03-15"]);

    // A model trained the day before its errors increase is not retrained, and other alerts trigger no training.
    run(&mut postgres, "set energy.clock = '2026-03-15 12:00Z'").await;
    run(&mut postgres, FAULTS[7].2).await;
    check(&mut postgres).await;
    run(
        &mut postgres,
        "delete from energy.training_runs; update energy.trainings set known_at = energy.clock() - interval '1 day'",
    )
    .await;
    run(&mut postgres, FAULTS[7].0).await;
    run(&mut postgres, FAULTS[8].0).await;
    assert_eq!(check(&mut postgres).await, ["accuracy_worse warning north", "coverage_low warning south"]);
    assert_eq!(texts(&mut postgres, QUEUED).await, Vec::<String>::new());
    assert_eq!(due(&mut postgres, "2026-03-21 12:00Z").await, ["north accuracy_worse since 2026-03-15"]);
}
