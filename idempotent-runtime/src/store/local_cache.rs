//! Completed responses of any store, in this process's memory too.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use foldhash::quality::RandomState;
use moka::{Expiry, policy::EvictionPolicy, sync::Cache};

use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, Standing, Store, StoreError, Stuck, StuckRequest, Token,
    clocks::{Clocks, Moment},
};
use crate::{
    clock::Clock,
    request::{Address, RequestFingerprint},
};

/// Bytes of bookkeeping that an entry takes up beside its record.
const ENTRY: usize = 400;

/// Replays completed responses from memory where it can, and asks the store where it cannot.
///
/// Entries are immutable once they are completed, so a local replay is a true one. Claims always
/// reach the store. A store may be made to forget an entry before its time: here the response is
/// replayed until its time ends. Only one kind of record may be replaced by hand, the one that says
/// that nothing is known. [`local_cache`](crate::IdempotencyBuilder::local_cache) does not keep
/// such a record.
///
/// A response's time is counted by two clocks, and ends by whichever is first. A monotonic clock
/// may stand still while the machine is suspended, and the wall clock may be set back. Only both at
/// once would prolong the time: a suspension that the wall clock does not show.
pub struct LocalCache<S> {
    store: S,
    clocks: Clocks,
    entries: Cache<Address, Kept, RandomState>,
    keeps: fn(&Record) -> bool,
    // Number of times that something was dropped by hand. A call that was under way at such a time
    // may bring an answer from before.
    drops: AtomicU64,
}

/// Content of the cache at an address.
#[derive(Clone)]
enum Kept {
    /// A claim that was won here and whose completion has not been tried. The answer to a later try
    /// may be about an earlier one: about another record, or about one whose time has ended. Where
    /// this was evicted, the response is kept when it is first replayed.
    Untried {
        token: Token,
        until: Moment,
    },
    Response(Response),
}

#[derive(Clone)]
struct Response {
    record: Record,
    fingerprint: RequestFingerprint,
    expires_at: Moment,
}

impl<S> LocalCache<S> {
    /// Keeps at most `bytes` of the responses of `store` and of what it has to remember of claims
    /// that run. Counts the responses' time by `clock` and by the wall clock.
    pub fn new(store: S, bytes: u64, clock: impl Clock) -> Self {
        Self::with_clocks(store, bytes, Clocks::new(clock))
    }

    fn with_clocks(store: S, bytes: u64, clocks: Clocks) -> Self {
        let entries = Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .max_capacity(bytes)
            .weigher(|_, kept: &Kept| kept.bytes())
            .expire_after(KeptFor(clocks.clone()))
            .build_with_hasher(RandomState::default());
        LocalCache { store, clocks, entries, keeps: |_| true, drops: AtomicU64::new(0) }
    }

    /// Keeps only the records for which `keeps` is true.
    pub(crate) fn keeping(self, keeps: fn(&Record) -> bool) -> Self {
        LocalCache { keeps, ..self }
    }

    /// The response kept for `address`, and the time for which it is still replayed.
    fn live(&self, address: &Address) -> Option<(Response, Duration)> {
        let Kept::Response(response) = self.entries.get(address)? else { return None };
        let left = response.expires_at.since(self.clocks.now());
        (!left.is_zero()).then_some((response, left))
    }

    fn find(&self, hold: &Hold) -> Option<Claim> {
        let (Response { record, fingerprint, .. }, left) = self.live(&hold.address)?;
        Some(if fingerprint == hold.fingerprint { Claim::Replay { record, left } } else { Claim::Reused })
    }

    /// Response kept for `hold`, or else the store's answer to `claim`.
    async fn claim_by(
        &self,
        hold: Hold,
        claim: impl Future<Output = Result<Claim, StoreError>>,
    ) -> Result<Claim, StoreError> {
        if let Some(claim) = self.find(&hold) {
            return Ok(claim);
        }
        let (asked, drops) = (self.clocks.now(), self.drops());
        let claim = claim.await?;
        if let Claim::Replay { record, left } = &claim {
            self.keep(&hold, record.clone(), asked.after(*left), drops);
        }
        Ok(claim)
    }

    /// Keeps the answer to a call that began when `drops` responses had been dropped by hand. If
    /// more have been dropped since, the answer may be from before, and is not kept.
    fn keep(&self, hold: &Hold, record: Record, expires_at: Moment, drops: u64) {
        if (self.keeps)(&record) {
            let response = Response { record, fingerprint: hold.fingerprint, expires_at };
            self.entries.insert(hold.address, Kept::Response(response));
            // Read after the insertion. A drop counts before it removes. So one of the two sees the
            // other.
            if self.drops() != drops {
                self.entries.invalidate(&hold.address);
            }
        }
    }

