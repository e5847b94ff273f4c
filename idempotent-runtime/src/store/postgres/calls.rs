//! Calls as the server takes them, and its replies.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{Row, postgres::PgRow};

use crate::{
    request::{Address, RequestFingerprint},
    store::{
        ClaimRequest, ForgetRequest, Hold, OnAbandoned, Record, ResolveRequest, Retention, Stage, Token,
        remote::{Reply, Word},
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

    /// A claim. `record` is its label.
    pub(super) fn claim(request: ClaimRequest) -> Self {
        Call {
            first: micros(request.lease),
            second: micros(request.retention),
            rerun: request.on_abandoned == OnAbandoned::Rerun,
            record: Bytes::from_static(request.origin.label().as_bytes()),
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

/// The place of a call, from 1 on, and the reply to it.
///
/// # Errors
/// The row has other columns.
pub(super) fn read(row: &PgRow) -> Result<(i64, Reply), sqlx::Error> {
    let (said, attempt, micros): (&str, Option<i32>, Option<i64>) =
        (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    // In an allocation of its own: a slice would keep the whole batch's replies.
    let record: Option<Vec<u8>> = row.try_get(4)?;
    let left = micros.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or_default()));
    let reply = Reply {
        word: Word::of(said.as_bytes()),
        attempt: attempt.map(i32::unsigned_abs),
        left,
        record: record.map(Record::from_bytes),
    };
    Ok((row.try_get(0)?, reply))
}
