//! Waiting for another claim, at one address.

use std::time::Duration;

use tokio::time::sleep;

use super::StoreHandle;
use crate::{pace::Pace, request::Address};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The changes at one address, one after the other. The first wake-up is believed; a store that
/// goes on waking those who then find nothing changed is not asked in a tight loop.
#[derive(Debug, Default)]
pub(crate) struct Changes(Option<Pace>);

impl Changes {
    /// Waits until the entry may have changed. May be dropped: it holds nothing.
    pub(crate) async fn next(&mut self, store: &StoreHandle, address: Address) {
        match &mut self.0 {
            Some(pace) => sleep(pace.pause()).await,
            None => self.0 = Some(Pace::new(FIRST_PAUSE, LONGEST_PAUSE)),
        }
        store.changed(address).await;
    }
}
