//! The Redis store against the floor in the same run: raw commands through one connection of the
//! same client.
//!
//! `cargo bench -p idempotent-runtime --features redis --bench redis` starts two servers of its own
//! (`redis-server` has to be installed).
//!
//! A pair is one execution: `SET NX PX` and `SET PX` for the floor, claim and completion for the
//! store. All measurements take turns in every round, so that a disturbance of the machine disturbs
//! all of them; medians are printed. `BENCH_ROUNDS` (5), `BENCH_MILLIS` (1000) and `BENCH_KEYS`
//! (1000000, for the last part) change the measurement.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails may panic"
)]

mod calls;
mod claims;
mod measured;
mod redis_server;
mod turns;

use calls::{execute, random, replay, win};
use idempotent_runtime::{Address, RedisStore, store::Record};
use measured::setting;
use redis::aio::ConnectionManager;
use redis_server::Server;
use turns::compare;

const RESPONSE: [u8; 300] = [b'r'; 300];

fn record() -> Record {
    Record::from_bytes(RESPONSE.to_vec())
}

#[derive(Clone)]
struct Contender {
    store: RedisStore,
    raw: ConnectionManager,
    completed: Address,
}

impl Contender {
    async fn new(server: &Server) -> Self {
        let store = RedisStore::new(&server.url).await.unwrap();
        let mut raw = server.raw().await;
        let completed = execute(&store, record()).await.address;
        redis::cmd("SET").arg("raw").arg(&RESPONSE).exec_async(&mut raw).await.unwrap();
        Contender { store, raw, completed }
    }

    async fn claim(self) {
        win(&self.store).await;
    }

    async fn execute(self) {
        execute(&self.store, record()).await;
    }

    async fn set_twice(mut self) {
        let (key, value) = (random(), [7_u8; 70]);
        let mut claim = redis::cmd("SET");
        claim.arg(&key).arg(&value).arg("NX").arg("PX").arg(3_630_000);
        assert!(claim.query_async::<bool>(&mut self.raw).await.unwrap());
        let mut complete = redis::cmd("SET");
        complete.arg(&key).arg(&RESPONSE).arg("PX").arg(3_600_000);
        complete.exec_async(&mut self.raw).await.unwrap();
    }

    async fn replay(self) {
        replay(&self.store, self.completed).await;
    }

    async fn get(mut self) {
        let value: Vec<u8> = redis::cmd("GET").arg("raw").query_async(&mut self.raw).await.unwrap();
        assert_eq!(value.len(), RESPONSE.len());
    }
}

/// Fills the server with so many completed keys.
async fn fill(contender: &Contender, keys: u64) {
    let mut raw = contender.raw.clone();
    for _ in 0..keys.div_ceil(1_000) {
        let mut batch = redis::pipe();
        for _ in 0..1_000 {
            let key = format!("idempotent:{}", Address::from_bytes(random()));
            batch.cmd("SET").arg(key).arg(&[b'D'; 370]).arg("PX").arg(3_600_000).ignore();
        }
        batch.exec_async(&mut raw).await.unwrap();
    }
}

#[tokio::main]
async fn main() {
    let (few, many) = (Server::start().await, Server::start().await);
    let contender = Contender::new(&few).await;
    for in_flight in [1, 64] {
        let (store, raw) = (contender.clone(), contender.clone());
        let (ours, floor) = (move || store.clone().execute(), move || raw.clone().set_twice());
        compare("first execution / SET NX and SET", in_flight, ours, floor).await;
        let (store, raw) = (contender.clone(), contender.clone());
        let (ours, floor) = (move || store.clone().replay(), move || raw.clone().get());
        compare("replay / GET", in_flight, ours, floor).await;
    }
    let keys = setting("BENCH_KEYS", 1_000_000);
    let crowded = Contender::new(&many).await;
    fill(&crowded, keys).await;
    redis::cmd("FLUSHALL").exec_async(&mut contender.raw.clone()).await.unwrap();
    fill(&contender, 1_000).await;
    for in_flight in [1, 64] {
        let (many, few) = (crowded.clone(), contender.clone());
        let what = format!("claim at {keys} keys / at 1000");
        compare(&what, in_flight, move || many.clone().claim(), move || few.clone().claim()).await;
    }
}
