//! A dump keeps every model.

use edf_tests::{DEMAND, Throwaway, environment, seed_demand, train, trained};
use sqlx::postgres::PgConnection;
use sqlx::query_as;
use tokio::process::Command;

async fn run(program: &str, database: &Throwaway, arguments: &[&str]) {
    let output = Command::new(program)
        .args(["-h", &environment("EDF_TEST_SOCKET"), "-p", &environment("EDF_TEST_PORT"), "-U", "postgres"])
        .args(["-d", &database.name])
        .args(arguments)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn forecast(connection: &mut PgConnection) -> Vec<(f64, f64, f64)> {
    query_as("select yhat, yhat_lower, yhat_upper from edf.forecast('house', $1) order by valid_at")
        .bind(DEMAND)
        .fetch_all(connection)
        .await
        .unwrap()
}

async fn events(connection: &mut PgConnection) -> Vec<(i64, String, String)> {
    query_as("select model_id, event, happened_at::text from edf.model_events order by event_id")
        .fetch_all(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_restored_database_forecasts_the_same_numbers() {
    let (database, restored) = (Throwaway::with_extension().await, Throwaway::empty().await);
    let mut before = database.connect().await;
    seed_demand(&mut before).await;
    trained(&mut before, "house").await;
    trained(&mut before, "house").await;
    let last = train(&mut before, "shed").await;
    let file = std::env::temp_dir().join(format!("{}.dump", database.name));
    let path = file.to_str().unwrap();

    run("pg_dump", &database, &["--format=custom", "--file", path]).await;
    run("pg_restore", &restored, &["--exit-on-error", path]).await;
    std::fs::remove_file(&file).unwrap();

    let mut after = restored.connect().await;
    let expected = forecast(&mut before).await;
    assert_eq!(expected.len(), 72);
    assert_eq!(forecast(&mut after).await, expected);
    assert_eq!(events(&mut before).await, events(&mut after).await);
    assert_eq!(train(&mut after, "shed").await, last + 1, "ids go on where they were");
}
