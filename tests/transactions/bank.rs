//! Banks whose processes are killed: a database each, and the way to it.

use std::any::Any;

use idempotent_tests::{Scratch, pooled::Pooled, postgres::Schema, stores::database_url};
use sqlx::{PgPool, SqlitePool, sqlite::SqliteConnectOptions};

const TABLES: &str = "CREATE TABLE accounts (name text NOT NULL, balance bigint NOT NULL); \
     CREATE TABLE transfers (key text NOT NULL); INSERT INTO accounts VALUES ('a', 1000), ('b', 0)";
/// Both balances, transfers, and keys that have one: in one number a row.
const TOTALS: &str = "SELECT balance FROM accounts WHERE name = 'a' UNION ALL SELECT balance FROM accounts WHERE name = 'b' \
     UNION ALL SELECT count(*) FROM transfers UNION ALL SELECT count(DISTINCT key) FROM transfers";

/// A bank that has made no transfer yet.
pub(crate) struct Bank {
    /// Arguments of a teller who works for it.
    pub(crate) arguments: Vec<String>,
    rows: Rows,
    /// Kept until the end: the place of the rows.
    _place: Box<dyn Any + Send>,
}

/// The bank's own way to its rows.
enum Rows {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Bank {
    /// A bank on the server that the tests share.
    pub(crate) async fn on_postgres() -> Self {
        Self::on_postgres_with("postgres").await
    }

    /// The same, whose tellers use the library that `kind` names.
    pub(crate) async fn on_postgres_with(kind: &str) -> Self {
        let schema = Schema::new().await;
        schema.execute(&format!("CREATE SCHEMA {{}}; SET search_path = {{}}; {TABLES}")).await;
        let options = schema.options().options([("search_path", &schema.name)]);
        Bank {
            arguments: vec![kind.into(), database_url(), schema.name.clone()],
            rows: Rows::Postgres(PgPool::connect_with(options).await.unwrap()),
            _place: Box::new(schema),
        }
    }

    /// A bank on a server of its own, whose tellers connect through a pooler in transaction mode.
    pub(crate) async fn behind_a_pooler() -> Self {
        let pooled = Pooled::new().await;
        let fixture = "CREATE SCHEMA {}; ALTER DATABASE postgres SET search_path = {}; SET search_path = {}";
        pooled.schema.execute(&format!("{fixture}; {TABLES}")).await;
        Bank {
            arguments: vec!["pooler".into(), pooled.pooler.url(), pooled.schema.name.clone()],
            rows: Rows::Postgres(pooled.schema.pool(1)),
            _place: Box::new(pooled),
        }
    }

    /// A bank in a file.
    pub(crate) async fn on_sqlite() -> Self {
        let scratch = Scratch::new();
        let file = scratch.file("bank.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
        Bank {
            arguments: vec!["sqlite".into(), file.to_str().unwrap().into()],
            rows: Rows::Sqlite(pool),
            _place: Box::new(scratch),
        }
    }

    /// Asserts that so many transfers have been made, each of them once and as a whole.
    pub(crate) async fn has_made(&self, transfers: i64) {
        let totals: Vec<i64> = match &self.rows {
            Rows::Postgres(pool) => sqlx::query_scalar(TOTALS).fetch_all(pool).await.unwrap(),
            Rows::Sqlite(pool) => sqlx::query_scalar(TOTALS).fetch_all(pool).await.unwrap(),
        };
        assert_eq!(totals, [1000 - transfers, transfers, transfers, transfers]);
    }

    /// Runs statements of the test's own.
    pub(crate) async fn execute(&self, sql: &'static str) {
        match &self.rows {
            Rows::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
            Rows::Sqlite(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
        }
    }
}
