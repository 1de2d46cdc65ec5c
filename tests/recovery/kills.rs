//! Kills the server at random moments of training, issue, refresh and approval: no partial or lost work, and
//! interrupted work is completed later.

use crate::{TURN, kill, server_start, up_again};
use edf_tests::{Throwaway, configure, connect, deployment};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar};
use std::time::{Duration, Instant};

/// The work that is interrupted, five times each. Each round starts with models pending approval, one after the other.
const WORK: [(&str, &str, &str); 4] = [
    ("training", "pipeline", "call energy.work_on_trainings()"),
    ("issue", "pipeline", "call energy.run_job('issue_forecasts')"),
    ("refresh", "pipeline", "call energy.run_job('refresh_hours')"),
    (
        "approval",
        "postgres",
        "do $$
         declare
             model bigint;
         begin
             for model in select model_id from edf.models where status = 'pending' order by model_id loop
                 perform energy.approve_models('it passed', model_ids => array[model], despite_stress => true);
                 commit;
             end loop;
         end;
         $$",
    ),
];
const KILLS: usize = 20;

/// Queries that must return no rows at any time.
const BROKEN: &[(&str, &str)] = &[
    (
        "a slot is incomplete",
        "select format('%s at %s: %s hours', building_id, issued_at, count(*)) from energy.forecasts
         group by building_id, issued_at having count(*) <> 72 or count(distinct coalesce(revision, 0)) <> 1",
    ),
    (
        "a slot is issued without its forecast, or a forecast without its slot",
        "select format('%s at %s', building_id, slot_at)
         from (select building_id, slot_at from energy.forecast_slots where status = 'issued' or revision > 0) as slots
         full join (select distinct building_id, issued_at as slot_at, true as is_there
         from energy.forecasts) as made using (building_id, slot_at)
         where is_there is null or not exists (
             select from energy.forecast_slots
             where (forecast_slots.building_id, forecast_slots.slot_at) = (made.building_id, made.slot_at))",
    ),
    ("two champions", "select subject from edf.models where status = 'approved' group by subject having count(*) > 1"),
    (
        "a subject has no champion",
        "select subject from edf.models group by subject
         having bool_or(status = 'retired') and not bool_or(status = 'approved')",
    ),
    (
        "a model's status differs from its last event",
        "select format('%s is %s: %s', model_id, status, event)
         from edf.models
         join (select distinct on (model_id) model_id, event from edf.model_events
         order by model_id, event_id desc) as last using (model_id)
         where status <> case event when 'trained' then 'pending' when 'restored' then 'approved' else event end",
    ),
];

async fn check(postgres: &mut PgConnection, after: &str) {
    for (what, found) in BROKEN {
        let rows: Vec<String> = query_scalar(AssertSqlSafe(*found)).fetch_all(&mut *postgres).await.unwrap();
        assert!(rows.is_empty(), "{after}: {what}: {rows:?}");
    }
}

/// Number of readings acknowledged by the ingestion.
async fn readings(postgres: &mut PgConnection) -> (i64, i64) {
    query_as(
        "select count(*), (select coalesce(sum(readings_taken), 0)::bigint from raw.ingestions)
         from raw.meter_readings",
    )
    .fetch_one(postgres)
    .await
    .unwrap()
}

/// Starts a new day: slots are due, readings are corrected, each building is due for training.
async fn begin(database: &Throwaway, round: usize) {
    let clock = format!("('2017-07-08 05:00Z'::timestamptz + interval '{round} days')");
    let mut postgres = database.connect().await;
    let set: String = query_scalar(AssertSqlSafe(format!(
        "select format('alter database {} set energy.clock = %L', {clock}::text)",
        database.name
    )))
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    postgres.execute(AssertSqlSafe(set)).await.unwrap();
    let mut pipeline = connect("pipeline", &database.name).await;
    pipeline.execute("select energy.queue_trainings('{homes-1-4,homes-5-8}')").await.unwrap();
    pipeline
        .execute(
            "select energy.train_model(building_id)
             from unnest('{homes-1-4,homes-5-8}'::text[]) as building_id, generate_series(1, 4)",
        )
        .await
        .unwrap();
    let taken: i64 = query_scalar(
        "select readings_taken from energy.take_meter_messages(array(
             select json_build_object('timestamp_str', read_at, 'building_id', building_id, 'apartment_id',
                 apartment_id, 'readings',
                 json_build_array(json_build_object('sensor_type', sensor_type, 'value', value + 0.001)))::text
             from raw.meter_readings join raw.sensors using (sensor_id)
             where read_at >= energy.clock() - interval '7 days'
                 and read_at < energy.clock() - interval '6 days 12 hours'
               and sensor_type = 'electricity_kwh_total'), energy.clock())",
    )
    .fetch_one(&mut pipeline)
    .await
    .unwrap();
    assert!(taken > 100, "{taken} readings were corrected");
}

