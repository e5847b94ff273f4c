use std::{fmt, time::Duration};

use reqwest_middleware::{Error, Result};
use tokio::time::{Instant, timeout};

/// How long tries go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) tries: u32,
    /// Tries and pauses together.
    pub(crate) within: Duration,
    /// One try.
    pub(crate) each: Duration,
    pub(crate) pauses: Pauses,
}

/// The pauses between tries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Pauses {
    /// The pause after so many tries: jittered, so that clients that failed together do not come back together.
    fn after(self, tries: u32) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Schedule {
    bounds: Bounds,
    began: Instant,
    tries: u32,
}

impl Schedule {
    pub(crate) fn begun(bounds: Bounds) -> Self {
        Schedule { bounds, began: Instant::now(), tries: 0 }
    }

    fn left(&self) -> Duration {
        self.bounds.within.saturating_sub(self.began.elapsed())
    }

    /// Makes one try, for as long as it may take.
    pub(crate) async fn bound<T>(&mut self, one: impl Future<Output = Result<T>>) -> Result<T> {
        self.tries += 1;
        let time = self.bounds.each.min(self.left());
        timeout(time, one).await.unwrap_or_else(|_| Err(Error::middleware(TimedOut(time))))
    }

    /// How long to wait for the next try, at least `least`; `None` where there is none.
    pub(crate) fn pause(&self, least: Option<Duration>) -> Option<Duration> {
        let pause = self.bounds.pauses.after(self.tries).max(least.unwrap_or_default());
        (self.tries < self.bounds.tries && pause < self.left()).then_some(pause)
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
