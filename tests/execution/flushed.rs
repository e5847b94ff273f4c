//! Executions whose entry the store has lost, or given to somebody else, when they complete, and
//! the requests that wait for them.

use std::time::Duration;

use actix_web::{HttpResponse, Responder, body::BodyStream, post, web};
use futures_util::{future::join_all, stream};
use idempotent_runtime::{Idempotency, ManualClock, MemoryStore, RedisStore, Store, idempotent};
use idempotent_tests::{
    Http1, Reply, TestServer,
    redis_server::RedisServer,
    scripted::{Scripted, Verb},
};

use crate::gate::{Gate, keyed, within};

const LEASE: Duration = Duration::from_secs(30);

#[post("/streams")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn streams(gate: web::Data<Gate>) -> impl Responder {
    gate.pass().await;
    let events = stream::iter([Ok::<_, std::io::Error>(web::Bytes::from_static(b"data: 1\n\n"))]);
    HttpResponse::Ok().content_type("text/event-stream").body(BodyStream::new(events))
}

/// A process on a store, whose handlers wait.
struct Node<S> {
    store: Scripted<S>,
    gate: Gate,
    server: TestServer,
}

impl<S: Store> Node<S> {
    fn on(store: S, gate: Gate) -> Self {
        let store = Scripted::new(store);
        let idempotency = Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
        let data = web::Data::new(gate.clone());
        let server = TestServer::start(1, move |app| {
            app.app_data(idempotency.clone()).app_data(data.clone()).service(streams).configure(Gate::routes);
        });
        Node { store, gate, server }
    }

    /// A request that runs, and three that wait for it.
    async fn running(&self, request: &[u8]) -> (Http1, Vec<Http1>) {
        let open = || async { Http1::begin(self.server.address(), request).await };
        let first = open().await;
        self.gate.began().await;
        let waiting = join_all((0..3).map(|_| open())).await;
        // One worker reads in turn: when this is answered, they wait.
        let probe = keyed(path_of(request), key_of(request), "another body");
        assert_eq!(self.ask(&probe).await.code(), "key_reused");
        (first, waiting)
    }

    async fn ask(&self, request: &[u8]) -> Reply {
        within(Http1::once(self.server.address(), request)).await
    }

    /// Lets the request that runs end. What it is answered, and what those are who wait.
    async fn ends(&self, (first, waiting): (Http1, Vec<Http1>)) -> (Reply, Vec<Reply>) {
        self.gate.let_one_through();
        (answer(first).await, join_all(waiting.into_iter().map(answer)).await)
    }

    /// The store has no entry of the request any more.
    async fn forgets(&self) {
        let hold = self.store.claimed().unwrap();
        self.store.release(hold).await.unwrap();
    }
}

async fn answer(mut connection: Http1) -> Reply {
    within(connection.reply()).await.expect("a whole response")
}

fn path_of(request: &[u8]) -> &str {
    std::str::from_utf8(request).unwrap().split(' ').nth(1).unwrap()
}

fn key_of(request: &[u8]) -> &str {
    let text = std::str::from_utf8(request).unwrap();
    text.split("Idempotency-Key: ").nth(1).unwrap().lines().next().unwrap()
}

/// The leader's answer, of which it says that it is not stored, and that those who waited replay.
#[track_caller]
fn share_what_is_not_stored((first, waited): &(Reply, Vec<Reply>), effect: &str) {
    assert_eq!((first.status, first.is_replay(), first.text()), (201, false, effect), "{first:?}");
    assert_eq!(first.header("idempotency-stored"), Some("false"));
    for reply in waited {
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, true, effect), "{reply:?}");
        assert_eq!(reply.header("idempotency-stored"), Some("false"), "a retry will not get it");
    }
}

