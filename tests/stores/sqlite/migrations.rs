//! The schema as text, applied by other tools than the store.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use idempotent_runtime::{SqliteStore, Store, store::Claim};
use idempotent_tests::Scratch;
use sqlx::AssertSqlSafe;

use super::{claim, hold, pool};

/// Applies `text` in a transaction, as one would by hand.
fn sqlite3(file: &Path, text: &str) -> Output {
    let mut program = Command::new("sqlite3");
    program.arg("-bail").arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = program.spawn().expect("sqlite3 can be run: is it installed?");
    let mut input = running.stdin.take().unwrap();
    write!(input, "BEGIN IMMEDIATE;\n{text}\nCOMMIT;\n").unwrap();
    drop(input);
    running.wait_with_output().unwrap()
}

/// Number of changes to the schema of the file so far.
async fn changes(file: &Path) -> i64 {
    sqlx::query_scalar("PRAGMA schema_version").fetch_one(&pool(file).await).await.unwrap()
}

/// Asserts that a store finds the schema current, makes nothing, and works.
async fn is_current(file: &Path, table: &str) {
    let before = changes(file).await;
    for migrates in [true, false] {
        let builder = SqliteStore::builder_at(file).unwrap().table(table).migrate_at_start(migrates);
        let store = builder.build().await.unwrap();
        assert_eq!(store.claim(claim(hold())).await.unwrap(), Claim::Won { attempt: 1 });
    }
    assert_eq!(changes(file).await, before);
}

#[tokio::test]
async fn the_schema_that_sqlite3_has_applied_is_current() {
    let scratch = Scratch::new();
    let file = scratch.file("keys.db");
    let applied = sqlite3(&file, &SqliteStore::migration_sql());
    assert!(applied.status.success() && applied.stderr.is_empty(), "{applied:?}");
    is_current(&file, "idempotency_keys").await;
}

#[tokio::test]
async fn the_schema_that_sqlx_has_applied_is_current() {
    let scratch = Scratch::new();
    let file = scratch.file("keys.db");
    let text = SqliteStore::builder_at(&file).unwrap().table("shop_keys").migration_sql().unwrap();
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&pool(&file).await).await.unwrap();
    is_current(&file, "shop_keys").await;
}

#[tokio::test]
async fn a_second_application_is_an_error_and_changes_nothing() {
    let scratch = Scratch::new();
    let file = scratch.file("keys.db");
    SqliteStore::builder_at(&file).unwrap().migrate().await.unwrap();
    let before = changes(&file).await;
    let again = sqlite3(&file, &SqliteStore::migration_sql());
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("table \"idempotency_keys_schema\" already exists"), "{said}");
    assert_eq!(changes(&file).await, before);
}

#[tokio::test]
async fn the_text_leaves_the_transaction_to_the_tool_that_applies_it() {
    let text = SqliteStore::migration_sql();
    for word in ["BEGIN", "COMMIT", "PRAGMA", "${", "{table", "{version"] {
        assert!(!text.contains(word), "{word}");
    }
    assert!(SqliteStore::builder_at("keys.db").unwrap().table("no table").migration_sql().is_err());
}
