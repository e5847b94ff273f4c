//! A user of PostgreSQL who has the documented rights in a schema, and no others.

use idempotent_runtime::{PostgresStore, PostgresStoreBuilder};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::postgres::Schema;

/// The rights that the documentation names, each a statement without its `GRANT`.
pub fn documented() -> Vec<&'static str> {
    const DOCUMENTATION: &str = include_str!("../../idempotent-runtime/src/store/postgres/mod.rs");
    const GUIDE: &str = include_str!("../../idempotent-runtime/src/guide/postgres.md");
    let rights = grants(DOCUMENTATION, "/// GRANT ");
    assert_eq!(rights.len(), 4, "{rights:?}");
    assert_eq!(grants(GUIDE, "GRANT "), rights, "the guide names the same");
    rights
}

fn grants(text: &'static str, begin: &str) -> Vec<&'static str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(begin));
    lines.filter_map(|line| line.split(';').next()).collect()
}

/// A schema that somebody else has migrated, and a user with rights in it that the user has been
/// granted and nobody else has.
#[derive(Debug)]
pub struct Granted {
    /// The schema.
    pub schema: Schema,
    /// The user's name.
    pub user: String,
}

impl Granted {
    /// A schema that the store has migrated, and a user with these rights.
    pub async fn with(rights: &[&str]) -> Self {
        let schema = Schema::new().await;
        schema.builder().migrate().await.unwrap();
        Self::in_schema(schema, rights).await
    }

    /// A user with these rights in a schema that is there.
    pub async fn in_schema(schema: Schema, rights: &[&str]) -> Self {
        let user = format!("{}_app", schema.name);
        schema.execute(&format!("DROP ROLE IF EXISTS {user}; CREATE ROLE {user} LOGIN")).await;
        schema.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {} FROM PUBLIC").await;
        for right in rights {
            let right = right.replace("SCHEMA idempotent", "SCHEMA {}").replace("idempotent.", "{}.");
            schema.execute(&format!("GRANT {}", right.replace("TO app", &format!("TO {user}")))).await;
        }
        Granted { schema, user }
    }

    /// Options to connect as the user.
    pub fn options(&self) -> PgConnectOptions {
        self.schema.options().username(&self.user)
    }

    /// Settings of a store that connects as the user.
    pub fn builder(&self) -> PostgresStoreBuilder {
        let pool = PgPoolOptions::new().connect_lazy_with(self.options());
        PostgresStore::builder(pool).schema(&self.schema.name)
    }

    /// Drops both before the end of the test.
    pub async fn drop(self) {
        let user = self.user;
        let drop = format!("DROP SCHEMA IF EXISTS {{}} CASCADE; DROP OWNED BY {user}; DROP ROLE {user}");
        self.schema.execute(&drop).await;
    }
}
