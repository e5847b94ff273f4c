//! Ending an entry by hand, under the lock of its shard like every verb.

use std::{collections::hash_map, time::Duration};

use super::{
    change::Change,
    claimed::Claimed,
    entry::Entry,
    store::{Memory, Shard},
};
use crate::{
    clock::{Clock, Timestamp},
    store::{Hold, Resolve, ResolveRequest, Retention},
};

impl Memory {
    /// See [`Store::resolve`](crate::Store::resolve).
    pub(super) fn resolve(&self, request: &ResolveRequest) -> Resolve {
        let mut guard = self.shards.lock(&request.address);
        let now = self.clock.now();
        match self.end(&mut guard, request, now) {
            Ok(claim) => {
                self.leave(guard, now, None);
                claim.iter().for_each(Claimed::wake);
                Resolve::Done
            }
            Err(answer) => answer,
        }
    }

    /// Ends the entry. Gives the claim that the entry was, if it was one.
    fn end(
        &self,
        shard: &mut Shard,
        request: &ResolveRequest,
        now: Timestamp,
    ) -> Result<Option<Claimed>, Resolve> {
        let claim = match shard.claims.entry(request.address) {
            hash_map::Entry::Occupied(claim) => claim,
            hash_map::Entry::Vacant(_) => return self.replace(shard, request, now).map(|()| None),
        };
        let (fingerprint, left) = claim.get().resolvable(now)?;
        match &request.outcome {
            None => self.budget.change(claim.get().origin().caller(), Change::ENDED),
            Some(record) => {
                let hold = Hold { address: request.address, token: request.token, fingerprint };
                let retention = Retention { replay: left, remember: Duration::ZERO };
                let mut entry = Box::new(Entry::new(&hold, record, retention, now));
                let origin = claim.get().origin();
                entry.enter(self.serial(claim.get().attempt()), origin);
                self.budget.change(origin.caller(), Change::completed(entry.bytes()));
                shard.completed.insert(request.address, entry, &self.budget);
            }
        }
        Ok(Some(claim.remove()))
    }

    /// Puts the outcome in the place of the completed entry.
    fn replace(&self, shard: &mut Shard, request: &ResolveRequest, now: Timestamp) -> Result<(), Resolve> {
        let entry = shard.completed.find(&request.address, now).ok_or(Resolve::Vacant)?;
        entry.resolvable(request, now)?;
        match &request.outcome {
            None => {
                shard.completed.remove(&request.address, &self.budget);
            }
            Some(record) => {
                let entry = Box::new(entry.with(record, request.token, self.serial(entry.attempt())));
                self.budget.change(entry.caller(), Change::more(entry.bytes()));
                shard.completed.insert(request.address, entry, &self.budget);
            }
        }
        Ok(())
    }
}