    /// Notes that a claim was won here. It has been sent when `asked` says.
    fn claimed(&self, request: &ClaimRequest, asked: Moment) {
        let until = asked.after(request.lease).after(request.retention);
        let ClaimRequest { hold: Hold { address, token, .. }, .. } = *request;
        self.entries.insert(address, Kept::Untried { token, until });
    }

    /// Notes that a hold is about to be ended. True where that has not been tried before.
    fn tried(&self, hold: &Hold) -> bool {
        let is_untried = |kept| matches!(kept, Some(Kept::Untried { token, .. }) if token == hold.token);
        // Of two tries at once the removal tells which is the first.
        is_untried(self.entries.get(&hold.address)) && is_untried(self.entries.remove(&hold.address))
    }

    fn drops(&self) -> u64 {
        self.drops.load(Ordering::SeqCst)
    }

    /// Drops the response kept for `address`.
    fn drop_by_hand(&self, address: &Address) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(address);
    }

    /// Drops the responses kept for `address` and for its steps.
    fn drop_beneath(&self, address: &Address) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        let beneath = self.entries.iter().filter(|(other, kept)| {
            matches!(kept, Kept::Response(_)) && other.beginning() == address.beginning()
        });
        beneath.for_each(|(other, _)| self.entries.invalidate(&*other));
    }
}

impl<S: Store> Store for LocalCache<S> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        let asked = self.clocks.now();
        let claim = self.claim_by(request.hold, self.store.claim(request)).await;
        if matches!(claim, Ok(Claim::Won { .. })) {
            self.claimed(&request, asked);
        }
        claim
    }

    async fn claim_for_transaction(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claim_by(request.hold, self.store.claim_for_transaction(request)).await
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Result<Renewal, StoreError> {
        self.store.renew(hold, lease).await
    }

    async fn complete(
        &self,
        hold: Hold,
        record: Record,
        retention: Retention,
    ) -> Result<Completion, StoreError> {
        let is_first_try = self.tried(&hold);
        let (asked, drops) = (self.clocks.now(), self.drops());
        let completion = self.store.complete(hold, record.clone(), retention).await?;
        if completion == Completion::Stored && is_first_try {
            self.keep(&hold, record, asked.after(retention.replay), drops);
        }
        Ok(completion)
    }

    async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        self.tried(&hold);
        self.store.release(hold).await
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolve, StoreError> {
        let address = request.address;
        let resolve = self.store.resolve(request).await;
        // Also where it failed: the store may have done it.
        self.drop_by_hand(&address);
        resolve
    }

    async fn inspect(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        let found = self.store.inspect(address).await?;
        let recorded = match found.as_ref().map(|entry| &entry.standing) {
            Some(Standing::Completed { record, .. }) => Some(record),
            _ => None,
        };
        // Steps of a key that has no outcome may have been forgotten elsewhere.
        let is_over = self.live(&address).is_some_and(|(kept, _)| recorded != Some(&kept.record));
        if is_over || recorded.is_none() {
            self.drop_beneath(&address);
        }
        Ok(found)
    }

    async fn forget(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        let forget = self.store.forget(request).await;
        // Also where it failed: the store may have done it.
        self.drop_beneath(&request.address);
        forget
    }

    async fn stuck(&self, request: StuckRequest) -> Result<Stuck, StoreError> {
        self.store.stuck(request).await
    }

    fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
        self.live(&address)
            .filter(|(response, _)| response.fingerprint == fingerprint)
            .map(|(response, _)| response.record)
            .or_else(|| self.store.recall(address, fingerprint))
    }

    fn token(&self) -> Result<Token, StoreError> {
        self.store.token()
    }

    fn transactions(&self) -> Option<&(dyn std::any::Any + Send + Sync)> {
        self.store.transactions()
    }

    async fn changed(&self, address: Address) {
        self.store.changed(address).await;
    }
}

impl KeptFor {
    fn left(&self, kept: &Kept) -> Option<Duration> {
        let until = match kept {
            Kept::Untried { until, .. } => until,
            Kept::Response(response) => &response.expires_at,
        };
        Some(until.since(self.0.now()))
    }
}

impl Kept {
    fn bytes(&self) -> u32 {
        let record = match self {
            Kept::Untried { .. } => 0,
            Kept::Response(response) => response.record.as_bytes().len(),
        };
        u32::try_from(ENTRY + record).unwrap_or(u32::MAX)
    }
}

/// Tells moka the time to give an entry's memory back. The clocks decide whether an entry has
/// expired.
struct KeptFor(Clocks);

impl Expiry<Address, Kept> for KeptFor {
    fn expire_after_create(&self, _: &Address, kept: &Kept, _: Instant) -> Option<Duration> {
        self.left(kept)
    }

    fn expire_after_update(
        &self,
        _: &Address,
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.left(kept)
    }
}

impl<S: fmt::Debug> fmt::Debug for LocalCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache")
            .field("store", &self.store)
            .field("entries", &self.entries.entry_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
