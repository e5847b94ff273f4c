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
//! What is executed is a [`Work`], and what is stored are bytes: nothing here knows HTTP.

mod answer;
mod claim;
mod claimed;
mod completion;
mod detach;
mod enter;
mod execute;
mod job;
mod late;
mod lease;
mod panic;
mod release;
mod respond;
mod running;
mod sampling;
mod takeover;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod transactional;
mod unknown;
mod unprotected;
mod wait;
mod work;

#[cfg(feature = "admin")]
pub(crate) use detach::detached;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use transactional::keeps_the_store_from_writing;
pub(crate) use {
    answer::answer,
    claimed::Claimed,
    completion::{CompletionOutcome, complete},
    detach::carried,
    job::Job,
    late::{Sent, renewed_in_time},
    lease::keep_leases,
    panic::message,
    release::release_unknown,
    running::of_running,
    work::{Decision, Fate, Ran, Work},
};
