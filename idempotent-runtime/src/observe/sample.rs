//! State at a moment, beside the requests that end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// State of one [`Idempotency`](crate::Idempotency) at a moment, and counts of its background work
/// so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Executions running now. One is counted from before its claim until its response is recorded
    /// or its key given back.
    pub running: usize,
    /// Requests of this process, under every [`Idempotency`](crate::Idempotency), that wait now:
    /// for an execution, or for the rest of their bodies.
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

/// Counts of the background work of one [`Idempotency`](crate::Idempotency).
#[derive(Debug, Default)]
pub(crate) struct Background {
    renewals: AtomicU64,
    failed_renewals: AtomicU64,
    completions: AtomicU64,
}

impl Background {
    /// Notes that a lease is renewed.
    pub(crate) fn renewed(&self) {
        self.renewals.fetch_add(1, Relaxed);
    }

    /// Notes that the store has failed a renewal.
    pub(crate) fn renewal_failed(&self) {
        self.failed_renewals.fetch_add(1, Relaxed);
    }

    /// Notes that a response is left to be stored in the background.
    pub(crate) fn completes(&self) {
        self.completions.fetch_add(1, Relaxed);
    }

    /// Number of leases renewed so far.
    pub(crate) fn renewals(&self) -> u64 {
        self.renewals.load(Relaxed)
    }

    /// Number of renewals that the store has failed so far.
    pub(crate) fn failed_renewals(&self) -> u64 {
        self.failed_renewals.load(Relaxed)
    }

    /// Number of responses left to be stored in the background so far.
    pub(crate) fn completions(&self) -> u64 {
        self.completions.load(Relaxed)
    }
}
