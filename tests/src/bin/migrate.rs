//! Applies sqlx migrations: `migrate DATABASE_URL FOLDER`.

use anyhow::{Context, bail};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use std::path::Path;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, folder] = arguments.as_slice() else {
        bail!("usage: migrate DATABASE_URL FOLDER");
    };
    let migrator =
        Migrator::new(Path::new(folder)).await.with_context(|| format!("no migrations can be read from {folder}"))?;
    let mut connection = PgConnection::connect(url).await.context("the database cannot be reached")?;
    migrator.run(&mut connection).await.context("a migration failed and was rolled back")?;
    println!("{} migrations are in place", migrator.iter().count());
    Ok(())
}
