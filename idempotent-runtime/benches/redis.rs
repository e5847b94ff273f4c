//! The Redis store against the floor in the same run: raw commands through one connection of the same client.
//!
//! `cargo bench -p idempotent-runtime --features redis --bench redis` starts two servers of its own (`redis-server` has to be
//! installed).
//!
//! A pair is one execution: `SET NX PX` and `SET PX` for the floor, claim and completion for the store. All measurements take turns
//! in every round, so that what disturbs the machine disturbs all of them; medians are printed. `BENCH_ROUNDS` (5), `BENCH_MILLIS`
//! (1000) and `BENCH_KEYS` (1000000, for the last part) change the measurement.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails may panic"
)]

use std::{
    env,
    net::TcpListener,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use idempotent_runtime::{
    Address, RedisStore, RequestFingerprint, Store,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Retention, Token},
};
use redis::{Client, aio::ConnectionManager};

const HOUR: Duration = Duration::from_secs(3600);
const RESPONSE: [u8; 300] = [b'r'; 300];

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn random() -> [u8; 16] {
    *Token::random().unwrap().as_bytes()
}

fn hold() -> Hold {
    Hold {
        address: Address::from_bytes([random(), random()].concat().try_into().unwrap()),
        token: Token::random().unwrap(),
        fingerprint: RequestFingerprint::from_bytes([7; 32]),
    }
}

fn request(hold: Hold) -> ClaimRequest {
    ClaimRequest { hold, lease: Duration::from_secs(30), on_abandoned: OnAbandoned::Refuse, retention: HOUR }
}

async fn complete(store: &RedisStore, hold: Hold) {
    let retention = Retention { replay: HOUR, remember: Duration::ZERO };
    let completed = store.complete(hold, Record::from_bytes(RESPONSE.to_vec()), retention).await;
    assert_eq!(completed.unwrap(), Completion::Stored);
}

#[derive(Clone)]
struct Contender {
    store: RedisStore,
    raw: ConnectionManager,
    completed: Hold,
}

impl Contender {
    async fn new(url: &str) -> Self {
        let store = RedisStore::new(url).await.unwrap();
        let mut raw = Client::open(url).unwrap().get_connection_manager().await.unwrap();
        let completed = hold();
        store.claim(request(completed)).await.unwrap();
        complete(&store, completed).await;
        redis::cmd("SET").arg("raw").arg(&RESPONSE).exec_async(&mut raw).await.unwrap();
        Contender { store, raw, completed }
    }

    async fn claim(self) {
        assert_eq!(self.store.claim(request(hold())).await.unwrap(), Claim::Won { attempt: 1 });
    }

    async fn execute(self) {
        let hold = hold();
        assert_eq!(self.store.claim(request(hold)).await.unwrap(), Claim::Won { attempt: 1 });
        complete(&self.store, hold).await;
    }

    async fn set_twice(mut self) {
        let (key, value) = ([random(), random()].concat(), [7_u8; 70]);
        let mut claim = redis::cmd("SET");
        claim.arg(&key).arg(&value).arg("NX").arg("PX").arg(3_630_000);
        assert!(claim.query_async::<bool>(&mut self.raw).await.unwrap());
        let mut complete = redis::cmd("SET");
        complete.arg(&key).arg(&RESPONSE).arg("PX").arg(3_600_000);
        complete.exec_async(&mut self.raw).await.unwrap();
    }

    async fn replay(self) {
        let again = Hold { token: Token::random().unwrap(), ..self.completed };
        let claim = self.store.claim(request(again)).await.unwrap();
        assert!(matches!(claim, Claim::Replay { .. }), "{claim:?}");
    }

    async fn get(mut self) {
        let value: Vec<u8> = redis::cmd("GET").arg("raw").query_async(&mut self.raw).await.unwrap();
        assert_eq!(value.len(), RESPONSE.len());
    }
}

/// How many calls of `one` end in a second, with so many in flight.
async fn rate<F>(in_flight: usize, one: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    let (done, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let until = began + Duration::from_millis(setting("BENCH_MILLIS", 1_000));
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (one, done) = (one.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while Instant::now() < until {
                    one().await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let done = u32::try_from(done.load(Ordering::Relaxed)).unwrap();
    f64::from(done) / began.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the rates of two kinds of work, which take turns, and how the first compares with the second.
async fn compare<A, B>(
    what: &str,
    in_flight: usize,
    ours: impl Fn() -> A + Clone + Send + 'static,
    floor: impl Fn() -> B + Clone + Send + 'static,
) where
    A: Future<Output = ()> + Send,
    B: Future<Output = ()> + Send,
{
    let (mut rates, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..setting("BENCH_ROUNDS", 5) {
        floors.push(rate(in_flight, floor.clone()).await);
        rates.push(rate(in_flight, ours.clone()).await);
    }
    let (rate, floor) = (median(rates), median(floors));
    println!(
        "{what:<40} {in_flight:>3} in flight: {rate:>7.0} /s against {floor:>7.0} /s: {:.2}",
        rate / floor
    );
}

/// Fills the server with so many completed keys.
async fn fill(contender: &Contender, keys: u64) {
    let mut raw = contender.raw.clone();
    for _ in 0..keys.div_ceil(1_000) {
        let mut batch = redis::pipe();
        for _ in 0..1_000 {
            let key = format!(
                "idempotent:{:032x}{:032x}",
                u128::from_be_bytes(random()),
                u128::from_be_bytes(random())
            );
            batch.cmd("SET").arg(key).arg(&[b'D'; 370]).arg("PX").arg(3_600_000).ignore();
        }
        batch.exec_async(&mut raw).await.unwrap();
    }
}

/// A server on a free port that keeps all in memory only.
struct Server(Child, String);

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new("redis-server");
        server.args([
            "--save",
            "",
            "--appendonly",
            "no",
            "--loglevel",
            "warning",
            "--port",
            &port.to_string(),
        ]);
        Server(server.spawn().unwrap(), format!("redis://127.0.0.1:{port}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() {
    let (few, many) = (Server::start(), Server::start());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let contender = Contender::new(&few.1).await;
    for in_flight in [1, 64] {
        let (store, raw) = (contender.clone(), contender.clone());
        let (ours, floor) = (move || store.clone().execute(), move || raw.clone().set_twice());
        compare("first execution / SET NX and SET", in_flight, ours, floor).await;
        let (store, raw) = (contender.clone(), contender.clone());
        let (ours, floor) = (move || store.clone().replay(), move || raw.clone().get());
        compare("replay / GET", in_flight, ours, floor).await;
    }
    let keys = setting("BENCH_KEYS", 1_000_000);
    let crowded = Contender::new(&many.1).await;
    fill(&crowded, keys).await;
    redis::cmd("FLUSHALL").exec_async(&mut contender.raw.clone()).await.unwrap();
    fill(&contender, 1_000).await;
    for in_flight in [1, 64] {
        let (many, few) = (crowded.clone(), contender.clone());
        let what = format!("claim at {keys} keys / at 1000");
        compare(&what, in_flight, move || many.clone().claim(), move || few.clone().claim()).await;
    }
}
