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
        self.next = pause.saturating_mul(2).min(self.longest);
        let seconds = pause.as_secs_f64() * (0.75 + fastrand::f64() / 2.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_that_there_is_stays_one() {
        let mut pace = Backoff::new(Duration::MAX, Duration::MAX);
        for _ in 0..100 {
            assert!(pace.next_delay() > Duration::MAX / 2);
        }
    }
}
