//! Result of one call to a store, or the reason why there is none in time.

use std::fmt;

use tokio::task::JoinHandle;

use super::StoreError;

/// A store's answer, or the reason why there is none in time.
pub(super) type Answer<T> = Result<T, CallError<T>>;

/// Reason why a call brought no answer.
#[derive(Debug)]
pub(crate) enum CallError<T> {
    /// The store says that it could not.
    Failed(StoreError),
    /// The store has not answered in time; the call goes on.
    Pending(PendingCall<T>),
}

impl<T> CallError<T> {
    /// True where the store says that it did nothing, for want of room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, CallError::Failed(StoreError::Full { .. } | StoreError::TooManyKeys { .. }))
    }

    /// True where there is an entry that the store cannot read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, CallError::Failed(StoreError::Unreadable { .. }))
    }

    /// True where the store says that it did nothing.
    pub(crate) fn did_nothing(&self) -> bool {
        matches!(self, CallError::Failed(error) if error.did_nothing())
    }
}

impl<T> CallError<T> {
    /// The same error for a caller that does not wait for the call's end.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            CallError::Failed(error) => error,
            CallError::Pending(call) => StoreError::unavailable(call.store, "it did not answer in time"),
        }
    }
}

impl<T> fmt::Display for CallError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Failed(error) => {
                write!(f, "{error}")?;
                let mut source = std::error::Error::source(error);
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            CallError::Pending(call) => write!(f, "the {} store did not answer in time", call.store),
        }
    }
}

/// A call whose answer nobody waited for.
#[derive(Debug)]
pub(crate) struct PendingCall<T> {
    pub(super) store: &'static str,
    pub(super) task: JoinHandle<Result<T, StoreError>>,
}

impl<T> PendingCall<T> {
    /// Waits until the call has ended one way or another. Until then it may still be done. Gives
    /// the answer, if there is one.
    pub(crate) async fn settled(self) -> Option<T> {
        self.task.await.ok()?.ok()
    }
}
