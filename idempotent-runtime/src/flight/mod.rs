//! Single flight: requests with one address share one execution in this process.
//!
//! The first to enter leads, the others follow. A leader speaks to the store, runs the handler and
//! says how the flight ended. A follower waits, and holds only its seat.

mod phase;
mod table;

pub(crate) use phase::{ClaimStage, Ending, KeptClaim, Phase};
pub(crate) use table::{Entry, Flights, Follower, Lead};
