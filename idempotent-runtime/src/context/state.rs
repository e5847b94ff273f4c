//! Knowledge behind a context, which all clones of the context share.

use std::{fmt, sync::Arc};

use super::steps::Steps;
use crate::{attempt::Attempt, engine::Idempotency, execution::of_running, request};

/// The attempt that runs, and the steps that it has come to.
pub(super) struct State {
    pub(super) attempt: Attempt,
    pub(super) app: Idempotency,
    pub(super) steps: Steps,
}

impl State {
    /// State of the execution that runs. `None` where no key protects what runs.
    pub(super) fn of_running() -> Option<Arc<State>> {
        of_running(|attempt, app| {
            let (attempt, app) = (attempt.clone(), app.clone());
            Arc::new(State { attempt, app, steps: Steps::default() })
        })
    }

    /// Key for the call `name` to another service, the same on every attempt.
    pub(super) fn derive_key(&self, name: &str) -> String {
        request::derived_key(self.attempt.hold.address, name)
    }

    /// Prints the attempt, in the context called `name`.
    pub(super) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}
