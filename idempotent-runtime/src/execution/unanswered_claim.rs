//! Gives back, in the background, a claim that was sent and brought no answer.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tracing::Instrument;

use super::release::{Tries, Undone, in_background, in_turn, keep_releasing};
use crate::{
    engine::{Engine, Idempotency},
    store::{CallError, Claim, ClaimRequest, Hold, OnAbandoned},
};

// A claim that was sent and brought no answer may be decided long after. A server that stalls in
// its commit has written it and shows it to nobody: a release deletes nothing, and then the commit
// lands. The same claim, sent again with its token, is answered only when the first is decided: it
// waits for what has been written, or is read behind what was sent before.
//
//   unknown ─ no answer ─▶ unknown: claimed again after a pause, and again
//           ─ won, as the first attempt ─▶ ours
//           ─ won, as a later one ───────▶ left to its lease: the next takeover is told that an
//                                          execution has died
//           ─ the entry cannot be read ──▶ left to its lease
//           ─ any other answer ──────────▶ not ours, and released like ours: a release touches
//                                          nothing of anybody else's
//   ours    ─ released ─ no answer ─▶ ours: released after a pause, and again
//                      └ answered ──▶ given back
//   given back ─ a lease later ─▶ released once more, in case a network had held the claim up
//                                 until then
//   unknown, ours ─ there is no try left ─▶ left to its lease
//
// To others a claim that is sent again does what the first one would have done: a lease that has
// run out is seen so. The work is bounded: by the number of keys, by the tries for each, and by the
// time for which a drain waits. A claim that the store has refused never comes here: it did
// nothing.

/// Gives back a claim that may or may not have been won.
pub(crate) fn release_unknown(app: &Idempotency, request: ClaimRequest, error: CallError<Claim>) {
    let trying = app.clone();
    in_background(app, async move {
        // After this time the store has forgotten what may have been written.
        let limit = request.lease.saturating_add(request.retention);
        if timeout(limit, undo(&trying, &request, error)).await == Ok(Undone::Released) {
            let once_more = once_more(Arc::downgrade(&trying.0), request.hold, request.lease);
            tokio::spawn(once_more.in_current_span());
        }
    });
}

async fn undo(app: &Idempotency, request: &ClaimRequest, error: CallError<Claim>) -> Undone {
    let mut tries = Tries::within(request.lease);
    match decided(app, request, error, &mut tries).await {
        Decided::ToBeReleased => keep_releasing(app, request.hold, &mut tries).await,
        Decided::NotToBeReleased => Undone::LeftToItsLease,
    }
}

/// Decision about a claim that has brought no answer.
enum Decided {
    ToBeReleased,
    /// The claim took over an execution that has died, and so will the next one. Or nothing was
    /// found out.
    NotToBeReleased,
}

impl Decided {
    fn by(claim: &Claim) -> Self {
        match claim {
            Claim::Won { attempt: 2.. } => Decided::NotToBeReleased,
            _ => Decided::ToBeReleased,
        }
    }
}

/// Finds out what became of the claim that brought `error`. Its own answer tells that, or the
/// answer to the same claim sent again.
async fn decided(
    app: &Idempotency,
    request: &ClaimRequest,
    mut error: CallError<Claim>,
    tries: &mut Tries,
) -> Decided {
    let again = to_be_released(request);
    loop {
        if let CallError::Pending(call) = error
            && let Some(claim) = call.settled().await
        {
            return Decided::by(&claim);
        }
        match in_turn(app, app.0.store.claim(again)).await {
            Ok(claim) => return Decided::by(&claim),
            // This is an answer too, but not about this claim.
            Err(full) if full.is_full() => return Decided::ToBeReleased,
            Err(unreadable) if unreadable.is_unreadable() => return Decided::NotToBeReleased,
            Err(failed) => error = failed,
        }
        if tries.next(request.hold).await.is_none() {
            return Decided::NotToBeReleased;
        }
    }
}

/// The same claim, made so that the store forgets it with its lease if this process dies before it
/// has released the claim: nothing has run. Under `rerun` it is kept, since it may have taken over
/// an execution that has died.
fn to_be_released(request: &ClaimRequest) -> ClaimRequest {
    match request.on_abandoned {
        OnAbandoned::Refuse => ClaimRequest { retention: Duration::ZERO, ..*request },
        OnAbandoned::Rerun => *request,
    }
}

async fn once_more(app: Weak<Engine>, hold: Hold, lease: Duration) {
    let permit = app.upgrade().and_then(|app| app.releases.wait_for_another());
    let Some(_permit) = permit else { return };
    sleep(lease).await;
    if let Some(app) = app.upgrade().map(Idempotency) {
        let _ = timeout(lease, keep_releasing(&app, hold, &mut Tries::within(lease))).await;
    }
}
