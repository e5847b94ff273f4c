//! Claims as the benchmarks send them.

use std::time::Duration;

use idempotent_runtime::store::{ClaimRequest, Hold, OnAbandoned, Origin};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Claim with this hold, as an endpoint with the usual lease sends it.
pub(crate) fn request(hold: Hold) -> ClaimRequest {
    ClaimRequest {
        hold,
        lease: Duration::from_secs(30),
        on_abandoned: OnAbandoned::Refuse,
        retention: HOUR,
        origin: Origin::default(),
    }
}
