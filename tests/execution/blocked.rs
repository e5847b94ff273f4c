//! Claims whose answers wait for a worker that something blocks.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, Responder, post, rt, web};
use idempotent_runtime::{Idempotency, ManualClock, MemoryStore};
use idempotent_tests::{
    Http1, Reply, TestServer,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use crate::gate::{Gate, keyed, within};

/// A store that is asked often, and whose own time stands still.
const LEASE: Duration = Duration::from_millis(300);
const FOREVER: usize = usize::MAX;

/// One process of several on one store.
struct Node {
    store: Scripted,
    gate: Gate,
    server: TestServer,
}

impl Node {
    async fn ask(&self, request: &[u8]) -> Reply {
        within(Http1::once(self.server.address(), request)).await
    }

    /// Sends a request whose claim is won, and whose worker is blocked before it hears of that.
    async fn blocked(&self, request: &[u8]) -> (Http1, mpsc::Sender<()>) {
        let (fault, unblock) = Fault::blocking();
        self.store.next(Verb::Claim, 1, fault);
        let connection = Http1::begin(self.server.address(), request).await;
        self.store.called(Verb::Claim, 1).await;
        (connection, unblock)
    }
}

/// Two nodes on one store.
fn nodes() -> (ManualClock, [Node; 2]) {
    let clock = ManualClock::new();
    let memory = MemoryStore::builder().clock(clock.clone()).build();
    let node = || {
        let (store, gate) = (Scripted::new(memory.clone()), Gate::open());
        let idempotency = Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
        let server = gate.server(&idempotency);
        Node { store, gate, server }
    };
    (clock, [node(), node()])
}

async fn answer(mut connection: Http1) -> Reply {
    within(connection.reply()).await.expect("a whole response")
}

async fn is_kept(path: &str) {
    let (clock, [blocked, other]) = nodes();
    let request = keyed(path, "k", "");
    let (first, unblock) = blocked.blocked(&request).await;
    // Three leases pass, in steps between which the lease is renewed.
    for renewals in 1..=9 {
        blocked.store.called(Verb::Renew, renewals).await;
        clock.advance(LEASE / 3);
    }
    blocked.store.called(Verb::Renew, 10).await;
    let duplicate = Http1::begin(other.server.address(), &request).await;
    other.store.called(Verb::Changed, 1).await;
    drop(unblock);
    let first = answer(first).await;
    assert_eq!((first.status, first.is_replay(), first.header("idempotency-stored")), (201, false, None));
    assert!(answer(duplicate).await.is_replay());
    assert_eq!((blocked.gate.effects(), other.gate.effects()), (1, 0));
}

#[tokio::test]
async fn a_claim_whose_answer_waits_for_a_blocked_worker_is_kept_under_refuse() {
    is_kept("/patient").await;
}

#[tokio::test]
async fn a_claim_whose_answer_waits_for_a_blocked_worker_is_kept_under_rerun() {
    is_kept("/rerun").await;
}

/// Blocks a node whose claim cannot be kept meanwhile, until more than its lease has passed.
async fn run_out(clock: &ManualClock, node: &Node, request: &[u8]) -> (Http1, mpsc::Sender<()>) {
    node.store.next(Verb::Renew, FOREVER, Fault::Fails);
    let blocked = node.blocked(request).await;
    // A third of the lease has passed for the node when it first tries to renew.
    node.store.called(Verb::Renew, 1).await;
    clock.advance(LEASE);
    blocked
}

#[tokio::test]
async fn nothing_runs_under_a_claim_that_was_taken_over_while_its_worker_was_blocked() {
    let (clock, [blocked, other]) = nodes();
    let request = keyed("/rerun", "k", "");
    let (late, unblock) = run_out(&clock, &blocked, &request).await;
    let winner = other.ask(&request).await;
    assert_eq!((winner.status, winner.is_replay(), winner.text()), (201, false, "effect 1"));
    blocked.store.heal(Verb::Renew);
    drop(unblock);
    let late = answer(late).await;
    assert_eq!((late.status, late.is_replay(), late.text()), (201, true, "effect 1"), "{late:?}");
    assert_eq!((blocked.gate.effects(), other.gate.effects()), (0, 1));
}

#[tokio::test]
async fn nothing_runs_under_a_claim_that_was_seen_abandoned_while_its_worker_was_blocked() {
    let (clock, [blocked, other]) = nodes();
    let request = keyed("/patient", "k", "");
    let (late, unblock) = run_out(&clock, &blocked, &request).await;
    assert_eq!(other.ask(&request).await.code(), "outcome_unknown");
    blocked.store.heal(Verb::Renew);
    drop(unblock);
    assert_eq!(answer(late).await.code(), "outcome_unknown");
    assert_eq!((blocked.gate.effects(), other.gate.effects()), (0, 0));
}

#[tokio::test]
async fn a_claim_that_has_run_out_unseen_is_renewed_and_its_handler_runs() {
    let (clock, [blocked, other]) = nodes();
    let request = keyed("/rerun", "k", "");
    let (late, unblock) = run_out(&clock, &blocked, &request).await;
    blocked.store.heal(Verb::Renew);
    drop(unblock);
    let late = answer(late).await;
    assert_eq!((late.status, late.is_replay(), late.header("idempotency-stored")), (201, false, None));
    assert!(other.ask(&request).await.is_replay());
    assert_eq!((blocked.gate.effects(), other.gate.effects()), (1, 0));
}

#[tokio::test]
async fn a_late_claim_that_cannot_be_renewed_runs_nothing_and_leaves_the_key_free() {
    let (clock, [blocked, other]) = nodes();
    let request = keyed("/patient", "k", "");
    let (late, unblock) = run_out(&clock, &blocked, &request).await;
    drop(unblock);
    let late = answer(late).await;
    assert_eq!((late.status, late.code().as_str()), (503, "store_unavailable"), "{late:?}");
    let retry = other.ask(&request).await;
    assert_eq!((retry.status, retry.is_replay()), (201, false), "{retry:?}");
    assert_eq!((blocked.gate.effects(), other.gate.effects()), (0, 1));
}

#[post("/block")]
async fn block(began: web::Data<Semaphore>, millis: String) -> impl Responder {
    let millis = millis.parse().unwrap();
    began.add_permits(1);
    rt::spawn(async move { std::thread::sleep(Duration::from_millis(millis)) }).await.unwrap();
    HttpResponse::NoContent()
}

#[tokio::test]
async fn a_worker_that_stands_still_does_not_take_its_store_for_one_that_does_not_answer() {
    let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::open());
    // A call may take half a second.
    let idempotency =
        Idempotency::builder().store(store.clone()).lease(Duration::from_secs(3)).build().unwrap();
    let began = web::Data::new(Semaphore::new(0));
    let data = (web::Data::new(gate.clone()), began.clone());
    let server = TestServer::start(1, move |app| {
        let (gate, began) = data.clone();
        app.app_data(idempotency.clone())
            .app_data(gate)
            .app_data(began)
            .service(block)
            .configure(Gate::routes);
    });
    for (verb, key) in [(Verb::Claim, "claim"), (Verb::Complete, "complete")] {
        let answers = std::sync::Arc::new(Semaphore::new(0));
        store.next(verb, 1, Fault::AnswersLate(answers.clone()));
        let before = store.calls(verb);
        let first = Http1::begin(server.address(), &keyed("/patient", key, "")).await;
        store.called(verb, before + 1).await;
        let blocking = Http1::begin(server.address(), &idempotent_tests::post("/block", &[], b"6000")).await;
        within(began.acquire()).await.unwrap().forget();
        let since = Instant::now();
        answers.add_permits(1);
        let first = answer(first).await;
        assert!(since.elapsed() >= Duration::from_secs(5), "the worker was blocked");
        assert_eq!((first.status, first.is_replay()), (201, false), "{key}: {first:?}");
        assert_eq!(first.header("idempotency-stored"), None, "{key}");
        assert_eq!(answer(blocking).await.status, 204);
        assert!(within(Http1::once(server.address(), &keyed("/patient", key, ""))).await.is_replay());
    }
}
