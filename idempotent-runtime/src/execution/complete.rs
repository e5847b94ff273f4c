//! Records an outcome. The client never waits for it longer than the patience below, and never gets less than its response.

use std::{pin::pin, time::Duration};

use actix_web::rt;
use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use super::{Claimed, lease};
use crate::{
    flight::Ending,
    response::record::{self, Recorded},
    store::{Completion, Record, Retention},
};

/// How long the client waits for the store before it is answered without it.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const STORED: HeaderName = HeaderName::from_static("idempotency-stored");

/// Says that a retry will not get this response.
pub(super) fn mark_not_stored(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(STORED, HeaderValue::from_static("false"));
    response
}

/// Records that the effect happened and its response is not kept, and answers with it.
pub(super) async fn not_stored(claimed: Claimed, response: HttpResponse) -> HttpResponse {
    let response = mark_not_stored(response);
    match record::of_nothing() {
        Some(record) => stored(claimed, record, response).await,
        None => response,
    }
}

/// Stores `record`, and answers with `response`, or with what somebody else recorded meanwhile.
pub(super) async fn stored(claimed: Claimed, record: Record, response: HttpResponse) -> HttpResponse {
    let mut work = Box::pin(store(claimed, record));
    match timeout(PATIENCE, work.as_mut()).await {
        Ok(None) => response,
        Ok(Some(Winner(winner))) => winner.unwrap_or_else(|| mark_not_stored(response)),
        Err(_) => {
            tracing::warn!("a response could not be stored yet: it is sent, and storing goes on");
            rt::spawn(work.in_current_span());
            mark_not_stored(response)
        }
    }
}

/// What somebody else answered, where it can be told.
struct Winner(Option<HttpResponse>);

/// Tries until the store has answered, or the record would have expired. `None` where the record is stored.
async fn store(claimed: Claimed, record: Record) -> Option<Winner> {
    let Claimed { policy, app, hold, lead, executing } = claimed;
    let retention = Retention { replay: policy.ttl, remember: app.0.settings.remember_expired };
    let (handle, lease) = (app.0.store.clone(), app.0.settings.lease);
    let attempts = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match handle.complete(hold, record.clone(), retention).await {
                Ok(completion) => return completion,
                Err(error) => {
                    tracing::warn!(%error, handler = policy.handler, "a response could not be stored, trying again");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    let completion = timeout(policy.ttl, lease::kept(handle.clone(), hold, lease, pin!(attempts))).await;
    drop(executing);
    match completion {
        Ok(Completion::Stored) => {
            lead.end(Ending::Completed(hold.fingerprint, record));
            None
        }
        Ok(Completion::Fenced(winner)) => {
            tracing::warn!(handler = policy.handler, "an execution had lost its claim when it completed");
            lead.end(Ending::Lost);
            Some(Winner(winner.and_then(|record| replay(&record))))
        }
        Err(_) => {
            tracing::error!(handler = policy.handler, "a response was never stored: its ttl has passed");
            Some(Winner(None))
        }
    }
}

fn replay(record: &Record) -> Option<HttpResponse> {
    match record::read(record) {
        Ok(Recorded::Response(replay)) => Some(replay.into_response()),
        Ok(Recorded::NotStored) | Err(_) => None,
    }
}
