//! Records an outcome. The client waits for that no longer than `file.rs` allows, and always gets a
//! response.

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};

use super::{
    Claimed,
    file::{self, Filed},
};
use crate::{
    response::record::{self, Recorded},
    store::{Record, Renewal},
};

const STORED: HeaderName = HeaderName::from_static("idempotency-stored");

/// Marks a response that a retry will not get.
pub(crate) fn mark_not_stored(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(STORED, HeaderValue::from_static("false"));
    response
}

/// Stores `record`, and answers with `response`, or with what somebody else recorded meanwhile.
///
/// A store that answers at once needs no timer and no task.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(super) fn stored(
    mut claimed: Claimed,
    record: Record,
    response: HttpResponse,
) -> impl Future<Output = HttpResponse> {
    async move {
        claimed.account.asks();
        let filed = match file::at_once(&claimed, &record) {
            Some(completion) => file::end(claimed, record, completion),
            None => Box::pin(file::file(claimed, record)).await,
        };
        filed.answer(response)
    }
}

/// Answers an execution that was told that it had lost its claim. The answer is what the winner has
/// recorded, or else `response`, which is never stored.
pub(super) async fn lost(claimed: Claimed, response: HttpResponse) -> HttpResponse {
    let lease = claimed.app.0.settings.lease;
    match claimed.app.0.store.renew(claimed.hold, lease).await {
        // A lost claim stays lost: completing it tells what the winner has recorded, and records
        // nothing. Without a winner those who wait ask the store.
        Ok(Renewal::Fenced) => stored(claimed, record::of_refusal(), response).await,
        Ok(Renewal::Renewed) | Err(_) => claimed.release(response).await,
    }
}

impl Filed {
    /// The handler's `response`, or what takes its place.
    pub(super) fn answer(self, response: HttpResponse) -> HttpResponse {
        match self {
            Filed::Stored => response,
            Filed::Fenced(winner) => winner.and_then(replay).unwrap_or_else(|| mark_not_stored(response)),
            Filed::Late => mark_not_stored(response),
        }
    }
}

/// Response that the winner has recorded, where there is one.
pub(super) fn replay(winner: Record) -> Option<HttpResponse> {
    match record::read(&winner) {
        Ok(Recorded::Response(replay)) => Some(replay.into_response()),
        Ok(Recorded::NotStored | Recorded::Unknown) | Err(_) => None,
    }
}
