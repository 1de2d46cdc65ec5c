//! The registry's state machine: pending, then approved or rejected; approved, then retired.

use edf_tests::{DEMAND, Throwaway, refusal, refusals, seed_demand, train, trained, until_blocked};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, query, query_as, query_scalar};

async fn status(connection: &mut PgConnection, model: i64) -> String {
    query_scalar("select status from edf.models where model_id = $1").bind(model).fetch_one(connection).await.unwrap()
}

async fn events(connection: &mut PgConnection, model: i64) -> Vec<String> {
    query_scalar("select event from edf.model_events where model_id = $1 order by event_id")
        .bind(model)
        .fetch_all(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_model_is_never_used_before_it_is_approved() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = train(&mut analyst, "house").await;
    assert_eq!(status(&mut analyst, model).await, "pending");

    let forecast = format!("select * from edf.forecast('house', '{DEMAND}')");
    refusals(&mut analyst, &[("42704", &forecast)]).await;
    query("select edf.reject_model($1, 'a test')").bind(model).execute(&mut analyst).await.unwrap();
    refusals(&mut analyst, &[("42704", &forecast)]).await;
}

#[tokio::test]
async fn a_rejected_model_cannot_be_approved() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = train(&mut analyst, "house").await;
    query("select edf.reject_model($1, 'too wide')").bind(model).execute(&mut analyst).await.unwrap();

    refusals(&mut analyst, &[("55000", &format!("select edf.approve_model({model})"))]).await;
    assert_eq!(status(&mut analyst, model).await, "rejected");
    assert_eq!(events(&mut analyst, model).await, ["trained", "rejected"]);
}

#[tokio::test]
async fn a_model_can_only_be_decided_once() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let approved = trained(&mut analyst, "house").await;
    let rejected = train(&mut analyst, "house").await;
    query("select edf.reject_model($1, 'a test')").bind(rejected).execute(&mut analyst).await.unwrap();
    refusals(
        &mut analyst,
        &[
            ("55000", &format!("select edf.approve_model({approved})")),
            ("55000", &format!("select edf.reject_model({approved}, 'late')")),
            ("55000", &format!("select edf.reject_model({rejected}, 'again')")),
            ("42704", "select edf.approve_model(987654321)"),
            ("42704", "select edf.reject_model(987654321, 'nobody')"),
        ],
    )
    .await;
    assert_eq!(events(&mut analyst, approved).await, ["trained", "approved"]);
}

#[tokio::test]
async fn an_approval_retires_the_previous_model_in_the_same_transaction() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first = trained(&mut analyst, "house").await;
    let other = trained(&mut analyst, "shed").await;
    let second = train(&mut analyst, "house").await;

    let approve = format!("select edf.approve_model({second}, 'fresher')");
    analyst.execute("begin").await.unwrap();
    analyst.execute(AssertSqlSafe(&*approve)).await.unwrap();
    analyst.execute("rollback").await.unwrap();
    assert_eq!(
        (status(&mut analyst, first).await, status(&mut analyst, second).await),
        ("approved".into(), "pending".into())
    );

    analyst.execute(AssertSqlSafe(&*approve)).await.unwrap();
    assert_eq!(
        (status(&mut analyst, first).await, status(&mut analyst, second).await),
        ("retired".into(), "approved".into())
    );
    assert_eq!(status(&mut analyst, other).await, "approved");
    assert_eq!(events(&mut analyst, first).await, ["trained", "approved", "retired"]);
    let (reason, by): (String, String) =
        query_as("select reason, happened_by from edf.model_events where model_id = $1 and event = 'approved'")
            .bind(second)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!((reason.as_str(), by.as_str()), ("fresher", "postgres"));
}

