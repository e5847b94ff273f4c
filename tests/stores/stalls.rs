//! A store's server that stands still. All that it was sent, or has written and shows to nobody,
//! counts at once when it goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{Idempotency, RedisStore, Store, idempotent};
use idempotent_tests::{
    Http1, Reply, TestServer, post, postgres::Schema, postgres_server::PostgresServer,
    redis_server::RedisServer,
};
use tokio::time::timeout;

#[post("/orders")]
#[idempotent(wait = "60s")]
async fn order(effects: web::Data<AtomicUsize>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", effects.fetch_add(1, SeqCst) + 1))
}

/// A node, and what its handler has done.
struct Node {
    effects: Arc<AtomicUsize>,
    http: TestServer,
}

impl Node {
    fn on(store: impl Store) -> Self {
        let idempotency = Idempotency::builder().store(store).build().unwrap();
        let effects = Arc::new(AtomicUsize::new(0));
        let counted = web::Data::from(Arc::clone(&effects));
        let http = TestServer::start(1, move |app| {
            app.app_data(idempotency.clone()).app_data(counted.clone()).service(order);
        });
        Node { effects, http }
    }

    async fn request(&self, key: &str) -> Reply {
        let request = post("/orders", &[&format!("Idempotency-Key: {key}")], b"");
        timeout(Duration::from_secs(60), Http1::once(self.http.address(), &request)).await.unwrap()
    }

    /// While the server stands still, retries too are refused, and nothing runs.
    async fn is_refused_again_and_again(&self, key: &str) {
        for _ in 0..3 {
            let reply = self.request(key).await;
            assert_eq!((reply.status, reply.code().as_str()), (503, "store_unavailable"), "{}", reply.text());
        }
        assert_eq!(self.effects.load(SeqCst), 0);
    }

    /// Asks until the store answers. The answer is the first one's, and the next one's is its
    /// replay.
    async fn runs(&self, key: &str) {
        let reply = loop {
            let reply = self.request(key).await;
            if reply.status != 503 {
                break reply;
            }
        };
        assert_eq!((reply.status, reply.is_replay()), (201, false), "{}", reply.text());
        let replay = self.request(key).await;
        assert_eq!((replay.status, replay.is_replay(), &replay.body), (201, true, &reply.body));
    }

    /// Keys that were refused while the server stood still are free when it goes on.
    async fn recovers<S, G>(self, stands_still: impl FnOnce() -> S, goes_on: impl FnOnce() -> G)
    where
        S: Future<Output = ()>,
        G: Future<Output = ()>,
    {
        stands_still().await;
        let keys = ["a", "b", "c"];
        futures_util::future::join_all(keys.map(|key| self.is_refused_again_and_again(key))).await;
        goes_on().await;
        futures_util::future::join_all(keys.map(|key| self.runs(key))).await;
        assert_eq!(self.effects.load(SeqCst), keys.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_that_postgres_commits_when_their_requests_have_long_been_refused_are_given_back() {
    let server = PostgresServer::start(&[]).await;
    let node = Node::on(Schema::on(server.options()).await.store().await);
    node.recovers(|| server.stall_commits(), || server.heal_commits()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_that_redis_reads_when_their_requests_have_long_been_refused_are_given_back() {
    let server = RedisServer::start(&[]).await;
    let node = Node::on(RedisStore::new(server.url()).await.unwrap());
    node.recovers(async || server.freeze(), async || server.thaw()).await;
}
