//! Knowledge behind a context, which all clones of the context share.

use std::sync::Arc;

use super::steps::Steps;
use crate::{attempt::Attempt, engine::Idempotency, execution::of_running};

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
}
