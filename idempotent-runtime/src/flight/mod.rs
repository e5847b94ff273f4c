//! Single flight: requests with one address share one execution in this process.
//!
//! The first to enter leads, the others follow. A leader speaks to the store, runs the handler and
//! says how it ended; a follower waits, holding nothing but its seat.

mod phase;
mod table;

pub(crate) use phase::{ClaimStage, Ending, KeptClaim, Phase};
pub(crate) use table::{Entry, Flights, Follower, Lead};
