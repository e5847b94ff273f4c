//! The store of the shop's idempotency keys, as `STORE` names it.

use std::error::Error;

use idempotent_runtime::{Idempotency, IdempotencyBuilder, PostgresStore, RedisStore, SqliteStore};

/// Settings with the store that `url` names: `memory`, `sqlite:PATH`, `redis://…` or
/// `postgres://…`.
pub(crate) async fn with_store(url: &str) -> Result<IdempotencyBuilder, Box<dyn Error>> {
    let builder = Idempotency::builder().namespace("orders");
    Ok(match scheme(url) {
        "memory" => builder,
        "sqlite" => builder.store(SqliteStore::open(url).await?),
        "redis" => builder.store(RedisStore::new(url).await?),
        "postgres" => builder.store(PostgresStore::connect(url).await?),
        other => {
            return Err(
                format!("STORE can be memory, sqlite:PATH, redis://… or postgres://…, not {other}").into()
            );
        }
    })
}

/// Fate of the keys when the process ends. The text says nothing of the rest of `url`, which may
/// hold a password.
pub(crate) fn fate_of_keys(url: &str) -> String {
    let place = match scheme(url) {
        "sqlite" => "the file that STORE names",
        "redis" => "Redis",
        "postgres" => "PostgreSQL",
        _ => {
            return "The keys are in this process's memory and end with it. STORE=sqlite:keys.db keeps them."
                .into();
        }
    };
    format!("The keys are kept in {place}. The shop itself is in this process's memory, and ends with it.")
}

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}
