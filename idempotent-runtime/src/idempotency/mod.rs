//! Handle of the application: how it is set up, found for a request, and shut down.

mod assemble;
mod builder;
mod callers;
mod checks;
mod defaults;
mod error;
mod handles;
mod lookup;
mod process;
mod settings;
mod shutdown;
mod with;

pub use builder::{IdempotencyBuilder, NewHandle};
pub(crate) use checks::ttl as check_ttl;
pub use error::BuildError;
pub use shutdown::{Drained, serve};
pub use with::SameStore;
