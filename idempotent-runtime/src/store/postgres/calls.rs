//! Calls to the server, and its answers.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{Row, postgres::PgRow};

use super::NAME;
use crate::{
    request::{Address, RequestFingerprint},
    store::{
        Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, OnAbandoned, Record, Renewal, Resolve,
        ResolveRequest, Retention, Stage, StoreError, Token,
    },
};

/// The longest lease and retention: a thousand years. They end long before PostgreSQL's calendar
/// does.
const LONGEST: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// One call, as the server takes it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) verb: &'static str,
    pub(super) hold: Hold,
    pub(super) first: i64,
    pub(super) second: i64,
    pub(super) rerun: bool,
    /// True where the call has to be on disk before it is answered.
    pub(super) durable: bool,
    pub(super) record: Bytes,
}

impl Call {
    fn new(verb: &'static str, hold: Hold) -> Self {
        Call { verb, hold, first: 0, second: 0, rerun: false, durable: true, record: Bytes::new() }
    }

    pub(super) fn claim(request: ClaimRequest) -> Self {
        Call {
            first: micros(request.lease),
            second: micros(request.retention),
            rerun: request.on_abandoned == OnAbandoned::Rerun,
            ..Call::new("claim", request.hold)
        }
    }

    pub(super) fn renew(hold: Hold, lease: Duration) -> Self {
        Call { first: micros(lease), ..Call::new("renew", hold) }
    }

    pub(super) fn complete(hold: Hold, record: Record, retention: Retention) -> Self {
        Call {
            first: micros(retention.replay),
            second: micros(retention.remember),
            record: record.into_bytes(),
            ..Call::new("complete", hold)
        }
    }

    pub(super) fn release(hold: Hold) -> Self {
        Call::new("release", hold)
    }

    /// A resolution. `record` is the record that may be replaced, and behind it the outcome's.
    /// `first` is the length of the former in bytes, or -1 where no record may be replaced. `rerun`
    /// says that there is no outcome.
    pub(super) fn resolve(request: ResolveRequest) -> Self {
        let ResolveRequest { address, token, instead_of, outcome } = request;
        let bytes = |record: &Option<Record>| record.as_ref().map(|record| record.as_bytes().clone());
        let (before, after) = (bytes(&instead_of), bytes(&outcome));
        Call {
            first: before.as_ref().map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX)),
            rerun: after.is_none(),
            record: [before.unwrap_or_default(), after.unwrap_or_default()].concat().into(),
            ..Call::of_no_request("resolve", address, token)
        }
    }

    /// A request to forget. `first` is 1 if a completed entry is meant.
    pub(super) fn forget(request: ForgetRequest) -> Self {
        let first = i64::from(request.stage == Stage::Completed);
        Call { first, ..Call::of_no_request("forget", request.address, request.token) }
    }

    /// A look at an address: is it still claimed? If it is, this marks it as waited for.
    pub(super) fn look(address: Address) -> Self {
        Call::of_no_request("look", address, Token::from_bytes([0; 16]))
    }

    fn of_no_request(verb: &'static str, address: Address, token: Token) -> Self {
        Call::new(verb, Hold { address, token, fingerprint: RequestFingerprint::from_bytes([0; 32]) })
    }
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.min(LONGEST).as_micros()).unwrap_or(i64::MAX)
}

/// Answers to a call that did nothing.
const LOCKED: &str = "locked";
const FULL: &str = "full";
const UNREADABLE: &str = "unreadable";

/// The server's answer to one call.
#[derive(Debug)]
pub(super) struct Answer {
    said: String,
    attempt: Option<i32>,
    micros: Option<i64>,
    record: Option<Record>,
}

impl Answer {
    /// The answer to a call whose row somebody else has locked. It did nothing.
    pub(super) fn locked() -> Self {
        Self::nothing_but(LOCKED)
    }

