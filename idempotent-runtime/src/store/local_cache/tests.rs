//! The local cache before a store that remembers nothing.

use super::*;
use crate::{
    clock::ManualClock,
    store::{OnAbandoned, Origin},
};

const TTL: Duration = Duration::from_secs(60);

/// A store that remembers nothing.
struct Forgetful;

impl Store for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    async fn claim(&self, _: ClaimRequest) -> Result<Claim, StoreError> {
        Ok(Claim::Won { attempt: 1 })
    }

    async fn renew(&self, _: Hold, _: Duration) -> Result<Renewal, StoreError> {
        Ok(Renewal::Renewed)
    }

    async fn complete(&self, _: Hold, record: Record, _: Retention) -> Result<Completion, StoreError> {
        if record.as_bytes() == "lost" {
            return Err(StoreError::unavailable("forgetful", "its reply is lost"));
        }
        Ok(Completion::Stored)
    }

    async fn release(&self, _: Hold) -> Result<(), StoreError> {
        Ok(())
    }

    async fn changed(&self, _: Address) {}
}

const RETENTION: Retention = Retention { replay: TTL, remember: Duration::ZERO };

fn hold(number: u16) -> Hold {
    let (mut address, mut token) = ([1; 32], [1; 16]);
    address[..2].copy_from_slice(&number.to_le_bytes());
    token[..2].copy_from_slice(&number.to_le_bytes());
    Hold {
        address: Address::from_bytes(address),
        token: Token::from_bytes(token),
        fingerprint: RequestFingerprint::from_bytes([2; 32]),
    }
}

fn claim(hold: Hold) -> ClaimRequest {
    let (on_abandoned, origin) = (OnAbandoned::Refuse, Origin::default());
    ClaimRequest { hold, lease: TTL, on_abandoned, retention: TTL, origin }
}

#[tokio::test]
async fn a_response_ends_by_the_wall_clock_where_the_other_stood_still() {
    let wall = ManualClock::new();
    let clocks = Clocks::of(ManualClock::new(), wall.clone());
    let cache = LocalCache::with_clocks(Forgetful, 1 << 20, clocks);
    let (hold, request) = (hold(1), claim(hold(1)));
    assert!(matches!(cache.claim(request).await, Ok(Claim::Won { .. })));
    cache.complete(hold, Record::from_bytes(&b"done"[..]), RETENTION).await.unwrap();
    assert!(matches!(cache.claim(request).await, Ok(Claim::Replay { left: TTL, .. })));
    wall.advance(TTL);
    assert_eq!(cache.recall(hold.address, hold.fingerprint), None);
    assert!(matches!(cache.claim(request).await, Ok(Claim::Won { .. })));
}

#[tokio::test]
async fn running_claims_take_no_more_bytes_than_the_cache_may() {
    let most = 10;
    let bytes = most * u64::try_from(ENTRY).unwrap();
    let cache = LocalCache::with_clocks(Forgetful, bytes, Clocks::new(ManualClock::new()));
    for number in 0..1_000 {
        cache.claim(claim(hold(number))).await.unwrap();
    }
    cache.entries.run_pending_tasks();
    let kept = cache.entries.entry_count();
    assert!((1..=most).contains(&kept), "{kept} claims are remembered");
}

#[tokio::test]
async fn a_completion_that_was_tried_before_is_not_kept_though_its_token_is_claimed_elsewhere() {
    let cache = LocalCache::with_clocks(Forgetful, 1 << 20, Clocks::new(ManualClock::new()));
    let record = |text: &'static [u8]| Record::from_bytes(text);
    cache.claim(claim(hold(1))).await.unwrap();
    cache.complete(hold(1), record(b"lost"), RETENTION).await.unwrap_err();
    let elsewhere = Hold { token: hold(1).token, ..hold(2) };
    cache.claim(claim(elsewhere)).await.unwrap();
    cache.complete(hold(1), record(b"another"), RETENTION).await.unwrap();
    assert_eq!(cache.recall(hold(1).address, hold(1).fingerprint), None);
}
