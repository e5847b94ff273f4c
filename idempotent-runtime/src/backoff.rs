//! Ever longer delays between tries.

use std::time::Duration;

/// Pauses that double up to a longest one, each shortened or lengthened by up to a quarter, so that
/// those who fail together do not try again together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Backoff { next: first.min(longest), longest }
    }

    /// Delay before the next try.
    pub(crate) fn next_delay(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(0.75 + fastrand::f64() / 2.0)
    }
}
