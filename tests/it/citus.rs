//! Training and forecasting on the workers of a Citus cluster, if the server under test is its coordinator: it has
//! preloaded Citus, and `EDF_TEST_WORKERS` has `host:port` of its workers, separated by commas.

use crate::storage::{deployed, run, skipped, texts};
use edf_tests::{Throwaway, connect, deployment, environment, refusal};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, query_scalar};

/// The databases of the same name on the workers, dropped with this value.
struct Workers {
    name: String,
    places: Vec<(String, u16)>,
}

async fn superuser(place: &(String, u16), database: &str) -> PgConnection {
    PgConnectOptions::new_without_pgpass()
        .host(&place.0)
        .port(place.1)
        .username("postgres")
        .database(database)
        .disable_statement_logging()
        .connect()
        .await
        .unwrap_or_else(|error| panic!("worker {}:{}: {error}", place.0, place.1))
}

impl Workers {
    /// Runs a statement on the server of each worker, outside of the database.
    async fn all(&self, statement: &str) {
        for place in &self.places {
            superuser(place, "postgres").await.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
        }
    }
}

impl Drop for Workers {
    /// As that of [`Throwaway`].
    fn drop(&mut self) {
        let (places, drop) = (self.places.clone(), format!("drop database if exists {} with (force)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for place in &places {
                    superuser(place, "postgres").await.execute(AssertSqlSafe(drop.clone())).await.unwrap();
                }
            });
        });
        if dropped.join().is_err() {
            eprintln!("databases {} were left behind on the workers", self.name);
        }
    }
}

async fn is_preloaded(postgres: &mut PgConnection) -> bool {
    query_scalar("select current_setting('citus.version', true) is not null").fetch_one(postgres).await.unwrap()
}

/// Two copies of the deployed database; the second one has workers, dropped after it.
async fn both() -> Option<([(Throwaway, PgConnection); 2], Workers)> {
    let places: Vec<(String, u16)> = std::env::var("EDF_TEST_WORKERS")
        .ok()?
        .split(',')
        .map(|place| place.rsplit_once(':').expect("EDF_TEST_WORKERS is host:port,..."))
        .map(|(host, port)| (host.to_owned(), port.parse().unwrap()))
        .collect();
    let mut both = [deployment().await, deployment().await];
    if !is_preloaded(&mut both[0].1).await {
        return None;
    }
    let name = both[1].0.name.clone();
    let workers = Workers { name, places };
    workers.all(&format!("create database {}", workers.name)).await;
    let cluster = &mut both[1].1;
    run(cluster, "create extension citus; alter role edf_owner login").await;
    let port = environment("EDF_TEST_PORT");
    run(cluster, &format!("select citus_set_coordinator_host('127.0.0.1', {port})")).await;
    for place in &workers.places {
        superuser(place, &workers.name).await.execute("create extension citus").await.unwrap();
        run(cluster, &format!("select citus_add_node('{}', {})", place.0, place.1)).await;
    }
    // The second call changes nothing.
    for _ in 0..2 {
        run(cluster, "call energy.enable_citus(forecasts => true)").await;
    }
    Some((both, workers))
}

const BUILDINGS: &str = "'{homes-1-4,homes-5-8,homes-9-13,homes-14-17}'";
const MODELS: &str = "
    select subject || ' ' || strategy || md5(artifact) || md5(metrics::text) || parameters || features || feature_names::text
    from edf.models order by model_id";
const SCORES: &str = "
    select subject || ' ' || (scores.*)::text from energy.model_scores as scores join edf.models using (model_id)
    order by model_id, scores.strategy, lead_day";
const FORECASTS: &str = "
    select (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper, confidence, source, quality)::text
    from energy.forecasts order by building_id, valid_at";

async fn train(postgres: &mut PgConnection, strategy: &str) {
    run(postgres, &format!("call energy.train_models({BUILDINGS}, strategy => '{strategy}')")).await;
}

async fn approve_and_issue(postgres: &mut PgConnection) {
    run(
        postgres,
        "select edf.approve_model(model_id, 'best') from (
             select distinct on (subject) * from edf.models where status = 'pending' order by subject, model_id desc
         ) as newest",
    )
    .await;
    run(postgres, "call energy.issue_forecasts()").await;
}

