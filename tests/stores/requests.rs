//! Requests as a store sees them.

use std::time::Duration;

use idempotent_runtime::{
    Address, RequestFingerprint, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Origin, Record, Retention, Token},
};

pub(crate) const WON: Claim = Claim::Won { attempt: 1 };
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const KEPT: Retention = Retention { replay: HOUR, remember: Duration::ZERO };

/// A request that nobody has sent before.
pub(crate) fn hold() -> Hold {
    let token = || Token::random().unwrap();
    let address = [*token().as_bytes(), *token().as_bytes()].concat();
    Hold {
        address: Address::from_bytes(address.try_into().unwrap()),
        token: token(),
        fingerprint: RequestFingerprint::from_bytes([7; 32]),
    }
}

/// The same request again.
pub(crate) fn retry(hold: Hold) -> Hold {
    Hold { token: Token::random().unwrap(), ..hold }
}

pub(crate) fn request(hold: Hold) -> ClaimRequest {
    ClaimRequest {
        hold,
        lease: HOUR,
        on_abandoned: OnAbandoned::Refuse,
        retention: HOUR,
        origin: Origin::default(),
    }
}

pub(crate) async fn claim(store: &impl Store, hold: Hold) -> Result<Claim, StoreError> {
    store.claim(request(hold)).await
}

/// Completes with the token for a record.
pub(crate) async fn complete(store: &impl Store, hold: Hold) -> Result<Completion, StoreError> {
    store.complete(hold, record_of(hold), KEPT).await
}

pub(crate) fn record_of(hold: Hold) -> Record {
    Record::from_bytes(hold.token.as_bytes().to_vec())
}

#[track_caller]
pub(crate) fn is_replay(claim: &Claim, owner: Hold) {
    let Claim::Replay { record, .. } = claim else { return assert_eq!(format!("{claim:?}"), "a replay") };
    assert_eq!(*record, record_of(owner));
}

#[track_caller]
pub(crate) fn is_in_flight(claim: &Claim) {
    assert!(matches!(claim, Claim::InFlight { .. }), "{claim:?}");
}
