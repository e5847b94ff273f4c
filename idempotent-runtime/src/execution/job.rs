//! Everything that one execution of a request needs.

use std::time::Duration;

use crate::{
    attempt::Attempt,
    engine::{Executing, Idempotency},
    flight::Leader,
    observe::EventGuard,
    policy_ref::PolicyRef,
    request::{Identity, Key},
    store::{Hold, Origin},
};

/// A request whose identity is known, and the work that answers it.
pub(crate) struct Job<W> {
    pub(crate) policy: PolicyRef,
    pub(crate) app: Idempotency,
    /// Key of the request; `None` for an operation.
    pub(crate) key: Option<Key>,
    pub(crate) identity: Identity,
    pub(crate) origin: Origin,
    pub(crate) event: EventGuard,
    pub(crate) work: W,
}

/// A request that has won its claim, and has not begun.
pub(crate) struct Won<W> {
    pub(super) job: Job<W>,
    pub(super) hold: Hold,
    /// Number of the attempt.
    pub(super) number: u32,
    pub(super) leader: Leader,
    pub(super) executing: Executing,
}

impl<W> Job<W> {
    /// Longest time that this request waits for an execution that runs already.
    pub(super) fn longest_wait(&self) -> Duration {
        self.policy.wait(&self.app.0.settings.defaults)
    }

    /// Attempt under `hold`, the work to be done in it, and the guard of its event.
    pub(super) fn begin(self, hold: Hold, number: u32) -> (Attempt, Idempotency, EventGuard, W) {
        let Job { policy, app, key, origin, event, work, .. } = self;
        (Attempt { policy, key, hold, number, origin }, app, event, work)
    }
}
