//! Calls that a store leaves without an answer. Their number is bounded.
//!
//! A caller gives up after a while, and its call goes on. Without a bound a store that never
//! answers would collect calls without end.

use std::{fmt, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::Instant,
};

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering::Relaxed, lock};

/// Number of calls in a row that may be left without an answer.
const IN_A_ROW: usize = 1024;
/// Number of calls that may be without an answer at a time, however many others are answered.
const ALL: usize = 8 * IN_A_ROW;
/// Age from which on a call without an answer may have to make room for others.
const LONGEST: Duration = Duration::from_secs(60);

//   answers ─ the last 1024 calls are left without an answer, or too many are in all ─▶ silent
//   silent  ─ a call is answered ─▶ answers
//
// While a store is silent one call at a time finds out whether it answers again. All other calls
// are refused, with nothing done.
//
// A call that makes room is ended as it would be if the process died in it. Every verb is atomic,
// and nobody takes anything for granted of a call that brought no answer. A claim is sent again
// with its token until its fate is known.
/// The calls of one store. Clones share them.
#[derive(Clone)]
pub(super) struct CircuitBreaker(Arc<Calls>);

struct Calls {
    in_a_row: AtomicUsize,
    all: AtomicUsize,
    left: Mutex<Vec<LeftCall>>,
    one: std::sync::Arc<Semaphore>,
}

/// A call that nobody waits for any more.
struct LeftCall {
    task: AbortHandle,
    since: Instant,
}

/// Permit to make a call. It is held until the call is answered or left.
pub(super) struct CallPermit(
    #[allow(dead_code, reason = "given back when it is dropped")] Option<OwnedSemaphorePermit>,
);

impl Default for CircuitBreaker {
    fn default() -> Self {
        CircuitBreaker(Arc::new(Calls {
            in_a_row: AtomicUsize::new(0),
            all: AtomicUsize::new(0),
            left: Mutex::new(Vec::new()),
            one: std::sync::Arc::new(Semaphore::new(1)),
        }))
    }
}

impl CircuitBreaker {
    /// A permit to make a call. There is none while the store is silent and another call finds out
    /// whether it answers again.
    pub(super) fn permit(&self) -> Option<CallPermit> {
        if self.0.in_a_row.load(Relaxed) < IN_A_ROW && self.has_room() {
            return Some(CallPermit(None));
        }
        let one = std::sync::Arc::clone(&self.0.one).try_acquire_owned();
        one.ok().map(|one| CallPermit(Some(one)))
    }

    fn has_room(&self) -> bool {
        if self.0.all.load(Relaxed) >= ALL {
            self.tidy();
        }
        self.0.all.load(Relaxed) < ALL
    }

    /// Takes note that the store has answered a call in time.
    pub(super) fn answered(&self) {
        if self.0.in_a_row.load(Relaxed) > 0 {
            self.0.in_a_row.store(0, Relaxed);
            self.tidy();
        }
    }

    /// Takes note that nobody waits any more for the call in `task`. True where the store becomes
    /// silent by it.
    pub(super) fn left(&self, task: AbortHandle) -> bool {
        let mut left = lock(&self.0.left);
        left.push(LeftCall { task, since: Instant::now() });
        self.0.all.store(left.len(), Relaxed);
        self.0.in_a_row.fetch_add(1, Relaxed) + 1 == IN_A_ROW
    }

    /// Forgets the calls that have ended. Where there is no room left, also ends those that have
    /// had their time.
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

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CircuitBreaker({})", self.0.all.load(Relaxed))
    }
}
