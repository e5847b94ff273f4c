//! PostgreSQL behind a pooler that lends a session for one transaction at a time.

use std::sync::Arc;

use idempotent_runtime::{PostgresStore, PostgresStoreBuilder};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{pgbouncer::PgBouncer, postgres::Schema, postgres_server::PostgresServer};

/// Number of the pooler's sessions.
pub const SESSIONS: usize = 5;

/// A server, a pooler before it with five sessions, and a schema.
#[derive(Debug)]
pub struct Pooled {
    /// The schema, on the server itself.
    pub schema: Arc<Schema>,
    /// The pooler.
    pub pooler: PgBouncer,
    _server: PostgresServer,
}

impl Pooled {
    /// A server and a pooler of the test's own.
    pub async fn new() -> Self {
        let server = PostgresServer::start(&[]).await;
        let pooler = PgBouncer::in_transaction_mode(server.options(), SESSIONS).await;
        Pooled { schema: Arc::new(Schema::on(server.options()).await), pooler, _server: server }
    }

    /// Settings of a store that connects through the pooler.
    pub fn builder(&self) -> PostgresStoreBuilder {
        through(self.pooler.options(), &self.schema)
    }

    /// A store that connects through the pooler.
    pub async fn store(&self) -> PostgresStore {
        self.builder().build().await.unwrap()
    }
}

/// Settings of a store in `schema` that connects with these options.
pub fn through(pooler: PgConnectOptions, schema: &Schema) -> PostgresStoreBuilder {
    PostgresStore::builder(PgPoolOptions::new().connect_lazy_with(pooler)).schema(&schema.name)
}
