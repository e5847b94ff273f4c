//! Results of `once`.

use std::time::Duration;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::transaction::TransactionFailure;
use crate::{
    reason::{Reason, RefusalCode},
    request::LENGTHS,
};

/// Result of [`once`](crate::Idempotency::once).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Once<T> {
    /// The step ran here, and this value is recorded.
    Ran(T),
    /// The step had run before, or ran elsewhere meanwhile: this is the recorded value.
    Replayed(T),
    /// The step still runs elsewhere, or too many wait for it.
    InProgress {
        /// Time after which another try makes sense.
        retry_after: Duration,
    },
    /// The key was used with another fingerprint.
    Reused,
    /// The step had run, and its value has expired.
    Expired,
    /// The step has run, and its value is not recorded: it was too large, or the store did not take
    /// it in time.
    NotStored,
    /// An earlier execution died without an outcome, or its outcome cannot be read.
    OutcomeUnknown,
}

/// Reason that [`once`](crate::Idempotency::once) has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError<E> {
    /// The step's own error. Nothing is recorded, and the key is free: the next call runs the step.
    #[error(transparent)]
    Step(E),
    /// An operation or a key of another length. The step did not run.
    #[error("{LENGTHS}")]
    Key,
    /// The value cannot be written as JSON, or what is recorded cannot be read as one of its type.
    /// The step has run, and will not be run again.
    #[error("the value of a step is not to be written as JSON, or not to be read from it: the step has run")]
    Value(#[source] serde_json::Error),
    /// The store does not answer or is full, the process shuts down, or a limit is reached. The
    /// step did not run.
    ///
    /// A step of [`run_in`](crate::OnceBuilder::run_in) may have run: its transaction met with a
    /// conflict or lost its database, and nothing of it is kept. Where the commit was not
    /// acknowledged it is not known yet whether it took effect. In each case another call with the
    /// same key is right: the step takes effect once at most.
    #[error(
        "the step has no result for now: the idempotency store or the step's database is unavailable or full, or the process shuts down"
    )]
    Unavailable {
        /// Time after which another try makes sense.
        retry_after: Duration,
    },
    /// The transaction of [`run_in`](crate::OnceBuilder::run_in) was not committed with the value,
    /// for a reason that no other try mends.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    #[error(transparent)]
    Transaction(TransactionFailure),
}

/// Result of a call that has none for this reason.
pub(super) fn refused<T, E>(reason: Reason) -> Result<Once<T>, OnceError<E>> {
    let seconds = reason.retry_after.or(reason.code.retry_after()).unwrap_or(1);
    let retry_after = Duration::from_secs(seconds.into());
    match reason.code {
        RefusalCode::InProgress => Ok(Once::InProgress { retry_after }),
        RefusalCode::KeyReused => Ok(Once::Reused),
        RefusalCode::KeyExpired => Ok(Once::Expired),
        RefusalCode::ResponseNotStored => Ok(Once::NotStored),
        RefusalCode::OutcomeUnknown => Ok(Once::OutcomeUnknown),
        RefusalCode::KeyMissing | RefusalCode::KeyInvalid => Err(OnceError::Key),
        RefusalCode::StoreUnavailable
        | RefusalCode::StoreFull
        | RefusalCode::TooManyKeys
        | RefusalCode::ShuttingDown
        | RefusalCode::BodyTooLarge
        | RefusalCode::BodyTimeout => Err(OnceError::Unavailable { retry_after }),
    }
}
