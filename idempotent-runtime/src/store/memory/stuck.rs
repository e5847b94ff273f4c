//! The list of stuck entries: all shards are looked through for each page, one after the other and a little at a time.

use tokio::task::yield_now;

use super::{
    NAME,
    verbs::{Memory, Shard},
};
use crate::{
    clock::{Clock, Timestamp},
    request::Address,
    shards::SHARDS,
    store::{
        Record, StoreError, Stuck, StuckRequest,
        inspect::{Page, Position},
    },
};

/// How many completed entries are looked at while their shard is locked.
const BATCH: usize = 512;

impl Memory {
    /// See [`Store::stuck`](crate::Store::stuck).
    pub(super) async fn stuck(&self, request: &StuckRequest) -> Result<Stuck, StoreError> {
        let mut page = Page::new(Position::after(request, NAME)?, request.limit);
        for index in 0..SHARDS {
            let mut last = None;
            while let Some(due) = self.look(index, last, &request.unknown, &mut page) {
                last = Some(due);
                yield_now().await;
            }
        }
        let now = self.clock.now();
        Ok(page.into_stuck(|position| {
            self.inspect_at(position.address, now).filter(|entry| entry.is_stuck(&request.unknown))
        }))
    }

    /// Looks at the claims of a shard when it begins there, and at some of what is completed, behind `last`. Where it has ended, if not at the end.
    fn look(
        &self,
        index: usize,
        last: Option<(Timestamp, u64)>,
        unknown: &Record,
        page: &mut Page,
    ) -> Option<(Timestamp, u64)> {
        let shard = self.shards.lock_at(index);
        let now = self.clock.now();
        if last.is_none() {
            shard.lapsed(now, page);
        }
        let (mut looked_at, mut end) = (0, None);
        for (due, address, entry) in shard.completed.due_after(last).take(BATCH) {
            if let Some(forgotten) = entry.forgotten_if_live_with(unknown, now) {
                page.add(position(*address, forgotten));
            }
            (looked_at, end) = (looked_at + 1, Some(due));
        }
        end.filter(|_| looked_at == BATCH)
    }
}

impl Shard {
    fn lapsed(&self, now: Timestamp, page: &mut Page) {
        let stuck = self.claims.iter().filter(|(_, slot)| slot.is_remembered(now) && !slot.is_running(now));
        stuck.for_each(|(address, slot)| page.add(position(*address, slot.forgotten_at())));
    }
}

fn position(address: Address, forgotten: Timestamp) -> Position {
    Position { time: forgotten.as_millis(), address }
}
