//! Time of a response in this process's memory. It ends as soon as one of two clocks says so.

use std::time::Duration;

use crate::{
    clock::{Clock, Timestamp, WallClock},
    sync::Arc,
};

/// The clock that was given, and the wall clock.
#[derive(Clone)]
pub(super) struct Clocks {
    given: Arc<dyn Clock>,
    wall: Arc<dyn Clock>,
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    given: Timestamp,
    wall: Timestamp,
}

impl Clocks {
    /// This clock, and the machine's wall clock.
    pub(super) fn new(given: impl Clock) -> Self {
        Self::of(given, WallClock)
    }

    pub(super) fn of(given: impl Clock, wall: impl Clock) -> Self {
        Clocks { given: Arc::new(given), wall: Arc::new(wall) }
    }

    pub(super) fn now(&self) -> Moment {
        Moment { given: self.given.now(), wall: self.wall.now() }
    }
}

impl Moment {
    pub(super) fn after(self, duration: Duration) -> Self {
        Moment { given: self.given.after(duration), wall: self.wall.after(duration) }
    }

    /// Time from `earlier` until this moment, by the clock that shows less.
    pub(super) fn since(self, earlier: Moment) -> Duration {
        self.given.since(earlier.given).min(self.wall.since(earlier.wall))
    }
}
