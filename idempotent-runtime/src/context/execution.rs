//! The running execution, as its extractors and its handler may know it.

use std::cell::OnceCell;

use super::IdempotencyContext;
use crate::{
    policy::Policy,
    store::{Hold, Origin},
};

tokio::task_local! {
    /// The running execution. Not set where no key protects the request.
    static RUNNING: Running;
}

struct Running {
    execution: Execution,
    /// Context that the extractors return, made for the first of them.
    context: OnceCell<IdempotencyContext>,
}

/// One execution under a claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    pub(crate) policy: &'static Policy,
    pub(crate) hold: Hold,
    pub(crate) attempt: u32,
    pub(crate) origin: Origin,
}

impl Execution {
    /// Runs `work`, which may ask for the context of this execution.
    pub(crate) fn known_to<W: Future>(self, work: W) -> impl Future<Output = W::Output> {
        RUNNING.scope(Running { execution: self, context: OnceCell::new() }, work)
    }
}

/// Context of the running execution. `make` makes it when it is asked for the first time.
pub(super) fn context(
    make: impl FnOnce(Execution) -> Option<IdempotencyContext>,
) -> Option<IdempotencyContext> {
    let found = |running: &Running| {
        if running.context.get().is_none() {
            let _ = running.context.set(make(running.execution)?);
        }
        running.context.get().cloned()
    };
    RUNNING.try_with(found).ok().flatten()
}
