//! Knowledge that a step of `once` may have of its own execution.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{error::CheckpointError, state::State};

/// Execution that a step of [`once`](crate::Idempotency::once) runs in. Cheap to clone; clones are
/// of one execution.
#[derive(Clone)]
pub struct OnceContext(Arc<State>);

impl OnceContext {
    /// The execution that runs, if one does.
    pub(crate) fn of_running() -> Option<Self> {
        State::of_running().map(OnceContext)
    }

    /// Number of this execution of the key: 1, or one more for every earlier execution that was
    /// abandoned and taken over.
    pub fn attempt(&self) -> u32 {
        self.0.attempt.number
    }

    /// Derives a key for a call to another service: the same on every attempt, and a different one
    /// for each `name`, key, operation, principal and namespace. It has the form of
    /// [`IdempotencyContext::derive_key`](crate::IdempotencyContext::derive_key).
    pub fn derive_key(&self, name: &str) -> String {
        self.0.derive_key(name)
    }

    /// Runs `step` once per key, and returns its recorded result on every later attempt. All that
    /// [`IdempotencyContext::checkpoint`](crate::IdempotencyContext::checkpoint) says holds here:
    /// an `Err` of the work around it frees the key, and the steps that are recorded stay.
    ///
    /// # Errors
    /// [`CheckpointError::Step`] is the step's own error. Any other is a
    /// [`CheckpointFailure`](crate::CheckpointFailure), which says whether the step has run.
    pub async fn checkpoint<T, E>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CheckpointError<E>>
    where
        T: Serialize + DeserializeOwned,
    {
        self.0.checkpoint(name, step).await
    }
}

impl fmt::Debug for OnceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as("OnceContext", f)
    }
}
