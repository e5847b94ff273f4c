//! Calls that a store leaves without an answer. There is a bound to them.
//!
//! Whoever asks gives up after a while, and the call goes on: a store that never answers would
//! collect calls without end.

use std::{fmt, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::Instant,
};

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering::Relaxed, lock};

/// How many calls in a row may be left without an answer.
const IN_A_ROW: usize = 1024;
/// How many calls may be without an answer at a time, however many others are answered.
const ALL: usize = 8 * IN_A_ROW;
/// After how long a call without an answer may have to make room for others.
const LONGEST: Duration = Duration::from_secs(60);

// answers ─ the last so many calls are left without an answer, or too many are in all ─▶ silent ─ a
// call is answered ─▶ answers
//
// While it is silent one call at a time finds out whether it answers again, and all others are
// refused, with nothing done.
//
// A call that makes room is ended as it would be if the process died in it: every verb is atomic,
// and of one that brought no answer nobody takes anything for granted. A claim is sent again with
// its token until its fate is known.
/// The calls of one store. Clones share them.
#[derive(Clone)]
pub(super) struct Unanswered(Arc<Inner>);

struct Inner {
    in_a_row: AtomicUsize,
    all: AtomicUsize,
    left: Mutex<Vec<Left>>,
    one: std::sync::Arc<Semaphore>,
}

/// A call for which nobody waits any more.
struct Left {
    task: AbortHandle,
    since: Instant,
}

/// Leave to make a call, until it is answered or left.
pub(super) struct Leave(
    #[allow(dead_code, reason = "given back when it is dropped")] Option<OwnedSemaphorePermit>,
);

impl Default for Unanswered {
    fn default() -> Self {
        Unanswered(Arc::new(Inner {
            in_a_row: AtomicUsize::new(0),
            all: AtomicUsize::new(0),
            left: Mutex::new(Vec::new()),
            one: std::sync::Arc::new(Semaphore::new(1)),
        }))
    }
}

impl Unanswered {
    /// Leave to make a call, unless the store is silent and another call finds out whether it
    /// answers again.
    pub(super) fn leave(&self) -> Option<Leave> {
        if self.0.in_a_row.load(Relaxed) < IN_A_ROW && self.has_room() {
            return Some(Leave(None));
        }
        let one = std::sync::Arc::clone(&self.0.one).try_acquire_owned();
        one.ok().map(|one| Leave(Some(one)))
    }

    fn has_room(&self) -> bool {
        if self.0.all.load(Relaxed) >= ALL {
            self.tidy();
        }
        self.0.all.load(Relaxed) < ALL
    }

    /// The store has answered a call in time.
    pub(super) fn answered(&self) {
        if self.0.in_a_row.load(Relaxed) > 0 {
            self.0.in_a_row.store(0, Relaxed);
            self.tidy();
        }
    }

    /// Nobody waits any more for the call in `task`. Gives whether the store is to be called silent
    /// from now on.
    pub(super) fn left(&self, task: AbortHandle) -> bool {
        let mut left = lock(&self.0.left);
        left.push(Left { task, since: Instant::now() });
        self.0.all.store(left.len(), Relaxed);
        self.0.in_a_row.fetch_add(1, Relaxed) + 1 == IN_A_ROW
    }

    /// Forgets the calls that have ended, and ends those that have had their time where there is no
    /// room.
    fn tidy(&self) {
        let mut left = lock(&self.0.left);
        left.retain(|call| !call.task.is_finished());
        if left.len() >= ALL {
            let over = left.extract_if(.., |call| call.since.elapsed() >= LONGEST);
            over.for_each(|call| call.task.abort());
        }
        self.0.all.store(left.len(), Relaxed);
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unanswered({})", self.0.all.load(Relaxed))
    }
}
