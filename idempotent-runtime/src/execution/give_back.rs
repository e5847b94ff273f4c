//! Gives back what was claimed and does not run, in the background where the store fails.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tracing::Instrument;

use crate::{
    idempotency::{Idempotency, Inner},
    pace::Pace,
    policy::Policy,
    store::{CallError, Claim, ClaimRequest, Hold, OnAbandoned},
};

// A claim that was sent and brought no answer may be decided long after. A server that stalls in its commit has written it and shows
// it to nobody: a release deletes nothing, and then the commit lands. The same claim, sent again with its token, is answered
// only when the first is decided: it waits for what has been written, or is read behind what was sent before.
//
//   unknown ─ no answer ─▶ unknown: claimed again after a pause, and again
//           ─ won, as the first attempt ──▶ ours
//           ─ won, as a later one ────────▶ left to its lease: whoever takes it over is told that an execution has died
//           ─ any other answer ───────────▶ not ours, and released like ours: a release touches nothing of anybody else's
//   ours    ─ released ─ no answer ─▶ ours: released after a pause, and again;  answered ─▶ given back
//   given back ─ a lease later ─▶ released once more, in case a network had held the claim up until then
//
// To others a claim that is sent again does what the first one would have done: a lease that has run out is seen so. Trying ends with
// the ttl, when what may have been written is forgotten anyway.

/// How many claims may wait to be given back at a time, and how many to be given back once more.
const WAITING: usize = 16 * 1024;
/// How many of them are asked for at a time: a store that comes back has others to answer.
const ASKING: usize = 64;

/// How much is given back at a time. A store that is down must not be met by ever more tasks.
pub(crate) struct GivingBack {
    waiting: Arc<Semaphore>,
    once_more: Arc<Semaphore>,
    asking: Semaphore,
}

impl Default for GivingBack {
    fn default() -> Self {
        GivingBack {
            waiting: Arc::new(Semaphore::new(WAITING)),
            once_more: Arc::new(Semaphore::new(WAITING)),
            asking: Semaphore::new(ASKING),
        }
    }
}

impl GivingBack {
    /// A place for one more claim. Beyond the bound it is left to its lease.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok();
        if place.is_none() {
            tracing::warn!("too many keys wait to be released: one is left to its lease");
        }
        place
    }
}

/// Makes the key of `hold` free again. Where the store fails, trying goes on in the background.
pub(crate) async fn give_back(app: &Idempotency, policy: &Policy, hold: Hold) {
    let Err(error) = app.0.store.release(hold).await else { return };
    tracing::warn!(%error, "a key could not be released, trying again");
    let Some(place) = app.0.giving_back.place() else { return };
    let (app, executing, ttl) = (app.clone(), app.0.executions.count(), policy.ttl);
    let work = async move {
        let _ = timeout(ttl, release(&app, hold)).await;
        drop((place, executing));
    };
    tokio::spawn(work.in_current_span());
}

/// Gives back a claim of which it is not known whether it was won, in the background. A drain waits until that is done, and not for
/// the once more.
pub(crate) fn give_back_unknown(app: &Idempotency, request: ClaimRequest, error: CallError<Claim>) {
    let Some(place) = app.0.giving_back.place() else { return };
    let (app, executing) = (app.clone(), app.0.executions.count());
    let work = async move {
        let given_back = timeout(request.retention, undo(&app, &request, error)).await;
        let (lease, left) = (request.lease, Arc::downgrade(&app.0));
        drop((place, executing, app));
        if given_back == Ok(Undone::Released) {
            once_more(left, request.hold, lease).await;
        }
    };
    tokio::spawn(work.in_current_span());
}

/// How a claim was given back.
#[derive(PartialEq, Eq)]
enum Undone {
    Released,
    /// It took over an execution that has died, and so will the next one.
    LeftToItsLease,
}

async fn undo(app: &Idempotency, request: &ClaimRequest, error: CallError<Claim>) -> Undone {
    if let Some(Claim::Won { attempt: 2.. }) = decided(app, request, error).await {
        return Undone::LeftToItsLease;
    }
    release(app, request.hold).await;
    Undone::Released
}

/// The answer to the claim that brought `error`, or to the same claim sent again. `None` where the store is full: that is an answer
/// too, but not about this claim.
async fn decided(app: &Idempotency, request: &ClaimRequest, mut error: CallError<Claim>) -> Option<Claim> {
    let (again, mut pace) = (to_be_released(request), pace(app));
    loop {
        if let CallError::Pending(call) = error
            && let Some(claim) = call.settled().await
        {
            return Some(claim);
        }
        match in_turn(app, app.0.store.claim(&again)).await {
            Ok(claim) => return Some(claim),
            Err(full) if full.is_full() => return None,
            Err(failed) => error = failed,
        }
        sleep(pace.pause()).await;
    }
}

/// The same claim, which is forgotten with its lease if this process dies before it has released it: nothing has run. Under `rerun`
/// it is kept, since it may have taken over an execution that has died.
fn to_be_released(request: &ClaimRequest) -> ClaimRequest {
    match request.on_abandoned {
        OnAbandoned::Refuse => ClaimRequest { retention: Duration::ZERO, ..*request },
        OnAbandoned::Rerun => *request,
    }
}

async fn release(app: &Idempotency, hold: Hold) {
    let mut pace = pace(app);
    while in_turn(app, app.0.store.release(hold)).await.is_err() {
        sleep(pace.pause()).await;
    }
}

async fn once_more(app: Weak<Inner>, hold: Hold, lease: Duration) {
    let places = app.upgrade().map(|app| Arc::clone(&app.giving_back.once_more));
    let Some(_place) = places.and_then(|places| places.try_acquire_owned().ok()) else { return };
    sleep(lease).await;
    if let Some(app) = app.upgrade().map(Idempotency) {
        let _ = timeout(lease, release(&app, hold)).await;
    }
}

async fn in_turn<T>(app: &Idempotency, call: impl Future<Output = T>) -> T {
    let _turn = app.0.giving_back.asking.acquire().await;
    call.await
}

/// Often enough to be heard before a lease is seen to have run out.
fn pace(app: &Idempotency) -> Pace {
    Pace::new(Duration::from_millis(50), Duration::from_secs(1).min(app.0.settings.lease / 10))
}
