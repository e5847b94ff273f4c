use std::{
    fmt,
    time::{Duration, SystemTime},
};

use reqwest_middleware::{Error, Result};
use tokio::time::{Instant, timeout};

/// Bounds on the tries of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryBounds {
    pub(crate) tries: u32,
    /// Time for all tries and delays together.
    pub(crate) total: Duration,
    /// Time for one try.
    pub(crate) per_try: Duration,
    pub(crate) backoff: Backoff,
}

/// Delays between tries: each is twice as long as the one before, up to the longest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// Delay after so many tries. It is jittered, so that clients that failed together do not
    /// come back together.
    fn after(self, tries: u32) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Retries {
    bounds: RetryBounds,
    began: Instant,
    /// By the wall clock.
    began_at: SystemTime,
    tries: u32,
}

impl Retries {
    pub(crate) fn begin(bounds: RetryBounds) -> Self {
        Retries { bounds, began: Instant::now(), began_at: SystemTime::now(), tries: 0 }
    }

    /// Time that is left by both clocks. A machine that is suspended for a day, and then sends
    /// again, would do so when the server has forgotten the key.
    fn left(&self) -> Duration {
        let passed = self.began.elapsed().max(self.began_at.elapsed().unwrap_or_default());
        self.bounds.total.saturating_sub(passed)
    }

    /// Makes one try, for as long as it may take, and none where no time is left.
    pub(crate) async fn bound<T>(&mut self, one: impl Future<Output = Result<T>>) -> Result<T> {
        self.tries += 1;
        let left = self.left();
        if left.is_zero() {
            return Err(Error::middleware(TimedOut(self.bounds.total)));
        }
        let time = self.bounds.per_try.min(left);
        timeout(time, one).await.unwrap_or_else(|_| Err(Error::middleware(TimedOut(time))))
    }

    /// Delay before the next try, at least `least`; `None` where there is no next try.
    pub(crate) fn next_delay(&self, least: Option<Duration>) -> Option<Duration> {
        let delay = self.bounds.backoff.after(self.tries).max(least.unwrap_or_default());
        (self.tries < self.bounds.tries && delay < self.left()).then_some(delay)
    }
}

/// A try took too long.
#[derive(Debug)]
pub(crate) struct TimedOut(Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.0)
    }
}

impl std::error::Error for TimedOut {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_that_slept_through_a_pause_does_not_send_again() {
        let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(1) };
        let (total, per_try) = (Duration::from_secs(60), Duration::from_secs(30));
        let mut retries = Retries::begin(RetryBounds { tries: 12, total, per_try, backoff });
        assert!(retries.bound(async { Ok(()) }).await.is_ok());
        assert!(retries.next_delay(None).is_some());

        retries.began_at -= Duration::from_secs(90_000);
        assert!(retries.bound(async { Ok(()) }).await.is_err(), "the server may have forgotten the key");
        assert_eq!(retries.next_delay(None), None);
    }
}
