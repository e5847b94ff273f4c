//! Bytes of the budget that each caller holds, and the most that one may hold.

use std::collections::{BTreeMap, HashMap, hash_map};

use foldhash::fast::RandomState;

use super::{
    change::{Change, ENTRY},
    full::Full,
    when_full::WhenFull,
};
use crate::{
    request::CallerId,
    sync::{AtomicU64, Mutex, MutexGuard, Ordering, lock},
};

/// Number of parts of the table. Callers in different parts do not meet at one lock.
const PARTS: u32 = 16;

/// Below this many callers a part keeps its size.
const SMALL: usize = 64;

// A caller is in the table from its first claim until the last of its entries is gone, and its
// holding moves with them:
//
//   claim ─▶ claims           refused where that would be more than its share; a step's never is
//   complete ─▶ records       never refused, so a caller may come to hold more than its share
//   release, forget ─▶ fewer claims
//   expire, evict, forget ─▶ fewer records
//   nothing is left ─▶ the caller leaves the table, and what it cost there is given back
//
// Where the oldest entries make room, a caller's own make room for what it holds beyond its share.
// A part is locked while a shard of the store is, and never the other way round: an entry and what
// is counted for it change together.
#[derive(Debug)]
pub(super) struct Shares {
    share: u64,
    when_full: WhenFull,
    parts: Box<[Mutex<Holdings>]>,
    // Bytes that callers hold beyond their shares, all together.
    beyond: AtomicU64,
}

type Holdings = HashMap<CallerId, Holding, RandomState>;

/// Bytes that one caller holds.
#[derive(Debug, Default)]
struct Holding {
    bytes: u64,
    // Kept where the oldest entries make room.
    eviction: Option<Box<Eviction>>,
}

#[derive(Debug, Default)]
struct Eviction {
    // The part of `bytes` that belongs to claims, which cannot be evicted.
    claimed: u64,
    // Shard of each completed entry, by the entry's serial number.
    completed: BTreeMap<u64, u8>,
}

