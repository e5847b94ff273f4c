//! Handle of the application: how it is set up, found for a request, and shut down.

mod assemble;
mod builder;
mod checks;
mod error;
mod handles;
mod lookup;
mod process;
mod shutdown;

pub use builder::IdempotencyBuilder;
pub use error::BuildError;
pub use shutdown::{Drained, serve};
