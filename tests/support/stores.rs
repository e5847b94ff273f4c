//! Every store by its URL.

use std::error::Error;

use idempotent_runtime::{IdempotencyBuilder, MemoryStore, PostgresStore, RedisStore, SqliteStore};
use sqlx::PgPool;

use crate::scripted::{Script, Scripted};

/// The Redis that tests share.
pub fn redis_url() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".into())
}

/// The PostgreSQL that tests share.
pub fn database_url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into())
}

/// Sets up the store at `url`: `memory`, `sqlite:PATH`, `redis://…` or `postgres://…`. `script`
/// stands before the store. On a server, `space` is the prefix of its keys, or its schema.
///
/// # Errors
/// If there is no such store, or it cannot be reached.
pub async fn with_store(
    builder: IdempotencyBuilder,
    url: &str,
    space: &str,
    script: &Script,
) -> Result<IdempotencyBuilder, Box<dyn Error>> {
    let script = script.clone();
    Ok(match url.split(':').next() {
        Some("memory") => builder.store(Scripted::by(MemoryStore::new(), script)),
        Some("sqlite") => builder.store(Scripted::by(SqliteStore::open(url).await?, script)),
        Some("redis") => {
            let store = RedisStore::builder(url).prefix(space).build().await?;
            builder.store(Scripted::by(store, script))
        }
        Some("postgres") => {
            let store = PostgresStore::builder(PgPool::connect_lazy(url)?).schema(space).build().await?;
            builder.store(Scripted::by(store, script))
        }
        _ => return Err(format!("there is no store for {url}").into()),
    })
}
