//! Handlers, extractors and responders: one bound for the three.

use actix_web::{Handler, Responder};

/// A handler with extractors `Args`, as actix calls it.
pub(super) trait Endpoint<Args>: Handler<Args, Output: Responder> {}

impl<Args, H: Handler<Args, Output: Responder>> Endpoint<Args> for H {}
