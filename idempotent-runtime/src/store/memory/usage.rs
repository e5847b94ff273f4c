//! Keys and bytes held, by endpoint and by caller, and forgetting all that one caller holds.

use std::collections::{HashMap, HashSet};

use tokio::task::yield_now;

use super::{
    claimed::Claimed,
    store::{Memory, Shard},
    walk::Found,
};
use crate::{
    clock::{Clock, Timestamp},
    request::{Address, CallerId, Endpoint},
    shards::SHARDS,
};

/// Number of entries that are forgotten while their shard is locked.
const BATCH: usize = 256;

/// Keys, and the bytes that they and their steps take up, bookkeeping included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
}

/// Everything that is held, by holder. Expired entries count until their memory is given back.
#[derive(Debug, Default)]
pub(crate) struct HeldBy {
    pub(crate) endpoints: HashMap<Endpoint, Held>,
    /// Without the claims that came from no caller.
    pub(crate) callers: HashMap<CallerId, Held>,
    pub(crate) all: Held,
}

impl Held {
    fn add(&mut self, address: &Address, bytes: u64) {
        self.keys += u64::from(!address.is_of_a_step());
        self.bytes += bytes;
    }
}

impl HeldBy {
    fn add(&mut self, endpoint: Endpoint, caller: Option<CallerId>, address: &Address, bytes: u64) {
        self.endpoints.entry(endpoint).or_default().add(address, bytes);
        if let Some(caller) = caller {
            self.callers.entry(caller).or_default().add(address, bytes);
        }
        self.all.add(address, bytes);
    }
}

impl Memory {
    pub(super) async fn held(&self) -> HeldBy {
        let mut held = HeldBy::default();
        self.walk(|address, found, _| match found {
            Found::Claim(claim) => {
                let origin = claim.origin();
                held.add(origin.named_endpoint(), origin.caller(), address, Claimed::BYTES);
            }
            Found::Completed(entry) => held.add(entry.endpoint(), entry.caller(), address, entry.bytes()),
        })
        .await;
        held
    }

    /// Forgets everything that one caller holds, except requests that run and their steps. Steps go
    /// before their keys, so no new execution begins among old steps.
    pub(super) async fn forget_caller(&self, caller: CallerId) -> Held {
        let mut freed = Held::default();
        for index in 0..SHARDS {
            let mut completed = self.completed_of(index, caller).await;
            completed.sort_by_key(|address| !address.is_of_a_step());
            let steps = completed.partition_point(Address::is_of_a_step);
            self.forget_some(index, &completed[..steps], caller, &mut freed).await;
            self.forget_lapsed(index, caller, &mut freed);
            self.forget_some(index, &completed[steps..], caller, &mut freed).await;
        }
        freed
    }

    async fn completed_of(&self, index: usize, caller: CallerId) -> Vec<Address> {
        let mut addresses = Vec::new();
        self.walk_through(index, |address, found, _| {
            if matches!(found, Found::Completed(entry) if entry.caller() == Some(caller)) {
                addresses.push(*address);
            }
        })
        .await;
        addresses
    }

    async fn forget_some(&self, index: usize, addresses: &[Address], caller: CallerId, freed: &mut Held) {
        for some in addresses.chunks(BATCH) {
            self.forget_at_once(index, some, caller, freed);
            yield_now().await;
        }
    }

    fn forget_at_once(&self, index: usize, addresses: &[Address], caller: CallerId, freed: &mut Held) {
        let mut shard = self.shards.lock_at(index);
        let running = shard.running(self.clock.now());
        for address in addresses.iter().filter(|address| !running.contains(&address.beginning())) {
            let is_the_callers =
                shard.completed.get(address).is_some_and(|entry| entry.caller() == Some(caller));
            if let Some(entry) =
                is_the_callers.then(|| shard.completed.remove(address, &self.budget)).flatten()
            {
                freed.add(address, entry.bytes());
            }
        }
    }

    /// Forgets the claims whose fate is unknown.
    fn forget_lapsed(&self, index: usize, caller: CallerId, freed: &mut Held) {
        let mut shard = self.shards.lock_at(index);
        let now = self.clock.now();
        let is_meant = |claim: &Claimed| claim.origin().caller() == Some(caller) && !claim.is_running(now);
        let ended: Vec<_> = shard.claims.extract_if(|_, claim| is_meant(claim)).collect();
        for (address, claim) in &ended {
            self.uncount(claim);
            freed.add(address, Claimed::BYTES);
        }
        drop(shard);
        ended.iter().for_each(|(_, claim)| claim.wake());
    }
}

impl Shard {
    /// Beginnings of the addresses of keys that run. The addresses of their steps begin alike.
    fn running(&self, now: Timestamp) -> HashSet<[u8; 16]> {
        let running =
            self.claims.iter().filter(|(address, claim)| !address.is_of_a_step() && claim.is_running(now));
        running.map(|(address, _)| address.beginning()).collect()
    }
}
