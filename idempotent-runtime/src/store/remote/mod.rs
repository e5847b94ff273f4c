//! Shared by the stores outside this process: calls that go together, and wake-ups that come from
//! elsewhere.

mod batches;
mod identifier;
mod notify;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod poller;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod reply;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod subscription;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod tasks;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod wakeups;

pub(crate) use batches::Batches;
#[cfg(feature = "redis")]
pub(crate) use batches::share;
#[cfg(feature = "postgres")]
pub(crate) use batches::{QueuedCall, fail, in_time};
pub(crate) use identifier::checked;
pub(crate) use notify::Notifier;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use reply::{Reply, Word};
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use subscription::Subscription;
#[cfg(feature = "postgres")]
pub(crate) use tasks::Tasks;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use wakeups::Wakeups;
