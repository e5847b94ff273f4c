//! One execution: from the claim to the record, in a future that no disconnect drops.

mod complete;
mod detach;
mod handle;
mod lease;
mod store_failure;

pub(crate) use detach::detached;
pub(crate) use handle::{Handled, handle};
pub(crate) use store_failure::{give_back, give_back_unknown, unprotected};

use std::pin::pin;

use actix_web::{HttpRequest, HttpResponse, dev::Payload, http::StatusCode};
use bytes::Bytes;

use crate::{
    flight::{Ending, Lead},
    idempotency::{Executing, Idempotency},
    policy::{Policy, Replay},
    response::{capture::Captured, record},
    store::{Hold, Record},
};

/// What is needed to run a request, once.
pub(crate) struct Job<H> {
    pub(crate) policy: &'static Policy,
    pub(crate) app: Idempotency,
    pub(crate) request: HttpRequest,
    pub(crate) body: Bytes,
    pub(crate) handler: H,
    pub(crate) hold: Hold,
}

/// A job whose claim has been won.
pub(crate) struct Claimed {
    pub(crate) policy: &'static Policy,
    pub(crate) app: Idempotency,
    pub(crate) hold: Hold,
    pub(crate) lead: Lead,
    pub(crate) executing: Executing,
}

/// Runs the handler, records its response and answers with it. The claim has been won.
pub(crate) async fn execute<H, Args>(job: Job<H>, lead: Lead, executing: Executing) -> HttpResponse
where
    H: actix_web::Handler<Args>,
    Args: actix_web::FromRequest,
    H::Output: actix_web::Responder,
{
    let Job { policy, app, request, body, handler, hold } = job;
    lead.running(hold.fingerprint);
    let claimed = Claimed { policy, app, hold, lead, executing };
    let (store, settings) = (claimed.app.0.store.clone(), &claimed.app.0.settings);
    let work = pin!(handle(&handler, request, Payload::from(body), settings.max_response_body, policy));
    let handled = lease::kept(store, hold, settings.lease, work).await;
    match Outcome::of(handled, policy.replay, settings.replay_set_cookie) {
        Outcome::Recorded(record, response) => complete::stored(claimed, record, response).await,
        Outcome::Released(response) => Box::pin(claimed.release(response)).await,
    }
}

impl Claimed {
    /// Frees the key, and answers with `response`.
    async fn release(self, response: HttpResponse) -> HttpResponse {
        give_back(&self.app, self.hold).await;
        self.lead.end(Ending::Released);
        response
    }
}

/// What becomes of a key, and what its client gets.
enum Outcome {
    /// The record is stored.
    Recorded(Record, HttpResponse),
    /// The key is free again.
    Released(HttpResponse),
}

impl Outcome {
    fn of(handled: Handled, replay: Replay, set_cookie: bool) -> Self {
        match handled {
            Handled::NeverBegan(response) => Outcome::Released(response),
            Handled::Answered(captured) if !is_outcome(replay, captured.status()) => {
                Outcome::Released(captured.into_response())
            }
            Handled::Answered(Captured::Whole(head, body)) => {
                let record = record::of_response(head.status(), head.headers(), set_cookie, body.as_ref());
                Outcome::Recorded(record, Captured::Whole(head, body).into_response())
            }
            Handled::Answered(Captured::Passing(response)) => {
                Outcome::Recorded(record::of_nothing(), complete::mark_not_stored(response))
            }
        }
    }
}

/// Whether a response of this status is an outcome to be stored. 408, 425 and 429 say that nothing was executed.
fn is_outcome(replay: Replay, status: StatusCode) -> bool {
    if matches!(status.as_u16(), 408 | 425 | 429) {
        return false;
    }
    match replay {
        Replay::All => true,
        Replay::Final => !status.is_server_error(),
        Replay::Success => status.is_success() || status.is_redirection(),
    }
}
