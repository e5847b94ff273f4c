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

/// Number of keys that are forgotten while their shard is locked.
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

    /// Forgets everything that one caller holds, except requests that run and their steps. A key
    /// and its steps go together, so no new execution finds an old step.
    pub(super) async fn forget_caller(&self, caller: CallerId) -> Held {
        let mut freed = Held::default();
        for index in 0..SHARDS {
            let beginnings = self.beginnings_of(index, caller).await;
            for some in beginnings.chunks(BATCH) {
                self.forget_some(index, some, caller, &mut freed);
                yield_now().await;
            }
        }
        freed
    }

    /// Beginnings of the addresses at which a caller holds something.
    async fn beginnings_of(&self, index: usize, caller: CallerId) -> Vec<Beginning> {
        let mut beginnings = HashSet::new();
        self.walk_through(index, |address, found, _| {
            if found.caller() == Some(caller) {
                beginnings.insert(address.beginning());
            }
        })
        .await;
        beginnings.into_iter().collect()
    }

    fn forget_some(&self, index: usize, some: &[Beginning], caller: CallerId, freed: &mut Held) {
        let mut shard = self.shards.lock_at(index);
        let now = self.clock.now();
        let mut forgotten: HashSet<_> = some.iter().copied().collect();
        for beginning in shard.keys_to_keep(caller, now) {
            forgotten.remove(&beginning);
        }
        let is_forgotten = |address: &Address| forgotten.contains(&address.beginning());
        let ended =
            self.remove_all(&mut shard, is_forgotten, now, |address, bytes| freed.add(address, bytes));
        drop(shard);
        ended.iter().for_each(Claimed::wake);
    }
}

/// Beginning of an address. The addresses of a key and of its steps begin alike.
type Beginning = [u8; 16];

impl Shard {
    /// Beginnings of the addresses of keys that run, or that are somebody else's.
    fn keys_to_keep(&self, caller: CallerId, now: Timestamp) -> impl Iterator<Item = Beginning> {
        let is_others = move |of: Option<CallerId>| of != Some(caller);
        let claims = self.claims.iter().filter(move |(_, claim)| {
            claim.is_running(now) || (is_others(claim.origin().caller()) && claim.is_remembered(now))
        });
        let completed = self.completed.entries();
        let completed = completed.filter(move |(_, entry)| is_others(entry.caller()) && entry.is_kept(now));
        let kept = claims.map(|(address, _)| address).chain(completed.map(|(address, _)| address));
        kept.filter(|address| !address.is_of_a_step()).map(Address::beginning)
    }
}
