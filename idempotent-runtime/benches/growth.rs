//! Bytes that one key takes up in each store, by the size of its response: what one client can fill
//! with so many requests.
//!
//! `cargo bench -p idempotent-runtime --features sqlite,redis,postgres --bench growth` starts a
//! Redis server of its own (`redis-server` has to be installed), and makes and drops a schema at
//! `DATABASE_URL`. The responses are random bytes, which no database compresses. `BENCH_KEYS`
//! (10000) is the number of keys of small responses; of the largest it is a tenth.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails may panic"
)]

#[allow(dead_code, reason = "nothing is timed here")]
mod calls;
mod claims;
#[allow(dead_code, reason = "nothing is timed here")]
mod measured;
mod redis_server;

use std::{env, fs, path::Path};

use calls::{execute, random};
use futures_util::{StreamExt, stream};
use idempotent_runtime::{MemoryStore, PostgresStore, RedisStore, SqliteStore, Store, store::Record};
use measured::setting;
use redis_server::Server;
use sqlx::{PgPool, SqlitePool, sqlite::SqliteConnectOptions};

const SCHEMA: &str = "idempotent_growth";
/// Calls in flight.
const TOGETHER: usize = 32;

/// Size of the responses, and of how many keys.
fn sizes() -> [(usize, usize); 3] {
    let keys = setting("BENCH_KEYS", 10_000);
    [(0, keys), (1_000, keys), (1_000_000, keys / 10)]
}

/// A response that no database compresses.
fn response(size: usize) -> Record {
    let seed = random();
    let mut state = u64::from_le_bytes(seed[..8].try_into().unwrap()) | 1;
    let mut bytes = vec![0; size];
    for part in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        part.copy_from_slice(&state.to_le_bytes()[..part.len()]);
    }
    Record::from_bytes(bytes)
}

async fn fill(store: &impl Store, size: usize, keys: usize) {
    let executions = stream::iter(0..keys).map(|_| execute(store, response(size)));
    executions.buffer_unordered(TOGETHER).for_each(|_| async {}).await;
}

fn print(store: &str, size: usize, keys: usize, bytes: u64) {
    let per_key = bytes as f64 / keys as f64;
    println!("{store:<10} response {size:>8} bytes: {per_key:>10.0} bytes a key ({keys} keys)");
}

async fn memory(size: usize, keys: usize) {
    let store = MemoryStore::builder().budget(8 << 30).caller_share(100).build();
    fill(&store, size, keys).await;
    print("memory", size, keys, store.used_bytes());
}

async fn redis(size: usize, keys: usize) {
    let server = Server::start().await;
    let mut raw = server.raw().await;
    let store = RedisStore::new(&server.url).await.unwrap();
    let before = used_memory(&mut raw).await;
    fill(&store, size, keys).await;
    print("redis", size, keys, used_memory(&mut raw).await - before);
}

async fn used_memory(raw: &mut redis::aio::ConnectionManager) -> u64 {
    let info: String = redis::cmd("INFO").arg("memory").query_async(raw).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

/// A log that readers hold up grows beyond what it is cut to later, so its size before it is moved
/// into the file is told beside the file's.
async fn sqlite(size: usize, keys: usize) {
    let folder = env::temp_dir().join(format!("idempotent-growth-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let store = SqliteStore::open(folder.join("keys.db")).await.unwrap();
    fill(&store, size, keys).await;
    print("its log", size, keys, bytes_of(&folder, "keys.db-wal"));
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(folder.join("keys.db")));
    let checkpoint = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)");
    checkpoint.execute(&pool.await.unwrap()).await.unwrap();
    print("sqlite", size, keys, bytes_of(&folder, "keys.db"));
    fs::remove_dir_all(&folder).unwrap();
}

fn bytes_of(folder: &Path, file: &str) -> u64 {
    fs::metadata(folder.join(file)).map_or(0, |file| file.len())
}

async fn postgres(size: usize, keys: usize) {
    let url = env::var("DATABASE_URL");
    let url = url.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    let pool = PgPool::connect(&url).await.unwrap();
    let drop = format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop.clone())).execute(&pool).await.unwrap();
    let store = PostgresStore::builder(pool.clone()).schema(SCHEMA).build().await.unwrap();
    fill(&store, size, keys).await;
    let bytes = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relnamespace = $1::regnamespace AND relkind = 'r'";
    let bytes: i64 = sqlx::query_scalar(bytes).bind(SCHEMA).fetch_one(&pool).await.unwrap();
    print("postgres", size, keys, bytes.unsigned_abs());
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&pool).await.unwrap();
}

#[tokio::main]
async fn main() {
    for (size, keys) in sizes() {
        memory(size, keys).await;
        redis(size, keys).await;
        sqlite(size, keys).await;
        postgres(size, keys).await;
    }
}
