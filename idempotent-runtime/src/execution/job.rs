//! Everything that one execution of a request needs.

use super::work::Work;
use crate::{
    attempt::Attempt,
    engine::Idempotency,
    observe::EventGuard,
    policy::{Abandoned, Policy},
    request::{Identity, Key},
    store::{ClaimRequest, Hold, OnAbandoned, Origin},
};

/// A request whose identity is known, and the work that answers it.
pub(crate) struct Job<W> {
    pub(crate) policy: &'static Policy,
    pub(crate) app: Idempotency,
    pub(crate) key: Key,
    pub(crate) identity: Identity,
    pub(crate) origin: Origin,
    pub(crate) event: EventGuard,
    pub(crate) work: W,
}

impl<W: Work> Job<W> {
    /// Claim that the store is asked for on behalf of the request.
    pub(super) fn claim_request(&self, hold: Hold) -> ClaimRequest {
        claim_request::<W>(self.policy, &self.app, hold, self.origin)
    }

    /// Attempt under `hold`, the work to be done in it, and the guard of its event.
    pub(super) fn begin(self, hold: Hold, number: u32) -> (Attempt, Idempotency, EventGuard, W) {
        let Job { policy, app, key, origin, event, work, .. } = self;
        (Attempt { policy, key, hold, number, origin }, app, event, work)
    }
}

/// Claim under `hold` for work with this policy.
///
/// An execution that died in a transaction has left nothing, and is always run again. For any other
/// the application is asked, if it wants to be.
pub(super) fn claim_request<W: Work>(
    policy: &Policy,
    app: &Idempotency,
    hold: Hold,
    origin: Origin,
) -> ClaimRequest {
    let on_abandoned = match policy.abandoned {
        _ if policy.transaction || W::is_reconciled(&app.0) => OnAbandoned::Rerun,
        Abandoned::Refuse => OnAbandoned::Refuse,
        Abandoned::Rerun => OnAbandoned::Rerun,
    };
    ClaimRequest { hold, lease: app.0.settings.lease, on_abandoned, retention: policy.ttl, origin }
}
