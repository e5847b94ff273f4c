//! The turn to walk, which one node has at a time.

use std::time::Duration;

use super::{policy::POLICY, walk::WalkEnd};
use crate::{
    engine::Idempotency,
    execution::{Claimed, Sent, complete, keep_leases, release_unknown, renewed_in_time},
    flight::{Ending, Entry},
    observe::EventGuard,
    policy_ref::PolicyRef,
    record,
    request::{self, CallerId, RequestFingerprint},
    store::{Claim, ClaimRequest, Hold, OnAbandoned, Origin, Renewal, Retention},
};

/// Shortest time after which a turn is asked for again.
const SHORTEST: Duration = Duration::from_millis(20);

/// Answer to a node that would walk.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(super) enum Turn {
    /// It walks.
    Ours(OurTurn),
    /// Somebody else walks, or has walked lately. The time after which to ask again.
    NotNow(Duration),
}

/// The turn of this node. Its lease is kept.
pub(super) struct OurTurn(Claimed);

/// Asks for the turn.
pub(super) async fn take(app: &Idempotency, every: Duration) -> Turn {
    let address = request::turn(&app.0.settings.namespace);
    let Entry::Leads(leader) = app.0.flights.enter(address, CallerId::NOBODY) else {
        return Turn::NotNow(every);
    };
    let Ok(token) = app.0.store.token() else { return Turn::NotNow(every) };
    let hold = Hold { address, token, fingerprint: RequestFingerprint::from_bytes([0; 32]) };
    let executing = app.0.executions.count();
    if executing.is_draining() {
        return Turn::NotNow(every);
    }
    keep_leases(app);
    leader.claims(hold);
    let request = ClaimRequest {
        hold,
        lease: app.0.settings.lease,
        on_abandoned: OnAbandoned::Rerun,
        // Forgotten with its lease: a node that dies over it leaves nothing behind.
        retention: Duration::ZERO,
        origin: Origin::default(),
    };
    let sent = Sent::now();
    let left = match app.0.store.claim(request).await {
        Ok(Claim::Won { .. }) => {
            let (policy, event) = (PolicyRef::Handler(&POLICY), EventGuard::default());
            let claimed = Claimed::begin(policy, app.clone(), hold, leader, event, executing);
            let is_held = !sent.is_late(app.0.settings.lease)
                || matches!(renewed_in_time(app, hold).await, Ok(Renewal::Renewed));
            if is_held {
                return Turn::Ours(OurTurn(claimed));
            }
            claimed.release(()).await;
            return Turn::NotNow(every);
        }
        Ok(Claim::Replay { left, .. } | Claim::InFlight { lease_left: left }) => left.min(every),
        Ok(Claim::Reused | Claim::Expired | Claim::Abandoned) => every,
        Err(error) => {
            tracing::warn!(%error, "stuck entries could not be walked: the store failed, trying again");
            if !error.did_nothing() {
                release_unknown(app, request, error);
            }
            every
        }
    };
    leader.end(Ending::Released);
    Turn::NotNow(left.max(SHORTEST))
}

impl OurTurn {
    pub(super) fn hold(&self) -> Hold {
        self.0.hold
    }

    /// Ends the turn. After a whole walk nobody walks for the interval.
    pub(super) async fn end(self, walk: WalkEnd, every: Duration) {
        match walk {
            WalkEnd::Whole => {
                let retention = Retention { replay: every, remember: Duration::ZERO };
                complete(Claimed { retention, ..self.0 }, record::of_nothing()).await;
            }
            WalkEnd::Cut => self.0.release(()).await,
        }
    }
}
