//! An entry as an operator sees it.

use std::{borrow::Cow, time::Duration};

use actix_web::http::StatusCode;

use super::EntryVersion;
use crate::{
    request::{Address, label},
    response::record,
    store::{Inspection, Record, Standing},
};

/// State of one entry, by the store's clock. Of the request it holds the endpoint alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Address of the entry, by which it can be looked up again.
    pub address: Address,
    /// 1, and one more for every time that the request was run again because an execution had died.
    /// Completed entries have it too. The memory store shows 255 for all higher numbers then.
    pub attempt: u32,
    /// State of the entry's request.
    pub state: EntryState,
    /// Version of the entry in this state, by which it is [forgotten](crate::Idempotency::forget).
    pub version: EntryVersion,
    /// Time until the entry is forgotten and the key is free, if nobody changes the entry before.
    pub kept_for: Duration,
    label: Cow<'static, str>,
}

/// State of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryState {
    /// The request runs, as far as anybody knows.
    Running {
        /// Time until the request would be given up, unless its process goes on renewing its lease.
        lease_left: Duration,
    },
    /// The execution died without an outcome: its lease has run out.
    Abandoned {
        /// Time since the lease has run out.
        lapsed: Duration,
    },
    /// The request has run.
    Completed {
        /// Status of the response. `None`: there is no response to be replayed, or the entry is a
        /// step's value.
        status: Option<StatusCode>,
        /// Number of bytes that are recorded.
        bytes: usize,
        /// Time for which the response will still be replayed.
        left: Duration,
    },
    /// The request may have had its effect or not: nobody knows. That was recorded, or the record
    /// cannot be read.
    Unknown {
        /// Number of bytes that are recorded.
        bytes: usize,
        /// Time for which requests will still be told so.
        left: Duration,
    },
    /// The request has run, its response has expired, and that is remembered.
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
        let version = EntryVersion::of(found, state.name());
        let Inspection { address, attempt, kept_for, .. } = *found;
        Entry { address, attempt, state, version, kept_for, label: found.label.clone() }
    }

    /// Endpoint of the request: method and route pattern, such as `POST /orders/{id}`, or the name
    /// of the operation of [`once`](crate::Idempotency::once). A step has that of its key.
    ///
    /// It is the one that has claimed the key last, where several endpoints share keys. What is
    /// longer than 255 bytes, with the namespace, is cut off. A process tells 4,096 operations
    /// apart, and all others are `*`. Empty where a store of the application's own does not keep
    /// it.
    pub fn endpoint(&self) -> &str {
        label::endpoint_of(&self.label)
    }

    /// Namespace of the application that the entry is of, as the entry tells it. What is longer
    /// than 64 bytes is shown as its beginning, a `~` and eight digits of its hash.
    pub fn namespace(&self) -> &str {
        label::namespace_of(&self.label)
    }
}

impl EntryState {
    /// Name of the state.
    fn name(&self) -> &'static str {
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
