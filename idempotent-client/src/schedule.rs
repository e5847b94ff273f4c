use std::{
    fmt,
    time::{Duration, SystemTime},
};

use reqwest_middleware::{Error, Result};
use tokio::time::{Instant, timeout};

/// Bounds on the tries of one request.
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
    /// The pause after so many tries. It is jittered, so that clients that failed together do not
    /// come back together.
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
    /// By the wall clock.
    began_at: SystemTime,
    tries: u32,
}

impl Schedule {
    pub(crate) fn begun(bounds: Bounds) -> Self {
        Schedule { bounds, began: Instant::now(), began_at: SystemTime::now(), tries: 0 }
    }

    /// Time that is left by both clocks. A machine that is suspended for a day, and then sends
    /// again, would do so when the server has forgotten the key.
    fn left(&self) -> Duration {
        let passed = self.began.elapsed().max(self.began_at.elapsed().unwrap_or_default());
        self.bounds.within.saturating_sub(passed)
    }

    /// Makes one try, for as long as it may take, and none where no time is left.
    pub(crate) async fn bound<T>(&mut self, one: impl Future<Output = Result<T>>) -> Result<T> {
        self.tries += 1;
        let left = self.left();
        if left.is_zero() {
            return Err(Error::middleware(TimedOut(self.bounds.within)));
        }
        let time = self.bounds.each.min(left);
        timeout(time, one).await.unwrap_or_else(|_| Err(Error::middleware(TimedOut(time))))
    }

    /// Pause before the next try, at least `least`; `None` where there is no next try.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_that_slept_through_a_pause_does_not_send_again() {
        let pauses = Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(1) };
        let (within, each) = (Duration::from_secs(60), Duration::from_secs(30));
        let mut schedule = Schedule::begun(Bounds { tries: 12, within, each, pauses });
        assert!(schedule.bound(async { Ok(()) }).await.is_ok());
        assert!(schedule.pause(None).is_some());

        schedule.began_at -= Duration::from_secs(90_000);
        assert!(schedule.bound(async { Ok(()) }).await.is_err(), "the server may have forgotten the key");
        assert_eq!(schedule.pause(None), None);
    }
}
