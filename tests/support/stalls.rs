//! Time without that in which the machine stood still: time that a busy machine did not give cannot
//! be held against what is tested.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(5);
/// As late as a thread may wake on a machine that has nothing else to do.
const GRAIN: Duration = Duration::from_millis(1);

/// A thread that does nothing but see how much later it wakes than it wanted to. It ends with the
/// last clone.
#[derive(Clone, Debug)]
pub struct Stalls(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    woke: Instant,
    stalled: Duration,
}

impl Seen {
    /// Delay of the thread, if it wakes only now.
    fn late(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.woke).saturating_sub(TICK + GRAIN)
    }
}

/// A point in time, and for how long the machine had stood still until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    at: Instant,
    stalled: Duration,
}

impl Stalls {
    /// Begins to watch.
    pub fn watch() -> Stalls {
        let seen = Arc::new(Mutex::new(Seen { woke: Instant::now(), stalled: Duration::ZERO }));
        let watched = Arc::downgrade(&seen);
        thread::spawn(move || {
            while let Some(seen) = watched.upgrade() {
                let mut seen = seen.lock().unwrap();
                let now = Instant::now();
                *seen = Seen { woke: now, stalled: seen.stalled + seen.late(now) };
                drop(seen);
                thread::sleep(TICK);
            }
        });
        Stalls(seen)
    }

    /// This moment.
    pub fn now(&self) -> Moment {
        let seen = self.0.lock().unwrap();
        let at = Instant::now();
        Moment { at, stalled: seen.stalled + seen.late(at) }
    }
}

impl Moment {
    /// Time since `earlier`, without the time in between in which the machine stood still.
    pub fn since(self, earlier: Moment) -> Duration {
        self.wall_since(earlier).saturating_sub(self.stalled.saturating_sub(earlier.stalled))
    }

    /// Time since `earlier` for everybody else.
    pub fn wall_since(self, earlier: Moment) -> Duration {
        self.at.saturating_duration_since(earlier.at)
    }
}
