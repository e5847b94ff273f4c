//! An entry as an operator sees it.

use std::time::Duration;

use actix_web::http::StatusCode;

use super::EntryVersion;
use crate::{
    request::Address,
    response::record,
    store::{Inspection, Record, Standing},
};

/// What is known of one entry, by the store's clock. Of the request and its response it tells
/// neither key nor body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it lives: what it can be looked up by again.
    pub address: Address,
    /// 1, and one more for every time that the request was run again because an execution had died.
    /// Also of what is completed; the memory store shows 255 for more than that then.
    pub attempt: u32,
    /// What has become of its request.
    pub state: EntryState,
    /// Which entry this is, in this state: what it is [forgotten](crate::Idempotency::forget) by.
    pub version: EntryVersion,
    /// How long it is until the entry is forgotten and the key is free, if nobody moves it before.
    pub kept_for: Duration,
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryState {
    /// It runs, as far as anybody knows.
    Running {
        /// How long it is until it would be given up, unless its process goes on renewing its
        /// lease.
        lease_left: Duration,
    },
    /// Its execution died without an outcome: its lease has run out.
    Abandoned {
        /// How long ago the lease has run out.
        lapsed: Duration,
    },
    /// It has run.
    Completed {
        /// The response's status. `None`: there is no response to be replayed, or it is a step's
        /// value.
        status: Option<StatusCode>,
        /// How many bytes are recorded.
        bytes: usize,
        /// For how long it will still be replayed.
        left: Duration,
    },
    /// Nobody knows whether it has had its effect: that was recorded, or what is recorded cannot be
    /// read.
    Unknown {
        /// How many bytes are recorded.
        bytes: usize,
        /// For how long whoever asks will still be told so.
        left: Duration,
    },
    /// It has run, its response has expired, and that is remembered.
    Expired,
}

impl Entry {
    pub(super) fn of(found: &Inspection) -> Self {
        let state = match &found.standing {
            Standing::Running { lease_left } => EntryState::Running { lease_left: *lease_left },
            Standing::Abandoned { lapsed } => EntryState::Abandoned { lapsed: *lapsed },
            Standing::Completed { record, left } => completed(record, *left),
            Standing::Expired => EntryState::Expired,
        };
        let version = EntryVersion::of(found, &state);
        Entry { address: found.address, attempt: found.attempt, state, version, kept_for: found.kept_for }
    }
}

impl EntryState {
    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            EntryState::Running { .. } => "running",
            EntryState::Abandoned { .. } => "abandoned",
            EntryState::Completed { .. } => "completed",
            EntryState::Unknown { .. } => "unknown",
            EntryState::Expired => "expired",
        }
    }
}

fn completed(record: &Record, left: Duration) -> EntryState {
    let bytes = record.as_bytes().len();
    if record::is_final(record) {
        EntryState::Completed { status: record::status(record), bytes, left }
    } else {
        EntryState::Unknown { bytes, left }
    }
}
