//! The attempt that runs in a task, for the extractors of its handler.

use std::{any::Any, cell::OnceCell};

use crate::{attempt::Attempt, engine::Idempotency};

tokio::task_local! {
    /// The running attempt. Not set where no key protects the request.
    static RUNNING: Running;
}

struct Running {
    attempt: Attempt,
    app: Idempotency,
    /// Made of the attempt for the first who asks.
    made: OnceCell<Box<dyn Any + Send>>,
}

/// Runs `work`, which may ask for this attempt.
pub(super) fn known_to<W: Future>(
    attempt: Attempt,
    app: Idempotency,
    work: W,
) -> impl Future<Output = W::Output> {
    RUNNING.scope(Running { attempt, app, made: OnceCell::new() }, work)
}

/// Value that all who ask in the running attempt share: `make` makes it for the first of them.
/// `None` where nothing runs.
pub(crate) fn of_running<T: Clone + Send + 'static>(
    make: impl FnOnce(&Attempt, &Idempotency) -> T,
) -> Option<T> {
    let found = |running: &Running| {
        let made = running.made.get_or_init(|| Box::new(make(&running.attempt, &running.app)));
        made.downcast_ref().cloned()
    };
    RUNNING.try_with(found).ok().flatten()
}
