//! An operator's calls to a store, and their answers: to look at entries, and to forget one.

use std::{borrow::Cow, fmt, time::Duration};

use super::{Record, Token};
use crate::request::{Address, RequestFingerprint, label};

/// Everything that a store knows of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Address of the entry.
    pub address: Address,
    /// Token of the entry's claim, running or ended, or of the claim or resolution that completed
    /// the entry.
    pub token: Token,
    /// 1, and one more for every takeover. For a completed entry a store may count to 255 only.
    pub attempt: u32,
    /// State of the request.
    pub standing: Standing,
    /// Time until the entry is forgotten, if nobody moves the entry before.
    pub kept_for: Duration,
    /// Label of the claim that the entry is, or was: [`Origin::label`](super::Origin::label) of the
    /// claim that was won last and had one. Empty where there is none.
    pub label: Cow<'static, str>,
    /// Fingerprint of the request.
    pub fingerprint: RequestFingerprint,
}

/// State of a request, as far as a store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is claimed, and the lease runs.
    Running {
        /// Time for which that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// It is claimed, and the lease has run out, whether or not a claim has seen that.
    Abandoned {
        /// Time since the lease has run out.
        lapsed: Duration,
    },
    /// It has run.
    Completed {
        /// The recorded response.
        record: Record,
        /// Time for which it will still be replayed.
        left: Duration,
    },
    /// It has run, its record has expired, and that is remembered.
    Expired,
}

/// Stage of an entry under its token: with an outcome, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is claimed, or was abandoned: there is no outcome.
    Claimed,
    /// It was completed, whether or not it has expired since.
    Completed,
}

impl Standing {
    /// Stage that belongs to this state.
    pub fn stage(&self) -> Stage {
        match self {
            Standing::Running { .. } | Standing::Abandoned { .. } => Stage::Claimed,
            Standing::Completed { .. } | Standing::Expired => Stage::Completed,
        }
    }
}

/// Question to a store: forget an entry that nobody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgetRequest {
    /// Address of the entry.
    pub address: Address,
    /// Token of the entry that is meant: [`Inspection::token`]. An entry that has come after it
    /// stays.
    pub token: Token,
    /// Stage of the entry that is meant: [`Standing::stage`]. An entry that has been completed
    /// since stays.
    pub stage: Stage,
}

/// A store's answer to a request to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// The address is vacant. Gone too is everything beneath it that nobody runs.
    Done,
    /// There was no entry.
    Vacant,
    /// The entry is claimed, and the lease runs.
    Running {
        /// Time for which that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// Another entry lives there than the one that was meant, or it has been completed since.
    Another,
}

/// Question to a store: which entries wait for an operator?
#[derive(Clone, Debug)]
pub struct StuckRequest {
    /// End of the page before. `None`: from the beginning.
    pub after: Option<StuckCursor>,
    /// Number of entries wanted.
    pub limit: usize,
    /// The record that says that nothing is known. An entry that is completed with it waits for an
    /// operator too.
    pub unknown: Record,
    /// Endpoint whose entries are wanted. `None`: those of all endpoints. A label is more than its
    /// endpoint: [`wants`](Self::wants) reads it.
    pub endpoint: Option<String>,
}

/// A store's answer: one page of those entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// The entries that were found.
    pub entries: Vec<Inspection>,
    /// Start of the next page. `None`: there are no more entries.
    pub next: Option<StuckCursor>,
}

/// Place in the list of stuck entries up to which somebody has read. Only the store that made it
/// can read it. As text it can be kept and sent, and read back.
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
    /// Request that forgets this entry, as long as it is as it was found.
    pub(crate) fn to_forget(&self) -> ForgetRequest {
        ForgetRequest { address: self.address, token: self.token, stage: self.standing.stage() }
    }
}

impl StuckRequest {
    /// True for an entry that is to be listed: its lease has run out, or it is completed with
    /// `unknown`; and it is of the endpoint that is wanted.
    pub fn wants(&self, entry: &Inspection) -> bool {
        let is_stuck = match &entry.standing {
            Standing::Abandoned { .. } => true,
            Standing::Completed { record, .. } => *record == self.unknown,
            Standing::Running { .. } | Standing::Expired => false,
        };
        is_stuck && self.wants_label(&entry.label)
    }

    /// True for the label of an endpoint whose entries are to be listed.
    pub(crate) fn wants_label(&self, label: &str) -> bool {
        self.endpoint.as_ref().is_none_or(|wanted| wanted == label::endpoint_of(label))
    }
}
