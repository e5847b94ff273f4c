//! Looking at entries, and forgetting one: what is said to a store for an operator, and what it
//! answers.

use std::{fmt, time::Duration};

use super::{Record, StoreError, Token};
use crate::request::Address;

/// What a store knows of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Where the entry lives.
    pub address: Address,
    /// Which claim it is, or was, or which one has completed it.
    pub token: Token,
    /// 1, and one more for every takeover. Of what is completed a store need not keep more than 255
    /// apart.
    pub attempt: u32,
    /// What has become of its request.
    pub standing: Standing,
    /// How long it is until the entry is forgotten, if nobody moves it before.
    pub kept_for: Duration,
}

/// What has become of a request, as far as a store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is claimed, and the lease runs.
    Running {
        /// How long that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// It is claimed, and the lease has run out, whether or not a claim has seen that.
    Abandoned {
        /// How long ago the lease has run out.
        lapsed: Duration,
    },
    /// It has run.
    Completed {
        /// What was recorded.
        record: Record,
        /// For how long it will still be replayed.
        left: Duration,
    },
    /// It has run, its record has expired, and that is remembered.
    Expired,
}

/// How far an entry has come under its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is claimed, or was abandoned: there is no outcome.
    Claimed,
    /// It was completed, whether or not it has expired since.
    Completed,
}

impl Standing {
    /// How far the entry has come.
    pub fn stage(&self) -> Stage {
        match self {
            Standing::Running { .. } | Standing::Abandoned { .. } => Stage::Claimed,
            Standing::Completed { .. } | Standing::Expired => Stage::Completed,
        }
    }
}

/// Asks for an entry to be forgotten that nobody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgetRequest {
    /// Where the entry lives.
    pub address: Address,
    /// Which entry is meant: [`Inspection::token`]. The one that has come after it stays.
    pub token: Token,
    /// How far it had come: [`Standing::stage`]. What has been completed since stays.
    pub stage: Stage,
}

/// A store's answer to a request to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// The address is vacant, and what is beneath it that nobody runs.
    Done,
    /// There was no entry.
    Vacant,
    /// The entry is claimed, and the lease runs.
    Running {
        /// How long that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// Another entry lives there than the one that was meant, or it has been completed since.
    Another,
}

/// Asks for the entries that wait for an operator.
#[derive(Clone, Debug)]
pub struct StuckRequest {
    /// Where the page before has ended. `None`: from the beginning.
    pub after: Option<StuckCursor>,
    /// How many entries are wanted.
    pub limit: usize,
    /// The record that says that nothing is known: who is completed with it waits too.
    pub unknown: Record,
}

/// A store's answer: some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Those that were found.
    pub entries: Vec<Inspection>,
    /// Where to go on. `None`: there are no more.
    pub next: Option<StuckCursor>,
}

/// How far somebody has read in the list of stuck entries. A store's own; as text, and back, it can
/// be kept and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckCursor(String);

impl StuckCursor {
    /// The cursor whose text this is: one that [`as_str`](Self::as_str) gave.
    pub fn new(text: impl Into<String>) -> Self {
        StuckCursor(text.into())
    }

    /// Its text: letters, digits, `-` and `.`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StuckCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Inspection {
    /// What forgets this entry, as it was found.
    pub(crate) fn to_forget(&self) -> ForgetRequest {
        ForgetRequest { address: self.address, token: self.token, stage: self.standing.stage() }
    }

    /// Whether an operator is needed: its lease has run out, or it is completed with `unknown`.
    pub(crate) fn is_stuck(&self, unknown: &Record) -> bool {
        match &self.standing {
            Standing::Abandoned { .. } => true,
            Standing::Completed { record, .. } => record == unknown,
            Standing::Running { .. } | Standing::Expired => false,
        }
    }
}

/// Why nothing was listed: the cursor is another store's, or nobody's.
#[derive(Debug, thiserror::Error)]
#[error("this is no cursor of the store's")]
pub(crate) struct NoCursor;

/// What `store` says of a cursor that it has not made.
pub(super) fn no_cursor(store: &'static str) -> StoreError {
    StoreError::undone(store, NoCursor)
}

/// A place in a store that keeps its entries in the order of a time, and of their addresses where
/// that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) time: u64,
    pub(super) address: Address,
}

impl Position {
    /// Where `request` goes on.
    ///
    /// # Errors
    /// Where its cursor is none of `store`.
    pub(super) fn after(request: &StuckRequest, store: &'static str) -> Result<Option<Self>, StoreError> {
        let read = |cursor: &StuckCursor| {
            let (time, address) = cursor.as_str().split_once('-')?;
            Some(Position { time: time.parse().ok()?, address: address.parse().ok()? })
        };
        request.after.as_ref().map(|cursor| read(cursor).ok_or_else(|| no_cursor(store))).transpose()
    }

    pub(super) fn cursor(self) -> StuckCursor {
        StuckCursor(format!("{}-{}", self.time, self.address))
    }
}

/// Finds the first places behind another one among many that come in no order, and remembers little
/// more than it is to find.
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

    /// Keeps one more than are wanted: it tells that there are more.
    fn cut(&mut self) {
        self.found.sort_unstable();
        self.found.truncate(self.limit.saturating_add(1));
    }

    /// What lives at the places that were found, where `look` still finds it.
    pub(super) fn into_stuck(mut self, look: impl Fn(Position) -> Option<Inspection>) -> Stuck {
        self.cut();
        let has_more = self.found.len() > self.limit;
        self.found.truncate(self.limit);
        let next = self.found.last().filter(|_| has_more).map(|last| last.cursor());
        Stuck { entries: self.found.into_iter().filter_map(look).collect(), next }
    }
}

/// What is stuck among the entries that a walk has come by, in the order of their places, and where
/// to go on, if the walk `may_go_on` behind the last.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn stuck_among(
    walked: Vec<(Position, Option<Inspection>)>,
    may_go_on: bool,
    request: &StuckRequest,
) -> Stuck {
    let (count, mut stuck) = (walked.len(), Stuck::default());
    for (number, (position, entry)) in walked.into_iter().enumerate() {
        stuck.entries.extend(entry.filter(|entry| entry.is_stuck(&request.unknown)));
        let is_last = number + 1 == count;
        if is_last || stuck.entries.len() >= request.limit {
            stuck.next = Some(position.cursor()).filter(|_| !is_last || may_go_on);
            break;
        }
    }
    stuck
}
