//! The local cache before a store: conforming like the store, quicker, and never out of date.

use std::{future::ready, sync::Arc, time::Duration};

use idempotent_runtime::{
    Address, ManualClock, MemoryStore, RequestFingerprint, Store, StoreError,
    conformance::{Subject, check},
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, LocalCache, Record, Retention, Stage,
        Token,
    },
};
use idempotent_tests::{
    requests,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

const TTL: Duration = Duration::from_secs(60);
const RETENTION: Retention = Retention { replay: TTL, remember: Duration::ZERO };

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_local_cache_before_the_memory_store_conforms() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let cache_clock = clock.clone();
    let open = move || ready(LocalCache::new(store.clone(), 1 << 20, cache_clock.clone()));
    check(Subject::new(open).clock(clock).keys(1_000).resolves().inspects()).await.assert();
}

/// Two processes before one store.
struct Nodes {
    clock: ManualClock,
    store: Scripted,
    here: LocalCache<Scripted>,
    there: LocalCache<Scripted>,
}

fn nodes() -> Nodes {
    let clock = ManualClock::new();
    let memory = MemoryStore::builder().clock(clock.clone()).build();
    let store = Scripted::new(memory);
    let cache = || LocalCache::new(store.clone(), 1 << 20, clock.clone());
    Nodes { here: cache(), there: cache(), store: store.clone(), clock }
}

fn request(token: u8, fingerprint: u8) -> ClaimRequest {
    let hold = Hold {
        address: Address::from_bytes([1; 32]),
        token: Token::from_bytes([token; 16]),
        fingerprint: RequestFingerprint::from_bytes([fingerprint; 32]),
    };
    ClaimRequest { lease: TTL, retention: TTL, ..requests::request(hold) }
}

fn record() -> Record {
    Record::from_bytes(&b"a response"[..])
}

async fn complete(store: &impl Store, token: u8) -> Result<Completion, StoreError> {
    store.complete(request(token, 0).hold, record(), RETENTION).await
}

const WON: Claim = Claim::Won { attempt: 1 };

/// The cache counts by the wall clock too, which goes on while the other stands still.
fn assert_replayed(claim: Claim, expected: Duration) {
    let times = (expected - TTL / 4)..=expected;
    assert!(
        matches!(&claim, Claim::Replay { record: replayed, left } if *replayed == record() && times.contains(left)),
        "{claim:?}"
    );
}

#[tokio::test]
async fn a_local_replay_asks_no_store() {
    let nodes = nodes();
    assert_eq!(nodes.here.claim(request(1, 0)).await.unwrap(), WON);
    assert_eq!(complete(&nodes.here, 1).await.unwrap(), Completion::Stored);
    for token in 2..10 {
        assert_replayed(nodes.here.claim(request(token, 0)).await.unwrap(), TTL);
    }
    assert_eq!(nodes.here.claim(request(10, 1)).await.unwrap(), Claim::Reused);
    assert_eq!(nodes.store.calls(Verb::Claim), 1);
}

#[tokio::test]
async fn a_response_is_recalled_where_it_has_been_and_as_long_as_it_is_replayed() {
    let nodes = nodes();
    let hold = request(2, 0).hold;
    let recalled = |node: &LocalCache<Scripted>| node.recall(hold.address, hold.fingerprint);
    assert_eq!(nodes.here.claim(request(1, 0)).await.unwrap(), WON);
    assert_eq!(recalled(&nodes.here), None);
    complete(&nodes.here, 1).await.unwrap();
    assert_eq!((recalled(&nodes.here), recalled(&nodes.there)), (Some(record()), None));
    nodes.there.claim(request(2, 0)).await.unwrap();
    assert_eq!(recalled(&nodes.there), Some(record()));
    assert_eq!(nodes.here.recall(hold.address, request(2, 1).hold.fingerprint), None);
    nodes.clock.advance(TTL);
    assert_eq!((recalled(&nodes.here), recalled(&nodes.there)), (None, None));
}

#[tokio::test]
async fn what_the_store_itself_recalls_needs_no_local_copy() {
    let store = MemoryStore::new();
    store.claim(request(1, 0)).await.unwrap();
    complete(&store, 1).await.unwrap();
    let (cached, hold) = (LocalCache::new(store, 1 << 20, ManualClock::new()), request(1, 0).hold);
    assert_eq!(cached.recall(hold.address, hold.fingerprint), Some(record()));
    assert_eq!(Arc::new(cached).recall(hold.address, hold.fingerprint), Some(record()));
}

