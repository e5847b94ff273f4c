//! One process's memory: fast, and gone with the process.

mod budget;
mod change;
mod claimed;
mod compact;
mod completed;
mod ends;
mod entry;
mod expiry;
mod full;
mod inspect;
mod order;
mod resolve;
mod retry_after;
mod shares;
mod store;
mod stuck;
#[cfg(test)]
mod tests;
mod usage;
mod walk;
mod when_full;

use std::{fmt, time::Duration};

pub(crate) use self::usage::{Held, HeldBy};
pub use self::when_full::WhenFull;
use self::{budget::Budget, full::Full, store::Memory};
use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, Store, StoreError, Stuck, StuckRequest, Token,
};
use crate::{
    clock::{Clock, SystemClock},
    request::{Address, CallerId, RequestFingerprint},
    sync::{Arc, Weak},
};

/// Keeps claims and records in the memory of this process. Clones share one memory.
///
/// Nothing survives the process. Within the process nothing is forgotten before its time unless
/// [`WhenFull::EvictOldest`] says so. The budget counts responses, their headers and all
/// bookkeeping. It can be exceeded by the requests that run at that moment, by their responses and
/// steps ([`checkpoint`](crate::IdempotencyContext::checkpoint)) at most, since everything that has
/// been executed is recorded.
///
/// No caller holds more than a [share](MemoryStoreBuilder::caller_share) of the budget. Beyond it
/// the caller's new keys are refused with `too_many_keys`, and other callers go on.
///
/// Expired entries give their memory back as new keys come: a little with each key, and all of it
/// before a key is refused or a live entry is evicted. The store looks for all of it every 100 ms
/// at most, by its own clock.
#[derive(Clone)]
pub struct MemoryStore(Arc<Memory>);

/// A [`MemoryStore`] that lives only as long as others keep it.
pub(crate) struct WeakMemoryStore(Weak<Memory>);

impl WeakMemoryStore {
    /// The store, if anybody still has it.
    pub(crate) fn upgrade(&self) -> Option<MemoryStore> {
        self.0.upgrade().map(MemoryStore)
    }
}

const NAME: &str = "memory";

impl MemoryStore {
    /// A store with a budget of 256 MiB that refuses new keys when it is full, and lets one caller
    /// hold half of it.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store with other settings.
    ///
    /// ```
    /// use idempotent_runtime::{MemoryStore, WhenFull};
    ///
    /// let builder = MemoryStore::builder().budget(64 << 20);
    /// let store = builder.when_full(WhenFull::EvictOldest).build();
    /// assert_eq!(store.used_bytes(), 0);
    /// ```
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder {
            budget: 256 << 20,
            caller_share: 50,
            when_full: WhenFull::Refuse,
            clock: Arc::new(SystemClock),
        }
    }

    /// The same store, for a holder that does not keep it alive.
    pub(crate) fn downgrade(&self) -> WeakMemoryStore {
        WeakMemoryStore(Arc::downgrade(&self.0))
    }

    /// True where the two are one memory.
    pub(crate) fn is_same(&self, other: &MemoryStore) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Answer of [`Store::claim`], at once.
    fn claim_at_once(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        self.0.claim(request).map_err(|full| {
            let retry_after = self.0.retry_after(full);
            match full {
                Full::Store => StoreError::full(NAME).retry_after(retry_after),
                Full::Share(_) => StoreError::TooManyKeys { store: NAME, retry_after },
            }
        })
    }

    /// Answer of [`Store::complete`], at once.
    fn complete_at_once(&self, hold: &Hold, record: &Record, retention: Retention) -> Completion {
        self.0.complete(hold, record, retention)
    }

    /// Number of entries. Expired entries count until their memory is given back.
    pub fn entries(&self) -> usize {
        self.0.shards.each().map(|shard| shard.claims.len() + shard.completed.len()).sum()
    }

    /// Bytes that entries take up, bookkeeping included. Expired entries count until their memory
    /// is given back.
    pub fn used_bytes(&self) -> u64 {
        self.0.budget.used()
    }

    /// Bytes that entries may take up.
    pub(crate) fn budget(&self) -> u64 {
        self.0.budget.limit()
    }

    /// The part of the budget that one caller may claim, in bytes.
    pub(crate) fn share(&self) -> u64 {
        self.0.budget.share()
    }

    /// Keys and bytes held, by endpoint and by caller.
    pub(crate) async fn held(&self) -> HeldBy {
        self.0.held().await
    }

    /// Forgets everything that one caller holds, except what runs.
    pub(crate) async fn forget_caller(&self, caller: CallerId) -> Held {
        self.0.forget_caller(caller).await
    }

    /// Number of live records that [`WhenFull::EvictOldest`] has cost so far.
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
    caller_share: u8,
    when_full: WhenFull,
    clock: Arc<dyn Clock>,
}

impl MemoryStoreBuilder {
    /// Bytes that entries may take up, bookkeeping included. A budget too small for one entry
    /// refuses every key.
    #[must_use]
    pub fn budget(mut self, bytes: u64) -> Self {
        self.budget = bytes;
        self
    }

    /// The share of the budget that one caller may hold, from 1 to 100 per cent. A value outside of
    /// that counts as the nearest in it. Default: 50.
    ///
    /// A caller is a [principal](crate::Principal), where the application names it, and else the
    /// request's credentials. All requests that have neither are one caller: where no callers are
    /// told apart, no more than this share is used. Beyond its share new keys of a caller are
    /// refused with `too_many_keys`, or, under [`WhenFull::EvictOldest`], its own oldest entries
    /// make room. The requests that it runs already complete, however long their responses are.
    /// Bytes that it then holds beyond its share take no room away from others.
    #[must_use]
    pub fn caller_share(mut self, percent: u8) -> Self {
        self.caller_share = percent.clamp(1, 100);
        self
    }

    /// Treatment of new keys when the budget is used up.
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
        let budget = Budget::new(self.budget, self.caller_share, self.when_full);
        MemoryStore(Arc::new(Memory::new(budget, self.clock)))
    }
}

impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claim_at_once(&request)
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
        Ok(self.complete_at_once(&hold, &record, retention))
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.0.release(&hold);
        Ok(())
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        Ok(self.0.resolve(&request))
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        Ok(self.0.inspect(address))
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        Ok(self.0.forget(&request))
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        self.0.stuck(&request).await
    }

    fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
        self.0.recall(&address, fingerprint)
    }

    fn claim_now(&self, request: &ClaimRequest) -> Option<Result<Claim, StoreError>> {
        Some(self.claim_at_once(request))
    }

    fn complete_now(
        &self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Option<Result<Completion, StoreError>> {
        Some(Ok(self.complete_at_once(hold, record, retention)))
    }

    fn memory(&self) -> Option<&(dyn std::any::Any + Send + Sync)> {
        Some(self)
    }

    fn token(&self) -> Result<Token, StoreError> {
        Ok(self.0.token())
    }

    async fn changed(&self, address: Address) {
        let seat = self.0.watch(&address).and_then(|watch| watch.join(usize::MAX));
        if let Some(mut seat) = seat {
            seat.until(|changed| changed.then_some(())).await;
        }
    }
}
