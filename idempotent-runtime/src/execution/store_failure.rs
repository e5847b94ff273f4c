//! What is done where the store fails: give back what may have been claimed, or run without it.

use std::{sync::Arc, time::Duration};

use actix_web::{FromRequest, Handler, HttpResponse, Responder, dev::Payload};
use tokio::time::sleep;
use tracing::Instrument;

use super::{Handled, Job, complete::mark_not_stored, handle};
use crate::{
    flight::{Ending, Lead},
    idempotency::Idempotency,
    response::Code,
    store::{CallError, Claim, Hold},
};

/// Makes the key of `hold` free again. Where the store fails, trying goes on in the background.
pub(crate) async fn give_back(app: &Idempotency, hold: Hold) {
    if let Err(error) = app.0.store.release(hold).await {
        tracing::warn!(%error, "a key could not be released, trying again");
        in_background(app, |app| release(app, hold));
    }
}

/// Releases a claim of which it is not known whether it was won, in the background.
pub(crate) fn give_back_unknown(app: &Idempotency, hold: Hold, error: CallError<Claim>) {
    in_background(app, |app| async move {
        if let CallError::Pending(call) = error {
            call.settled().await;
        }
        release(app, hold).await;
    });
}

/// A store that is down must not be met by ever more tasks: beyond a bound, a claim is left to its lease. A drain waits for
/// the task.
fn in_background<F>(app: &Idempotency, work: impl FnOnce(Idempotency) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Ok(permit) = Arc::clone(&app.0.releasing).try_acquire_owned() else {
        tracing::warn!("too many keys wait to be released: one is left to its lease");
        return;
    };
    let (work, executing) = (work(app.clone()), app.0.executions.count());
    tokio::spawn(
        async move {
            work.await;
            drop((permit, executing));
        }
        .in_current_span(),
    );
}

/// Tries for two leases, often enough to be heard before the lease is seen to have run out.
async fn release(app: Idempotency, hold: Hold) {
    let lease = app.0.settings.lease;
    let longest = Duration::from_secs(1).min(lease / 10);
    let mut pause = Duration::from_millis(50).min(longest);
    let mut left = lease * 2;
    while app.0.store.release(hold).await.is_err() && !left.is_zero() {
        sleep(pause).await;
        left = left.saturating_sub(pause);
        pause = (pause * 2).min(longest);
    }
}

/// Runs the handler without protection, as the application has asked for. Only requests that wait for this one are spared.
pub(crate) async fn unprotected<H, Args>(job: Job<H>, lead: Lead) -> HttpResponse
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    tracing::warn!(handler = job.policy.handler, "the store failed: executing unprotected, as configured");
    let (fingerprint, limit) = (job.hold.fingerprint, job.app.0.settings.max_response_body);
    lead.running(fingerprint);
    let response = match handle(&job.handler, job.request, Payload::from(job.body), limit, job.policy).await {
        Handled::NeverBegan(response) => {
            lead.end(Ending::Released);
            return response;
        }
        Handled::Answered(captured) => captured.into_response(),
    };
    lead.end(Ending::Settled(fingerprint, Code::ResponseNotStored));
    mark_not_stored(response)
}
