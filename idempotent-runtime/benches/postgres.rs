//! The PostgreSQL store against raw statements, and against its own functions called one by one,
//! through the same client, at the same concurrency, in the same run.
//!
//! `cargo bench -p idempotent-runtime --features postgres --bench postgres`, on the server that
//! `DATABASE_URL` names. Rounds of the store and of the floor take turns, and the median round is
//! printed. `BENCH_ROUNDS` (5) and `BENCH_MILLIS` (1000) change the measurement, `RECORD` is the
//! length of a record in bytes, `PART` may be `raw` or `million`, `POOL` is the size of the pool
//! that all but the store use.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod calls;
mod claims;
mod measured;
mod turns;

use std::sync::Arc;

use calls::{execute, random, rate, replay, win};
use idempotent_runtime::{Address, PostgresStore, store::Record};
use measured::setting;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use turns::compare;

const SCHEMA: &str = "idempotent_bench";
/// Number of keys from which the replays choose.
const COMPLETED: usize = 5_000;

#[derive(Clone)]
struct Bench {
    store: PostgresStore,
    pool: PgPool,
    record: Record,
}

fn url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

impl Bench {
    async fn first_execution(self) {
        execute(&self.store, self.record).await;
    }

    async fn insert_and_update(self) {
        let address = random();
        let insert = "INSERT INTO idempotent_bench.floor (address) VALUES ($1)";
        sqlx::query(insert).bind(&address[..]).execute(&self.pool).await.unwrap();
        let update = "UPDATE idempotent_bench.floor SET record = $2 WHERE address = $1";
        let update = sqlx::query(update).bind(&address[..]).bind(&self.record.as_bytes()[..]);
        update.execute(&self.pool).await.unwrap();
    }

    /// The store's own functions, each call by itself in a statement of its own.
    async fn unbatched(self) {
        const LEASE: i64 = 30_000_000;
        const HOUR: i64 = 3_600_000_000;
        let (address, token, fingerprint) = (random(), random(), random());
        let (label, record) = (&b"POST /orders"[..], &self.record.as_bytes()[..]);
        for (verb, first, second, bytes, expected) in
            [("claim", LEASE, HOUR, label, "won"), ("complete", HOUR, 0, record, "stored")]
        {
            let call =
                "SELECT (idempotent_bench.keys_alone($1, $2, $3, $4, $5, $6, false, $7, true)).said::text";
            let call = sqlx::query_scalar(call)
                .bind(verb)
                .bind(&address[..])
                .bind(&token[..16])
                .bind(&fingerprint[..]);
            let said: String = call.bind(first).bind(second).bind(bytes).fetch_one(&self.pool).await.unwrap();
            assert_eq!(said, expected);
        }
    }

    async fn claim(self) {
        win(&self.store).await;
    }

    async fn replay(self, address: [u8; 32]) {
        replay(&self.store, Address::from_bytes(address)).await;
    }

    async fn select(self, address: [u8; 32]) {
        let select = "SELECT record FROM idempotent_bench.floor WHERE address = $1";
        let record: Vec<u8> =
            sqlx::query_scalar(select).bind(&address[..]).fetch_one(&self.pool).await.unwrap();
        assert_eq!(record.len(), self.record.as_bytes().len());
    }
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// A store whose table holds that many completed keys.
async fn filled(pool: &PgPool, table: &str, keys: usize) -> PostgresStore {
    let builder = PostgresStore::builder(pool.clone()).schema(SCHEMA).table(table);
    let builder = match std::env::var("CONNECTIONS") {
        Ok(connections) => builder.connections(connections.parse().unwrap()),
        Err(_) => builder,
    };
    let store = builder.build().await.unwrap();
    let fill = format!(
        "INSERT INTO {SCHEMA}.{table} (until, forget_at, sweep_at, attempt, state, token, fingerprint, address, label, record)
         SELECT now() + interval '1 day', now() + interval '1 day', now() + interval '1 day', 1, 'd',
             substr(sha256(key::text::bytea), 1, 16), sha256(key::text::bytea), sha256(key::text::bytea), '', repeat('x', 200)::bytea
         FROM generate_series(1, {keys}) AS key"
    );
    run(pool, &fill).await;
    run(pool, &format!("VACUUM ANALYZE {SCHEMA}.{table}")).await;
    store
}

/// Completed keys, in the store and in the floor's table.
async fn completed(bench: &Bench) -> Arc<Vec<[u8; 32]>> {
    let mut keys = Vec::new();
    while keys.len() < COMPLETED {
        let done = (0..64).map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move {
                let address = *execute(&bench.store, bench.record.clone()).await.address.as_bytes();
                let insert = "INSERT INTO idempotent_bench.floor (address, record) VALUES ($1, $2)";
                let insert = sqlx::query(insert).bind(&address[..]).bind(&bench.record.as_bytes()[..]);
                insert.execute(&bench.pool).await.unwrap();
                address
            })
        });
        keys.extend(futures_util::future::join_all(done).await.into_iter().map(|done| done.unwrap()));
    }
    Arc::new(keys)
}

