//! Shared by the stores outside this process: calls that go together, and wake-ups that come from
//! elsewhere.

mod batches;
mod bells;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod channel;
mod name;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod poller;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod tasks;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod wakes;

pub(crate) use batches::Batches;
#[cfg(feature = "redis")]
pub(crate) use batches::share;
#[cfg(feature = "postgres")]
pub(crate) use batches::{Asked, fail, in_time};
pub(crate) use bells::Bells;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use channel::Channel;
pub(crate) use name::checked;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use tasks::Tasks;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use wakes::Wakes;
