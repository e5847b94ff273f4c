//! Ending an entry by hand: what is said to a store, and what it answers.

use std::time::Duration;

use super::{Record, Token};
use crate::request::Address;

/// Asks for the end of an entry, for somebody who knows what became of its request.
#[derive(Clone, Debug)]
pub struct ResolveRequest {
    /// Where the entry lives.
    pub address: Address,
    /// Which resolution it is. What it records is completed by this token, and by none that whoever
    /// held the claim knows.
    pub token: Token,
    /// The record that may be replaced, where the entry is completed. `None`: no record may.
    pub instead_of: Option<Record>,
    /// What is recorded. `None`: the address becomes vacant.
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
        /// How long that lease still runs unless it is renewed.
        lease_left: Duration,
    },
    /// The request has run, and this is its record.
    Completed(Record),
    /// The request has run, its record has expired, and that is remembered.
    Expired,
}
