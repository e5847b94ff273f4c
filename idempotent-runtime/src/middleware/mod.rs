//! A middleware that protects a whole scope: every POST and PATCH below it.
//!
//! ```text
//!   Idempotent ─▶ Covering ─ call ─┬─ covered ─▶ run::protected ─ claim won ─▶ below
//!                                  └─ not, or excepted ────────────────────▶ below
//! ```
//!
//! It is the same story as a handler's: only what runs under the claim is the service below.

mod below;
mod builder;
mod checks;
mod error;
mod names;
mod pattern;
mod rules;
mod service;

pub use self::{builder::IdempotentBuilder, rules::Idempotent, service::Covering};
