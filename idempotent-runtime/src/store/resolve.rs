//! Ending an entry by hand: the call to a store, and its answers.

use std::time::Duration;

use super::{Record, Token};
use crate::request::Address;

/// Question to a store: end an entry. Somebody knows what became of its request.
#[derive(Clone, Debug)]
pub struct ResolveRequest {
    /// Address of the entry.
    pub address: Address,
    /// Token of this resolution. The record is completed by this token. No owner of the claim knows
    /// it.
    pub token: Token,
    /// The record that may be replaced, where the entry is completed. `None`: no record may.
    pub instead_of: Option<Record>,
    /// The record to write. `None`: the address becomes vacant.
    pub outcome: Option<Record>,
}

/// A store's answer to a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// The entry has ended as was asked.
    Done,
    /// There is no entry.
    Vacant,
    /// The entry is claimed, and the lease runs.
    Running {
        /// Time for which that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// The request has run, and this is its record.
    Completed(Record),
    /// The request has run, its record has expired, and that is remembered.
    Expired,
}
