//! Requests as a store sees them, and what stores answer.

use std::time::Duration;

use idempotent_runtime::{
    Address, RequestFingerprint, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Origin, Record, Retention, Token},
};

/// Answer to the first claim of a request.
pub const WON: Claim = Claim::Won { attempt: 1 };
/// Lease and retention of a claim.
pub const HOUR: Duration = Duration::from_secs(3600);
/// Retention of a record.
pub const KEPT: Retention = Retention { replay: HOUR, remember: Duration::ZERO };

/// A request that nobody has sent before.
pub fn hold() -> Hold {
    let token = || Token::random().unwrap();
    let address = [*token().as_bytes(), *token().as_bytes()].concat();
    Hold {
        address: Address::from_bytes(address.try_into().unwrap()),
        token: token(),
        fingerprint: RequestFingerprint::from_bytes([7; 32]),
    }
}

/// The same request again.
pub fn retry(hold: Hold) -> Hold {
    Hold { token: Token::random().unwrap(), ..hold }
}

/// Claim with this hold: it is kept for an hour, and nobody takes it over.
pub fn request(hold: Hold) -> ClaimRequest {
    ClaimRequest {
        hold,
        lease: HOUR,
        on_abandoned: OnAbandoned::Refuse,
        retention: HOUR,
        origin: Origin::default(),
    }
}

/// Claims with this hold.
pub async fn claim(store: &impl Store, hold: Hold) -> Result<Claim, StoreError> {
    store.claim(request(hold)).await
}

/// Completes with the token for a record.
pub async fn complete(store: &impl Store, hold: Hold) -> Result<Completion, StoreError> {
    store.complete(hold, record_of(hold), KEPT).await
}

/// The record that [`complete`] writes with this hold.
pub fn record_of(hold: Hold) -> Record {
    Record::from_bytes(hold.token.as_bytes().to_vec())
}

/// Asserts that the record of `owner` is replayed.
#[track_caller]
pub fn is_replay(claim: &Claim, owner: Hold) {
    let Claim::Replay { record, .. } = claim else { return assert_eq!(format!("{claim:?}"), "a replay") };
    assert_eq!(*record, record_of(owner));
}

/// Asserts that somebody else holds the claim.
#[track_caller]
pub fn is_in_flight(claim: &Claim) {
    assert!(matches!(claim, Claim::InFlight { .. }), "{claim:?}");
}
