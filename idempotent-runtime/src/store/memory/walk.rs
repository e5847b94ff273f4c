//! A walk through all that the store has, a little at a time, so that no claim is held up for long.

use tokio::task::yield_now;

use super::{
    claimed::Claimed,
    entry::Entry,
    store::{Memory, Shard},
};
use crate::{
    clock::{Clock, Timestamp},
    request::{Address, CallerId, Endpoint},
    shards::SHARDS,
};

/// Number of completed entries that are looked at while their shard is locked.
const BATCH: usize = 512;

/// The claim or entry at an address, whether or not its time has ended.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Claim(&'a Claimed),
    Completed(&'a Entry),
}

impl Found<'_> {
    /// The caller for whom it counts.
    pub(super) fn caller(&self) -> Option<CallerId> {
        match self {
            Found::Claim(claim) => claim.origin().caller(),
            Found::Completed(entry) => entry.caller(),
        }
    }

    /// The endpoint of its claim.
    pub(super) fn endpoint(&self) -> Endpoint {
        match self {
            Found::Claim(claim) => claim.origin().named_endpoint(),
            Found::Completed(entry) => entry.endpoint(),
        }
    }
}

impl Memory {
    /// Shows everything to `visit`, which also gets the time. Goes shard by shard: first the
    /// claims, then the completed entries in the order in which they are due.
    pub(super) async fn walk(&self, mut visit: impl FnMut(&Address, Found<'_>, Timestamp)) {
        for index in 0..SHARDS {
            self.walk_through(index, &mut visit).await;
        }
    }

    /// The same walk through one shard.
    pub(super) async fn walk_through(
        &self,
        index: usize,
        mut visit: impl FnMut(&Address, Found<'_>, Timestamp),
    ) {
        let mut last = None;
        while let Some(due) = self.look(index, last, &mut visit) {
            last = Some(due);
            yield_now().await;
        }
    }

    /// Looks at some of a shard's completed entries, behind `last`; at the shard's beginning also
    /// at the claims. Gives the place where it stopped, if that is not the end.
    fn look(
        &self,
        index: usize,
        last: Option<(Timestamp, u64)>,
        mut visit: impl FnMut(&Address, Found<'_>, Timestamp),
    ) -> Option<(Timestamp, u64)> {
        let shard: &Shard = &self.shards.lock_at(index);
        let now = self.clock.now();
        if last.is_none() {
            shard.claims.iter().for_each(|(address, claim)| visit(address, Found::Claim(claim), now));
        }
        let (mut looked_at, mut end) = (0, None);
        for (due, address, entry) in shard.completed.due_after(last).take(BATCH) {
            visit(address, Found::Completed(entry), now);
            (looked_at, end) = (looked_at + 1, Some(due));
        }
        end.filter(|_| looked_at == BATCH)
    }
}
