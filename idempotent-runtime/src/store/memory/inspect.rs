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
                let ended = self.remove_beneath(&mut shard, request.address, now);
                drop(shard);
                ended.iter().for_each(Claimed::wake);
                Forget::Done
            }
        }
    }

    /// Removes the entry and its steps, which live in the same shard. What runs stays. Gives the
    /// claims among the removed.
    fn remove_beneath(&self, shard: &mut Shard, address: Address, now: Timestamp) -> Vec<Claimed> {
        let is_beneath = |other: &Address| other.beginning() == address.beginning();
        let completed: Vec<_> = shard.completed.addresses().copied().filter(is_beneath).collect();
        for address in completed {
            shard.completed.remove(&address, &self.budget);
        }
        let ended = shard.claims.extract_if(|address, claim| is_beneath(address) && !claim.is_running(now));
        ended.map(|(_, claim)| claim).inspect(|claim| self.uncount(claim)).collect()
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
