//! State at a moment, beside the requests that end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::idempotency::Idempotency;

/// State of one [`Idempotency`] at a moment, and counts of its background work so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Executions running now. One is counted from before its claim until its response is recorded
    /// or its key given back.
    pub running: usize,
    /// Requests of this process, under every [`Idempotency`], that wait now: for an execution, or
    /// for the rest of their bodies.
    pub waiting: usize,
    /// Leases renewed so far.
    pub renewals: u64,
    /// Renewals that the store has failed so far; each is tried again.
    pub failed_renewals: u64,
    /// Responses that were left to be stored in the background so far, because the store failed for
    /// too long.
    pub background_completions: u64,
    /// Contents of the [`MemoryStore`](crate::MemoryStore), if that is the store.
    pub memory: Option<MemoryUse>,
}

/// Contents of a [`MemoryStore`](crate::MemoryStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryUse {
    /// Entries; those that have expired count until their memory is given back.
    pub entries: usize,
    /// Bytes that the entries take up, bookkeeping included.
    pub bytes: u64,
    /// Number of live records that were evicted so far.
    pub evicted: u64,
}

/// Counts of the background work of one [`Idempotency`].
#[derive(Debug, Default)]
pub(crate) struct Background {
    renewals: AtomicU64,
    failed_renewals: AtomicU64,
    completions: AtomicU64,
}

impl Background {
    pub(crate) fn renewed(&self) {
        self.renewals.fetch_add(1, Relaxed);
    }

    pub(crate) fn renewal_failed(&self) {
        self.failed_renewals.fetch_add(1, Relaxed);
    }

    pub(crate) fn completes(&self) {
        self.completions.fetch_add(1, Relaxed);
    }
}

impl Idempotency {
    /// State at this moment. It costs a few counters and, with a
    /// [`MemoryStore`](crate::MemoryStore), a look at each of its 64 maps.
    pub fn sample(&self) -> Sample {
        self.0.sample()
    }
}

impl crate::idempotency::Inner {
    pub(crate) fn sample(&self) -> Sample {
        Sample {
            running: self.executions.running(),
            waiting: self.flights.waiting(),
            renewals: self.background.renewals.load(Relaxed),
            failed_renewals: self.background.failed_renewals.load(Relaxed),
            background_completions: self.background.completions.load(Relaxed),
            memory: self.store.in_memory().map(|store| MemoryUse {
                entries: store.entries(),
                bytes: store.used_bytes(),
                evicted: store.evicted(),
            }),
        }
    }
}
