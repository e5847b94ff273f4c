//! Parts that the recipes' tests share.

use std::time::{SystemTime, UNIX_EPOCH};

use idempotent_runtime::{
    Idempotency, PostgresStore,
    testing::{Reply, Server},
};
use sqlx::{AssertSqlSafe, PgPool};

/// The cookie that a response sets, as the next request sends it.
pub fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// Posts an order of `sku` with this key.
pub async fn order(server: &Server, key: &str, sku: &str) -> Reply {
    let body = serde_json::json!({ "sku": sku });
    server.post("/orders").json(&body).send(Some(key)).await.unwrap()
}

/// A database of its own on the server of `DATABASE_URL`.
pub struct Scratch {
    pub pool: PgPool,
    pub url: String,
}

impl Scratch {
    /// Makes a database in which `schema` has been run.
    pub async fn with(schema: &'static str) -> Self {
        let server = std::env::var("DATABASE_URL").expect("DATABASE_URL of a PostgreSQL server");
        let name = format!("recipe_{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos());
        let admin = PgPool::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let pool = PgPool::connect(&url).await.unwrap();
        sqlx::raw_sql(schema).execute(&pool).await.unwrap();
        Scratch { pool, url }
    }

    /// A handle whose store is in this database.
    pub async fn idempotency(&self) -> Idempotency {
        let store = PostgresStore::new(self.pool.clone()).await.unwrap();
        Idempotency::builder().store(store).build().unwrap()
    }

    /// Number of rows in the table `orders`.
    pub async fn orders(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&self.pool).await.unwrap()
    }
}
