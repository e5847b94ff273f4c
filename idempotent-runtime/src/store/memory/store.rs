//! The store's verbs: each is decided under the lock of one shard.

use std::{collections::hash_map, hash::BuildHasher, time::Duration};

use foldhash::quality::RandomState;

use super::{
    budget::Budget,
    change::Change,
    claimed::Claimed,
    completed::Completed,
    ends::Ends,
    entry::{Entry, serial},
    full::Full,
    order::{Oldest, Order},
};
use crate::{
    clock::{Clock, Timestamp},
    request::{Address, CallerId, RequestFingerprint},
    shards::{AddressMap, SHARDS, Shards},
    store::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention, Token},
    sync::{Arc, AtomicU64, MutexGuard, Ordering},
    watch::Watch,
};

/// Shortest time, by the store's clock, between two searches of a full store for everything that
/// has expired.
const RECLAIM_INTERVAL: Duration = Duration::from_millis(100);

/// Number of expired entries that a claim or a completion drops on its way. A new key is both, so
/// more goes than comes.
const A_FEW: usize = 2;

/// Number of expired entries that are dropped while a shard is locked.
const BATCH: usize = 256;

// An address that is in `claims` (claimed, abandoned) has that state. An entry may lie in
// `completed` beside it only if the time of that entry has ended. An address moves only while its
// shard is locked, and nobody locks two shards:
//
//   vacant    ─ claim ─────────▶ claimed      a claim is inserted; its bookkeeping is reserved
//                                             from the budget and from the caller's share
//   claimed   ─ complete ──────▶ completed    the entry is inserted, then the claim is removed,
//                                             then waiters are woken
//   claimed   ─ release ───────▶ vacant       the claim is removed, then waiters are woken
//   claimed   ─ seen expired ──▶ abandoned, or claimed by the taker with another token
//   lapsed    ─ resolve ───────▶ completed or vacant, as by the claim's owner; see resolve.rs
//   completed ─ ttl ───────────▶ expired      where that is remembered; the clock decides, not
//                                             the time at which memory is freed
//   completed, expired ────────▶ vacant       in time, or to make room
//
// Lapsed: abandoned, or claimed and the lease is over.
pub(super) struct Memory {
    pub(super) shards: Shards<Shard>,
    oldest: Arc<Oldest>,
    completions: AtomicU64,
    tokens: AtomicU64,
    secret: RandomState,
    pub(super) budget: Budget,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ends: Ends,
    reclaimed: AtomicU64,
}

// Claims are apart. There are few of them, so they stay in the processor's caches however many
// responses are kept.
pub(super) struct Shard {
    pub(super) claims: AddressMap<Claimed>,
    pub(super) completed: Completed,
}

impl Memory {
    pub(super) fn new(budget: Budget, clock: Arc<dyn Clock>) -> Self {
        let oldest = Arc::new(Oldest::new());
        let shard = |index| {
            let order = budget.evicts().then(|| Order::new(&oldest, index));
            Shard { claims: AddressMap::default(), completed: Completed::new(order) }
        };
        Memory {
            shards: Shards::new(shard),
            oldest: Arc::clone(&oldest),
            completions: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            secret: RandomState::default(),
            budget,
            clock,
            ends: Ends::default(),
            reclaimed: AtomicU64::new(0),
        }
    }

    /// Decides a claim, unless the address is vacant and there is no room for it.
    pub(super) fn claim(&self, request: &ClaimRequest) -> Result<Claim, Full> {
        self.try_claim(request).or_else(|_| {
            self.reclaim(self.clock.now());
            self.try_claim(request)
        })
    }

    fn try_claim(&self, request: &ClaimRequest) -> Result<Claim, Full> {
        let address = request.hold.address;
        let mut guard = self.shards.lock(&address);
        // The clock is read under the lock. So no claim is older than the one before it, and no
        // lease has more left than its length.
        let now = self.clock.now();
        let shard = &mut *guard;
        let vacant = match shard.claims.entry(address) {
            hash_map::Entry::Vacant(vacant) => vacant,
            hash_map::Entry::Occupied(mut claim) if claim.get().is_remembered(now) => {
                return Ok(claim.get_mut().claim(request, now));
            }
            hash_map::Entry::Occupied(claim) => {
                let claim = claim.remove();
                drop(guard);
                self.uncount(&claim);
                claim.wake();
                return self.try_claim(request);
            }
        };
        if let Some(entry) = shard.completed.find(&address, now) {
            return Ok(entry.claim(&request.hold, now));
        }
        let caller = request.origin.caller();
        self.admit(&address, caller)?;
        vacant.insert(Claimed::new(request, now));
        self.leave(guard, now, caller);
        Ok(Claim::Won { attempt: 1 })
    }

    /// Reserves room for a claim. A step of a running claim is let in even beyond the budget, like
    /// the claim's response later.
    fn admit(&self, address: &Address, caller: Option<CallerId>) -> Result<(), Full> {
        if address.is_of_a_step() {
            self.budget.change(caller, Change::CLAIMED);
            return Ok(());
        }
        self.budget.reserve_claim(caller)
    }

    /// Gives back the bookkeeping of a claim that ended and left nothing.
    pub(super) fn uncount(&self, claim: &Claimed) {
        self.budget.change(claim.origin().caller(), Change::ENDED);
    }