/// Runs the jobs as their schedules would.
async fn catch_up(database: &Throwaway) {
    let mut postgres = database.connect().await;
    // The run of a dead session is taken over after a minute.
    postgres
        .execute(
            "update energy.training_runs set changed_at = changed_at - interval '2 minutes' where state = 'running'",
        )
        .await
        .unwrap();
    let mut pipeline = connect("pipeline", &database.name).await;
    for call in [
        "call energy.run_job('watch_jobs')",
        "call energy.run_job('refresh_hours')",
        "call energy.run_job('issue_forecasts')",
        "call energy.work_on_trainings()",
    ] {
        pipeline.execute(call).await.unwrap_or_else(|error| panic!("{call}: {error}"));
    }
    let open: Vec<String> = query_scalar(
        "select format('slot %s %s %s: %s', building_id, slot_at, status, message) from energy.forecast_slots
         where status <> 'issued' and slot_at > energy.clock() - interval '3 days'
         union all select format('training %s %s: %s', building_id, state, message) from energy.training_runs
         where state in ('queued', 'running')
         union all select format('run %s %s', job_name, job_run_id) from energy.job_runs where status = 'running'
         union all select format('due %s', count(*)) from energy.hours_due having count(*) > 0",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(open.is_empty(), "interrupted work is not completed: {open:?}");
}

/// Duration of the work without a kill.
async fn duration(database: &Throwaway, role: &str, call: &'static str) -> Duration {
    let mut session = connect(role, &database.name).await;
    let began = Instant::now();
    session.execute(call).await.unwrap_or_else(|error| panic!("{call}: {error}"));
    began.elapsed()
}

#[tokio::test]
async fn a_server_killed_twenty_times_stays_consistent_and_completes_its_work() {
    let _turn = TURN.lock().await;
    let (database, mut postgres) = deployment().await;
    configure(&mut postgres, "evaluation,gate,max_rmse_ratio", "2").await;
    configure(&mut postgres, "evaluation,stress", "null").await;
    postgres.execute("update energy.jobs set timeout = '1 hour'").await.unwrap();
    begin(&database, 0).await;
    let mut usual = Vec::new();
    for (_, role, call) in &WORK {
        usual.push(duration(&database, role, call).await);
    }
    catch_up(&database).await;
    check(&mut postgres, "before any kill").await;

    let mut rng = StdRng::seed_from_u64(20);
    let mut cut_off = [0; WORK.len()];
    for round in 1..=KILLS {
        let which = round % WORK.len();
        let (name, role, call) = WORK[which];
        begin(&database, round).await;
        let before = readings(&mut postgres).await;
        let started = server_start(&mut postgres).await;
        let mut session = connect(role, &database.name).await;
        let backend: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut session).await.unwrap();
        // If the work ends before the kill, the session survives.
        let work = tokio::spawn(async move {
            let done = session.execute(call).await.map(drop);
            (session, done)
        });
        tokio::time::sleep(usual[which].mul_f64(rng.random_range(0.0..0.9))).await;
        kill(backend);
        cut_off[which] += usize::from(work.await.unwrap().1.is_err());

        postgres = up_again(&database.name, &started).await;
        let after = format!("round {round}, a kill in {name}");
        check(&mut postgres, &after).await;
        assert_eq!(readings(&mut postgres).await, before, "{after}");
        catch_up(&database).await;
        check(&mut postgres, &after).await;
    }
    assert!(cut_off.iter().all(|times| *times > 0), "the kills came too late: {cut_off:?}");
    let issued: (i64, i64) = query_as(
        "select count(*), count(distinct slot_at) from energy.forecast_slots
         where status = 'issued' and slot_at >= '2017-07-08 05:00Z'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(issued.1, 1 + KILLS as i64, "a day's slot was missed");
    assert_hours_are_those_of_a_rebuild(&mut postgres).await;
}

async fn assert_hours_are_those_of_a_rebuild(postgres: &mut PgConnection) {
    let kept = "create temporary table kept as select building_id, hour_at, consumption_kwh, quality
                from energy.building_hours";
    postgres.execute(kept).await.unwrap();
    postgres.execute("call energy.rebuild_building_hours()").await.unwrap();
    let (hours, differ): (i64, i64) = query_as(
        "select count(*), count(*) filter (where (kept.consumption_kwh, kept.quality) is distinct
         from (made.consumption_kwh, made.quality))
         from kept full join energy.building_hours as made using (building_id, hour_at)",
    )
    .fetch_one(&mut *postgres)
    .await
    .unwrap();
    assert!(hours > 10_000 && differ == 0, "{differ} of {hours} hours");
    query("drop table kept").execute(postgres).await.unwrap();
}
