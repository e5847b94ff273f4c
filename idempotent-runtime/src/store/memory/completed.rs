//! Completed responses, in moka: weighed in bytes, each with its own expiry.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use moka::{
    Expiry,
    notification::RemovalCause,
    ops::compute::{CompResult, Op},
    policy::EvictionPolicy,
    sync::Cache,
};

use super::budget::{Budget, ENTRY};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    request::{Address, RequestFingerprint},
    store::{Completion, Hold, Record, Retention, Token},
    sync::{Arc, AtomicBool, AtomicU64, Ordering},
};

/// One cache for both, so that they share one budget and one order of eviction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Response(Address),
    Expired(Address),
}

#[derive(Clone)]
pub(super) struct Stored {
    // One allocation of just this length, however often it is shared.
    record: Arc<[u8]>,
    fingerprint: RequestFingerprint,
    token: Token,
    expires_at: Timestamp,
}

impl Stored {
    fn new(hold: &Hold, record: &[u8], expires_at: Timestamp) -> Self {
        Stored { record: record.into(), fingerprint: hold.fingerprint, token: hold.token, expires_at }
    }

    fn bytes(&self) -> u64 {
        ENTRY + self.record.len() as u64
    }

    pub(super) fn into_record(self) -> Record {
        Record::from_bytes(Bytes::from_owner(self.record))
    }
}

/// What is known of a completed request.
pub(super) enum Found {
    Response(Stored),
    Expired(Stored),
}

impl Found {
    pub(super) fn fingerprint(&self) -> RequestFingerprint {
        let (Found::Response(stored) | Found::Expired(stored)) = self;
        stored.fingerprint
    }
}

pub(super) struct Completed {
    cache: Cache<Key, Stored, RandomState>,
    budget: Arc<Budget>,
    remembers: AtomicBool,
    swept_lead: AtomicU64,
}

impl Completed {
    pub(super) fn new(budget: &Arc<Budget>, clock: Arc<dyn Clock>) -> Self {
        let listener = {
            let budget = Arc::clone(budget);
            move |key: std::sync::Arc<Key>, stored: Stored, cause| forget(&budget, *key, &stored, cause)
        };
        let builder = Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(listener)
            .expire_after(KeptFor(clock));
        let builder = match budget.evicts_beyond() {
            Some(limit) => builder
                .max_capacity(limit)
                .weigher(|_, stored: &Stored| u32::try_from(stored.bytes()).unwrap_or(u32::MAX)),
            None => builder,
        };
        Completed {
            cache: builder.build_with_hasher(RandomState::default()),
            budget: Arc::clone(budget),
            remembers: AtomicBool::new(false),
            swept_lead: AtomicU64::new(0),
        }
    }

    /// Must be called with the address's shard locked.
    pub(super) fn find(&self, address: Address, now: Timestamp) -> Option<Found> {
        let live = |key| self.peek(key).filter(|stored| now < stored.expires_at);
        if let Some(stored) = live(Key::Response(address)) {
            return Some(Found::Response(stored));
        }
        if !self.remembers.load(Ordering::Relaxed) {
            return None;
        }
        live(Key::Expired(address)).map(Found::Expired)
    }

    /// What to tell a hold whose address is not claimed. Must be called with the address's shard locked.
    pub(super) fn verdict_on(&self, hold: &Hold, now: Timestamp) -> Completion {
        match self.find(hold.address, now) {
            Some(Found::Response(stored)) if stored.token == hold.token => Completion::Stored,
            Some(Found::Response(stored)) if stored.fingerprint == hold.fingerprint => {
                Completion::Fenced(Some(stored.into_record()))
            }
            _ => Completion::Fenced(None),
        }
    }

    /// Must be called with the address's shard locked.
    pub(super) fn insert(&self, hold: &Hold, record: &Record, retention: Retention, now: Timestamp) {
        let expires_at = now.after(retention.replay);
        if !retention.remember.is_zero() {
            self.remembers.store(true, Ordering::Relaxed);
            let forgotten_at = expires_at.after(retention.remember);
            self.put(Key::Expired(hold.address), Stored::new(hold, &[], forgotten_at));
        }
        self.put(Key::Response(hold.address), Stored::new(hold, record.as_bytes(), expires_at));
    }

    fn put(&self, key: Key, stored: Stored) {
        self.budget.add(stored.bytes());
        self.cache.insert(key, stored);
        // moka evicts in batches, now and then; a budget is kept at once.
        if self.budget.evicts_beyond().is_some_and(|limit| self.budget.used() > limit) {
            self.cache.run_pending_tasks();
        }
    }

    /// Looks without making an old entry young again: the oldest are the first to be evicted, replayed or not.
    fn peek(&self, key: Key) -> Option<Stored> {
        if self.budget.evicts_beyond().is_none() {
            return self.cache.get(&key);
        }
        match self.cache.entry(key).and_compute_with(|_| Op::Nop) {
            CompResult::Unchanged(entry) => Some(entry.into_value()),
            _ => None,
        }
    }

    /// Gives back what has expired. `lock` locks an address's shard.
    ///
    /// moka drops expired entries by the machine's clock. Where the store's clock has run ahead of it, they are
    /// looked for, one by one and each under its lock, since an address may be in use again.
    pub(super) fn reclaim<G>(&self, now: Timestamp, lock: impl Fn(Address) -> G) {
        let lead = now.since(SystemClock.now()).as_secs();
        if self.swept_lead.swap(lead, Ordering::Relaxed) < lead {
            let overdue = |(_, stored): &(_, Stored)| stored.expires_at <= now;
            let keys: Vec<Key> = self.cache.iter().filter(overdue).map(|(key, _)| *key).collect();
            for key in keys {
                let (Key::Response(address) | Key::Expired(address)) = key;
                let _locked = lock(address);
                if self.peek(key).is_some_and(|stored| stored.expires_at <= now) {
                    self.cache.invalidate(&key);
                }
            }
        }
        self.cache.run_pending_tasks();
    }
}

fn forget(budget: &Budget, key: Key, stored: &Stored, cause: RemovalCause) {
    budget.give_back(stored.bytes());
    if cause == RemovalCause::Size && matches!(key, Key::Response(_)) {
        budget.count_eviction();
    }
}

/// Tells moka how long an entry is kept, from when it was last written.
struct KeptFor(Arc<dyn Clock>);

impl KeptFor {
    fn left(&self, stored: &Stored) -> Option<Duration> {
        Some(stored.expires_at.since(self.0.now()))
    }
}

impl Expiry<Key, Stored> for KeptFor {
    fn expire_after_create(&self, _: &Key, stored: &Stored, _: Instant) -> Option<Duration> {
        self.left(stored)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        stored: &Stored,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.left(stored)
    }
}

impl fmt::Debug for Completed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completed").field("entries", &self.cache.entry_count()).finish_non_exhaustive()
    }
}
