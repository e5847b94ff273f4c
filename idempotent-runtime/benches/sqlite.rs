//! The SQLite store against the floor in the same run: raw statements, one commit each, through the
//! same client.
//!
//! A pair is one execution: `INSERT` and `UPDATE` for the floor, claim and completion for the
//! store. The floor's pool has as many connections as serve it best, 1 or 10: ten wait for each
//! other by SQLite's own backoff. All measurements take turns in every round, so that a disturbance
//! of the machine disturbs all of them; medians are printed.
//!
//! `BENCH_ROUNDS` (5) and `BENCH_MILLIS` (1000) change the measurement, `BENCH_KEYS` (1000000) how
//! many keys are stored for the last part, and `TMPDIR` the disk.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod calls;
mod claims;
mod measured;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use calls::{execute, random, rate, replay, win};
use idempotent_runtime::{Address, SqliteStore, store::Record};
use measured::{median, setting};
use sqlx::{
    AssertSqlSafe, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

const RESPONSE: [u8; 300] = [b'r'; 300];

fn record() -> Record {
    Record::from_bytes(RESPONSE.to_vec())
}

/// One execution by raw statements, with the store's own columns and indexes.
async fn raw(pool: &SqlitePool, table: &str) {
    let (address, token) = (random(), random());
    let insert = format!(
        "INSERT INTO {table} (address, fingerprint, token, state, attempt, until, retention, forget_at, label) \
         VALUES (?, ?, ?, 0, 1, ?, ?, ?, '')"
    );
    let query = sqlx::query(AssertSqlSafe(insert)).bind(address.as_slice()).bind([7_u8; 32].as_slice());
    let query = query.bind(&token[..16]).bind(1_i64 << 41).bind(3_600_000_i64).bind(1_i64 << 41);
    query.execute(pool).await.unwrap();
    let update =
        format!("UPDATE {table} SET state = 2, until = ?, forget_at = ?, record = ? WHERE address = ?");
    let query = sqlx::query(AssertSqlSafe(update)).bind(1_i64 << 41).bind((1_i64 << 41) + 1);
    query.bind(RESPONSE.as_slice()).bind(address.as_slice()).execute(pool).await.unwrap();
}

async fn raw_read(pool: &SqlitePool, table: &str, address: &Address) {
    let select = format!("SELECT fingerprint, token, state, until, record FROM {table} WHERE address = ?");
    let query = sqlx::query(AssertSqlSafe(select)).bind(address.as_bytes().as_slice());
    query.fetch_one(pool).await.unwrap();
}

async fn pool(path: &Path, connections: u32) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(60));
    let options = SqlitePoolOptions::new().max_connections(connections).connect_with(options);
    options.await.unwrap()
}

struct Disk(PathBuf);

impl Disk {
    fn new() -> Self {
        let folder = env::temp_dir().join(format!("idempotent-bench-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Disk(folder)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file with the store and the floor's table, and a row for each of so many keys in both.
struct Contender {
    store: SqliteStore,
    one: SqlitePool,
    ten: SqlitePool,
    completed: Address,
}

impl Contender {
    async fn new(path: &Path, keys: u64) -> Self {
        let ten = pool(path, 10).await;
        SqliteStore::builder(ten.clone()).table("floor").migrate().await.unwrap();
        let store = SqliteStore::new(ten.clone()).await.unwrap();
        for table in ["floor", "idempotency_keys"] {
            let fill = format!(
                "INSERT INTO {table} (address, fingerprint, token, state, attempt, until, retention, forget_at, label, record) \
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {keys}) \
                 SELECT randomblob(32), randomblob(32), randomblob(16), 2, 1, {0}, 0, {0} + i, '', randomblob(300) FROM n",
                1_i64 << 41
            );
            sqlx::query(AssertSqlSafe(fill)).execute(&ten).await.unwrap();
        }
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&ten).await.unwrap();
        let completed = execute(&store, record()).await.address;
        Contender { store, one: pool(path, 1).await, ten, completed }
    }

    async fn executions(&self, in_flight: usize) -> f64 {
        let store = self.store.clone();
        rate(in_flight, move || {
            let store = store.clone();
            async move { _ = execute(&store, record()).await }
        })
        .await
    }

    async fn claims(&self, in_flight: usize) -> f64 {
        let store = self.store.clone();
        rate(in_flight, move || {
            let store = store.clone();
            async move { _ = win(&store).await }
        })
        .await
    }

    async fn floor(&self, connections: u32, in_flight: usize) -> f64 {
        let pool = if connections == 1 { self.one.clone() } else { self.ten.clone() };
        rate(in_flight, move || {
            let pool = pool.clone();
            async move { raw(&pool, "floor").await }
        })
        .await
    }

    async fn replays(&self, in_flight: usize) -> f64 {
        let (store, completed) = (self.store.clone(), self.completed);
        rate(in_flight, move || {
            let store = store.clone();
            async move { replay(&store, completed).await }
        })
        .await
    }

    async fn reads(&self, in_flight: usize) -> f64 {
        let (pool, address) = (self.ten.clone(), self.completed);
        rate(in_flight, move || {
            let pool = pool.clone();
            async move { raw_read(&pool, "idempotency_keys", &address).await }
        })
        .await
    }
}

async fn compare(contender: &Contender, in_flight: usize) {
    let mut rates: [Vec<f64>; 5] = Default::default();
    for _ in 0..setting("BENCH_ROUNDS", 5) {
        rates[0].push(contender.floor(1, in_flight).await);
        rates[1].push(contender.floor(10, in_flight).await);
        rates[2].push(contender.executions(in_flight).await);
        rates[3].push(contender.reads(in_flight).await);
        rates[4].push(contender.replays(in_flight).await);
    }
    let [one, ten, store, read, replay] = rates.map(median);
    let floor = one.max(ten);
    println!("{in_flight} in flight");
    println!(
        "  pairs/s: raw {one:.0} (1 connection), {ten:.0} (10); store {store:.0} = {:.2} of raw",
        store / floor
    );
    println!("  replays/s: raw read {read:.0}; store {replay:.0} = {:.2} of raw", replay / read);
}

async fn crowded(few: &Contender, many: &Contender, keys: u64) {
    for in_flight in [1, 64] {
        let (mut little, mut full) = (Vec::new(), Vec::new());
        for _ in 0..setting("BENCH_ROUNDS", 5) {
            little.push(few.claims(in_flight).await);
            full.push(many.claims(in_flight).await);
        }
        let (little, full) = (median(little), median(full));
        println!(
            "claims/s, {in_flight} in flight: {little:.0} beside 1000 keys, {full:.0} beside {keys} = {:.2}",
            full / little
        );
    }
}

#[tokio::main]
async fn main() {
    let disk = Disk::new();
    let few = Contender::new(&disk.0.join("few.db"), 1_000).await;
    compare(&few, 1).await;
    compare(&few, 64).await;
    let keys = setting("BENCH_KEYS", 1_000_000);
    let few = Contender::new(&disk.0.join("thousand.db"), 1_000).await;
    let many = Contender::new(&disk.0.join("many.db"), keys).await;
    crowded(&few, &many, keys).await;
}
