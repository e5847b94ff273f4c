//! Listener of an application. A mistake of the listener does no harm to a request.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{Event, Outcome, Sample};

/// Hears how each request ended: for audit logs and metrics. Set by
/// [`IdempotencyBuilder::listener`](crate::IdempotencyBuilder::listener).
///
/// Functions and closures are listeners, and so is an `Arc` of one.
pub trait Listener: Send + Sync + 'static {
    /// Called with the end of each request to an annotated handler, exactly once, but for requests
    /// with a safe method.
    ///
    /// It is called on the worker that serves the request, before the response is sent. It should
    /// be quick, must not block, and hands longer work on. An execution whose client is gone is
    /// told when it has ended. A panic is caught and logged, once per outcome, and the request goes
    /// on as if nothing had happened.
    fn heard(&self, event: &Event<'_>);

    /// Called with the state of this moment, every twelfth of a lease from the first execution on,
    /// on a thread of its own. It is not called again before it has returned. Default: nothing is
    /// done. A panic is caught and logged.
    fn sampled(&self, sample: &Sample) {
        let _ = sample;
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Listener for F {
    fn heard(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<L: Listener + ?Sized> Listener for Arc<L> {
    fn heard(&self, event: &Event<'_>) {
        (**self).heard(event);
    }

    fn sampled(&self, sample: &Sample) {
        (**self).sampled(sample);
    }
}

/// Listener of the application.
pub(crate) struct ListenerHandle {
    listener: Box<dyn Listener>,
    /// Outcomes for which it has panicked, a bit each.
    panicked: AtomicU32,
}

impl ListenerHandle {
    pub(crate) fn new(listener: impl Listener) -> Self {
        ListenerHandle { listener: Box::new(listener), panicked: AtomicU32::new(0) }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        let told = catch_unwind(AssertUnwindSafe(|| self.listener.heard(event)));
        if told.is_err() && self.panics_for_the_first_time(event.outcome) {
            tracing::error!(
                handler = event.handler,
                outcome = event.outcome.as_str(),
                "the listener panicked: what it should have heard is lost, and this is not logged again for this outcome"
            );
        }
    }

    /// Tells the listener the state of this moment.
    pub(crate) fn sampled(&self, sample: &Sample) {
        if catch_unwind(AssertUnwindSafe(|| self.listener.sampled(sample))).is_err() {
            tracing::error!("the listener panicked when it was told what goes on");
        }
    }

    fn panics_for_the_first_time(&self, outcome: Outcome) -> bool {
        let bit = 1 << outcome as u32;
        self.panicked.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_panic_is_logged_once_for_each_outcome() {
        let listener = ListenerHandle::new(|_: &Event<'_>| {});
        for outcome in Outcome::ALL {
            assert!(listener.panics_for_the_first_time(outcome), "{outcome:?}");
            assert!(!listener.panics_for_the_first_time(outcome), "{outcome:?}");
        }
    }

    #[test]
    fn no_two_outcomes_have_one_name() {
        let names: HashSet<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        assert_eq!(names.len(), Outcome::ALL.len());
    }
}
