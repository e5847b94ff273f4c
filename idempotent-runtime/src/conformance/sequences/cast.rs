//! The addresses, tokens, fingerprints and records that the numbers of one sequence stand for.

use std::time::Duration;

use actix_web::http::Method;

use super::call::{Claiming, KEYS, OWNERS, RECORDS, UNKNOWN, Units};
use crate::{
    request::{Address, CallerId, Endpoint, RequestFingerprint},
    store::{
        ClaimRequest, Hold, Origin, Record, ResolveRequest, Retention, StuckCursor, StuckRequest, Token,
    },
};

/// Endpoint that an owner claims at. Two of them share one, and one has none.
fn endpoint(owner: usize) -> Endpoint {
    match owner % 4 {
        0 | 1 => Endpoint::of("", &Method::POST, Some("/conformance/{id}")),
        2 => Endpoint::of_operation("space", "é".as_bytes()),
        _ => Endpoint::default(),
    }
}

/// Values that no other sequence has. So sequences can run side by side, and again.
pub(super) struct Cast {
    /// Random bytes.
    own: [u8; 16],
    /// Length of one [`Units`].
    unit: Duration,
}

impl Cast {
    /// # Errors
    /// The operating system has no random numbers to give.
    pub(super) fn new(unit: Duration) -> Result<Self, String> {
        let token = Token::random().map_err(|error| error.to_string())?;
        Ok(Cast { own: *token.as_bytes(), unit })
    }

    /// The addresses of all keys.
    pub(super) fn addresses(&self) -> [Address; KEYS] {
        std::array::from_fn(|key| self.address(key))
    }

    /// The first two share their beginnings: the second is a step of the first.
    pub(super) fn address(&self, key: usize) -> Address {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.own);
        bytes[16..].copy_from_slice(&self.own);
        bytes[0] ^= u8::from(key == 2);
        bytes[31] = u8::from(key == 1);
        Address::from_bytes(bytes)
    }

    pub(super) fn token(&self, key: usize, token: usize) -> Token {
        let mut bytes = self.own;
        bytes[14] = u8::try_from(key).unwrap_or(u8::MAX);
        bytes[15] = u8::try_from(token).unwrap_or(u8::MAX);
        Token::from_bytes(bytes)
    }

    /// Fingerprint of the request that a token is for.
    pub(super) fn fingerprint(&self, owner: usize) -> RequestFingerprint {
        let mut bytes = [u8::from(owner == OWNERS - 1); 32];
        bytes[..16].copy_from_slice(&self.own);
        RequestFingerprint::from_bytes(bytes)
    }

    pub(super) fn record(&self, record: usize) -> Record {
        let bytes: [&[u8]; RECORDS] = [b"a response", b"", b"nothing is known"];
        Record::from_bytes(bytes[record % RECORDS])
    }

    /// Number of a record that this sequence knows.
    pub(super) fn number_of(&self, record: &Record) -> Option<usize> {
        (0..RECORDS).find(|number| self.record(*number) == *record)
    }

    pub(super) fn time(&self, units: Units) -> Duration {
        self.unit * units
    }

    /// The time in units.
    pub(super) fn units(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.unit.as_secs_f64()
    }

    pub(super) fn hold(&self, key: usize, owner: usize) -> Hold {
        let (address, fingerprint) = (self.address(key), self.fingerprint(owner));
        Hold { address, token: self.token(key, owner), fingerprint }
    }

    pub(super) fn claim(&self, key: usize, claiming: &Claiming) -> ClaimRequest {
        ClaimRequest {
            hold: self.hold(key, claiming.owner),
            lease: self.time(claiming.lease),
            on_abandoned: claiming.on_abandoned,
            retention: self.time(claiming.retention),
            origin: Origin::new(endpoint(claiming.owner), CallerId::NOBODY),
        }
    }

    pub(super) fn stuck(&self, after: Option<StuckCursor>) -> StuckRequest {
        StuckRequest { after, limit: 1_000, unknown: self.record(UNKNOWN), endpoint: None }
    }

    pub(super) fn retention(&self, replay: Units, remember: Units) -> Retention {
        Retention { replay: self.time(replay), remember: self.time(remember) }
    }

    pub(super) fn resolve(
        &self,
        key: usize,
        by: usize,
        instead_of: Option<usize>,
        outcome: Option<usize>,
    ) -> ResolveRequest {
        let [instead_of, outcome] = [instead_of, outcome].map(|record| record.map(|one| self.record(one)));
        ResolveRequest { address: self.address(key), token: self.token(key, by), instead_of, outcome }
    }
}
