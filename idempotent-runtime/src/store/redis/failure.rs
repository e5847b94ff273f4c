//! Failures of calls, and what the server may have done.

use redis::RedisError;

use super::NAME;
use crate::store::StoreError;

// sent ─ the server answers with an error ─▶ refused: a script raises one before it writes anything
//      ─ no answer ─▶ unknown
//      ─ the connection is lost ─▶ sent again: the answer says nothing of the first try
/// Reason why a call brought no answer that says what was done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server has answered with an error. Nothing was done.
    Refused(RedisError),
    /// The call, or an earlier try of it, may have been carried out.
    Unknown(RedisError),
}

/// Number of tries that a call has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    Once,
    Again,
}

impl Failure {
    /// The failure of a call that was sent so often, and ended with `error` the last time.
    pub(super) fn of(error: RedisError, sent: Sent) -> Self {
        let is_answer = match sent {
            Sent::Once => error.code().is_some(),
            // No try of ours has written an entry that cannot be read.
            Sent::Again => says(&error, "UNREADABLE") || says(&error, "WRONGTYPE"),
        };
        if is_answer { Failure::Refused(error) } else { Failure::Unknown(error) }
    }

    /// The same failure, for a call that had been sent before and had failed with `first`.
    pub(super) fn after(self, first: &Failure) -> Self {
        match first {
            Failure::Refused(_) => self,
            Failure::Unknown(_) => Failure::of(self.into(), Sent::Again),
        }
    }

    pub(super) fn error(&self) -> &RedisError {
        match self {
            Failure::Refused(error) | Failure::Unknown(error) => error,
        }
    }
}

impl From<Failure> for RedisError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Unknown(error) => error,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) if says(&error, "OOM") => StoreError::full(NAME),
            Failure::Refused(error) if says(&error, "UNREADABLE") || says(&error, "WRONGTYPE") => {
                StoreError::unreadable(NAME, error)
            }
            Failure::Refused(error) => StoreError::undone(NAME, error),
            Failure::Unknown(error) => StoreError::unavailable(NAME, error),
        }
    }
}

/// True where the server has answered with an error of this code. Before Redis 7 an error in a
/// script has a code of its own, and this code is in its text.
pub(super) fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code) || error.detail().is_some_and(|detail| detail.contains(code))
}
