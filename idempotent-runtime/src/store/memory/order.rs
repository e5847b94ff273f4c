//! The order in which entries were completed. It is kept where the oldest make room for new ones.
//!
//! Each shard keeps its own entries in order, and shows the serial number of its oldest to all. So
//! the oldest of all is found without a lock.

use std::collections::BTreeMap;

use crate::{
    request::Address,
    shards::SHARDS,
    sync::{Arc, AtomicU64, Ordering},
};

const NONE: u64 = u64::MAX;

/// The serial number of each shard's oldest entry.
#[derive(Debug)]
pub(super) struct Oldest(Box<[AtomicU64]>);

impl Oldest {
    pub(super) fn new() -> Self {
        Oldest((0..SHARDS).map(|_| AtomicU64::new(NONE)).collect())
    }

    /// The shard that has the oldest entry of all, and that entry's serial number.
    pub(super) fn of_all(&self) -> Option<(usize, u64)> {
        let shown = self.0.iter().map(|shown| shown.load(Ordering::Relaxed)).enumerate();
        shown.min_by_key(|&(_, serial)| serial).filter(|&(_, serial)| serial != NONE)
    }
}

/// One shard's entries by serial number.
#[derive(Debug)]
pub(super) struct Order {
    addresses: BTreeMap<u64, Address>,
    oldest: Arc<Oldest>,
    shard: usize,
}

impl Order {
    pub(super) fn new(oldest: &Arc<Oldest>, shard: usize) -> Self {
        Order { addresses: BTreeMap::new(), oldest: Arc::clone(oldest), shard }
    }

    pub(super) fn insert(&mut self, serial: u64, address: Address) {
        self.addresses.insert(serial, address);
        self.show();
    }

    pub(super) fn remove(&mut self, serial: u64) {
        self.addresses.remove(&serial);
        self.show();
    }

    /// Address of the entry with this serial number, if it is one of this shard's.
    pub(super) fn find(&self, serial: u64) -> Option<Address> {
        self.addresses.get(&serial).copied()
    }

    /// This shard's number.
    #[allow(clippy::cast_possible_truncation, reason = "the number of shards fits")]
    pub(super) fn shard(&self) -> u8 {
        self.shard as u8
    }

    fn show(&self) {
        let first = self.addresses.first_key_value().map_or(NONE, |(serial, _)| *serial);
        self.oldest.0[self.shard].store(first, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }
}
