//! Shards of what lives at addresses, so that requests with different keys do not meet at one lock.

use std::{collections::HashMap, hash::BuildHasher};

use foldhash::fast::RandomState;

use crate::{
    request::Address,
    sync::{Mutex, MutexGuard, lock},
};

/// Number of shards.
pub(crate) const SHARDS: usize = 64;

/// A map by address.
pub(crate) type AddressMap<V> = HashMap<Address, V, RandomState>;

#[derive(Debug)]
pub(crate) struct Shards<S> {
    shards: Box<[Mutex<S>]>,
    // Seeded for each process: a client chooses keys, and must not be able to choose a shard with
    // them.
    seed: RandomState,
}

impl<S> Shards<S> {
    /// Shards as `make` makes them; it is told which.
    pub(crate) fn new(make: impl Fn(usize) -> S) -> Self {
        let shards = (0..SHARDS).map(|index| Mutex::new(make(index))).collect();
        Shards { shards, seed: RandomState::default() }
    }

    /// Locks the shard in which `address` lives, if it lives anywhere, and its steps.
    #[allow(clippy::cast_possible_truncation, reason = "a number below the number of shards fits")]
    pub(crate) fn lock(&self, address: &Address) -> MutexGuard<'_, S> {
        self.lock_at((self.seed.hash_one(u128::from_le_bytes(address.beginning())) % SHARDS as u64) as usize)
    }

    /// Locks one shard, by its number.
    pub(crate) fn lock_at(&self, index: usize) -> MutexGuard<'_, S> {
        lock(&self.shards[index])
    }

    /// Locks every shard, one at a time.
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, S>> {
        self.shards.iter().map(lock)
    }
}