fn any(keys: &[[u8; 32]]) -> [u8; 32] {
    let random = random();
    keys[usize::from(u16::from_be_bytes([random[0], random[1]])) % keys.len()]
}

async fn against_raw_statements(bench: &Bench) {
    for in_flight in [1, 64] {
        let (store, raw) = (bench.clone(), bench.clone());
        compare(
            "first execution / INSERT and UPDATE",
            in_flight,
            move || store.clone().first_execution(),
            move || raw.clone().insert_and_update(),
        )
        .await;
        let (store, unbatched) = (bench.clone(), bench.clone());
        compare(
            "first execution / the same unbatched",
            in_flight,
            move || store.clone().first_execution(),
            move || unbatched.clone().unbatched(),
        )
        .await;
    }
    let keys = completed(bench).await;
    for in_flight in [1, 64] {
        let (store, raw) = (bench.clone(), bench.clone());
        let (replayed, selected) = (Arc::clone(&keys), Arc::clone(&keys));
        compare(
            "replay / SELECT",
            in_flight,
            move || store.clone().replay(any(&replayed)),
            move || raw.clone().select(any(&selected)),
        )
        .await;
    }
}

async fn at_a_million_keys(bench: &Bench) {
    let many = Bench { store: filled(&bench.pool, "many", 1_000_000).await, ..bench.clone() };
    let few = Bench { store: filled(&bench.pool, "few", 1_000).await, ..bench.clone() };
    // The first change of a page after a checkpoint writes the whole page. That is paid before the
    // measurement, once per page.
    run(&bench.pool, "CHECKPOINT").await;
    for _ in 0..2 {
        let (many, few) = (many.clone(), few.clone());
        rate(64, move || many.clone().claim()).await;
        rate(64, move || few.clone().claim()).await;
    }
    for in_flight in [1, 64] {
        let (many, few) = (many.clone(), few.clone());
        compare(
            "claim at 1,000,000 keys / at 1,000",
            in_flight,
            move || many.clone().claim(),
            move || few.clone().claim(),
        )
        .await;
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connections = setting("POOL", 64);
        let pool = PgPoolOptions::new().max_connections(connections).connect(&url()).await.unwrap();
        run(&pool, &format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")).await;
        run(&pool, "CREATE TABLE idempotent_bench.floor (address bytea PRIMARY KEY, record bytea)").await;
        let store = filled(&pool, "keys", 0).await;
        let bytes = setting("RECORD", 500);
        let record = Record::from_bytes((0..bytes).map(|_| random()[0]).collect::<Vec<u8>>());
        let bench = Bench { store, pool: pool.clone(), record };
        let part = std::env::var("PART").unwrap_or_default();
        if part != "million" {
            against_raw_statements(&bench).await;
        }
        if part != "raw" {
            at_a_million_keys(&bench).await;
        }
        run(&pool, &format!("DROP SCHEMA {SCHEMA} CASCADE")).await;
    });
}
