//! Connections to the server under test, and throwaway databases.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A variable that locates the system under test.
pub fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test` starts the server and sets it"))
}

/// A connection as `role` to `database`, through the server's socket.
pub async fn connect(role: &str, database: &str) -> PgConnection {
    try_connect(role, database).await.unwrap_or_else(|error| panic!("{role} cannot reach {database}: {error}"))
}

async fn try_connect(role: &str, database: &str) -> sqlx::Result<PgConnection> {
    PgConnectOptions::new_without_pgpass()
        .socket(environment("EDF_TEST_SOCKET"))
        .port(environment("EDF_TEST_PORT").parse().expect("EDF_TEST_PORT is a port"))
        .username(role)
        .database(database)
        .disable_statement_logging()
        .connect()
        .await
}

/// Waits until a backend has used a second of processor time, so that it is in the middle of its work.
pub async fn until_busy(backend: i32) {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{backend}/stat")).unwrap_or_default();
        // The fields after the name in parentheses; the twelfth is the time in user mode.
        let after = stat.rsplit(')').next().map(str::to_owned).unwrap_or_default();
        after.split_whitespace().nth(11).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0)
    };
    let before = ticks();
    while ticks() < before + 100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a backend waits for a lock.
pub async fn until_blocked(other: &mut PgConnection, backend: i32) {
    let blocked = "select cardinality(pg_blocking_pids($1)) > 0";
    while !sqlx::query_scalar::<_, bool>(blocked).bind(backend).fetch_one(&mut *other).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a backend waits for a lock held by this one.
pub async fn until_blocked_by(other: &mut PgConnection, backend: i32, holder: i32) {
    let blocked = "select $2 = any (pg_blocking_pids($1))";
    while !sqlx::query_scalar::<_, bool>(blocked).bind(backend).bind(holder).fetch_one(&mut *other).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Like [`connect`], but waits up to `patience` for the server to recover from a crash.
pub async fn connect_when_up(role: &str, database: &str, patience: Duration) -> PgConnection {
    let asked = Instant::now();
    loop {
        // Right after a kill the server may still accept connections and end them a moment later.
        let answered = match try_connect(role, database).await {
            Ok(mut connection) => connection.ping().await.map(|()| connection),
            Err(error) => Err(error),
        };
        match answered {
            Ok(connection) => return connection,
            Err(error) if asked.elapsed() > patience => panic!("the server did not come back: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// A connection of `role` to the deployed database.
pub async fn as_role(role: &str) -> PgConnection {
    connect(role, "edf").await
}

/// A database with only the extension, dropped with this value.
pub struct Throwaway {
    /// Its name.
    pub name: String,
}

impl Throwaway {
    /// A new database with the extension.
    pub async fn with_extension() -> Self {
        let database = Self::empty().await;
        database.connect().await.execute("create extension edf").await.unwrap();
        database
    }

    /// A new empty database.
    pub async fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("edf_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut postgres = connect("postgres", "postgres").await;
        let create = format!("create database {name} template template0");
        postgres.execute(AssertSqlSafe(create)).await.unwrap();
        Self { name }
    }

    /// A superuser connection to it.
    pub async fn connect(&self) -> PgConnection {
        connect("postgres", &self.name).await
    }
}

impl Drop for Throwaway {
    /// Uses a thread with its own runtime: this one may be unwinding from a failed test.
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut postgres = try_connect("postgres", "postgres").await?;
                postgres.execute(AssertSqlSafe(drop)).await?;
                postgres.close().await
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("database {} was left behind: {error}", self.name);
        }
    }
}
