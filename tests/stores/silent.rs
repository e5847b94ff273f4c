//! A store that answers nothing, for as long as it likes. The calls to it do not collect without
//! end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use futures_util::future::join_all;
use idempotent_runtime::{Idempotency, MemoryStore, idempotent};
use idempotent_tests::{
    Http1, Reply, TestServer, post,
    scripted::{Fault, Scripted, Verb},
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// After how many calls in a row without an answer a store is sent one at a time.
const IN_A_ROW: usize = 1024;
/// A store is waited for for a sixth of it.
const LEASE: Duration = Duration::from_secs(3);

/// Effects of the handlers, and the permits for which they wait before they end.
struct Work {
    effects: AtomicUsize,
    ends: Semaphore,
}

#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint", wait = "60s")]
async fn order(work: web::Data<Work>) -> impl Responder {
    work.effects.fetch_add(1, SeqCst);
    let _ended = work.ends.acquire().await;
    HttpResponse::Created()
}

struct Node {
    http: TestServer,
    store: Scripted,
    work: Arc<Work>,
    never: Arc<Semaphore>,
}

impl Node {
    fn start(ends: usize) -> Node {
        let store = Scripted::new(MemoryStore::new());
        let idempotency = Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
        let work = Arc::new(Work { effects: AtomicUsize::new(0), ends: Semaphore::new(ends) });
        let data = web::Data::from(Arc::clone(&work));
        let http = TestServer::start(2, move |app| {
            app.app_data(idempotency.clone()).app_data(data.clone()).service(order);
        });
        Node { http, store, work, never: Arc::new(Semaphore::new(0)) }
    }

    fn hangs(&self, verb: Verb) {
        self.store.next(verb, usize::MAX, Fault::Hangs(Arc::clone(&self.never)));
    }

    async fn request(&self, key: usize) -> Reply {
        let request = post("/orders", &[&format!("Idempotency-Key: key-{key}")], b"");
        timeout(Duration::from_secs(60), Http1::once(self.http.address(), &request)).await.unwrap()
    }

    /// So many requests, two hundred at a time, all of which are refused.
    async fn refuses(&self, requests: usize) {
        for some in 0..requests / 200 {
            for reply in join_all((0..200).map(|key| self.request(some * 200 + key))).await {
                assert_eq!((reply.status, reply.code().as_str()), (503, "store_unavailable"));
            }
        }
    }

    /// Asks until it runs.
    async fn runs(&self, key: usize) {
        let runs = async {
            while self.request(key).await.status == 503 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), runs).await.expect("it runs");
        let replay = self.request(key).await;
        assert_eq!((replay.status, replay.is_replay()), (201, true), "{}", replay.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_answers_nothing_is_asked_a_bounded_number_of_times() {
    let node = Node::start(Semaphore::MAX_PERMITS);
    node.hangs(Verb::Claim);
    node.refuses(1_400).await;
    let before = node.store.calls(Verb::Claim);
    node.refuses(5_000).await;
    let after = node.store.calls(Verb::Claim);
    println!("{before} calls without an answer, {} more for 5000 requests", after - before);
    assert!((IN_A_ROW..=1_400).contains(&before), "{before}");
    // One at a time, each for half a second.
    assert!(after - before < 500, "{}", after - before);
    assert_eq!(node.work.effects.load(SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_answers_again_is_used_again_at_once_whether_or_not_old_calls_ever_end() {
    for old_calls_end in [true, false] {
        let node = Node::start(Semaphore::MAX_PERMITS);
        node.hangs(Verb::Claim);
        node.refuses(1_400).await;
        node.store.heal(Verb::Claim);
        if old_calls_end {
            node.never.add_permits(Semaphore::MAX_PERMITS);
        }
        node.runs(9_999).await;
        for reply in join_all((10_000..10_200).map(|key| node.request(key))).await {
            assert_eq!(reply.status, 201, "{}", reply.text());
        }
        // What was refused has not run, and is free again where its claim has come to an end.
        if old_calls_end {
            join_all((0..200).map(|key| node.runs(key))).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_without_an_answer_do_not_collect() {
    let node = Node::start(0);
    node.hangs(Verb::Renew);
    let requests = join_all((0..200).map(|key| node.request(key)));
    let ends = async {
        // Two hundred at a time, until there are too many. From then on it is one at a time.
        node.store.called(Verb::Renew, IN_A_ROW).await;
        let before = node.store.calls(Verb::Renew);
        node.store.called(Verb::Renew, before + 3).await;
        node.store.heal(Verb::Renew);
        node.work.ends.add_permits(200);
    };
    let (replies, ()) = tokio::join!(requests, ends);
    let renewals = node.store.calls(Verb::Renew);
    println!("{renewals} renewals");
    assert!(renewals < IN_A_ROW + 400, "{renewals}");
    for (key, reply) in replies.iter().enumerate() {
        assert_eq!(reply.status, 201);
        node.runs(key).await;
    }
    assert_eq!(node.work.effects.load(SeqCst), 200);
}
