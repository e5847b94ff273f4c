//! A store of one's own: a map behind a mutex, and `entry`, which decides every verb. One critical
//! section reads, decides and writes, so every verb is atomic.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use idempotent_runtime::{
    Address, Clock, Store, StoreError,
    clock::Timestamp,
    store::{
        Claim, ClaimRequest, Completion, Hold, Record, Renewal, Resolve, ResolveRequest, Retention,
        entry::{self, Changed, Decided, Entry},
    },
};
use tokio::sync::Notify;

/// Keeps everything in one map. Clones share it. Bounded only by the machine's memory.
#[derive(Clone)]
pub(crate) struct MapStore<C> {
    entries: Arc<Mutex<HashMap<Address, Entry>>>,
    changed: Arc<Notify>,
    clock: C,
}

impl<C: Clock> MapStore<C> {
    pub(crate) fn new(clock: C) -> Self {
        MapStore { entries: Arc::default(), changed: Arc::default(), clock }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Address, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `decide` answer a verb on the entry at `address`, keeps the entry that it leaves, and
    /// tells those who wait.
    fn decide<T>(
        &self,
        address: Address,
        decide: impl FnOnce(&mut Option<Entry>, Timestamp) -> Decided<T>,
    ) -> Result<T, StoreError> {
        let mut entries = self.entries();
        // Read under the lock: no verb decides by an earlier time than the verb before it.
        let now = self.clock.now();
        forget_some(&mut entries, now);
        let mut entry = entries.remove(&address);
        let (answer, changed) = decide(&mut entry, now);
        entries.extend(entry.map(|entry| (address, entry)));
        drop(entries);
        if changed == Changed::Yes {
            self.changed.notify_waiters();
        }
        Ok(answer)
    }
}

impl<C: Clock> Store for MapStore<C> {
    fn name(&self) -> &'static str {
        "map"
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.decide(request.hold.address, |entry, now| entry::claim(entry, &request, now))
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        self.decide(hold.address, |entry, now| entry::renew(entry, &hold, lease, now))
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        self.decide(hold.address, |entry, now| entry::complete(entry, &hold, record, retention, now))
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.decide(hold.address, |entry, now| entry::release(entry, &hold, now))
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        self.decide(request.address, |entry, now| entry::resolve(entry, request, now))
    }

    async fn changed(&self, address: Address) {
        // Listens first and looks then, so that no change falls between the two. Wakes for the
        // changes of other addresses too: to wake early is allowed, and to wake late is not.
        let mut changed = pin!(self.changed.notified());
        changed.as_mut().enable();
        if self.entries().get(&address).is_some_and(Entry::is_claimed) {
            changed.await;
        }
    }
}

/// Gives back the memory of what is past its time, whenever the map would have to grow.
fn forget_some(entries: &mut HashMap<Address, Entry>, now: Timestamp) {
    if entries.len() == entries.capacity() {
        entries.retain(|_, entry| entry.is_kept(now));
        entries.reserve(entries.len() + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use idempotent_runtime::{
        ManualClock,
        conformance::{Subject, check},
    };

    use super::MapStore;

    #[test]
    fn the_map_is_a_store() {
        let clock = ManualClock::new();
        let store = MapStore::new(clock.clone());
        let subject = Subject::new(move || ready(store.clone())).clock(clock).resolves();
        tokio::runtime::Runtime::new().unwrap().block_on(check(subject)).assert();
    }
}
