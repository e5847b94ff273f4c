//! A store of one's own: a map behind a mutex. Every verb is one critical section, so it is atomic.

use std::{
    collections::{HashMap, hash_map},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use idempotent_runtime::{
    Address, Clock, RequestFingerprint, Store, StoreError,
    clock::Timestamp,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Renewal, Retention, Token},
};
use tokio::sync::Notify;

/// Keeps everything in one map. Clones share it. Bounded only by the machine's memory.
#[derive(Clone)]
pub(crate) struct MapStore<C> {
    entries: Arc<Mutex<HashMap<Address, Entry>>>,
    changed: Arc<Notify>,
    clock: C,
}

struct Entry {
    fingerprint: RequestFingerprint,
    attempt: u32,
    state: State,
    /// From then on the address is vacant.
    forget_at: Timestamp,
}

enum State {
    Claimed { token: Token, lease_until: Timestamp, retention: Duration },
    Abandoned,
    Completed { token: Token, record: Record, replay_until: Timestamp },
}

impl<C: Clock> MapStore<C> {
    pub(crate) fn new(clock: C) -> Self {
        MapStore { entries: Arc::default(), changed: Arc::default(), clock }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Address, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock> Store for MapStore<C> {
    fn name(&self) -> &'static str {
        "map"
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        forget_some(&mut entries, now);
        let claim = match entries.entry(request.hold.address) {
            hash_map::Entry::Occupied(entry) if entry.get().is_kept(now) => {
                entry.into_mut().claim(&request, now)
            }
            entry => {
                entry.insert_entry(Entry::claimed(&request, 1, now));
                Claim::Won { attempt: 1 }
            }
        };
        // The claim may have ended another one: taken over, abandoned, or forgotten.
        if matches!(claim, Claim::Won { .. } | Claim::Abandoned) {
            self.changed.notify_waiters();
        }
        Ok(claim)
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        match entries.get_mut(&hold.address).filter(|entry| entry.is_held_by(&hold, now)) {
            Some(entry) => {
                entry.lease(now, lease);
                Ok(Renewal::Renewed)
            }
            None => Ok(Renewal::Fenced),
        }
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&hold.address).filter(|entry| entry.is_kept(now)) else {
            return Ok(Completion::Fenced(None));
        };
        if !entry.is_held_by(&hold, now) {
            return Ok(entry.verdict_on(&hold, now));
        }
        let replay_until = now.after(retention.replay);
        entry.state = State::Completed { token: hold.token, record, replay_until };
        entry.forget_at = replay_until.after(retention.remember);
        self.changed.notify_waiters();
        Ok(Completion::Stored)
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        if entries.get(&hold.address).is_some_and(|entry| entry.is_held_by(&hold, now)) {
            entries.remove(&hold.address);
            self.changed.notify_waiters();
        }
        Ok(())
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

impl Entry {
    fn claimed(request: &ClaimRequest, attempt: u32, now: Timestamp) -> Self {
        let lease_until = now.after(request.lease);
        Entry {
            fingerprint: request.hold.fingerprint,
            attempt,
            state: State::Claimed { token: request.hold.token, lease_until, retention: request.retention },
            forget_at: lease_until.after(request.retention),
        }
    }

    /// Decides a claim on an address that is not vacant. In the order of [`Store::claim`].
    fn claim(&mut self, request: &ClaimRequest, now: Timestamp) -> Claim {
        if self.fingerprint != request.hold.fingerprint {
            return Claim::Reused;
        }
        match &self.state {
            State::Completed { record, replay_until, .. } if now < *replay_until => {
                Claim::Replay { record: record.clone(), left: replay_until.since(now) }
            }
            State::Completed { .. } => Claim::Expired,
            State::Claimed { token, .. } if *token == request.hold.token => {
                *self = Entry::claimed(request, self.attempt, now);
                Claim::Won { attempt: self.attempt }
            }
            State::Claimed { lease_until, .. } if now < *lease_until => {
                Claim::InFlight { lease_left: lease_until.since(now) }
            }
            State::Claimed { .. } if request.on_abandoned == OnAbandoned::Rerun => {
                *self = Entry::claimed(request, self.attempt.saturating_add(1), now);
                Claim::Won { attempt: self.attempt }
            }
            State::Claimed { .. } | State::Abandoned => {
                self.state = State::Abandoned;
                Claim::Abandoned
            }
        }
    }

    fn is_claimed(&self) -> bool {
        matches!(self.state, State::Claimed { .. })
    }

    /// True while the entry still says something. From its end on, the address is vacant.
    fn is_kept(&self, now: Timestamp) -> bool {
        now < self.forget_at
    }

    fn is_held_by(&self, hold: &Hold, now: Timestamp) -> bool {
        self.is_kept(now) && matches!(self.state, State::Claimed { token, .. } if token == hold.token)
    }

    fn lease(&mut self, now: Timestamp, lease: Duration) {
        if let State::Claimed { lease_until, retention, .. } = &mut self.state {
            *lease_until = now.after(lease);
            self.forget_at = lease_until.after(*retention);
        }
    }

    /// Answer to a hold that does not stand: its own record again, or the winner's.
    fn verdict_on(&self, hold: &Hold, now: Timestamp) -> Completion {
        match &self.state {
            State::Completed { token, .. } if *token == hold.token => Completion::Stored,
            State::Completed { record, replay_until, .. }
                if now < *replay_until && self.fingerprint == hold.fingerprint =>
            {
                Completion::Fenced(Some(record.clone()))
            }
            _ => Completion::Fenced(None),
        }
    }
}

/// Gives back the memory of what is past its time, whenever the map would have to grow.
fn forget_some(entries: &mut HashMap<Address, Entry>, now: Timestamp) {
    if entries.len() == entries.capacity() {
        entries.retain(|_, entry| now < entry.forget_at);
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
        let subject = Subject::new(move || ready(store.clone())).clock(clock);
        tokio::runtime::Runtime::new().unwrap().block_on(check(subject)).assert();
    }
}
