//! Ever longer pauses.

use std::time::Duration;

/// Pauses that double up to a longest one, each shortened or lengthened by up to a quarter, so that
/// those who fail together do not try again together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    next: Duration,
    longest: Duration,
}

impl Pace {
    /// Pauses from `first` to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Pace { next: first.min(longest), longest }
    }

    /// How long to pause now.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(0.75 + fastrand::f64() / 2.0)
    }
}