#[tokio::test]
async fn nodes_compute_the_same_models_scores_and_forecasts_as_a_single_server() {
    let Some(([(_one, mut single), (_two, mut cluster)], workers)) = both().await else {
        return skipped("models of Citus workers: the server has not preloaded it, or EDF_TEST_WORKERS is not set");
    };
    // The coordinator must not compute: edf_owner may do it on the workers only.
    let own = "edf.fit, edf.backtest_series";
    run(&mut cluster, &format!("revoke execute on function {own} from edf_owner")).await;
    for strategy in ["lear", "profile"] {
        train(&mut single, strategy).await;
        train(&mut cluster, strategy).await;
    }
    run(&mut cluster, &format!("grant execute on function {own} to edf_owner")).await;
    let models = texts(&mut cluster, MODELS).await;
    assert_eq!(models.len(), 8, "{:?}", texts(&mut cluster, "select message from energy.training_runs").await);
    assert_eq!(models, texts(&mut single, MODELS).await);
    assert_eq!(texts(&mut cluster, SCORES).await, texts(&mut single, SCORES).await);

    run(&mut cluster, "revoke execute on function edf.predict from edf_owner").await;
    approve_and_issue(&mut single).await;
    approve_and_issue(&mut cluster).await;
    assert_eq!(texts(&mut cluster, FORECASTS).await, texts(&mut single, FORECASTS).await);
    let by_models = "select count(*)::text from energy.forecasts where source = 'model'";
    assert_eq!(texts(&mut cluster, by_models).await, ["288"]);
    let copies = "select building_id || model_id from energy.node_models order by 1";
    let approved = "select subject || model_id from edf.models where status = 'approved' order by 1";
    assert_eq!(texts(&mut cluster, copies).await, texts(&mut cluster, approved).await);
    // By default the coordinator forecasts.
    run(&mut cluster, "grant execute on function edf.predict to edf_owner").await;
    run(&mut cluster, "call energy.enable_citus()").await;
    assert_eq!(texts(&mut cluster, copies).await, [""; 0]);
    run(&mut cluster, "delete from energy.forecasts; delete from energy.forecast_slots").await;
    run(&mut cluster, "call energy.issue_forecasts()").await;
    assert_eq!(texts(&mut cluster, FORECASTS).await, texts(&mut single, FORECASTS).await);
    let nodes = "select count(distinct nodeport)::text from pg_dist_shard_placement join pg_dist_shard using (shardid)
                 where logicalrelid = 'energy.node_models'::regclass";
    assert_eq!(texts(&mut cluster, nodes).await, [workers.places.len().to_string()]);
}

#[tokio::test]
async fn an_error_of_a_model_is_that_of_a_single_server() {
    let Some(([_, (_two, mut cluster)], _workers)) = both().await else {
        return skipped("errors of Citus workers: the server has not preloaded it, or EDF_TEST_WORKERS is not set");
    };
    run(&mut cluster, "call energy.train_models('{homes-1-4}', strategy => 'profile')").await;
    run(&mut cluster, "select edf.approve_model(model_id, 'best') from edf.models").await;
    run(&mut cluster, "select energy.place_models()").await;
    run(&mut cluster, "update energy.node_models set artifact = '\\x00' where building_id = 'homes-1-4'").await;
    run(&mut cluster, "call energy.issue_forecasts()").await;
    let slot = "select sqlstate || ' ' || source from energy.forecast_slots where building_id = 'homes-1-4'";
    assert_eq!(texts(&mut cluster, slot).await, ["XX001 profile"]);
}

#[tokio::test]
async fn the_coordinator_computes_for_a_node_that_is_down() {
    let Some(([(_one, mut single), (_two, mut cluster)], workers)) = both().await else {
        return skipped("a lost Citus worker: the server has not preloaded it, or EDF_TEST_WORKERS is not set");
    };
    train(&mut single, "profile").await;
    approve_and_issue(&mut single).await;
    workers.all(&format!("alter database {} allow_connections false", workers.name)).await;
    workers
        .all(&format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", workers.name))
        .await;
    train(&mut cluster, "profile").await;
    approve_and_issue(&mut cluster).await;
    assert_eq!(texts(&mut cluster, MODELS).await, texts(&mut single, MODELS).await);
    assert_eq!(texts(&mut cluster, FORECASTS).await, texts(&mut single, FORECASTS).await);
    let is_lost = "select (current_setting('energy.node_lost_at') <> '')::text";
    assert_eq!(texts(&mut cluster, is_lost).await, ["true"]);
    workers.all(&format!("alter database {} allow_connections true", workers.name)).await;
}

#[tokio::test]
async fn enabling_citus_without_extension_worker_or_superuser_gives_a_hint() {
    let (database, mut postgres) = deployed().await;
    let refused = refusal(&mut postgres, "call energy.enable_citus()").await;
    assert_eq!(refused.code, "55000");
    assert!(refused.message.starts_with("extension citus is not created in database edf_test_"), "{refused:?}");
    if !is_preloaded(&mut postgres).await {
        return skipped("Citus without workers, since this server has not preloaded it");
    }
    run(&mut postgres, "create extension citus; alter role edf_owner login").await;
    let refused = refusal(&mut postgres, "call energy.enable_citus()").await;
    assert_eq!((refused.code.as_str(), refused.message.as_str()), ("55000", "the coordinator has no active worker"));
    assert!(refused.hint.contains("citus_add_node"), "{refused:?}");
    let mut owner = connect("postgres", &database.name).await;
    run(&mut owner, "set role edf_owner").await;
    let refused = refusal(&mut owner, "call energy.enable_citus()").await;
    assert_eq!((refused.code.as_str(), refused.message.as_str()), ("42501", "role edf_owner is not a superuser"));
    assert!(!refused.hint.is_empty());
}
