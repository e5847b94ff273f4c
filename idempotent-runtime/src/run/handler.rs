//! Runs the extractors, the handler and its response's body, and catches what panics.

use std::{cell::Cell, panic::AssertUnwindSafe, pin::pin};

use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, dev::Payload, http::StatusCode};
use futures_util::FutureExt;

use super::endpoint::Endpoint;
use crate::{
    execution::message,
    policy_ref::PolicyRef,
    response::capture::{Captured, capture},
};

/// Result of running a handler.
pub(super) enum Handled {
    /// An extractor failed, so the handler did not run. Holds the extractor's answer.
    NeverBegan(HttpResponse),
    /// The handler ran.
    Answered(Captured),
    /// The handler ran, and panicked. Holds the response for that.
    Panicked(Captured),
}

/// Runs `handler` on `request`, as actix does, and reads its response's body up to `limit` bytes.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(super) fn handle<H: Endpoint<Args>, Args: FromRequest>(
    handler: H,
    request: HttpRequest,
    mut payload: Payload,
    limit: usize,
    policy: PolicyRef,
) -> impl Future<Output = Handled> {
    async move {
        let began = Cell::new(false);
        let run = pin!(async {
            let args = match Args::from_request(&request, &mut payload).await {
                Ok(args) => args,
                Err(error) => return Handled::NeverBegan(HttpResponse::from_error(error)),
            };
            began.set(true);
            let response = handler.call(args).await.respond_to(&request).map_into_boxed_body();
            Handled::Answered(capture(response, limit).await)
        });
        let panicked = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(handled) => return handled,
            Err(panicked) => panicked,
        };
        tracing::error!(handler = policy.handler, panic = message(&*panicked), "the handler panicked");
        match began.get() {
            true => Handled::Panicked(Captured::Whole(internal_error(), Some("".into()))),
            false => Handled::NeverBegan(internal_error().set_body("").map_into_boxed_body()),
        }
    }
}

fn internal_error() -> HttpResponse<()> {
    HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR).drop_body()
}