#[tokio::test]
async fn after_flushall_who_waits_is_given_the_leaders_response_and_nothing_runs_again() {
    let redis = RedisServer::start(&[]).await;
    let node = Node::on(RedisStore::new(&redis.url()).await.unwrap(), Gate::shut());
    let running = node.running(&keyed("/patient", "k", "")).await;
    redis.ask::<()>("FLUSHALL").await;
    share_what_is_not_stored(&node.ends(running).await, "effect 1");
    assert_eq!(node.gate.effects(), 1);
}

#[tokio::test]
async fn where_the_store_has_forgotten_the_claim_who_waits_is_given_the_leaders_response() {
    let node = Node::on(MemoryStore::new(), Gate::shut());
    let running = node.running(&keyed("/patient", "k", "")).await;
    node.forgets().await;
    share_what_is_not_stored(&node.ends(running).await, "effect 1");
    assert_eq!((node.gate.effects(), node.store.calls(Verb::Claim)), (1, 1));
}

#[tokio::test]
async fn where_the_store_has_forgotten_the_claim_of_a_stream_who_waits_is_told_that_it_was_not_stored() {
    let node = Node::on(MemoryStore::new(), Gate::shut());
    let running = node.running(&keyed("/streams", "k", "")).await;
    node.forgets().await;
    let (first, waited) = node.ends(running).await;
    assert_eq!((first.status, first.text()), (200, "data: 1\n\n"), "{first:?}");
    for reply in waited {
        assert_eq!((reply.status, reply.code().as_str()), (409, "response_not_stored"), "{reply:?}");
    }
    assert_eq!(node.gate.effects(), 1);
}

/// Two nodes on one store.
fn nodes(gates: [Gate; 2]) -> (ManualClock, [Node<MemoryStore>; 2]) {
    let clock = ManualClock::new();
    let memory = MemoryStore::builder().clock(clock.clone()).build();
    (clock, gates.map(|gate| Node::on(memory.clone(), gate)))
}

#[tokio::test]
async fn where_another_node_has_taken_over_and_completed_all_are_given_what_it_has_recorded() {
    let (clock, [zombie, winner]) = nodes([Gate::shut(), Gate::open()]);
    // The winner's numbers are other than the zombie's.
    winner.ask(&keyed("/rerun", "another", "")).await;
    let request = keyed("/rerun", "k", "");
    let running = zombie.running(&request).await;
    clock.advance(LEASE);
    assert_eq!(winner.ask(&request).await.text(), "effect 2");
    let claims = zombie.store.calls(Verb::Claim);
    let (first, waited) = zombie.ends(running).await;
    for reply in waited.iter().chain([&first]) {
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, true, "effect 2"), "{reply:?}");
        assert_eq!(reply.header("idempotency-stored"), None);
    }
    assert_eq!(zombie.store.calls(Verb::Claim), claims, "nobody asks the store again");
}

#[tokio::test]
async fn where_another_node_has_taken_over_and_still_runs_who_waits_is_given_the_leaders_response() {
    let (clock, [zombie, winner]) = nodes([Gate::shut(), Gate::shut()]);
    let request = keyed("/rerun", "k", "");
    let running = zombie.running(&request).await;
    clock.advance(LEASE);
    let winners = winner.running(&request).await;
    share_what_is_not_stored(&zombie.ends(running).await, "effect 1");
    let (won, _) = winner.ends(winners).await;
    assert_eq!((won.status, won.header("idempotency-stored")), (201, None));
}

#[tokio::test]
async fn where_the_execution_has_been_seen_abandoned_who_waits_is_given_its_true_response() {
    let (clock, [slow, other]) = nodes([Gate::shut(), Gate::open()]);
    let request = keyed("/patient", "k", "");
    let running = slow.running(&request).await;
    clock.advance(LEASE);
    assert_eq!(other.ask(&request).await.code(), "outcome_unknown");
    share_what_is_not_stored(&slow.ends(running).await, "effect 1");
    assert_eq!(slow.ask(&request).await.code(), "outcome_unknown");
    assert_eq!((slow.gate.effects(), other.gate.effects()), (1, 0));
}
