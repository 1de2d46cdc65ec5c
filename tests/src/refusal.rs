//! Errors of statements that must fail.

use sqlx::postgres::{PgConnection, PgDatabaseError};
use sqlx::{AssertSqlSafe, Executor};

/// The parts of an error that users and programs rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// The hint; empty if there is none.
    pub hint: String,
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        let error = error.into_database_error().expect("the server answers").downcast::<PgDatabaseError>();
        Self {
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            hint: error.hint().unwrap_or_default().to_owned(),
        }
    }
}

/// Runs a statement that must fail.
pub async fn refusal(connection: &mut PgConnection, statement: &str) -> Refusal {
    match connection.execute(AssertSqlSafe(statement)).await {
        Ok(_) => panic!("this was not refused: {statement}"),
        Err(error) => error.into(),
    }
}

/// Runs each statement of `cases` (SQLSTATE, statement). Each must fail with its code and a hint, and the session must
/// remain usable; panics with all cases that do not.
pub async fn refusals(connection: &mut PgConnection, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (code, statement) in cases {
        match connection.execute(AssertSqlSafe(*statement)).await {
            Ok(_) => wrong.push(format!("not refused: {statement}")),
            Err(error) => {
                let refusal = Refusal::from(error);
                if refusal.code != *code || refusal.hint.is_empty() {
                    wrong.push(format!("expected {code} with a hint: {statement}\n    {refusal:?}"));
                }
            }
        }
        connection.execute("select 1").await.expect("the session is usable");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
