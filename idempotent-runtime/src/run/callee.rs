//! Answers of requests that may run: by a handler, or by the service below a middleware.

use std::{cell::Cell, panic::AssertUnwindSafe, pin::pin};

use actix_web::{HttpRequest, HttpResponse, dev::Payload, http::StatusCode};
use futures_util::FutureExt;

use crate::{execution::message, policy_ref::PolicyRef, response::capture::Captured};

/// A request, and what answers it.
pub(crate) trait Callee: Sized + 'static {
    /// The request.
    fn request(&self) -> &HttpRequest;

    /// Pattern of its route.
    fn pattern(&self) -> Option<String>;

    /// Answers the request without protection.
    fn pass_through(self, payload: Payload) -> impl Future<Output = HttpResponse>;

    /// Answers the request, and reads the response's body up to `limit` bytes. Sets `began` once
    /// more than the extractors may have run.
    fn answer(self, payload: Payload, limit: usize, began: &Cell<bool>) -> impl Future<Output = Handled>;
}

/// Result of answering a request.
pub(crate) enum Handled {
    /// An extractor failed, so the handler did not run. Holds the extractor's answer.
    NeverBegan(HttpResponse),
    /// The handler ran.
    Answered(Captured),
    /// The handler ran, and panicked. Holds the response for that.
    Panicked(Captured),
}

/// Answers the request of `callee`, and catches what panics.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(super) fn caught<C: Callee>(
    callee: C,
    payload: Payload,
    limit: usize,
    policy: PolicyRef,
) -> impl Future<Output = Handled> {
    async move {
        let began = Cell::new(false);
        let run = pin!(callee.answer(payload, limit, &began));
        let panicked = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(handled) => return handled,
            Err(panicked) => panicked,
        };
        tracing::error!(handler = policy.name(), panic = message(&*panicked), "the handler panicked");
        match began.get() {
            true => Handled::Panicked(Captured::Whole(internal_error(), Some("".into()))),
            false => Handled::NeverBegan(internal_error().set_body("").map_into_boxed_body()),
        }
    }
}

fn internal_error() -> HttpResponse<()> {
    HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR).drop_body()
}
