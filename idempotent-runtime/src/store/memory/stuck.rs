//! The list of stuck entries: all shards are looked through for each page.

use super::{NAME, store::Memory, walk::Found};
use crate::{
    clock::{Clock, Timestamp},
    request::Address,
    store::{
        StoreError, Stuck, StuckRequest,
        page::{Page, Position},
    },
};

impl Memory {
    /// See [`Store::stuck`](crate::Store::stuck).
    pub(super) async fn stuck(&self, request: &StuckRequest) -> Result<Stuck, StoreError> {
        let mut page = Page::new(Position::after(request, NAME)?, request.limit);
        self.walk(|address, found, now| {
            let forgotten = match found {
                Found::Claim(claim) => claim.forgotten_if_lapsed(now),
                Found::Completed(entry) => entry.forgotten_if_live_with(&request.unknown, now),
            };
            let forgotten = forgotten.filter(|_| request.wants_label(found.endpoint().label()));
            forgotten.into_iter().for_each(|forgotten| page.add(position(*address, forgotten)));
        })
        .await;
        let now = self.clock.now();
        Ok(page.into_stuck(|position| {
            self.inspect_at(position.address, now).filter(|entry| request.wants(entry))
        }))
    }
}

fn position(address: Address, forgotten: Timestamp) -> Position {
    Position { time: forgotten.as_millis(), address }
}