#[tokio::test]
async fn updates_cannot_bypass_the_state_machine() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first = trained(&mut analyst, "house").await;
    trained(&mut analyst, "house").await;
    let rejected = train(&mut analyst, "house").await;
    query("select edf.reject_model($1, 'a test')").bind(rejected).execute(&mut analyst).await.unwrap();
    let second = train(&mut analyst, "house").await;
    refusals(
        &mut analyst,
        &[
            ("55000", &format!("update edf.models set status = 'approved' where model_id = {rejected}")),
            ("55000", &format!("update edf.models set status = 'pending' where model_id = {rejected}")),
            ("55000", &format!("update edf.models set status = 'approved' where model_id = {first}")),
            ("55000", "update edf.models set status = 'pending' where status = 'approved'"),
            ("55000", "update edf.models set artifact = artifact || '\\x00'"),
            ("55000", "update edf.models set artifact = '\\x00', checksum = encode(sha256('\\x00'), 'hex')"),
            ("55000", "update edf.models set subject = 'another house' where status = 'approved'"),
            ("55000", "update edf.models set features = '{}'"),
            ("55000", "update edf.models set feature_names = '{}'"),
            ("55000", "update edf.models set training_end = training_end + interval '1 day'"),
            ("55000", "update edf.models set training_rows = 1"),
            ("55000", "update edf.models set metrics = '{}'"),
            ("55000", "update edf.models set created_by = 'another'"),
            ("55000", "update edf.models set created_at = now()"),
            ("55000", "update edf.models set decided_by = 'another' where status = 'approved'"),
            ("55000", &format!("update edf.models set artifact = '' where model_id = {rejected}")),
            ("55000", &format!("update edf.models set status = 'rejected' where model_id = {second}")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_subject_has_at_most_one_approved_model() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let second = train(&mut analyst, "house").await;
    let shortcut = format!("update edf.models set status = 'approved' where model_id = {second}");
    let refused = refusal(&mut analyst, &shortcut).await;
    assert!(refused.code == "55000" && refused.message.contains("without an event"), "{refused:?}");
    let event =
        format!("insert into edf.model_events (model_id, event, happened_by) values ({second}, 'approved', 'me')");
    analyst.execute("begin").await.unwrap();
    analyst.execute(AssertSqlSafe(event)).await.unwrap();
    assert_eq!(refusal(&mut analyst, &shortcut).await.code, "23505");
}

#[tokio::test]
async fn of_two_concurrent_approvals_the_later_one_wins() {
    let database = Throwaway::with_extension().await;
    let (mut one, mut two) = (database.connect().await, database.connect().await);
    seed_demand(&mut one).await;
    let first = train(&mut one, "house").await;
    let second = train(&mut one, "house").await;

    one.execute("begin").await.unwrap();
    query("select edf.approve_model($1)").bind(first).execute(&mut one).await.unwrap();
    let waiting: i32 = query_scalar("select pg_backend_pid()").fetch_one(&mut two).await.unwrap();
    let later = tokio::spawn(async move {
        query("select edf.approve_model($1)").bind(second).execute(&mut two).await.unwrap();
    });
    until_blocked(&mut database.connect().await, waiting).await;
    assert!(!later.is_finished(), "the second approval waits for the first");
    one.execute("commit").await.unwrap();
    later.await.unwrap();

    assert_eq!((status(&mut one, first).await, status(&mut one, second).await), ("retired".into(), "approved".into()));
}

#[tokio::test]
async fn a_corrupted_artifact_is_neither_approved_nor_used() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let pending = train(&mut analyst, "house").await;
    // Simulates disk corruption, which only a superuser can do.
    analyst
        .execute(sqlx::raw_sql(
            "set session_replication_role = replica;
             update edf.models set artifact = set_byte(artifact, 2000, 255 - get_byte(artifact, 2000));
             reset session_replication_role",
        ))
        .await
        .unwrap();
    refusals(
        &mut analyst,
        &[
            ("XX001", &format!("select edf.approve_model({pending})")),
            ("XX001", &format!("select edf.forecast('house', '{DEMAND}')")),
        ],
    )
    .await;
}

#[tokio::test]
async fn events_cannot_be_changed_even_by_the_owner() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let model = trained(&mut analyst, "house").await;
    for role in ["origin", "replica"] {
        let set = format!("set session_replication_role = {role}");
        analyst.execute(AssertSqlSafe(set)).await.unwrap();
        refusals(
            &mut analyst,
            &[
                ("55000", "update edf.model_events set reason = 'another'"),
                ("55000", "delete from edf.model_events"),
                ("55000", "truncate edf.model_events"),
            ],
        )
        .await;
    }
    assert_eq!(events(&mut analyst, model).await, ["trained", "approved"]);
}

