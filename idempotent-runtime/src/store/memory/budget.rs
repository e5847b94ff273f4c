//! The bytes that entries may take up.

use super::WhenFull;
use crate::sync::{AtomicU64, Ordering};

/// Bytes of bookkeeping an entry takes up beside its record, claimed or completed: map and cache nodes, timers, fingerprint, token.
///
/// `benches/memory.rs` measures 490: resident memory, so what the allocator adds to each piece counts.
pub(super) const ENTRY: u64 = 496;

#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    when_full: WhenFull,
    used: AtomicU64,
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

    /// The limit for completed entries, where they make room for each other.
    pub(super) fn evicts_beyond(&self) -> Option<u64> {
        (self.when_full == WhenFull::EvictOldest).then_some(self.limit)
    }

    /// Reserves a claim's bookkeeping, if there is room.
    pub(super) fn reserve_claim(&self) -> bool {
        let used = self.used.fetch_add(ENTRY, Ordering::Relaxed) + ENTRY;
        let claimed = self.claimed.fetch_add(ENTRY, Ordering::Relaxed) + ENTRY;
        let taken = match self.when_full {
            WhenFull::Refuse => used,
            WhenFull::EvictOldest => claimed,
        };
        let fits = taken <= self.limit;
        if !fits {
            self.end_claim();
        }
        fits
    }

    /// Gives back a claim's bookkeeping.
    pub(super) fn end_claim(&self) {
        self.claimed.fetch_sub(ENTRY, Ordering::Relaxed);
        self.used.fetch_sub(ENTRY, Ordering::Relaxed);
    }

    /// Counts a completed entry; never refused.
    pub(super) fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back a completed entry's bytes.
    pub(super) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_eviction(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }
}
