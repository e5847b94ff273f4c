//! Single flight: requests with one address share one execution in this process.
//!
//! The first to enter leads, the others follow. A leader speaks to the store, runs the handler and
//! says how the flight ended. A follower waits, and holds only its place.
//!
//! ```text
//! first   ─ enter ─▶ leads   ─ claims ─ runs the handler ─ stores the response ─ ends the flight
//! second  ─ enter ─▶ follows ─ waits ─────────────────────────────────────────────┤ the record
//! third   ─ enter ─▶ follows ─ waits ─────────────────────────────────────────────┘
//! fourth  ─ enter ─▶ leads: the flight has left the table, and the store has a record by now
//! ```
//!
//! - `table.rs` finds the flight at an address, and takes a place for who waits.
//! - `follower.rs` is the waiting; how long a request waits is decided in `execution/wait.rs`.
//! - `phase.rs` is the state machine of one flight. Its picture stands above the type.
//!
//! The end comes in this order: the store has acknowledged, the flight leaves the table, its last
//! phase is set, the followers are woken. A request that comes between two of these steps finds no
//! flight, and asks the store.
//!
//! A leader that is dropped without an end (its client has gone before a claim was sent, or it has
//! panicked) leaves a lost flight. Its followers ask the store anew, and one of them leads.

mod follower;
mod phase;
mod table;

pub(crate) use follower::Follower;
pub(crate) use phase::{ClaimStage, Ending, KeptClaim, Phase};
pub(crate) use table::{Entry, Flights, Leader};