#[tokio::test]
async fn inserted_rows_must_come_from_a_training() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    trained(&mut analyst, "house").await;
    let columns = "subject, strategy, artifact, checksum, parameters, features, feature_names, training_start,
        training_end, training_rows, metrics, created_by";
    let insert = |status: &str, artifact: &str, by: &str| {
        format!(
            "insert into edf.models ({columns}, status)
             select 'shed', strategy, {artifact}, checksum, parameters, features, feature_names,
                 training_start, training_end, training_rows, metrics, {by}, '{status}' from edf.models
                 where subject = 'house'"
        )
    };
    // A role with the insert privilege, which none has by default.
    analyst.execute("begin").await.unwrap();
    analyst
        .execute(sqlx::raw_sql(
            "create role inserter; grant usage on schema edf to inserter; grant select, insert on edf.models to inserter;
             set local role inserter; savepoint here",
        ))
        .await
        .unwrap();
    for (status, artifact, by) in [
        ("approved", "artifact", "'inserter'"),
        ("retired", "artifact", "'inserter'"),
        ("pending", "artifact", "'another'"),
        ("pending", "'\\x00'", "'inserter'"),
    ] {
        let refused = refusal(&mut analyst, &insert(status, artifact, by)).await;
        assert!(refused.code == "55000" && !refused.hint.is_empty(), "{refused:?}");
        analyst.execute("rollback to savepoint here").await.unwrap();
    }
    analyst.execute(AssertSqlSafe(insert("pending", "artifact", "'inserter'"))).await.unwrap();
    analyst.execute("rollback").await.unwrap();
}

#[tokio::test]
async fn a_rollback_restores_the_previous_model_and_can_be_repeated() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let mut models = Vec::new();
    for _ in 0..3 {
        models.push(trained(&mut analyst, "house").await);
    }
    let rollback = "select edf.rollback_model('house', 'it was worse')";
    for back in [models[1], models[0]] {
        assert_eq!(query_scalar::<_, i64>(rollback).fetch_one(&mut analyst).await.unwrap(), back);
        assert_eq!(status(&mut analyst, back).await, "approved");
        let by: i64 = query_scalar("select model_id from edf.forecast('house', $1) limit 1")
            .bind(DEMAND)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
        assert_eq!(by, back);
    }
    refusals(
        &mut analyst,
        &[
            ("55000", rollback),
            ("42704", "select edf.rollback_model('shed', 'there is none')"),
            ("22004", "select edf.rollback_model('house', null)"),
        ],
    )
    .await;
    assert_eq!(events(&mut analyst, models[1]).await, ["trained", "approved", "retired", "restored", "retired"]);
    let reason: String =
        query_scalar("select reason from edf.model_events where event = 'restored' order by event_id limit 1")
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!(reason, format!("instead of model {}: it was worse", models[2]));
    // The newer model can be approved again.
    let next = trained(&mut analyst, "house").await;
    assert_eq!(query_scalar::<_, i64>(rollback).fetch_one(&mut analyst).await.unwrap(), models[0]);
    assert_eq!(status(&mut analyst, next).await, "retired");
}

#[tokio::test]
async fn a_model_without_its_artifact_keeps_its_row_and_cannot_forecast() {
    let database = Throwaway::with_extension().await;
    let mut analyst = database.connect().await;
    seed_demand(&mut analyst).await;
    let first = trained(&mut analyst, "house").await;
    let second = trained(&mut analyst, "house").await;
    let pending = train(&mut analyst, "house").await;
    let before: serde_json::Value =
        query_scalar("select to_jsonb(models) - 'artifact' from edf.models where model_id = $1")
            .bind(first)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    let empty = format!("select edf.empty_model({first}, 'old')");
    let freed: i64 = query_scalar(AssertSqlSafe(&*empty)).fetch_one(&mut analyst).await.unwrap();
    let again: i64 = query_scalar(AssertSqlSafe(&*empty)).fetch_one(&mut analyst).await.unwrap();
    assert!(freed > 1000 && again == 0, "{freed} {again}");
    let after: serde_json::Value =
        query_scalar("select to_jsonb(models) - 'artifact' from edf.models where model_id = $1 and artifact = ''")
            .bind(first)
            .fetch_one(&mut analyst)
            .await
            .unwrap();
    assert_eq!(before, after);
    assert_eq!(events(&mut analyst, first).await, ["trained", "approved", "retired", "emptied"]);
    refusals(
        &mut analyst,
        &[
            ("55000", "select edf.rollback_model('house', 'back')"),
            ("55000", &format!("select edf.empty_model({second}, 'in use')")),
            ("55000", &format!("select edf.empty_model({pending}, 'not decided')")),
            ("42704", "select edf.empty_model(987654321, 'nobody')"),
        ],
    )
    .await;
    let exported: i64 = query_scalar("select count(*) from edf.export_models()").fetch_one(&mut analyst).await.unwrap();
    assert_eq!(exported, 2);
}
