//! Records an outcome. The client never waits for it longer than the patience below, and never gets less than its response.

use std::{pin::pin, time::Duration};

use actix_web::rt;
use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
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

/// Stores `record`, and answers with `response`, or with what somebody else recorded meanwhile.
///
/// A store that answers at once needs no timer and no task.
pub(super) async fn stored(claimed: Claimed, record: Record, response: HttpResponse) -> HttpResponse {
    let patience = Instant::now() + PATIENCE;
    if let Some(completion) = try_once(&claimed, &record).await {
        return end(claimed, record, completion).answer(response);
    }
    let mut work = Box::pin(keep_trying(claimed, record));
    match timeout_at(patience, work.as_mut()).await {
        Ok(ended) => ended.answer(response),
        Err(_) => {
            tracing::warn!("a response could not be stored yet: it is sent, and storing goes on");
            rt::spawn(work.in_current_span());
            mark_not_stored(response)
        }
    }
}

/// How storing ended, as far as the client is concerned.
enum Ended {
    /// The handler's response is stored.
    Stored,
    /// Somebody else's is.
    Won(HttpResponse),
    /// None is, or none that can be told.
    NotStored,
}

impl Ended {
    /// The handler's `response`, or what takes its place.
    fn answer(self, response: HttpResponse) -> HttpResponse {
        match self {
            Ended::Stored => response,
            Ended::Won(winner) => winner,
            Ended::NotStored => mark_not_stored(response),
        }
    }
}

async fn try_once(claimed: &Claimed, record: &Record) -> Option<Completion> {
    let Claimed { policy, app, hold, .. } = claimed;
    let retention = Retention { replay: policy.ttl, remember: app.0.settings.remember_expired };
    match app.0.store.complete(*hold, record.clone(), retention).await {
        Ok(completion) => Some(completion),
        Err(error) => {
            tracing::warn!(%error, handler = policy.handler, "a response could not be stored, trying again");
            None
        }
    }
}

/// Tries until the store has answered, or the record would have expired.
async fn keep_trying(claimed: Claimed, record: Record) -> Ended {
    let (store, lease) = (claimed.app.0.store.clone(), claimed.app.0.settings.lease);
    let completion = {
        let attempts = pin!(try_again(&claimed, &record));
        timeout(claimed.policy.ttl, lease::kept(store, claimed.hold, lease, attempts)).await
    };
    if let Ok(completion) = completion {
        return end(claimed, record, completion);
    }
    tracing::error!(handler = claimed.policy.handler, "a response was never stored: its ttl has passed");
    Ended::NotStored
}

async fn try_again(claimed: &Claimed, record: &Record) -> Completion {
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        if let Some(completion) = try_once(claimed, record).await {
            return completion;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Says how it ended to those who wait.
fn end(claimed: Claimed, record: Record, completion: Completion) -> Ended {
    let Claimed { policy, hold, lead, executing, .. } = claimed;
    let ended = match completion {
        Completion::Stored => {
            lead.end(Ending::Completed(hold.fingerprint, record));
            Ended::Stored
        }
        Completion::Fenced(winner) => {
            tracing::warn!(handler = policy.handler, "an execution had lost its claim when it completed");
            lead.end(Ending::Lost);
            winner.and_then(|record| replay(&record)).map_or(Ended::NotStored, Ended::Won)
        }
    };
    drop(executing);
    ended
}

fn replay(record: &Record) -> Option<HttpResponse> {
    match record::read(record) {
        Ok(Recorded::Response(replay)) => Some(replay.into_response()),
        Ok(Recorded::NotStored) | Err(_) => None,
    }
}