    /// The record for exactly this request, if it is replayed.
    pub(super) fn recall(&self, address: &Address, fingerprint: RequestFingerprint) -> Option<Record> {
        let shard = self.shards.lock(address);
        // The clock is read only where there is an entry: a first execution does without. An
        // expired entry may lie beside a newer claim. Then the claim counts.
        let record = shard.completed.get(address)?.recall(fingerprint, self.clock.now())?;
        (!shard.claims.contains_key(address)).then_some(record)
    }

    /// A token that no other claim of this store has: its number, and bits that nobody outside can
    /// know. A copy of the process has its own copy of the entries, so the two do not meet.
    pub(super) fn token(&self) -> Token {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes[8..].copy_from_slice(&self.secret.hash_one(number).to_be_bytes());
        Token::from_bytes(bytes)
    }

    pub(super) fn renew(&self, hold: &Hold, lease: Duration) -> Renewal {
        let now = self.clock.now();
        let mut shard = self.shards.lock(&hold.address);
        match shard.held(hold, now) {
            Some(claim) => {
                claim.lease(now, lease);
                Renewal::Renewed
            }
            None => Renewal::Fenced,
        }
    }

    pub(super) fn complete(&self, hold: &Hold, record: &Record, retention: Retention) -> Completion {
        let now = self.clock.now();
        let mut entry = Box::new(Entry::new(hold, record, retention, now));
        let mut guard = self.shards.lock(&hold.address);
        let shard = &mut *guard;
        let claim = match shard.claims.entry(hold.address) {
            hash_map::Entry::Occupied(claim) if claim.get().is_held_by(hold, now) => claim,
            hash_map::Entry::Occupied(_) => return Completion::Fenced(None),
            hash_map::Entry::Vacant(_) => {
                let entry = shard.completed.find(&hold.address, now);
                return entry.map_or(Completion::Fenced(None), |entry| entry.verdict_on(hold, now));
            }
        };
        let origin = claim.get().origin();
        entry.enter(self.serial(claim.get().attempt()), origin);
        self.budget.change(origin.caller(), Change::completed(entry.bytes()));
        shard.completed.insert(hold.address, entry, &self.budget);
        let claim = claim.remove();
        self.leave(guard, now, origin.caller());
        claim.wake();
        Completion::Stored
    }

    /// The serial number of one more completion.
    pub(super) fn serial(&self, attempt: u32) -> u64 {
        serial(self.completions.fetch_add(1, Ordering::Relaxed), attempt)
    }

    pub(super) fn release(&self, hold: &Hold) {
        let now = self.clock.now();
        let mut shard = self.shards.lock(&hold.address);
        if shard.held(hold, now).is_none() {
            return;
        }
        let claim = shard.claims.remove(&hold.address);
        drop(shard);
        claim.iter().for_each(|claim| self.uncount(claim));
        claim.iter().for_each(Claimed::wake);
    }

    /// Flag that changes when the claim on `address` ends, if the address is claimed.
    pub(super) fn watch(&self, address: &Address) -> Option<Arc<Watch<bool>>> {
        self.shards.lock(address).claims.get_mut(address)?.watch()
    }

    /// Leaves a shard to which something of `caller` was added. Drops a little of what has expired
    /// there. Keeps budget and share where the oldest entries make room for new ones.
    pub(super) fn leave(&self, mut shard: MutexGuard<'_, Shard>, now: Timestamp, caller: Option<CallerId>) {
        shard.completed.expire(now, A_FEW, &self.budget);
        drop(shard);
        if self.budget.evicts() {
            self.evict(now, || self.budget.to_evict(caller));
            self.evict(now, || self.budget.wants_eviction().then(|| self.oldest.of_all()).flatten());
        }
    }

    /// Drops the entries that `oldest` names, one after the other, until it names none. Expired
    /// entries go first.
    fn evict(&self, now: Timestamp, oldest: impl Fn() -> Option<(usize, u64)>) {
        if oldest().is_some() {
            self.reclaim(now);
        }
        while let Some((shard, serial)) = oldest() {
            self.shards.lock_at(shard).completed.evict(serial, now, &self.budget);
        }
    }

    /// Drops everything that has expired.
    fn reclaim(&self, now: Timestamp) {
        let last = Timestamp::from_millis(self.reclaimed.load(Ordering::Relaxed));
        if now.since(last) < RECLAIM_INTERVAL {
            return;
        }
        self.reclaimed.store(now.as_millis(), Ordering::Relaxed);
        self.reclaim_now(now);
    }

    pub(super) fn reclaim_now(&self, now: Timestamp) {
        for index in 0..SHARDS {
            self.shards.lock_at(index).forget_claims(now, &self.budget);
            while self.shards.lock_at(index).completed.expire(now, BATCH, &self.budget) == BATCH {}
        }
    }
}

impl Shard {
    /// The claim of `hold`, if it stands.
    fn held(&mut self, hold: &Hold, now: Timestamp) -> Option<&mut Claimed> {
        self.claims.get_mut(&hold.address).filter(|claim| claim.is_held_by(hold, now))
    }

    /// Drops the claims whose retention has ended.
    fn forget_claims(&mut self, now: Timestamp, budget: &Budget) {
        self.claims.retain(|_, claim| {
            let keep = claim.is_remembered(now);
            if !keep {
                budget.change(claim.origin().caller(), Change::ENDED);
                claim.wake();
            }
            keep
        });
    }
}
