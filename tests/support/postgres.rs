//! PostgreSQL: the server that the tests share, in a schema of each test's own.

use std::time::Duration;

use idempotent_runtime::{Address, PostgresStore, PostgresStoreBuilder};
use sqlx::{
    AssertSqlSafe, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::space::Space;
pub use crate::stores::database_url as url;

/// A schema of a test's own, dropped when the test is done with it.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub name: String,
    options: PgConnectOptions,
    _space: Space,
}

impl Schema {
    /// A schema on the server that the tests share. It is not there yet.
    pub async fn new() -> Self {
        Self::named_by(Space::at(&url()), url().parse().unwrap())
    }

    /// A schema on a server of the test's own, which `options` name. It is not there yet.
    pub async fn on(options: PgConnectOptions) -> Self {
        Self::named_by(Space::alone(), options)
    }

    fn named_by(space: Space, options: PgConnectOptions) -> Self {
        Schema { name: space.name().to_owned(), options, _space: space }
    }

    /// Options to connect to its server.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// A pool of at most `connections`.
    pub fn pool(&self, connections: u32) -> PgPool {
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(5));
        pool.connect_lazy_with(self.options.clone())
    }

    /// Settings of a store with a pool of its own.
    pub fn builder(&self) -> PostgresStoreBuilder {
        PostgresStore::builder(self.pool(4)).schema(&self.name)
    }

    /// A store with a pool of its own.
    pub async fn store(&self) -> PostgresStore {
        self.builder().build().await.unwrap()
    }

    /// Runs `sql`, in which `{}` stands for the schema; gives the number of rows.
    pub async fn execute(&self, sql: &str) -> u64 {
        let pool = self.pool(1);
        let done = sqlx::raw_sql(AssertSqlSafe(sql.replace("{}", &self.name))).execute(&pool).await.unwrap();
        pool.close().await;
        done.rows_affected()
    }

    /// The number that `sql` gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let pool = self.pool(1);
        let number = sqlx::query_scalar(AssertSqlSafe(sql.replace("{}", &self.name))).fetch_one(&pool).await;
        pool.close().await;
        number.unwrap()
    }

    /// Gives an entry a state that nobody knows.
    pub async fn damage(&self, address: Address) {
        let row = format!("address = decode('{address}', 'hex')");
        let damaged = self.execute(&format!("UPDATE {{}}.keys SET state = 'x' WHERE {row}")).await;
        assert_eq!(damaged, 1);
    }

    /// Lets time pass for every entry.
    pub async fn shift(&self, time: Duration) {
        let by = format!("interval '{} microseconds'", time.as_micros());
        self.execute(&format!(
            "UPDATE {{}}.keys SET until = until - {by}, forget_at = forget_at - {by}, sweep_at = sweep_at - {by}"
        ))
        .await;
    }

    /// Drops it before the end of the test.
    pub async fn drop(self) {}
}
