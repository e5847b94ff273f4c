//! What goes on at a moment, beside the requests that end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::idempotency::Idempotency;

/// What goes on under one [`Idempotency`] at a moment, and what has happened in its background so
/// far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Executions running now, counted from before their claim until their response is recorded or
    /// their key given back.
    pub running: usize,
    /// Requests of this process, under whichever [`Idempotency`], that wait now: for an execution,
    /// or for the rest of their bodies.
    pub waiting: usize,
    /// Leases renewed so far.
    pub renewals: u64,
    /// Renewals that the store has failed so far; each is tried again.
    pub failed_renewals: u64,
    /// How many responses have been left to be stored in the background so far, because the store
    /// failed for too long.
    pub background_completions: u64,
    /// What the [`MemoryStore`](crate::MemoryStore) holds, if that is the store.
    pub memory: Option<MemoryUse>,
}

/// What a [`MemoryStore`](crate::MemoryStore) holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryUse {
    /// Entries; those that have expired count until their memory is given back.
    pub entries: usize,
    /// Bytes that they take up, bookkeeping included.
    pub bytes: u64,
    /// How many live records were evicted so far.
    pub evicted: u64,
}

/// What has happened in the background of one [`Idempotency`].
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
    /// What goes on now. It costs a few counters and, with a [`MemoryStore`](crate::MemoryStore), a
    /// look at each of its 64 maps.
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
