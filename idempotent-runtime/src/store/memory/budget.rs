//! The bytes that entries may take up.

use super::WhenFull;
use crate::sync::{AtomicU64, Ordering};

/// Bytes of bookkeeping an entry takes up beside its record, claimed or completed: map and index nodes, fingerprint, token.
///
/// `benches/memory.rs` measures 315 where the maps are at their emptiest: resident memory, so what the allocator adds to each
/// piece counts. The order of completion, where it is kept account of, and a first replay add up to 85.
pub(super) const ENTRY: u64 = 400;

#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    when_full: WhenFull,
    used: AtomicU64,
    // Of what is used, the bookkeeping of claims; kept account of where completed entries make room.
    claimed: AtomicU64,
    evicted: AtomicU64,
}

impl Budget {
    pub(super) fn new(limit: u64, when_full: WhenFull) -> Self {
        Budget {
            limit,
            when_full,
            used: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Whether the oldest entries are to make room.
    pub(super) fn wants_eviction(&self) -> bool {
        self.when_full == WhenFull::EvictOldest && self.used() > self.limit
    }

    /// Reserves a claim's bookkeeping, if there is room, or room can be made.
    pub(super) fn reserve_claim(&self) -> bool {
        let counted = match self.when_full {
            WhenFull::Refuse => &self.used,
            WhenFull::EvictOldest => &self.claimed,
        };
        if counted.fetch_add(ENTRY, Ordering::Relaxed) + ENTRY > self.limit {
            counted.fetch_sub(ENTRY, Ordering::Relaxed);
            return false;
        }
        if self.when_full == WhenFull::EvictOldest {
            self.used.fetch_add(ENTRY, Ordering::Relaxed);
        }
        true
    }

    /// Counts the bookkeeping of a claim that is never refused.
    pub(super) fn count_claim(&self) {
        if self.when_full == WhenFull::EvictOldest {
            self.claimed.fetch_add(ENTRY, Ordering::Relaxed);
        }
        self.used.fetch_add(ENTRY, Ordering::Relaxed);
    }

    /// A claim is no more: gives back its bookkeeping.
    pub(super) fn end_claim(&self) {
        self.uncount_claim();
        self.give_back(ENTRY);
    }

    /// A claim has become an entry of this many bytes; never refused.
    pub(super) fn complete_claim(&self, bytes: u64) {
        self.uncount_claim();
        self.used.fetch_add(bytes - ENTRY, Ordering::Relaxed);
    }

    fn uncount_claim(&self) {
        if self.when_full == WhenFull::EvictOldest {
            self.claimed.fetch_sub(ENTRY, Ordering::Relaxed);
        }
    }

    /// A completed entry of this many bytes takes the place of another; never refused.
    pub(super) fn take(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back bytes of a completed entry.
    pub(super) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_eviction(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }
}
