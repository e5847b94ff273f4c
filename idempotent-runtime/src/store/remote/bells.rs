//! Wakes the waiters in this process whose address is claimed elsewhere.
//!
//! A bell is taken before a claim is sent. So it has been rung by anything that happens between the
//! store's answer and the waiting.

use std::{collections::HashMap, fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    request::Address,
    sync::{Arc, Mutex, lock},
    watched::{Seat, Watched},
};

/// Time for which a bell is kept for a waiter. Waiting begins right after the claim. A waiter that
/// comes later finds no bell, and has to look.
const KEPT_FOR: Duration = Duration::from_secs(1);

// The life of a bell:
//
//   listen ─ the claim is in flight elsewhere ─▶ kept
//     └ any other answer ─▶ dropped
//   kept ─ take ─▶ waited for ─ rung, or dropped by the waiter
//     └ nobody came ─▶ dropped, when another bell is kept
//
// A ring takes the address out of the table and wakes all who have listened so far. Those who
// listen later listen anew.
/// The bells of one store. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Bells(Arc<Inner>);

#[derive(Default)]
struct Inner {
    listened: Mutex<HashMap<Address, Arc<Watched<bool>>>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bells: HashMap<Address, (Bell, Instant)>,
    swept: Option<Instant>,
}

impl Bells {
    /// A bell that rings when something happens at `address` from now on.
    pub(crate) fn listen(&self, address: Address) -> Bell {
        let mut listened = lock(&self.0.listened);
        let watched = listened.entry(address).or_insert_with(|| Arc::new(Watched::new(false)));
        Bell { seat: watched.join(usize::MAX), address, bells: self.clone() }
    }

    /// Keeps `bell` for the next waiter at its address.
    pub(crate) fn keep(&self, bell: Bell) {
        let now = Instant::now();
        let mut kept = lock(&self.0.kept);
        let replaced = kept.bells.insert(bell.address, (bell, now));
        let stale = kept.sweep(now);
        // Dropped outside the lock.
        drop(kept);
        drop((replaced, stale));
    }

    /// The bell that was kept for `address`, if there is one.
    pub(crate) fn take(&self, address: Address) -> Option<Bell> {
        lock(&self.0.kept).bells.remove(&address).map(|(bell, _)| bell)
    }

    /// Rings the bells of `address`: something happened there.
    pub(crate) fn ring(&self, address: Address) {
        let rung = lock(&self.0.listened).remove(&address);
        if let Some(watched) = rung {
            watched.update(true);
        }
    }

    /// Rings all bells: anything may have happened while nobody was listening elsewhere.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn ring_all(&self) {
        let rung = std::mem::take(&mut *lock(&self.0.listened));
        rung.into_values().for_each(|watched| watched.update(true));
    }

    /// The addresses for which there are bells.
    pub(crate) fn listened(&self) -> Vec<Address> {
        lock(&self.0.listened).keys().copied().collect()
    }
}

impl Kept {
    /// Takes out the bells that nobody came for.
    fn sweep(&mut self, now: Instant) -> Vec<Bell> {
        if self.swept.is_some_and(|swept| now < swept + KEPT_FOR) {
            return Vec::new();
        }
        self.swept = Some(now);
        let stale = self.bells.extract_if(|_, (_, since)| *since + KEPT_FOR <= now);
        stale.map(|(_, (bell, _))| bell).collect()
    }
}

impl fmt::Debug for Bells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bells").field("listened", &lock(&self.0.listened).len()).finish_non_exhaustive()
    }
}

/// Wakes its waiter once.
#[derive(Debug)]
pub(crate) struct Bell {
    seat: Option<Seat<bool>>,
    address: Address,
    bells: Bells,
}

impl Bell {
    /// The address that the bell rings for.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Waits until the bell has rung since it was taken.
    pub(crate) async fn rung(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.until(|rung| rung.then_some(())).await;
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let mut listened = lock(&self.bells.0.listened);
        drop(self.seat.take());
        // Nobody else holds it: others join only under this lock.
        if listened.get(&self.address).is_some_and(|watched| Arc::strong_count(watched) == 1) {
            listened.remove(&self.address);
        }
    }
}
