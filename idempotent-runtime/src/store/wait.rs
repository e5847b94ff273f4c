//! Waiting for another claim, at one address.

use std::time::Duration;

use tokio::time::sleep;

use super::StoreHandle;
use crate::{backoff::Backoff, request::Address};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The changes at one address, one after the other. The first wake-up is believed. After it there
/// are pauses, since a store may go on waking callers although nothing has changed: such a store is
/// not asked in a tight loop.
#[derive(Debug, Default)]
pub(crate) struct Changes(Option<Backoff>);

impl Changes {
    /// Waits until the entry may have changed. May be dropped at any time: it holds nothing.
    pub(crate) async fn next(&mut self, store: &StoreHandle, address: Address) {
        match &mut self.0 {
            Some(pace) => sleep(pace.next_delay()).await,
            None => self.0 = Some(Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)),
        }
        store.changed(address).await;
    }
}
