//! Pages of the list of stuck entries, for stores that keep their entries in an order.

use super::{Inspection, StoreError, Stuck, StuckCursor, StuckRequest};
use crate::request::Address;

/// Error for a cursor that is another store's, or nobody's. Nothing was listed.
#[derive(Debug, thiserror::Error)]
#[error("this is no cursor of the store's")]
pub(crate) struct NoCursor;

/// Answer of `store` to a cursor that it has not made.
pub(super) fn no_cursor(store: &'static str) -> StoreError {
    StoreError::not_done(store, NoCursor)
}

/// A place in a store that keeps its entries in the order of a time, and of their addresses where
/// that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) time: u64,
    pub(super) address: Address,
}

impl Position {
    /// Place behind which `request` goes on.
    ///
    /// # Errors
    /// The cursor is not one of `store`.
    pub(super) fn after(request: &StuckRequest, store: &'static str) -> Result<Option<Self>, StoreError> {
        let read = |cursor: &StuckCursor| {
            let (time, address) = cursor.as_str().split_once('-')?;
            Some(Position { time: time.parse().ok()?, address: address.parse().ok()? })
        };
        request.after.as_ref().map(|cursor| read(cursor).ok_or_else(|| no_cursor(store))).transpose()
    }

    pub(super) fn cursor(self) -> StuckCursor {
        StuckCursor::new(format!("{}-{}", self.time, self.address))
    }
}

/// Finds the first places behind another one among many that come in no order. It remembers little
/// more than the places that it is to find.
pub(super) struct Page {
    after: Option<Position>,
    limit: usize,
    found: Vec<Position>,
}

impl Page {
    pub(super) fn new(after: Option<Position>, limit: usize) -> Self {
        Page { after, limit: limit.max(1), found: Vec::new() }
    }

    pub(super) fn add(&mut self, position: Position) {
        if self.after.is_none_or(|after| after < position) {
            self.found.push(position);
            if self.found.len() >= self.limit.saturating_mul(4) {
                self.cut();
            }
        }
    }

    /// Keeps one place more than are wanted. That one tells that there are more.
    fn cut(&mut self) {
        self.found.sort_unstable();
        self.found.truncate(self.limit.saturating_add(1));
    }

    /// Entries at the places that were found, as far as `look` still finds them.
    pub(super) fn into_stuck(mut self, look: impl Fn(Position) -> Option<Inspection>) -> Stuck {
        self.cut();
        let has_more = self.found.len() > self.limit;
        self.found.truncate(self.limit);
        let next = self.found.last().filter(|_| has_more).map(|last| last.cursor());
        Stuck { entries: self.found.into_iter().filter_map(look).collect(), next }
    }
}

/// The stuck entries among those that a walk has come by, in the order of their places, and the
/// place to go on from. There is one after a full page, and also after the last entry if the walk
/// `may_go_on`.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn stuck_among(
    walked: Vec<(Position, Option<Inspection>)>,
    may_go_on: bool,
    request: &StuckRequest,
) -> Stuck {
    let (count, mut stuck) = (walked.len(), Stuck::default());
    for (number, (position, entry)) in walked.into_iter().enumerate() {
        stuck.entries.extend(entry.filter(|entry| request.wants(entry)));
        let is_last = number + 1 == count;
        if is_last || stuck.entries.len() >= request.limit {
            stuck.next = Some(position.cursor()).filter(|_| !is_last || may_go_on);
            break;
        }
    }
    stuck
}