    /// The answer to a call for which the server's disk has no room. It did nothing.
    pub(super) fn full() -> Self {
        Self::nothing_but(FULL)
    }

    fn nothing_but(said: &str) -> Self {
        Answer { said: said.to_owned(), attempt: None, micros: None, record: None }
    }

    /// The place of a call, from 1 on, and the answer to it.
    pub(super) fn read(row: &PgRow) -> Result<(i64, Self), sqlx::Error> {
        // In an allocation of its own: a slice would keep the whole batch's answer.
        let record: Option<Vec<u8>> = row.try_get(4)?;
        let answer = Answer {
            said: row.try_get(1)?,
            attempt: row.try_get(2)?,
            micros: row.try_get(3)?,
            record: record.map(Record::from_bytes),
        };
        Ok((row.try_get(0)?, answer))
    }

    fn left(&self) -> Duration {
        Duration::from_micros(self.micros.and_then(|micros| u64::try_from(micros).ok()).unwrap_or_default())
    }

    fn unknown(&self) -> StoreError {
        match self.said.as_str() {
            UNREADABLE => StoreError::unreadable(NAME, "a row has an unknown state, or has lost its record"),
            said => StoreError::unavailable(NAME, format!("the server said `{said}`")),
        }
    }

    pub(super) fn into_claim(self) -> Result<Claim, StoreError> {
        let left = self.left();
        match (self.said.as_str(), self.attempt, self.record) {
            ("won", Some(attempt), _) => Ok(Claim::Won { attempt: attempt.unsigned_abs() }),
            ("in_flight", ..) => Ok(Claim::InFlight { lease_left: left }),
            ("replay", _, Some(record)) => Ok(Claim::Replay { record, left }),
            ("reused", ..) => Ok(Claim::Reused),
            ("expired", ..) => Ok(Claim::Expired),
            ("abandoned", ..) => Ok(Claim::Abandoned),
            (_, attempt, record) => Err(Answer { said: self.said, attempt, micros: None, record }.unknown()),
        }
    }

    pub(super) fn into_renewal(self) -> Result<Renewal, StoreError> {
        match self.said.as_str() {
            "renewed" => Ok(Renewal::Renewed),
            "fenced" => Ok(Renewal::Fenced),
            _ => Err(self.unknown()),
        }
    }

    pub(super) fn into_completion(self) -> Result<Completion, StoreError> {
        match self.said.as_str() {
            "stored" => Ok(Completion::Stored),
            "fenced" => Ok(Completion::Fenced(self.record)),
            _ => Err(self.unknown()),
        }
    }

    pub(super) fn into_resolve(self) -> Result<Resolve, StoreError> {
        match (self.said.as_str(), &self.record) {
            ("done", _) => Ok(Resolve::Done),
            ("vacant", _) => Ok(Resolve::Vacant),
            ("running", _) => Ok(Resolve::Running { lease_left: self.left() }),
            ("completed", Some(record)) => Ok(Resolve::Completed(record.clone())),
            ("expired", _) => Ok(Resolve::Expired),
            _ => Err(self.unknown()),
        }
    }

    pub(super) fn into_forget(self) -> Result<Forget, StoreError> {
        match self.said.as_str() {
            "done" => Ok(Forget::Done),
            "vacant" => Ok(Forget::Vacant),
            "another" => Ok(Forget::Another),
            "running" => Ok(Forget::Running { lease_left: self.left() }),
            _ => Err(self.unknown()),
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        self.said == LOCKED
    }

    pub(super) fn did_nothing(&self) -> bool {
        self.is_locked() || self.said == FULL
    }

    /// The answer, unless the call found no room.
    pub(super) fn unless_full(self) -> Result<Self, StoreError> {
        if self.said == FULL { Err(StoreError::full(NAME)) } else { Ok(self) }
    }

    /// True where a waiter has to go on waiting.
    pub(super) fn is_claimed(&self) -> bool {
        self.said == "claimed"
    }
}
