//! Gives back a claim. Where the store fails, that goes on in the background.

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use crate::{backoff::Backoff, engine::Idempotency, policy::Policy, store::Hold};

/// Frees the key of `hold`. Where the store fails, it is tried again in the background.
pub(crate) async fn release(app: &Idempotency, policy: &Policy, hold: Hold) {
    let Err(error) = app.0.store.release(hold).await else { return };
    tracing::warn!(%error, "a key could not be released, trying again");
    let (trying, ttl) = (app.clone(), policy.ttl(&app.0.settings.defaults));
    in_background(app, async move {
        let mut tries = Tries::within(trying.0.settings.lease);
        let _ = timeout(tries.lease.saturating_add(ttl), keep_releasing(&trying, hold, &mut tries)).await;
    });
}

/// Gives a key back, if there is a place for one more. A drain waits for that, at most for a lease.
pub(super) fn in_background(app: &Idempotency, work: impl Future<Output = ()> + Send + 'static) {
    let Some(permit) = app.0.releases.wait() else { return };
    let (waited_for, lease) = (app.0.executions.count(), app.0.settings.lease);
    let bounded = async move {
        let mut work = pin!(work);
        if timeout(lease, work.as_mut()).await.is_err() {
            drop(waited_for);
            work.await;
        }
        drop(permit);
    };
    tokio::spawn(bounded.in_current_span());
}

/// Result of giving a claim back.
#[derive(PartialEq, Eq)]
pub(super) enum Undone {
    Released,
    LeftToItsLease,
}

pub(super) async fn keep_releasing(app: &Idempotency, hold: Hold, tries: &mut Tries) -> Undone {
    while in_turn(app, app.0.store.release(hold)).await.is_err() {
        if tries.next(hold).await.is_none() {
            return Undone::LeftToItsLease;
        }
    }
    Undone::Released
}

pub(super) async fn in_turn<T>(app: &Idempotency, call: impl Future<Output = T>) -> T {
    let _permit = app.0.releases.call().await;
    call.await
}

/// Pause before the first of further tries.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Number of tries after the lease, with ever longer pauses: about a quarter of an hour.
const LATE_TRIES: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Tries that are left to give one key back.
pub(super) struct Tries {
    lease: Duration,
    lease_until: Instant,
    soon: Backoff,
    late: Backoff,
    late_tries: u32,
}

impl Tries {
    /// Tries for a claim that has been sent with this lease. There are many before the lease is
    /// seen to have run out, so that one is heard in time, and few after that.
    pub(super) fn within(lease: Duration) -> Self {
        let (soon, late) = (lease / 10, lease / 5);
        Tries {
            lease,
            lease_until: Instant::now() + lease,
            soon: Backoff::new(FIRST_PAUSE, soon),
            late: Backoff::new(late, LONGEST_PAUSE.max(late)),
            late_tries: LATE_TRIES,
        }
    }

    /// Pauses before the next try to give `hold` back. `None` if no try is left.
    pub(super) async fn next(&mut self, hold: Hold) -> Option<()> {
        if Instant::now() < self.lease_until {
            sleep(self.soon.next_delay()).await;
            return Some(());
        }
        let Some(left) = self.late_tries.checked_sub(1) else {
            tracing::warn!(address = %hold.address, "a key could not be released: it is left to its lease");
            return None;
        };
        self.late_tries = left;
        sleep(self.late.next_delay()).await;
        Some(())
    }
}
