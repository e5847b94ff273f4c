//! Listeners in this process whose address is claimed elsewhere.
//!
//! A waiter listens before a claim is sent. So it has been notified of anything that happens
//! between the store's answer and the waiting.

use std::{collections::HashMap, fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    request::Address,
    sync::{Arc, Mutex, lock},
    watch::{Subscriber, Watch},
};

/// Time for which a waiter is kept for whoever has claimed. Waiting begins right after the claim.
/// Whoever comes later finds none, and has to look.
const KEPT_FOR: Duration = Duration::from_secs(1);

// The life of a waiter:
//
//   listen ─ the claim is in flight elsewhere ─▶ kept
//     └ any other answer ─▶ dropped
//   kept ─ take ─▶ waits ─ notified, or dropped
//     └ nobody came ─▶ dropped, when another one is kept
//
// A notification takes the address out of the table and wakes all who have listened so far. Those
// who listen later listen anew.
/// Notifies the waiters of one store. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Notifier(Arc<Listeners>);

#[derive(Default)]
struct Listeners {
    listening: Mutex<HashMap<Address, Arc<Watch<bool>>>>,
    kept: Mutex<KeptWaiters>,
}

#[derive(Default)]
struct KeptWaiters {
    waiters: HashMap<Address, (Waiter, Instant)>,
    swept: Option<Instant>,
}

impl Notifier {
    /// A waiter that is notified when something happens at `address` from now on.
    pub(crate) fn listen(&self, address: Address) -> Waiter {
        let mut listening = lock(&self.0.listening);
        let watched = listening.entry(address).or_insert_with(|| Arc::new(Watch::new(false)));
        Waiter { seat: watched.join(usize::MAX), address, notifier: self.clone() }
    }

    /// Keeps `waiter` for the next call that waits at its address.
    pub(crate) fn keep(&self, waiter: Waiter) {
        let now = Instant::now();
        let mut kept = lock(&self.0.kept);
        let replaced = kept.waiters.insert(waiter.address, (waiter, now));
        let stale = kept.sweep(now);
        // Dropped outside the lock.
        drop(kept);
        drop((replaced, stale));
    }

    /// The waiter that was kept for `address`, if there is one.
    pub(crate) fn take(&self, address: Address) -> Option<Waiter> {
        lock(&self.0.kept).waiters.remove(&address).map(|(waiter, _)| waiter)
    }

    /// Notifies the waiters at `address`: something happened there.
    pub(crate) fn notify(&self, address: Address) {
        let notified = lock(&self.0.listening).remove(&address);
        if let Some(watched) = notified {
            watched.update(true);
        }
    }

    /// Notifies all waiters: anything may have happened while nobody was listening elsewhere.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn notify_all(&self) {
        let notified = std::mem::take(&mut *lock(&self.0.listening));
        notified.into_values().for_each(|watched| watched.update(true));
    }

    /// The addresses at which somebody listens.
    pub(crate) fn listened(&self) -> Vec<Address> {
        lock(&self.0.listening).keys().copied().collect()
    }
}

impl KeptWaiters {
    /// Takes out the waiters that nobody came for.
    fn sweep(&mut self, now: Instant) -> Vec<Waiter> {
        if self.swept.is_some_and(|swept| now < swept + KEPT_FOR) {
            return Vec::new();
        }
        self.swept = Some(now);
        let stale = self.waiters.extract_if(|_, (_, since)| *since + KEPT_FOR <= now);
        stale.map(|(_, (waiter, _))| waiter).collect()
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("listening", &lock(&self.0.listening).len()).finish_non_exhaustive()
    }
}

/// Listens at one address. Is notified once.
#[derive(Debug)]
pub(crate) struct Waiter {
    seat: Option<Subscriber<bool>>,
    address: Address,
    notifier: Notifier,
}

impl Waiter {
    /// The address that the waiter listens at.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Waits until something has happened since the waiter began to listen.
    pub(crate) async fn notified(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.until(|notified| notified.then_some(())).await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut listening = lock(&self.notifier.0.listening);
        drop(self.seat.take());
        // Nobody else holds it: others join only under this lock.
        if listening.get(&self.address).is_some_and(|watched| Arc::strong_count(watched) == 1) {
            listening.remove(&self.address);
        }
    }
}
