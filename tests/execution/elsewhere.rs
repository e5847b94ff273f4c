//! Duplicates that come to another node while the first request runs.

use std::sync::Arc;

use actix_web::{HttpResponse, Responder, post, web};
use futures_util::future::{join_all, select_all};
use idempotent_runtime::{Idempotency, MemoryStore, idempotent};
use idempotent_tests::{
    Http1, TestServer,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use crate::gate::{Gate, keyed, keyed_by, within};

/// Number of requests that one caller may let wait in a process. The one that leads the flight
/// waits too, for the other node.
const WAITERS: usize = 1024;

/// Two nodes on one store, which is counted.
fn nodes(gate: &Gate) -> (TestServer, TestServer, Scripted) {
    let store = Scripted::new(MemoryStore::new());
    let node = || gate.server(&Idempotency::builder().store(store.clone()).build().unwrap());
    (node(), node(), store)
}

/// Sends one more than may wait: when that one has been refused, the others wait.
async fn crowd(server: &TestServer, request: &[u8]) -> Vec<Http1> {
    let open = |_| async { Http1::begin(server.address(), request).await };
    let mut waiting = join_all((0..=WAITERS).map(open)).await;
    let replies = waiting.iter_mut().map(|connection| Box::pin(connection.reply()));
    let (refused, index, _) = within(select_all(replies)).await;
    assert_eq!(refused.unwrap().code(), "in_progress");
    waiting.remove(index);
    waiting
}

#[tokio::test]
async fn all_who_wait_at_another_node_cost_it_a_claim_and_one_read_after_waking() {
    let gate = Gate::shut();
    let (owning, waiting, store) = nodes(&gate);
    let request = keyed_by("waits-elsewhere", "/patient", "k", "same");
    let mut first = Http1::begin(owning.address(), &request).await;
    gate.began().await;
    let duplicates = crowd(&waiting, &request).await;
    store.called(Verb::Changed, 1).await;
    assert_eq!(store.calls(Verb::Claim), 2);
    gate.let_one_through();
    assert_eq!(within(first.reply()).await.unwrap().status, 201);
    for mut duplicate in duplicates {
        let reply = within(duplicate.reply()).await.unwrap();
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, true, "effect 1"));
    }
    assert_eq!((store.calls(Verb::Claim), gate.effects()), (3, 1));
}

#[post("/grouped/impatient")]
#[idempotent(scope = "group:elsewhere", wait = "0s")]
async fn impatient(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/grouped/patient")]
#[idempotent(scope = "group:elsewhere", wait = "60s")]
async fn patient(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

/// One endpoint of a group lets no duplicate wait, and another one does.
#[tokio::test]
async fn who_may_wait_does_so_although_the_request_that_it_follows_may_not() {
    let (gate, store) = (Gate::shut(), Scripted::new(MemoryStore::new()));
    let node = || {
        let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
        let gate = web::Data::new(gate.clone());
        TestServer::start(1, move |app| {
            app.app_data(idempotency.clone()).app_data(gate.clone()).service((impatient, patient));
        })
    };
    let (owning, waiting) = (node(), node());
    let mut first = Http1::open(owning.address()).await;
    first.send(&keyed("/grouped/patient", "k", "same")).await;
    gate.began().await;
    let answered = Arc::new(Semaphore::new(0));
    store.next(Verb::Claim, 1, Fault::AnswersLate(Arc::clone(&answered)));
    let mut leading = Http1::open(waiting.address()).await;
    leading.send(&keyed("/grouped/impatient", "k", "same")).await;
    store.called(Verb::Claim, 2).await;
    let mut following = Http1::open(waiting.address()).await;
    following.send(&keyed("/grouped/patient", "k", "same")).await;
    // The only worker takes connections in turn: the follower follows when this one is answered.
    assert_eq!(Http1::once(waiting.address(), &keyed("/nowhere", "k", "")).await.status, 404);
    answered.add_permits(1);
    assert_eq!(within(leading.reply()).await.unwrap().code(), "in_progress");
    gate.let_one_through();
    assert_eq!(within(first.reply()).await.unwrap().status, 201);
    let replay = within(following.reply()).await.unwrap();
    assert_eq!((replay.status, replay.is_replay(), replay.text()), (201, true, "effect 1"));
}
