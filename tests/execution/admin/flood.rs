//! Many operators at once.

use std::sync::Arc;

use idempotent_runtime::{Idempotency, MemoryStore};
use idempotent_tests::{
    Http1,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use super::fixture::{as_seen, from_operator, is_refused, named, order, read, serve, tell, told};
use crate::gate::{Gate, within};

#[tokio::test]
async fn a_flood_of_look_ups_holds_up_no_claim() {
    let (store, gate, until) = (Scripted::new(MemoryStore::new()), Gate::open(), Arc::new(Semaphore::new(0)));
    store.next(Verb::Inspect, usize::MAX, Fault::Hangs(Arc::clone(&until)));
    let server = serve(Idempotency::builder().store(store.clone()), &gate);
    let look = from_operator("/inspect", named("secret-1").to_string().as_bytes());
    let mut looking = Vec::new();
    for _ in 0..4 {
        let connection = Http1::begin(server.address(), &look).await;
        looking.push(connection);
    }
    store.called(Verb::Inspect, 4).await;
    for number in 0..200 {
        let refused = tell(&server, "/inspect", &named("secret-1")).await;
        is_refused(&refused, 503, "busy");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(order(&server, &format!("secret-{number}")).await.status, 201);
    }
    assert_eq!((store.calls(Verb::Inspect), gate.effects()), (4, 200));
    // What asks no store needs no place.
    assert_eq!(read(&server, "/counters").await.status, 200);
    store.heal(Verb::Inspect);
    until.add_permits(4);
    for mut connection in looking {
        assert_eq!(told(within(connection.reply()).await.unwrap()).json()["state"], "completed");
    }
    assert_eq!(tell(&server, "/inspect", &named("secret-1")).await.json()["state"], "completed");
}

#[tokio::test]
async fn an_operator_who_hangs_up_is_not_half_done_and_leaves_its_place() {
    let (store, gate, until) = (Scripted::new(MemoryStore::new()), Gate::open(), Arc::new(Semaphore::new(0)));
    let server = serve(Idempotency::builder().store(store.clone()), &gate);
    order(&server, "secret-1").await;
    let seen = as_seen(&server, &named("secret-1")).await.to_string();
    store.next(Verb::Inspect, 1, Fault::AnswersLate(Arc::clone(&until)));
    let connection = Http1::begin(server.address(), &from_operator("/forget", seen.as_bytes())).await;
    store.called(Verb::Inspect, 2).await;
    connection.reset();
    // The server looks at its connections before it serves another one.
    assert!(order(&server, "secret-1").await.is_replay());
    until.add_permits(1);
    store.called(Verb::Forget, 1).await;
    is_refused(&tell(&server, "/inspect", &named("secret-1")).await, 404, "not_found");
}
