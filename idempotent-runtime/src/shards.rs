//! A map from addresses, cut into shards so that requests with different keys do not meet at one lock.

use std::{collections::HashMap, hash::BuildHasher};

use foldhash::fast::RandomState;

use crate::{
    request::Address,
    sync::{Mutex, MutexGuard, lock},
};

const SHARDS: usize = 64;

/// One shard's part of the map.
pub(crate) type Shard<V> = HashMap<Address, V, RandomState>;

#[derive(Debug)]
pub(crate) struct Shards<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    // Seeded for each process: a client chooses keys, and must not be able to choose a shard with them.
    seed: RandomState,
}

impl<V> Shards<V> {
    pub(crate) fn new() -> Self {
        let shard = || Mutex::new(HashMap::with_hasher(RandomState::default()));
        Shards { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), seed: RandomState::default() }
    }

    /// Locks the shard in which `address` lives, if it lives anywhere.
    #[allow(clippy::cast_possible_truncation, reason = "a number below the number of shards fits")]
    pub(crate) fn lock(&self, address: &Address) -> MutexGuard<'_, Shard<V>> {
        let shard = self.seed.hash_one(address) % SHARDS as u64;
        lock(&self.shards[shard as usize])
    }

    /// Drops the entries that `keep` does not want, one shard at a time.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&V) -> bool) {
        for shard in &self.shards {
            lock(shard).retain(|_, value| keep(value));
        }
    }
}
