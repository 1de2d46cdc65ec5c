//! Runs the SQL of the README, and of the pages on metrics, backtesting and analysis, on an empty database.

use edf_tests::{Throwaway, as_role};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

/// The contents of the fenced blocks of SQL, in order.
pub fn sql_blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while lines.any(|line| line.trim_end() == "```sql") {
        let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}

#[tokio::test]
async fn every_sql_block_of_the_pages_for_analysts_runs() {
    // Asked for when it runs: a build cache that several checkouts share may hold a program compiled in another one.
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/..";
    let database = Throwaway::empty().await;
    let mut analyst = database.connect().await;
    for page in ["docs/tutorial.md", "README.md", "docs/metrics.md", "docs/backtesting.md", "docs/analysis.md"] {
        let path = format!("{root}/{page}");
        let blocks = sql_blocks(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")));
        assert!(!blocks.is_empty(), "{path} has no ```sql block");
        for block in blocks {
            if let Err(error) = analyst.execute(raw_sql(AssertSqlSafe(&*block))).await {
                panic!("{error}\nin this block of {page}:\n{block}");
            }
        }
    }
}

#[tokio::test]
async fn the_queries_of_the_pages_for_operators_run() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/..";
    let mut operator = as_role("analyst").await;
    for page in ["docs/troubleshooting.md", "docs/backup.md"] {
        let path = format!("{root}/{page}");
        let blocks = sql_blocks(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")));
        assert!(!blocks.is_empty(), "{path} has no ```sql block");
        for block in blocks {
            if let Err(error) = operator.execute(raw_sql(AssertSqlSafe(&*block))).await {
                panic!("{error}\nin this block of {page}:\n{block}");
            }
        }
    }
}

#[test]
fn only_sql_blocks_are_extracted() {
    let markdown = "text\n```sql\nselect 1;\n\nselect 2;\n```\n```sh\nls\n```\n```sql\nselect 3;\n```\n";
    assert_eq!(sql_blocks(markdown), ["select 1;\n\nselect 2;", "select 3;"]);
}
