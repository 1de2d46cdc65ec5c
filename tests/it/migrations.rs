//! docker/migrate.sh applies each migration once, and leaves what sqlx accepts.

use edf_tests::{Throwaway, as_role, environment};
use sqlx::migrate::Migrator;
use sqlx::query_scalar;
use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;

/// A folder of migrations, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("edf-migrations-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, sql: &str) -> &Self {
        std::fs::write(self.0.join(file), sql).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn migrate(database: &str, folder: &Path) -> Output {
    Command::new("../docker/migrate.sh")
        .arg(folder)
        .env("PGHOST", environment("EDF_TEST_SOCKET"))
        .env("PGPORT", environment("EDF_TEST_PORT"))
        .env("PGUSER", "postgres")
        .env("PGDATABASE", database)
        .output()
        .await
        .unwrap()
}

async fn succeeds(database: &Throwaway, folder: &Folder) -> String {
    let output = migrate(&database.name, &folder.0).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn fails(database: &Throwaway, folder: &Folder) -> String {
    let output = migrate(&database.name, &folder.0).await;
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn count(database: &Throwaway, relation: &str) -> i64 {
    let sql = format!("select count(*) from {relation}");
    query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn sqlx_accepts_the_deployed_migrations() {
    let mut postgres = as_role("postgres").await;
    let applied = "select count(*) from _sqlx_migrations";
    let before: i64 = query_scalar(applied).fetch_one(&mut postgres).await.unwrap();
    let migrator = Migrator::new(Path::new("../migrations")).await.unwrap();
    // Compares the checksums of all files with those that are stored.
    migrator.run(&mut postgres).await.unwrap();
    let after: i64 = query_scalar(applied).fetch_one(&mut postgres).await.unwrap();
    assert_eq!((before, after), (migrator.iter().count() as i64, before));
}

#[tokio::test]
async fn a_failed_migration_leaves_the_earlier_ones_and_is_applied_once_corrected() {
    let (database, folder) = (Throwaway::empty().await, Folder::new("failed"));
    folder
        .write("0001_first.sql", "create table first ();")
        .write("0002_it's_second.sql", "create table second ();\nselect 1 / 0;");
    assert!(fails(&database, &folder).await.contains("division by zero"));
    assert_eq!(count(&database, "_sqlx_migrations").await, 1);
    assert_eq!(count(&database, "pg_class where relname = 'second'").await, 0);
    folder.write("0002_it's_second.sql", "create table second ();");
    assert_eq!(succeeds(&database, &folder).await, "applied 0002_it's_second\n");
    assert_eq!(succeeds(&database, &folder).await, "");
    // sqlx continues where the script ended.
    folder.write("0010_third.sql", "create table third ();");
    Migrator::new(folder.0.as_path()).await.unwrap().run(&mut database.connect().await).await.unwrap();
    assert_eq!(succeeds(&database, &folder).await, "");
    assert_eq!(count(&database, "_sqlx_migrations").await, 3);
}

#[tokio::test]
async fn an_edited_and_a_missing_migration_are_refused() {
    let (database, folder) = (Throwaway::empty().await, Folder::new("edited"));
    folder.write("0001_first.sql", "create table first ();").write("0002_second.sql", "create table second ();");
    succeeds(&database, &folder).await;
    folder.write("0001_first.sql", "create table first (id integer);");
    let error = fails(&database, &folder).await;
    assert!(error.contains("migration 0001_first was edited") && error.contains("HINT"), "{error}");
    folder.write("0001_first.sql", "create table first ();");
    std::fs::remove_file(folder.0.join("0002_second.sql")).unwrap();
    let error = fails(&database, &folder).await;
    assert!(error.contains("migrations 2 were applied") && error.contains("newer version"), "{error}");
    std::fs::remove_file(folder.0.join("0001_first.sql")).unwrap();
    assert!(fails(&database, &folder).await.contains("no migrations in"));
}

#[tokio::test]
async fn two_deployments_at_once_apply_each_migration_once() {
    let (database, folder) = (Throwaway::empty().await, Folder::new("at-once"));
    folder.write("0001_first.sql", "select pg_sleep(1);\ncreate table first ();");
    let (one, other) = tokio::join!(migrate(&database.name, &folder.0), migrate(&database.name, &folder.0));
    assert!(one.status.success() && other.status.success(), "{one:?} {other:?}");
    assert_eq!([one.stdout, other.stdout].concat(), b"applied 0001_first\n");
}
