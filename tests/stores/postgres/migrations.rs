//! The schema as text, applied by other tools than the store.

use std::process::{Command, Output};

use idempotent_runtime::PostgresStore;
use idempotent_tests::{
    Scratch,
    granted::{Granted, documented},
    postgres::{Schema, url},
};
use sqlx::AssertSqlSafe;

use super::{WON, claim, complete, hold, is_replay, retry};

/// Applies `text` as one would by hand.
fn psql(text: &str) -> Output {
    let scratch = Scratch::new();
    let file = scratch.file("idempotent.sql");
    std::fs::write(&file, text).unwrap();
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--no-password", "--quiet", "--single-transaction"]);
    psql.args(["--set", "ON_ERROR_STOP=1", "--file"]).arg(&file).arg(url());
    psql.output().expect("psql can be run: is it installed?")
}

/// The versions, the tables and the functions of a schema.
async fn parts(schema: &Schema) -> i64 {
    let parts = "SELECT (SELECT count(*) * 1000000 FROM {}.keys_versions)
        + (SELECT count(*) * 1000 FROM pg_class WHERE relnamespace = '{}'::regnamespace)
        + (SELECT count(*) FROM pg_proc WHERE pronamespace = '{}'::regnamespace)";
    schema.number(parts).await
}

/// Asserts that a user who may create nothing finds the schema current, and that it works.
async fn is_current(schema: Schema) {
    let granted = Granted::in_schema(schema, &documented()).await;
    let before = parts(&granted.schema).await;
    for migrates in [true, false] {
        let store = granted.builder().migrate_at_start(migrates).build().await.unwrap();
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        complete(&store, owner).await.unwrap();
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
        store.sweep().await.unwrap();
    }
    assert_eq!(parts(&granted.schema).await, before);
    granted.drop().await;
}

#[tokio::test]
async fn the_schema_that_psql_has_applied_is_current() {
    let schema = Schema::new().await;
    let applied = psql(&schema.builder().migration_sql().unwrap());
    assert!(applied.status.success(), "{applied:?}");
    assert_eq!((applied.stdout.as_slice(), applied.stderr.as_slice()), (&b""[..], &b""[..]), "{applied:?}");
    is_current(schema).await;
}

#[tokio::test]
async fn the_schema_that_sqlx_has_applied_is_current_also_in_one_that_a_dba_has_made() {
    for made_before in ["", "CREATE SCHEMA {}"] {
        let schema = Schema::new().await;
        schema.execute(made_before).await;
        let text = schema.builder().migration_sql().unwrap();
        let mut transaction = schema.pool(1).begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        is_current(schema).await;
    }
}

#[tokio::test]
async fn a_second_application_is_an_error_and_changes_nothing() {
    let schema = Schema::new().await;
    let text = schema.builder().migration_sql().unwrap();
    schema.builder().migrate().await.unwrap();
    let before = parts(&schema).await;
    let again = psql(&text);
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("relation \"keys_versions\" already exists"), "{said}");
    assert_eq!(parts(&schema).await, before);
    schema.drop().await;
}

#[tokio::test]
async fn the_text_leaves_the_transaction_and_its_places_to_the_tool_that_applies_it() {
    let schema = Schema::new().await;
    let text = PostgresStore::migration_sql();
    let named = schema.builder().schema("idempotent").table("keys").migration_sql().unwrap();
    assert_eq!(text, named);
    assert!(schema.builder().table("no table").migration_sql().is_err());
    // Blocks of functions begin with a word, and a statement would end with a semicolon.
    for statement in ["BEGIN;", "COMMIT;", "ROLLBACK;", "START TRANSACTION"] {
        assert!(!text.contains(statement), "{statement}");
    }
    // Flyway's placeholder, and those of the text itself.
    for placeholder in ["${", "{schema", "{table", "{channel", "{version"] {
        assert!(!text.contains(placeholder), "{placeholder}");
    }
}
