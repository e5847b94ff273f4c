//! The bytes that entries may take up, all together and those of one caller.

use super::{change::Change, full::Full, shares::Shares, when_full::WhenFull};
use crate::{
    request::CallerId,
    sync::{AtomicU64, Ordering},
};

#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    when_full: WhenFull,
    // `None`: one caller may hold all of it.
    shares: Option<Shares>,
    used: AtomicU64,
    // The part of `used` that is bookkeeping of claims and of the callers who have them. Counted
    // where completed entries make room.
    claimed: AtomicU64,
    evicted: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes. Of these one caller may claim `percent` in a hundred.
    pub(super) fn new(limit: u64, percent: u8, when_full: WhenFull) -> Self {
        let share = limit / 100 * u64::from(percent) + limit % 100 * u64::from(percent) / 100;
        Budget {
            limit,
            when_full,
            shares: (share < limit).then(|| Shares::new(share, when_full)),
            used: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// The most that one caller may claim.
    pub(super) fn share(&self) -> u64 {
        self.shares.as_ref().map_or(self.limit, Shares::share)
    }

    pub(super) fn when_full(&self) -> WhenFull {
        self.when_full
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// True where the oldest entries make room.
    pub(super) fn evicts(&self) -> bool {
        self.when_full == WhenFull::EvictOldest
    }

    /// True where the oldest entries of all are to make room now.
    pub(super) fn wants_eviction(&self) -> bool {
        self.evicts() && self.used() > self.limit
    }

    /// The entry of `caller` that is to make room now, by its shard and its serial number.
    pub(super) fn to_evict(&self, caller: Option<CallerId>) -> Option<(usize, u64)> {
        self.shares.as_ref()?.to_evict(caller?)
    }

    /// Reserves a claim's bookkeeping, if there is room, or room can be made.
    pub(super) fn reserve_claim(&self, caller: Option<CallerId>) -> Result<(), Full> {
        let more = match self.shared(caller) {
            Some((shares, caller)) => shares.reserve_claim(caller)?,
            None => Change::CLAIMED,
        };
        if self.add(more) > self.limit.saturating_add(self.beyond()) {
            self.change(caller, Change::ENDED);
            return Err(Full::Store);
        }
        Ok(())
    }

    /// Counts a change of a caller's bytes; never refused.
    pub(super) fn change(&self, caller: Option<CallerId>, change: Change) {
        let more = match self.shared(caller) {
            Some((shares, caller)) => shares.change(caller, change),
            None => change,
        };
        self.add(more);
    }

    /// Takes note that a completed entry lies in this shard.
    pub(super) fn insert(&self, caller: Option<CallerId>, serial: u64, shard: u8) {
        if let Some((shares, caller)) = self.shared(caller) {
            shares.insert(caller, serial, shard);
        }
    }

    /// Takes note that a completed entry is gone.
    pub(super) fn remove(&self, caller: Option<CallerId>, serial: u64) {
        if let Some((shares, caller)) = self.shared(caller) {
            shares.remove(caller, serial);
        }
    }

    /// Bytes that each caller holds.
    #[cfg(test)]
    pub(super) fn held_by_callers(&self) -> std::collections::HashMap<CallerId, u64> {
        self.shares.as_ref().map(|shares| shares.holdings().0).unwrap_or_default()
    }

    /// Bytes that it costs to keep account of so many callers.
    #[cfg(test)]
    pub(super) fn cost_of(&self, callers: usize) -> u64 {
        self.shares.as_ref().map_or(0, |shares| shares.holdings().1) * callers as u64
    }

    pub(super) fn count_eviction(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// The shares, and the caller to count for, where there are both.
    fn shared(&self, caller: Option<CallerId>) -> Option<(&Shares, CallerId)> {
        self.shares.as_ref().zip(caller)
    }

    /// Bytes that callers hold beyond their shares. Others need not make room for them.
    fn beyond(&self) -> u64 {
        match self.when_full {
            WhenFull::Refuse => self.shares.as_ref().map_or(0, Shares::beyond),
            // There it is evicted.
            WhenFull::EvictOldest => 0,
        }
    }

    /// Adds bytes. Gives the number of bytes that then leave no room to a claim.
    fn add(&self, more: Change) -> u64 {
        let used = add(&self.used, more.bytes);
        if self.evicts() { add(&self.claimed, more.claimed) } else { used }
    }
}

fn add(counter: &AtomicU64, more: i64) -> u64 {
    counter.fetch_add(more.cast_unsigned(), Ordering::Relaxed).wrapping_add_signed(more)
}
