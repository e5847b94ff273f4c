//! The PostgreSQL store against raw statements through the same client, at the same concurrency, in the same run.
//!
//! `cargo bench -p idempotent-runtime --features postgres --bench postgres`, on the server that `DATABASE_URL` names. Rounds of
//! the store and of the floor take turns; what is printed is the median round. `RECORD` is the length of a record in bytes, `PART` may be
//! `raw` or `million`, `POOL` is the size of the pool that the floor uses.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::{future::Future, sync::Arc, time::Duration};

use idempotent_runtime::{
    Address, PostgresStore, RequestFingerprint, Store,
    store::{Claim, ClaimRequest, Hold, OnAbandoned, Record, Retention, Token},
};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tokio::time::Instant;

const SCHEMA: &str = "idempotent_bench";
const HOUR: Duration = Duration::from_secs(3600);
const ROUND: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 5;
/// How many keys the replays choose from.
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

/// 32 random bytes.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Token::random().unwrap().as_bytes());
    bytes[16..].copy_from_slice(Token::random().unwrap().as_bytes());
    bytes
}

fn request(address: [u8; 32]) -> ClaimRequest {
    let hold = Hold {
        address: Address::from_bytes(address),
        token: Token::random().unwrap(),
        fingerprint: RequestFingerprint::from_bytes([7; 32]),
    };
    let lease = Duration::from_secs(30);
    ClaimRequest { hold, lease, on_abandoned: OnAbandoned::Refuse, retention: HOUR }
}

impl Bench {
    async fn first_execution(self) {
        let request = request(random());
        assert_eq!(self.store.claim(request).await.unwrap(), Claim::Won { attempt: 1 });
        let retention = Retention { replay: HOUR, remember: Duration::ZERO };
        self.store.complete(request.hold, self.record.clone(), retention).await.unwrap();
    }

    async fn insert_and_update(self) {
        let address = random();
        let insert = "INSERT INTO idempotent_bench.floor (address) VALUES ($1)";
        sqlx::query(insert).bind(&address[..]).execute(&self.pool).await.unwrap();
        let update = "UPDATE idempotent_bench.floor SET record = $2 WHERE address = $1";
        let update = sqlx::query(update).bind(&address[..]).bind(&self.record.as_bytes()[..]);
        update.execute(&self.pool).await.unwrap();
    }

    async fn claim(self) {
        assert_eq!(self.store.claim(request(random())).await.unwrap(), Claim::Won { attempt: 1 });
    }

    async fn replay(self, address: [u8; 32]) {
        let claim = self.store.claim(request(address)).await.unwrap();
        assert!(matches!(claim, Claim::Replay { .. }), "{claim:?}");
    }

    async fn select(self, address: [u8; 32]) {
        let select = "SELECT record FROM idempotent_bench.floor WHERE address = $1";
        let record: Vec<u8> =
            sqlx::query_scalar(select).bind(&address[..]).fetch_one(&self.pool).await.unwrap();
        assert_eq!(record.len(), self.record.as_bytes().len());
    }
}

/// How many times a second `work` is done, with so many at a time.
async fn rate<F>(in_flight: usize, work: impl Fn() -> F + Send + Sync + 'static) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let (work, began) = (Arc::new(work), Instant::now());
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let work = Arc::clone(&work);
            tokio::spawn(async move {
                let mut done = 0_u32;
                while began.elapsed() < ROUND {
                    work().await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for worker in workers {
        done += worker.await.unwrap();
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Prints the rates of two kinds of work, which take turns, and how the first compares with the second.
async fn compare<A, B>(
    what: &str,
    in_flight: usize,
    ours: impl Fn() -> A + Clone + Send + Sync + 'static,
    floor: impl Fn() -> B + Clone + Send + Sync + 'static,
) where
    A: Future<Output = ()> + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let (mut rates, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rates.push(rate(in_flight, ours.clone()).await);
        floors.push(rate(in_flight, floor.clone()).await);
    }
    let (rate, floor) = (median(rates), median(floors));
    println!(
        "{what:<42} {in_flight:>3} in flight: {rate:>8.0} /s against {floor:>8.0} /s: {:.2}",
        rate / floor
    );
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// A store whose table holds that many completed keys.
async fn filled(pool: &PgPool, table: &str, keys: usize) -> PostgresStore {
    let builder = PostgresStore::builder(pool.clone()).schema(SCHEMA).table(table);
    let builder = match std::env::var("LANES") {
        Ok(lanes) => builder.lanes(lanes.parse().unwrap()),
        Err(_) => builder,
    };
    let store = builder.build().await.unwrap();
    let fill = format!(
        "INSERT INTO {SCHEMA}.{table} (until, forget_at, sweep_at, attempt, state, token, fingerprint, address, record)
         SELECT now() + interval '1 day', now() + interval '1 day', now() + interval '1 day', 1, 'd',
             substr(sha256(key::text::bytea), 1, 16), sha256(key::text::bytea), sha256(key::text::bytea), repeat('x', 200)::bytea
         FROM generate_series(1, {keys}) AS key"
    );
    run(pool, &fill).await;
    run(pool, &format!("VACUUM ANALYZE {SCHEMA}.{table}")).await;
    store
}

/// Completed keys, in the store and in the floor's table.
async fn completed(bench: &Bench) -> Arc<Vec<[u8; 32]>> {
    let keys: Vec<_> = (0..COMPLETED).map(|_| random()).collect();
    for batch in keys.chunks(64) {
        let done = batch.iter().map(|address| {
            let (bench, request) = (bench.clone(), request(*address));
            tokio::spawn(async move {
                bench.store.claim(request).await.unwrap();
                let retention = Retention { replay: HOUR, remember: Duration::ZERO };
                bench.store.complete(request.hold, bench.record.clone(), retention).await.unwrap();
                let insert = "INSERT INTO idempotent_bench.floor (address, record) VALUES ($1, $2)";
                let insert = sqlx::query(insert).bind(&request.hold.address.as_bytes()[..]);
                insert.bind(&bench.record.as_bytes()[..]).execute(&bench.pool).await.unwrap();
            })
        });
        futures_util::future::join_all(done).await.into_iter().for_each(|done| done.unwrap());
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
    // The first change of a page after a checkpoint writes all of the page. That is paid before, once for each page.
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
        let connections = std::env::var("POOL").map_or(64, |connections| connections.parse().unwrap());
        let pool = PgPoolOptions::new().max_connections(connections).connect(&url()).await.unwrap();
        run(&pool, &format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")).await;
        run(&pool, "CREATE TABLE idempotent_bench.floor (address bytea PRIMARY KEY, record bytea)").await;
        let store = filled(&pool, "keys", 0).await;
        let bytes = std::env::var("RECORD").map_or(500, |bytes| bytes.parse().unwrap());
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
