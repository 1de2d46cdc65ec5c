//! docs/reference.md matches the database.

use crate::api_contract::{python, read, root, said};
use edf_tests::as_role;
use sqlx::{AssertSqlSafe, query_scalar};

#[tokio::test]
async fn the_sql_reference_matches_the_database() {
    let objects: serde_json::Value = query_scalar(AssertSqlSafe(read("sql/list_objects.sql")))
        .fetch_one(&mut as_role("postgres").await)
        .await
        .unwrap();
    let output = python("python", &[&format!("{}/sql/describe.py", root())], &objects.to_string());
    assert!(output.status.success(), "{}", said(&output));
    let (written, stored) = (String::from_utf8(output.stdout).unwrap(), read("docs/reference.md"));
    let difference = written.lines().zip(stored.lines()).find(|(new, old)| new != old);
    assert!(
        written == stored,
        "docs/reference.md is out of date ({} lines, now {}; first difference {difference:?}). Generate it:\n\
         psql -X -A -t -f sql/list_objects.sql edf | python sql/describe.py > docs/reference.md",
        stored.lines().count(),
        written.lines().count(),
    );
}
