//! One execution: from its claim to its record, in a future that no disconnect drops.
//!
//! ```text
//!   answer ─ enter ─┬─ leads ── claim ─┬─ won ─▶ execute ─────────────▶ respond ─▶ completion
//!                   │                  │         takeover, transactional └───────▶ release
//!                   │                  ├─ a record ─▶ the output that it holds
//!                   │                  └─ the store fails ─▶ unprotected, or refused
//!                   └─ follows ─ wait ─▶ the output of the leader's record, or enters again
//! ```
//!
//! A [`Work`] is executed, and bytes are stored: nothing here knows HTTP.

mod answer;
mod claim;
mod claim_request;
mod claimed;
mod completion;
mod detach;
mod enter;
mod execute;
mod finish;
mod job;
mod lease;
mod lease_age;
mod panic_message;
mod pending;
mod release;
mod respond;
mod running;
mod sampling;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod taken_back;
mod takeover;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod transactional;
mod unanswered_claim;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod unfinished;
mod unknown_outcome;
mod unprotected;
mod wait;
mod won;
mod work;

#[cfg(feature = "admin")]
pub(crate) use detach::detached;
pub(crate) use {
    answer::answer,
    claimed::Claimed,
    completion::{CompletionOutcome, complete},
    detach::{Panicked, carried},
    finish::{finish_detached, finish_in_place},
    job::Job,
    lease::keep_leases,
    lease_age::{Sent, renewed_in_time},
    panic_message::message,
    pending::Pending,
    running::of_running,
    takeover::RECONCILE_TIMEOUT,
    unanswered_claim::release_unknown,
    unknown_outcome::complete_as_unknown,
    work::{Decision, Fate, OutcomeOf, Ran, Work},
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use {
    job::Won,
    transactional::{execute_in_transaction, keeps_the_store_from_writing},
    work::WorkWithRows,
};