#[tokio::test]
async fn another_nodes_response_is_asked_for_once() {
    let nodes = nodes();
    assert_eq!(nodes.here.claim(request(1, 0)).await.unwrap(), WON);
    complete(&nodes.here, 1).await.unwrap();
    nodes.clock.advance(TTL / 4);
    for token in 2..10 {
        assert_replayed(nodes.there.claim(request(token, 0)).await.unwrap(), TTL * 3 / 4);
    }
    assert_eq!(nodes.store.calls(Verb::Claim), 2);
}

#[tokio::test]
async fn nothing_is_replayed_locally_after_it_has_expired() {
    let nodes = nodes();
    assert_eq!(nodes.here.claim(request(1, 0)).await.unwrap(), WON);
    complete(&nodes.here, 1).await.unwrap();
    nodes.clock.advance(TTL / 2);
    assert!(matches!(nodes.there.claim(request(2, 0)).await.unwrap(), Claim::Replay { .. }));
    nodes.clock.advance(TTL / 2);
    assert_eq!(nodes.there.claim(request(3, 0)).await.unwrap(), WON);
    assert!(matches!(nodes.here.claim(request(4, 0)).await.unwrap(), Claim::InFlight { .. }));
}

#[tokio::test]
async fn a_completion_tried_again_does_not_prolong_the_local_replay() {
    let nodes = nodes();
    assert_eq!(nodes.here.claim(request(1, 0)).await.unwrap(), WON);
    nodes.store.next(Verb::Complete, 1, Fault::ReplyIsLost);
    complete(&nodes.here, 1).await.unwrap_err();
    nodes.clock.advance(TTL / 2);
    assert_eq!(complete(&nodes.here, 1).await.unwrap(), Completion::Stored);
    nodes.clock.advance(TTL / 2);
    assert_eq!(nodes.here.claim(request(2, 0)).await.unwrap(), WON);
}

async fn forget(store: &impl Store, token: u8) -> Forget {
    let Hold { address, token, .. } = request(token, 0).hold;
    store.forget(ForgetRequest { address, token, stage: Stage::Completed }).await.unwrap()
}

#[tokio::test]
async fn an_answer_from_before_a_key_was_forgotten_is_not_kept() {
    let nodes = nodes();
    assert_eq!(nodes.there.claim(request(1, 0)).await.unwrap(), WON);
    assert_eq!(complete(&nodes.there, 1).await.unwrap(), Completion::Stored);
    let (late, here) = (Arc::new(Semaphore::new(0)), Arc::new(nodes.here));
    nodes.store.next(Verb::Claim, 1, Fault::AnswersLate(Arc::clone(&late)));
    let claims = nodes.store.calls(Verb::Claim);
    let claiming = {
        let here = Arc::clone(&here);
        tokio::spawn(async move { here.claim(request(2, 0)).await.unwrap() })
    };
    nodes.store.called(Verb::Claim, claims + 1).await;
    assert_eq!(forget(&*here, 1).await, Forget::Done);
    late.add_permits(1);
    assert_replayed(claiming.await.unwrap(), TTL);
    assert_eq!(here.recall(request(3, 0).hold.address, request(3, 0).hold.fingerprint), None);
    assert_eq!(here.claim(request(3, 0)).await.unwrap(), WON);
}

#[tokio::test]
async fn a_process_that_looks_drops_what_another_has_forgotten() {
    let nodes = nodes();
    assert_eq!(nodes.here.claim(request(1, 0)).await.unwrap(), WON);
    assert_eq!(complete(&nodes.here, 1).await.unwrap(), Completion::Stored);
    assert_eq!(forget(&nodes.there, 1).await, Forget::Done);
    assert_replayed(nodes.here.claim(request(2, 0)).await.unwrap(), TTL);
    assert_eq!(nodes.here.inspect(request(1, 0).hold.address).await.unwrap(), None);
    assert_eq!(nodes.here.claim(request(2, 0)).await.unwrap(), WON);
}

#[tokio::test]
async fn steps_of_a_key_without_an_outcome_are_kept_no_more_when_it_is_looked_at() {
    let nodes = nodes();
    let mut of_a_step = request(1, 0);
    let key = of_a_step.hold.address;
    of_a_step.hold.address = Address::from_bytes(std::array::from_fn(|at| if at < 16 { 1 } else { 3 }));
    let Hold { address, fingerprint, .. } = of_a_step.hold;
    assert_eq!(nodes.there.claim(of_a_step).await.unwrap(), WON);
    nodes.there.complete(of_a_step.hold, record(), RETENTION).await.unwrap();
    assert_eq!(nodes.there.recall(address, fingerprint), Some(record()));
    assert_eq!(nodes.there.inspect(key).await.unwrap(), None);
    assert_eq!(nodes.there.recall(address, fingerprint), None);
}
