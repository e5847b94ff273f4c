//! Claims of which nobody knows whether they were won are given back, however late they land.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use idempotent_runtime::{
    Drained, Idempotency, ManualClock, MemoryStore, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Retention, Token},
};
use idempotent_tests::{
    Http1, Reply, TestServer,
    requests::{HOUR, request},
    scripted::{Fault, Scripted, Verb},
};
use tokio::{sync::Semaphore, task::yield_now, time::sleep};

use crate::gate::{Gate, keyed, within};

const LEASE: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(30);

struct Setup {
    clock: ManualClock,
    memory: MemoryStore,
    store: Scripted,
    idempotency: Idempotency,
    gate: Gate,
    server: TestServer,
}

/// A process whose store's time stands still.
fn with_lease(lease: Duration) -> Setup {
    let clock = ManualClock::new();
    let memory = MemoryStore::builder().clock(clock.clone()).build();
    let (store, gate) = (Scripted::new(memory.clone()), Gate::open());
    let idempotency = Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
    let server = gate.server(&idempotency);
    Setup { clock, memory, store, idempotency, gate, server }
}

impl Setup {
    async fn request(&self, path: &str) -> Reply {
        within(Http1::once(self.server.address(), &keyed(path, "k", ""))).await
    }

    async fn is_refused(&self, path: &str) {
        let reply = self.request(path).await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "store_unavailable"), "{reply:?}");
        assert_eq!(self.gate.effects(), 0);
    }

    async fn runs_once(&self, path: &str) {
        for is_replay in [false, true] {
            let reply = self.request(path).await;
            assert_eq!(
                (reply.status, reply.is_replay(), reply.text()),
                (201, is_replay, "effect 1"),
                "{reply:?}"
            );
        }
    }

    /// Waits until nothing is given back any more.
    async fn is_at_rest(&self) {
        assert_eq!(self.idempotency.drain(LONG).await, Drained::Complete);
    }

    /// The hold of the latest claim, as another process sees it: with a token of its own.
    fn another(&self) -> Hold {
        Hold { token: Token::random().unwrap(), ..self.store.claimed().unwrap() }
    }
}

async fn claim(store: &MemoryStore, hold: Hold, on_abandoned: OnAbandoned) -> Claim {
    store.claim(ClaimRequest { lease: LEASE, on_abandoned, ..request(hold) }).await.unwrap()
}

#[tokio::test]
async fn a_claim_that_lands_when_its_request_has_long_been_refused_does_not_wedge_the_key() {
    let it = with_lease(LEASE);
    let lands = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::LandsLate(Arc::clone(&lands)));
    it.is_refused("/patient").await;
    // Whoever gives it back by a release alone has found nothing by now.
    it.store.called(Verb::Claim, 2).await;
    lands.add_permits(1);
    it.runs_once("/patient").await;
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn only_an_answer_ends_the_giving_back_of_a_claim() {
    let it = with_lease(LEASE);
    let lands = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::LandsLate(Arc::clone(&lands)));
    it.store.next(Verb::Claim, 3, Fault::Fails);
    it.store.next(Verb::Claim, 1, Fault::ReplyIsLost);
    it.store.next(Verb::Claim, 1, Fault::Panics);
    it.store.next(Verb::Release, 2, Fault::Fails);
    lands.add_permits(1);
    it.is_refused("/patient").await;
    it.store.called(Verb::Release, 3).await;
    assert_eq!(it.store.calls(Verb::Claim), 7, "the first, five without an answer, and one with");
    it.runs_once("/patient").await;
}

#[tokio::test]
async fn a_claim_that_arrives_after_it_was_given_back_is_given_back_once_more_a_lease_later() {
    let it = with_lease(Duration::from_millis(300));
    let arrives = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::ArrivesLate(Arc::clone(&arrives)));
    it.is_refused("/patient").await;
    it.store.called(Verb::Release, 1).await;
    arrives.add_permits(1);
    it.store.called(Verb::Release, 2).await;
    it.runs_once("/patient").await;
}

#[tokio::test]
async fn a_drain_waits_for_a_claim_to_be_given_back_and_not_for_once_more() {
    let it = with_lease(LEASE);
    let lands = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::LandsLate(Arc::clone(&lands)));
    it.is_refused("/patient").await;
    let short = Duration::from_millis(20);
    assert_eq!(it.idempotency.drain(short).await, Drained::TimedOut { running: 1 });
    lands.add_permits(1);
    within(it.is_at_rest()).await;
    assert_eq!(claim(&it.memory, it.another(), OnAbandoned::Refuse).await, Claim::Won { attempt: 1 });
}

