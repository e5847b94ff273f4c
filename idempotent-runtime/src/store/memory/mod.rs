//! One process's memory: fast, and gone with the process.

mod budget;
mod completed;
mod slot;

use std::{fmt, time::Duration};

use self::{
    budget::Budget,
    completed::{Completed, Found},
    slot::Slot,
};
use super::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention, Store, StoreError};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    request::Address,
    shards::Shards,
    sync::{Arc, AtomicU64, Ordering},
};

/// What happens to new keys when live entries fill the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// New keys are refused with `store_full`; no live key is forgotten.
    Refuse,
    /// The entries that completed first are forgotten, and counted. A retry of a forgotten key is a new execution.
    EvictOldest,
}

/// Keeps claims and records in the memory of this process. Clones share one memory.
///
/// Nothing survives the process. Within it nothing is forgotten before its time unless [`WhenFull::EvictOldest`]
/// says so. The budget counts responses, their headers and all bookkeeping; it can be exceeded by at most the responses of
/// the requests running at that moment, since what has been executed is always recorded.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

// An address is in `claims` (claimed, abandoned) or in `completed`, never in both, and moves only while its shard of
// `claims` is locked:
//
//   vacant    ─ claim ─────────▶ claimed      a slot is inserted, its bookkeeping reserved from the budget
//   claimed   ─ complete ──────▶ completed    the record is inserted, then the slot removed, then waiters are woken
//   claimed   ─ release ───────▶ vacant       the slot is removed, then waiters are woken
//   claimed   ─ seen expired ──▶ abandoned, or claimed by the taker with another token
//   completed ─ ttl ───────────▶ vacant       what the clock says counts; when moka drops the entry does not
//
// moka calls its eviction listener while the lock may be held, so the listener touches nothing but counters.
struct Inner {
    claims: Shards<Slot>,
    completed: Completed,
    budget: Arc<Budget>,
    clock: Arc<dyn Clock>,
    reclaimed: AtomicU64,
}

const NAME: &str = "memory";

/// How often, by the store's clock, a full store looks for what has expired.
const RECLAIM_INTERVAL: Duration = Duration::from_millis(100);

impl MemoryStore {
    /// A store with a budget of 256 MiB that refuses new keys when it is full.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store with other settings.
    ///
    /// ```
    /// use idempotent_runtime::{MemoryStore, WhenFull};
    ///
    /// let store = MemoryStore::builder().budget(64 << 20).when_full(WhenFull::EvictOldest).build();
    /// assert_eq!(store.used_bytes(), 0);
    /// ```
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder { budget: 256 << 20, when_full: WhenFull::Refuse, clock: Arc::new(SystemClock) }
    }

    /// Bytes that live entries take up, bookkeeping included.
    pub fn used_bytes(&self) -> u64 {
        self.0.budget.used()
    }

    /// How many live records [`WhenFull::EvictOldest`] has cost so far.
    pub fn evicted(&self) -> u64 {
        self.0.budget.evicted()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("budget", &self.0.budget).finish_non_exhaustive()
    }
}

/// Settings of a [`MemoryStore`].
#[derive(Clone, Debug)]
pub struct MemoryStoreBuilder {
    budget: u64,
    when_full: WhenFull,
    clock: Arc<dyn Clock>,
}

impl MemoryStoreBuilder {
    /// Bytes that entries may take up, bookkeeping included. A budget too small for one entry refuses every key.
    #[must_use]
    pub fn budget(mut self, bytes: u64) -> Self {
        self.budget = bytes;
        self
    }

    /// What happens when they are used up.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Counts leases and retention by `clock` instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The store.
    pub fn build(self) -> MemoryStore {
        let budget = Arc::new(Budget::new(self.budget, self.when_full));
        MemoryStore(Arc::new(Inner {
            claims: Shards::new(),
            completed: Completed::new(&budget, Arc::clone(&self.clock)),
            budget,
            clock: self.clock,
            reclaimed: AtomicU64::new(0),
        }))
    }
}

impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.0.claim(&request)
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        Ok(self.0.renew(&hold, lease))
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        Ok(self.0.complete(&hold, record, retention))
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.0.release(&hold);
        Ok(())
    }

    async fn changed(&self, address: Address) {
        let watch = self.0.claims.lock(&address).get_mut(&address).and_then(Slot::watch);
        if let Some(seat) = watch.and_then(|watch| watch.join(usize::MAX)) {
            let mut seat = seat;
            seat.until(|changed| changed.then_some(())).await;
        }
    }
}

impl Inner {
    fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        let now = self.clock.now();
        if let Some(claim) = self.try_claim(request, now) {
            return Ok(claim);
        }
        self.reclaim(now);
        self.try_claim(request, now).ok_or(StoreError::full(NAME))
    }

    /// `None` where the address is vacant and the budget is used up.
    fn try_claim(&self, request: &ClaimRequest, now: Timestamp) -> Option<Claim> {
        let Hold { address, fingerprint, .. } = request.hold;
        let mut shard = self.claims.lock(&address);
        if let Some(slot) = shard.get_mut(&address) {
            return Some(slot.claim(request, now));
        }
        match self.completed.find(address, now) {
            Some(found) if found.fingerprint() != fingerprint => Some(Claim::Reused),
            Some(Found::Response(stored)) => Some(Claim::Replay(stored.into_record())),
            Some(Found::Expired(_)) => Some(Claim::Expired),
            None if self.budget.reserve_claim() => {
                shard.insert(address, Slot::new(request, now));
                Some(Claim::Won { attempt: 1 })
            }
            None => None,
        }
    }

    fn renew(&self, hold: &Hold, lease: Duration) -> Renewal {
        let now = self.clock.now();
        let mut shard = self.claims.lock(&hold.address);
        match shard.get_mut(&hold.address).filter(|slot| slot.is_held_by(hold)) {
            Some(slot) => {
                slot.lease(now, lease);
                Renewal::Renewed
            }
            None => Renewal::Fenced,
        }
    }

    fn complete(&self, hold: &Hold, record: Record, retention: Retention) -> Completion {
        let now = self.clock.now();
        let mut shard = self.claims.lock(&hold.address);
        match shard.get(&hold.address) {
            Some(slot) if slot.is_held_by(hold) => {
                self.completed.insert(hold, &record, retention, now);
                let slot = shard.remove(&hold.address);
                drop(shard);
                self.end(slot);
                Completion::Stored
            }
            Some(_) => Completion::Fenced(None),
            None => self.completed.verdict_on(hold, now),
        }
    }

    fn release(&self, hold: &Hold) {
        let mut shard = self.claims.lock(&hold.address);
        if shard.get(&hold.address).is_some_and(|slot| slot.is_held_by(hold)) {
            let slot = shard.remove(&hold.address);
            drop(shard);
            self.end(slot);
        }
    }

    fn end(&self, slot: Option<Slot>) {
        if let Some(slot) = slot {
            self.budget.end_claim();
            slot.wake();
        }
    }

    /// Gives back what has expired.
    fn reclaim(&self, now: Timestamp) {
        let last = Timestamp::from_millis(self.reclaimed.load(Ordering::Relaxed));
        if now.since(last) < RECLAIM_INTERVAL {
            return;
        }
        self.reclaimed.store(now.as_millis(), Ordering::Relaxed);
        self.claims.retain(|slot| {
            let keep = slot.is_remembered(now);
            if !keep {
                self.budget.end_claim();
                slot.wake();
            }
            keep
        });
        self.completed.reclaim(now, |address| self.claims.lock(&address));
    }
}
