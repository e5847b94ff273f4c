//! Replies of the server: answers of scripts, and errors that say something of the connection.

use std::time::Duration;

use redis::{RedisError, Value};

use super::{
    call::{HEADER_LENGTH, digits},
    failure::{NAME, says},
};
use crate::{
    request::{Address, RequestFingerprint},
    store::{
        Claim, Hold, Inspection, Record, Standing, StoreError, Token,
        remote::{Reply, Word},
    },
};

/// A completed entry.
pub(super) struct Completed(Vec<u8>);

impl Completed {
    /// The entry in a reply, if it is a completed one.
    pub(super) fn of(entry: Value) -> Option<Self> {
        let Value::BulkString(entry) = entry else { return None };
        (entry.first() == Some(&b'D') && split(&entry).is_some()).then_some(Completed(entry))
    }

    pub(super) fn token(&self) -> Option<Token> {
        self.0[2..].first_chunk().map(|token| Token::from_bytes(*token))
    }

    /// True where this hold completed the entry.
    pub(super) fn is_of(&self, hold: &Hold) -> bool {
        self.0[2..18] == *hold.token.as_bytes() && self.0[18..50] == *hold.fingerprint.as_bytes()
    }

    /// True where the entry is there for as long as it is replayed, and no longer.
    pub(super) fn ends_with_its_replay(&self) -> bool {
        self.0[60..HEADER_LENGTH] == digits(0)
    }

    /// The record, in an allocation of its own: a caller that keeps it counts its bytes and no
    /// others.
    pub(super) fn into_record(self) -> Record {
        Record::from_bytes(split(&self.0).map(|(record, _)| record.to_vec()).unwrap_or_default())
    }
}

/// A script's decision on a claim.
pub(super) enum Decision {
    /// The entry that is replayed, and the time for which it still is.
    Replay(Completed, Duration),
    Other(Claim),
}

impl Decision {
    pub(super) fn of(reply: Value) -> Result<Self, StoreError> {
        let Value::Array(parts) = reply else {
            return Ok(Decision::Other(ScriptReply::of(reply)?.read()?.into_claim(NAME)?));
        };
        let [left, entry] = <[Value; 2]>::try_from(parts).map_err(|_| not_understood())?;
        let Value::Int(left) = left else { return Err(not_understood()) };
        let left = Duration::from_millis(u64::try_from(left).map_err(|_| not_understood())?);
        Ok(Decision::Replay(Completed::of(entry).ok_or_else(not_understood)?, left))
    }
}

/// The record of an entry, in an allocation of its own.
fn record_of(entry: &[u8]) -> Option<Record> {
    split(entry).map(|(record, _)| Record::from_bytes(record.to_vec()))
}

/// The parts of an entry behind its header: the record, and the label.
fn split(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = entry.get(HEADER_LENGTH..)?.split_last()?;
    rest.split_at_checked(rest.len().checked_sub(usize::from(*length))?)
}

/// A script's answer: a word, a number where one belongs to it, and on the next line an entry.
pub(super) struct ScriptReply(Vec<u8>);

impl ScriptReply {
    pub(super) fn of(reply: Value) -> Result<Self, StoreError> {
        match reply {
            Value::BulkString(answer) => Ok(ScriptReply(answer)),
            _ => Err(not_understood()),
        }
    }

    /// The number of `won` is the attempt; of all others it is a time.
    pub(super) fn read(&self) -> Result<Reply, StoreError> {
        let word = match self.word() {
            // The entry was taken over to be forgotten.
            b"held" => Word::Done,
            word => Word::of(word),
        };
        let attempt = self.number().and_then(|number| number.try_into().ok());
        let record = self.entry().map(|entry| record_of(entry).ok_or_else(not_understood)).transpose()?;
        Ok(Reply { word, attempt, left: self.left(), record })
    }

    /// True where a completion was stored by this very call, and not before it.
    pub(super) fn is_stored_now(&self) -> bool {
        self.line() == b"stored"
    }