impl Shares {
    /// Shares of `share` bytes: no caller may claim more.
    pub(super) fn new(share: u64, when_full: WhenFull) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Shares { share, when_full, parts, beyond: AtomicU64::new(0) }
    }

    /// The most that one caller may claim.
    pub(super) fn share(&self) -> u64 {
        self.share
    }

    /// Bytes that callers hold beyond their shares, all together.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond.load(Ordering::Relaxed)
    }

    /// Bytes counted for the account of a caller that holds something. `benches/memory.rs` has
    /// measured 33, and 151 where the caller's own order is kept too.
    fn cost(&self) -> u64 {
        match self.when_full {
            WhenFull::Refuse => 64,
            WhenFull::EvictOldest => 256,
        }
    }

    /// Counts a new claim of `caller`, if its share has room. Gives the change in the bytes of all
    /// callers.
    pub(super) fn reserve_claim(&self, caller: CallerId) -> Result<Change, Full> {
        let mut part = self.part(caller);
        let unavailable = part.get(&caller).map_or(0, Holding::unavailable);
        match self.cost() + unavailable + ENTRY <= self.share {
            true => Ok(self.change_in(&mut part, caller, Change::CLAIMED)),
            // The budget is too small for one key of anybody.
            false if unavailable == 0 => Err(Full::Store),
            false => Err(Full::Share(caller)),
        }
    }

    /// Counts a change of a caller's bytes. Gives the change in the bytes of all callers, with what
    /// it costs to keep account of this one.
    pub(super) fn change(&self, caller: CallerId, change: Change) -> Change {
        self.change_in(&mut self.part(caller), caller, change)
    }

    fn change_in(&self, part: &mut Holdings, caller: CallerId, change: Change) -> Change {
        let mut place = match part.entry(caller) {
            hash_map::Entry::Occupied(place) => place,
            hash_map::Entry::Vacant(place) => place.insert_entry(Holding::new(self.when_full)),
        };
        let (before, claimed_before) = (self.counted(place.get()), self.claimed(place.get()));
        place.get_mut().change(change);
        let (after, claimed_after) = (self.counted(place.get()), self.claimed(place.get()));
        if after == 0 {
            place.remove();
            shrink(part);
        }
        let beyond = |counted: u64| counted.saturating_sub(self.share);
        self.beyond.fetch_add(beyond(after).wrapping_sub(beyond(before)), Ordering::Relaxed);
        let more = |after: u64, before: u64| after.cast_signed() - before.cast_signed();
        Change { bytes: more(after, before), claimed: more(claimed_after, claimed_before) }
    }

    /// Bytes that a holding counts for, together with the cost of keeping account of it.
    fn counted(&self, holding: &Holding) -> u64 {
        if holding.bytes == 0 { 0 } else { holding.bytes + self.cost() }
    }

    /// The part of these bytes that no eviction gives back: account is kept of a caller as long as
    /// it has claims. Counted where the oldest entries make room.
    fn claimed(&self, holding: &Holding) -> u64 {
        match holding.eviction.as_ref().map_or(0, |eviction| eviction.claimed) {
            0 => 0,
            claimed => claimed + self.cost(),
        }
    }

    /// Takes note that a completed entry of `caller` lies in this shard.
    pub(super) fn insert(&self, caller: CallerId, serial: u64, shard: u8) {
        if let Some(eviction) = self.part(caller).get_mut(&caller).and_then(Holding::eviction) {
            eviction.completed.insert(serial, shard);
        }
    }

    /// Takes note that a completed entry of `caller` is gone.
    pub(super) fn remove(&self, caller: CallerId, serial: u64) {
        if let Some(eviction) = self.part(caller).get_mut(&caller).and_then(Holding::eviction) {
            eviction.completed.remove(&serial);
        }
    }

    /// The entry of `caller` that has to make room, by its shard and its serial number. A caller's
    /// only entry never has to: it may just have been stored, and would be forgotten at once.
    pub(super) fn to_evict(&self, caller: CallerId) -> Option<(usize, u64)> {
        let mut part = self.part(caller);
        let holding = part.get_mut(&caller).filter(|holding| self.counted(holding) > self.share)?;
        let completed = &holding.eviction()?.completed;
        let (serial, shard) = completed.first_key_value().filter(|_| completed.len() > 1)?;
        Some((usize::from(*shard), *serial))
    }

    fn part(&self, caller: CallerId) -> MutexGuard<'_, Holdings> {
        lock(&self.parts[(caller.number() % PARTS) as usize])
    }

    /// Bytes that each caller holds, and the cost of keeping account of one.
    #[cfg(test)]
    pub(super) fn holdings(&self) -> (HashMap<CallerId, u64>, u64) {
        let mut holdings = HashMap::new();
        for part in &self.parts {
            holdings.extend(lock(part).iter().map(|(caller, holding)| (*caller, holding.bytes)));
        }
        (holdings, self.cost())
    }
}

/// Gives memory back where the table is mostly empty.
fn shrink(part: &mut Holdings) {
    let (callers, room) = (part.len(), part.capacity());
    if room > SMALL && callers < room / 8 {
        part.shrink_to(callers * 2);
    }
}

impl Holding {
    fn new(when_full: WhenFull) -> Self {
        Holding { bytes: 0, eviction: (when_full == WhenFull::EvictOldest).then(Box::default) }
    }

    fn eviction(&mut self) -> Option<&mut Eviction> {
        self.eviction.as_deref_mut()
    }

    /// Bytes that a new claim cannot have.
    fn unavailable(&self) -> u64 {
        self.eviction.as_ref().map_or(self.bytes, |eviction| eviction.claimed)
    }

    fn change(&mut self, change: Change) {
        self.bytes = self.bytes.saturating_add_signed(change.bytes);
        if let Some(eviction) = &mut self.eviction {
            eviction.claimed = eviction.claimed.saturating_add_signed(change.claimed);
        }
    }
}
