//! Events that an application may hear of its requests: one each, told when the request has ended.
//!
//! The guard of a request's event goes where the request goes: with the future that answers it, and
//! then with its execution. It is told when it is dropped. So there is one event and not two, even
//! if the client hangs up, or the request panics or dies on the way. Its span says the same, and so
//! do the counts of an admin scope. Where nobody listens, looks at the span or counts, the guard is
//! empty.

#[cfg(feature = "admin")]
pub(crate) mod counts;
mod event;
mod event_guard;
mod listener;
mod outcome;
mod sample;
mod span;
pub(crate) mod warnings;

pub(crate) use event::Subject;
pub use event::{Event, KeyHash};
pub(crate) use event_guard::EventGuard;
pub use listener::Listener;
pub(crate) use listener::ListenerHandle;
pub use outcome::Outcome;
pub(crate) use sample::Background;
pub use sample::{MemoryUse, Sample};