    /// Everything known of the entry that a look has found at `address`.
    pub(super) fn into_inspection(self, address: Address) -> Result<Option<Inspection>, StoreError> {
        match self.word() {
            b"vacant" | b"longer" => return Ok(None),
            b"found" => {}
            _ => return Err(not_understood()),
        }
        let header = self.entry().and_then(|entry| entry.first_chunk::<HEADER_LENGTH>());
        let header = header.ok_or_else(not_understood)?;
        let (attempt, span) = (number(&header[50..60]), number(&header[60..75]));
        let (attempt, span) = attempt.zip(span).ok_or_else(not_understood)?;
        let attempt = u32::try_from(attempt).map_err(|_| not_understood())?;
        let kept_for = self.left().ok_or_else(not_understood)?;
        let span = Duration::from_millis(span);
        let (left, lapsed) = (kept_for.saturating_sub(span), span.saturating_sub(kept_for));
        let standing = match header[0] {
            b'C' if !left.is_zero() => Standing::Running { lease_left: left },
            b'C' | b'A' => Standing::Abandoned { lapsed },
            b'D' if !left.is_zero() => Standing::Completed { record: self.record()?, left },
            b'D' => Standing::Expired,
            _ => return Err(not_understood()),
        };
        let token = header[2..].first_chunk().map(|token| Token::from_bytes(*token));
        let token = token.ok_or_else(not_understood)?;
        let fingerprint = header[18..].first_chunk().map(|bytes| RequestFingerprint::from_bytes(*bytes));
        let fingerprint = fingerprint.ok_or_else(not_understood)?;
        let (_, label) = self.entry().and_then(split).ok_or_else(not_understood)?;
        let label = String::from_utf8_lossy(label).into_owned().into();
        Ok(Some(Inspection { address, token, attempt, standing, kept_for, label, fingerprint }))
    }

    fn line(&self) -> &[u8] {
        self.0.split(|byte| *byte == b'\n').next().unwrap_or_default()
    }

    fn word(&self) -> &[u8] {
        self.line().split(|byte| *byte == b' ').next().unwrap_or_default()
    }

    fn number(&self) -> Option<u64> {
        number(self.line().get(self.word().len() + 1..)?)
    }

    fn left(&self) -> Option<Duration> {
        self.number().map(Duration::from_millis)
    }

    fn entry(&self) -> Option<&[u8]> {
        self.0.get(self.line().len() + 1..)
    }

    fn record(&self) -> Result<Record, StoreError> {
        self.entry().and_then(record_of).ok_or_else(not_understood)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

fn not_understood() -> StoreError {
    StoreError::unavailable(NAME, "a script's answer cannot be understood")
}

/// True where the server does not know the script that it was to run.
pub(super) fn is_unknown(reply: &Value) -> bool {
    error_of(reply).is_some_and(|error| error.code() == Some("NOSCRIPT"))
}

/// True where the server has become a replica, by its answer to one of the calls at least.
pub(super) fn is_from_a_replica(reply: &Value) -> bool {
    match reply {
        Value::Array(answers) => answers.iter().any(is_from_a_replica),
        reply => error_of(reply).is_some_and(|error| says(&error, "READONLY")),
    }
}

fn error_of(reply: &Value) -> Option<RedisError> {
    match reply {
        Value::ServerError(error) => Some(error.clone().into()),
        _ => None,
    }
}

/// True where a connection leads nowhere, since a call on it ended with `error`.
pub(super) fn is_useless(error: &RedisError) -> bool {
    error.is_timeout() || says(error, "READONLY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_a_replayed_record_keeps_nothing_else() {
        let mut reply = Vec::with_capacity(4_096);
        reply.extend_from_slice(&[b'D'; HEADER_LENGTH]);
        reply.extend_from_slice(b"recordPOST /\x06");
        let brought = reply.as_ptr_range();
        let record = Completed::of(Value::BulkString(reply)).map(Completed::into_record);
        let bytes = record.expect("a completed entry").into_bytes();
        assert_eq!(&bytes[..], b"record");
        assert!(!brought.contains(&bytes.as_ptr()), "it is a slice of the reply");
    }
}
