//! Resolution of executions that died without an outcome, where the application can find it out.

mod abandoned;
mod resolution;

pub use abandoned::{AbandonedExecution, AbandonedRequest};
pub(crate) use resolution::Reconcile;
pub use resolution::Resolution;
