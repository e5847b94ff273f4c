//! The part of a request that holds a claim, or may hold one.

use std::time::Duration;

use super::job::{Job, Won};
use crate::{
    engine::Executing,
    flight::{Follower, Leader},
    reason::Reason,
    store::{CallError, Claim, Hold},
};

/// Result of asking for an answer.
pub(crate) enum ClaimOutcome<W, Output> {
    Answered(Result<Output, Reason>),
    /// This process runs the request, or asks the store about it.
    Following(Box<Job<W>>, Follower),
    /// Another node runs the request. Holds how much of its lease is left.
    Elsewhere(Box<Job<W>>, Leader, Duration),
}

/// Work that is left, to be done to its end.
pub(crate) enum Pending<W> {
    /// A claim is to be sent.
    Claim(Claiming<W>),
    /// A claim has been answered.
    Answered(Answered<W>),
}

/// A claim that has been answered, and leaves something to be done.
pub(crate) enum Answered<W> {
    /// It is won: the work is to be run.
    Won(Won<W>),
    /// It is won, and the server shuts down.
    Unwanted(Won<W>),
    /// The store has failed.
    Failed(Claiming<W>, CallError<Claim>),
}

/// A request for which a claim is sent.
pub(crate) struct Claiming<W> {
    pub(super) job: Job<W>,
    pub(super) hold: Hold,
    pub(super) leader: Leader,
    pub(super) executing: Executing,
}
