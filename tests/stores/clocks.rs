//! Nodes whose clocks differ: the store's server alone says what time it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{Clock, Idempotency, RedisStore, Store, SystemClock, clock::Timestamp, idempotent};
use idempotent_tests::{Http1, Reply, TestServer, post, postgres::Schema, redis_server::RedisServer};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// Error of each clock, in milliseconds. It is longer than any lease, and than the time for which
/// responses are replayed.
const OFF: u64 = 48 * 3_600_000;

#[derive(Clone, Copy)]
enum Wrong {
    Ahead,
    Behind,
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now().as_millis();
        Timestamp::from_millis(match self {
            Wrong::Ahead => now + OFF,
            Wrong::Behind => now - OFF,
        })
    }
}

/// Effects of the handlers, and the permits for which they wait before they end.
struct Work {
    effects: AtomicUsize,
    ends: Semaphore,
}

#[post("/orders")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn order(work: web::Data<Work>) -> impl Responder {
    let effect = work.effects.fetch_add(1, SeqCst) + 1;
    work.ends.acquire().await.unwrap().forget();
    HttpResponse::Created().body(format!("effect {effect}"))
}

/// A node by a clock of its own, with a local cache, whose entries' time it counts.
fn node(store: impl Store, clock: Wrong, work: &Arc<Work>) -> TestServer {
    let builder = Idempotency::builder().store(store).clock(clock).local_cache(1 << 20);
    let (idempotency, work) = (builder.build().unwrap(), web::Data::from(Arc::clone(work)));
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone()).app_data(work.clone()).service(order);
    })
}

async fn request(node: &TestServer, key: &str) -> Reply {
    let request = post("/orders", &[&format!("Idempotency-Key: {key}")], b"");
    timeout(Duration::from_secs(60), Http1::once(node.address(), &request)).await.unwrap()
}

/// Sends a request to one node, and the same to the other while its handler runs. Both have the
/// response then, and keep it.
async fn has_one_effect(nodes: [&TestServer; 2], work: &Work, key: &str) {
    let before = work.effects.load(SeqCst);
    let ends = async {
        while work.effects.load(SeqCst) == before {
            sleep(Duration::from_millis(5)).await;
        }
        // Whoever took the claim for abandoned would do so at once.
        let duplicate = request(nodes[1], key);
        let (duplicate, ()) = tokio::join!(duplicate, async {
            sleep(Duration::from_millis(300)).await;
            work.ends.add_permits(1);
        });
        duplicate
    };
    let (first, duplicate) = tokio::join!(request(nodes[0], key), ends);
    assert_eq!((first.status, first.is_replay()), (201, false), "{}", first.text());
    for replay in [duplicate, request(nodes[0], key).await, request(nodes[1], key).await] {
        assert_eq!((replay.status, replay.is_replay(), &replay.body), (201, true, &first.body));
    }
    assert_eq!(work.effects.load(SeqCst), before + 1);
}

async fn have_one_effect(stores: [impl Store; 2]) {
    let work = Arc::new(Work { effects: AtomicUsize::new(0), ends: Semaphore::new(0) });
    let [first, second] = stores;
    let (ahead, behind) = (node(first, Wrong::Ahead, &work), node(second, Wrong::Behind, &work));
    has_one_effect([&ahead, &behind], &work, "a").await;
    has_one_effect([&behind, &ahead], &work, "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_on_postgres_whose_clocks_are_days_apart_execute_once_and_replay() {
    let schema = Schema::new().await;
    have_one_effect([schema.store().await, schema.store().await]).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_on_redis_whose_clocks_are_days_apart_execute_once_and_replay() {
    let server = RedisServer::start(&[]).await;
    let store = async || RedisStore::new(server.url()).await.unwrap();
    have_one_effect([store().await, store().await]).await;
}
