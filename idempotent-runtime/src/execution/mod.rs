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
    match lease::kept(store, hold, settings.lease, work).await {
        Handled::NeverBegan(response) => claimed.release(response).await,
        Handled::Answered(captured) => claimed.record(captured).await,
    }
}

impl Claimed {
    /// Records what the handler answered, if the policy asks for it.
    async fn record(self, captured: Captured) -> HttpResponse {
        match captured {
            Captured::Whole(head, body) => {
                if !is_outcome(self.policy.replay, head.status()) {
                    return self.release(whole(head, body)).await;
                }
                let set_cookie = self.app.0.settings.replay_set_cookie;
                let record = record::of_response(head.status(), head.headers(), set_cookie, body.as_ref());
                self.complete(record, whole(head, body)).await
            }
            Captured::Passing(response) => {
                if !is_outcome(self.policy.replay, response.status()) {
                    return self.release(response).await;
                }
                self.complete(None, response).await
            }
        }
    }

    /// Frees the key, and answers with `response`.
    async fn release(self, response: HttpResponse) -> HttpResponse {
        give_back(&self.app, self.hold).await;
        self.lead.end(Ending::Released);
        response
    }

    /// Stores `record`, or the fact that there is none, and answers with `response` or with what somebody else stored.
    async fn complete(self, record: Option<Record>, response: HttpResponse) -> HttpResponse {
        match record {
            Some(record) => complete::stored(self, record, response).await,
            None => complete::not_stored(self, response).await,
        }
    }
}

fn whole(head: HttpResponse<()>, body: Option<Bytes>) -> HttpResponse {
    match body {
        Some(body) => head.set_body(body).map_into_boxed_body(),
        None => head.set_body(actix_web::body::None::new()).map_into_boxed_body(),
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
