//! Looking at an entry, and forgetting one, under the lock of its shard.

use super::{
    claimed::Claimed,
    store::{Memory, Shard},
};
use crate::{
    clock::{Clock, Timestamp},
    request::Address,
    store::{Forget, ForgetRequest, Inspection, Standing},
};

impl Memory {
    /// See [`Store::inspect`](crate::Store::inspect).
    pub(super) fn inspect(&self, address: Address) -> Option<Inspection> {
        self.inspect_at(address, self.clock.now())
    }

    pub(super) fn inspect_at(&self, address: Address, now: Timestamp) -> Option<Inspection> {
        self.shards.lock(&address).inspect(address, now)
    }

    /// See [`Store::forget`](crate::Store::forget).
    pub(super) fn forget(&self, request: &ForgetRequest) -> Forget {
        let mut shard = self.shards.lock(&request.address);
        let now = self.clock.now();
        match shard.inspect(request.address, now) {
            None => Forget::Vacant,
            Some(entry) if entry.to_forget() != *request => Forget::Another,
            Some(Inspection { standing: Standing::Running { lease_left }, .. }) => {
                Forget::Running { lease_left }
            }
            Some(_) => {
                let is_beneath = |other: &Address| other.beginning() == request.address.beginning();
                let ended = self.remove_all(&mut shard, is_beneath, now, |_, _| {});
                drop(shard);
                ended.iter().for_each(Claimed::wake);
                Forget::Done
            }
        }
    }

    /// Removes all that `is_meant`: keys together with their steps, which live in the same shard.
    /// What runs stays. Tells `removed` of each with its bytes, and gives the claims among them.
    pub(super) fn remove_all(
        &self,
        shard: &mut Shard,
        is_meant: impl Fn(&Address) -> bool,
        now: Timestamp,
        mut removed: impl FnMut(&Address, u64),
    ) -> Vec<Claimed> {
        let completed = shard.completed.entries().map(|(address, _)| *address);
        for address in completed.filter(&is_meant).collect::<Vec<_>>() {
            if let Some(entry) = shard.completed.remove(&address, &self.budget) {
                removed(&address, entry.bytes());
            }
        }
        let ended = shard.claims.extract_if(|address, claim| is_meant(address) && !claim.is_running(now));
        let count = |(address, claim): &(Address, Claimed)| {
            self.uncount(claim);
            removed(address, Claimed::BYTES);
        };
        ended.inspect(count).map(|(_, claim)| claim).collect()
    }
}

impl Shard {
    fn inspect(&self, address: Address, now: Timestamp) -> Option<Inspection> {
        match self.claims.get(&address) {
            Some(claim) => claim.inspect(address, now),
            None => self.completed.find(&address, now)?.inspect(address, now),
        }
    }
}