#[tokio::test]
async fn a_claim_that_somebody_else_has_won_meanwhile_is_left_to_them() {
    let it = with_lease(LEASE);
    let hangs = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::Fails);
    it.store.next(Verb::Claim, 1, Fault::Hangs(Arc::clone(&hangs)));
    it.is_refused("/patient").await;
    it.store.called(Verb::Claim, 2).await;
    let winner = it.another();
    assert_eq!(claim(&it.memory, winner, OnAbandoned::Refuse).await, Claim::Won { attempt: 1 });
    hangs.add_permits(1);
    it.is_at_rest().await;
    let retention = Retention { replay: HOUR, remember: Duration::ZERO };
    let record = Record::from_bytes(&b"theirs"[..]);
    assert_eq!(it.memory.complete(winner, record, retention).await.unwrap(), Completion::Stored);
}

#[tokio::test]
async fn a_process_that_dies_giving_a_claim_back_leaves_no_unknown_outcome() {
    let it = with_lease(LEASE);
    it.store.next(Verb::Claim, 1, Fault::Fails);
    it.store.next(Verb::Release, 1, Fault::Hangs(Arc::new(Semaphore::new(0))));
    it.is_refused("/patient").await;
    it.store.called(Verb::Release, 1).await;
    // Nothing ran, and the claim that was sent again was only there to be released.
    it.clock.advance(LEASE);
    assert_eq!(claim(&it.memory, it.another(), OnAbandoned::Refuse).await, Claim::Won { attempt: 1 });
}

#[tokio::test]
async fn a_claim_given_back_does_not_hide_that_an_execution_died() {
    let it = with_lease(LEASE);
    // Tells the address.
    it.store.next(Verb::Claim, 1, Fault::Fails);
    it.is_refused("/rerun").await;
    it.store.called(Verb::Release, 1).await;
    let dead = it.another();
    while claim(&it.memory, dead, OnAbandoned::Rerun).await != (Claim::Won { attempt: 1 }) {
        yield_now().await;
    }
    it.clock.advance(LEASE);
    it.store.next(Verb::Claim, 1, Fault::ReplyIsLost);
    it.is_refused("/rerun").await;
    it.is_at_rest().await;
    it.clock.advance(LEASE);
    let next = claim(&it.memory, it.another(), OnAbandoned::Rerun).await;
    assert_eq!(next, Claim::Won { attempt: 3 }, "a handler is told that it may not be the first");
}

/// Waits until nothing has been asked of the store for a while; gives the number of claims until
/// then.
async fn claims_in_all(store: &Scripted) -> usize {
    let mut before = store.calls(Verb::Claim);
    loop {
        sleep(Duration::from_secs(5)).await;
        let claims = store.calls(Verb::Claim);
        if claims == before {
            return claims;
        }
        before = claims;
    }
}

#[tokio::test]
async fn a_claim_whose_fate_stays_unknown_is_left_to_its_lease_after_a_bounded_number_of_tries() {
    let it = with_lease(Duration::from_millis(120));
    it.store.next(Verb::Claim, usize::MAX, Fault::Fails);
    it.is_refused("/patient").await;
    let claims = claims_in_all(&it.store).await;
    assert!((9..40).contains(&claims), "{claims} claims");
    assert_eq!(it.store.calls(Verb::Release), 0);
}

#[tokio::test]
async fn a_drain_waits_for_a_claim_of_unknown_fate_for_one_lease() {
    let lease = Duration::from_millis(600);
    let it = with_lease(lease);
    it.store.next(Verb::Claim, usize::MAX, Fault::Fails);
    it.is_refused("/patient").await;
    let began = Instant::now();
    within(it.is_at_rest()).await;
    assert!(began.elapsed() < lease * 2, "{:?}", began.elapsed());
    // It is tried on, for as long as the process lives.
    let claims = it.store.calls(Verb::Claim);
    it.store.called(Verb::Claim, claims + 2).await;
}

#[tokio::test]
async fn a_claim_that_the_store_has_refused_is_neither_released_nor_sent_again() {
    let it = with_lease(LEASE);
    it.store.next(Verb::Claim, 1, Fault::Says(|| Err(StoreError::not_done("scripted", "it may not write"))));
    it.is_refused("/patient").await;
    assert_eq!(it.idempotency.drain(Duration::ZERO).await, Drained::Complete);
    assert_eq!((it.store.calls(Verb::Claim), it.store.calls(Verb::Release)), (1, 0));
}

#[tokio::test]
async fn a_claim_of_unknown_fate_that_meets_what_cannot_be_read_is_left_there() {
    let it = with_lease(LEASE);
    it.store.next(Verb::Claim, 1, Fault::Fails);
    it.store.next(
        Verb::Claim,
        1,
        Fault::Says(|| Err(StoreError::unreadable("scripted", "an unknown state"))),
    );
    it.is_refused("/patient").await;
    it.store.called(Verb::Claim, 2).await;
    within(it.is_at_rest()).await;
    assert_eq!((it.store.calls(Verb::Claim), it.store.calls(Verb::Release)), (2, 0));
}
