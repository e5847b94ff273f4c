//! Work in a transaction that is dropped before it has ended.

use std::sync::Arc;

use super::{claimed::Claimed, taken_back::end_unfinished};
use crate::transaction::Slot;

/// A claim whose work runs in a transaction. Dropped, because the caller leaves or the work panics,
/// it takes the transaction back in the background, and what has become of that decides about the
/// key.
pub(super) struct Unfinished {
    claimed: Option<Claimed>,
    slot: Arc<Slot>,
}

impl Unfinished {
    pub(super) fn new(claimed: Claimed, slot: Arc<Slot>) -> Self {
        Unfinished { claimed: Some(claimed), slot }
    }

    /// The claim of work that has ended.
    pub(super) fn ends(mut self) -> Option<Claimed> {
        self.claimed.take()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(claimed) = self.claimed.take() {
            // What the work has left behind commits nothing, where the database can prevent it.
            end_unfinished(claimed, self.slot.close());
        }
    }
}
