//! Runs the SQL of the README, and of the pages on metrics, backtesting and analysis, on an empty database.

use edf_tests::Throwaway;
use sqlx::{AssertSqlSafe, Executor, raw_sql};

/// The contents of the fenced SQL blocks, in order.
fn sql_blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while lines.any(|line| line.trim_end() == "```sql") {
        let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}

#[tokio::test]
async fn every_sql_block_of_the_readme_runs() {
    // Read at run time: a binary in a shared build cache may come from another checkout.
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests") + "/..";
    let database = Throwaway::empty().await;
    let mut analyst = database.connect().await;
    for page in ["README.md", "docs/metrics.md", "docs/backtesting.md", "docs/analysis.md"] {
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

#[test]
fn only_sql_blocks_are_extracted() {
    let markdown = "text\n```sql\nselect 1;\n\nselect 2;\n```\n```sh\nls\n```\n```sql\nselect 3;\n```\n";
    assert_eq!(sql_blocks(markdown), ["select 1;\n\nselect 2;", "select 3;"]);
}
