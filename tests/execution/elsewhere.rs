//! Duplicates that come to another node while the first request runs.

use futures_util::future::{join_all, select_all};
use idempotent_runtime::{Idempotency, MemoryStore};
use idempotent_tests::{
    Http1, TestServer,
    scripted::{Scripted, Verb},
};

use crate::gate::{Gate, keyed, within};

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
    let request = keyed("/patient", "k", "same");
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
