//! What OpenAPI documents say of annotated handlers.

mod described;

#[doc(hidden)]
pub use described::{Described, Probe, Undocumented};
