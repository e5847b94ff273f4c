//! Claims that the store is asked for.

use super::{job::Job, work::Work};
use crate::{
    engine::{Idempotency, Settings},
    policy::{Abandoned, Policy},
    store::{ClaimRequest, Hold, OnAbandoned, Origin},
};

/// Claim that the store is asked for on behalf of a request.
pub(super) fn claim_of<W: Work>(job: &Job<W>, hold: Hold) -> ClaimRequest {
    claim_request::<W>(&job.policy, &job.app, hold, job.origin)
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
    let Settings { lease, defaults, .. } = &app.0.settings;
    let on_abandoned = match policy.abandoned(defaults) {
        _ if W::is_reconciled(&app.0) => OnAbandoned::Rerun,
        Abandoned::Refuse => OnAbandoned::Refuse,
        Abandoned::Rerun => OnAbandoned::Rerun,
    };
    ClaimRequest { hold, lease: *lease, on_abandoned, retention: policy.ttl(defaults), origin }
}
