//! Events that an application may hear of its requests: one each, told when the request has ended.
//!
//! The account of a request goes where the request goes: with the future that answers it, and then
//! with its execution. It is told when it is dropped. So there is one event and not two, even if
//! the client hangs up, or the request panics or dies on the way. Its span says the same, and so do
//! the counts of an admin scope. Where nobody listens, looks at the span or counts, the account is
//! empty.

mod account;
#[cfg(feature = "admin")]
pub(crate) mod counts;
mod event;
mod listener;
mod outcome;
mod sample;
mod sampling;
mod span;
pub(crate) mod warnings;

pub(crate) use account::Account;
pub use event::{Event, KeyHash};
pub(crate) use listener::Audience;
pub use listener::Listener;
pub use outcome::Outcome;
pub(crate) use sample::Background;
pub use sample::{MemoryUse, Sample};
pub(crate) use sampling::Sampling;
