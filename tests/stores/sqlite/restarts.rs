//! State that is there after everybody has gone.

use std::time::Duration;

use idempotent_runtime::{
    ManualClock, SqliteStore, Store,
    store::{Claim, ClaimRequest, Completion, OnAbandoned, Record, Retention},
};
use idempotent_tests::Scratch;

use super::{HOUR, claim, hold, retry};

const LEASE: Duration = Duration::from_secs(30);
const RETENTION: Retention = Retention { replay: HOUR, remember: Duration::ZERO };

/// The same file, opened anew by nobody who knows of what was there before.
async fn reopened(scratch: &Scratch, clock: &ManualClock) -> SqliteStore {
    let builder = SqliteStore::builder_at(scratch.file("keys.db")).unwrap();
    builder.clock(clock.clone()).build().await.unwrap()
}

#[tokio::test]
async fn a_response_is_replayed_after_a_restart_for_the_rest_of_its_time() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let store = reopened(&scratch, &clock).await;
    let request = hold();
    store.claim(claim(request)).await.unwrap();
    let stored = store.complete(request, Record::from_bytes(&b"done"[..]), RETENTION).await.unwrap();
    assert_eq!(stored, Completion::Stored);
    drop(store);
    clock.advance(HOUR / 4);
    let store = reopened(&scratch, &clock).await;
    let replay = Claim::Replay { record: Record::from_bytes(&b"done"[..]), left: HOUR * 3 / 4 };
    assert_eq!(store.claim(claim(retry(request))).await.unwrap(), replay);
    clock.advance(HOUR * 3 / 4);
    assert_eq!(store.claim(claim(retry(request))).await.unwrap(), Claim::Won { attempt: 1 });
}

#[tokio::test]
async fn a_claim_whose_process_has_gone_is_found_after_its_lease() {
    for (on_abandoned, found) in
        [(OnAbandoned::Refuse, Claim::Abandoned), (OnAbandoned::Rerun, Claim::Won { attempt: 2 })]
    {
        let (scratch, clock) = (Scratch::new(), ManualClock::new());
        let store = reopened(&scratch, &clock).await;
        let brief = ClaimRequest { lease: LEASE, on_abandoned, ..claim(hold()) };
        assert_eq!(store.claim(brief).await.unwrap(), Claim::Won { attempt: 1 });
        drop(store);
        let store = reopened(&scratch, &clock).await;
        let again = ClaimRequest { hold: retry(brief.hold), ..brief };
        assert_eq!(store.claim(again).await.unwrap(), Claim::InFlight { lease_left: LEASE });
        clock.advance(LEASE);
        assert_eq!(store.claim(again).await.unwrap(), found);
        let late = store.complete(brief.hold, Record::from_bytes(&b"late"[..]), RETENTION).await.unwrap();
        assert_eq!(late, Completion::Fenced(None));
    }
}
