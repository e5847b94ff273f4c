//! Execution without protection, where the store fails and the application has said to go on
//! without it.

use super::{
    job::Job,
    work::{Ran, Work},
};
use crate::{
    flight::{Ending, Leader},
    observe::Outcome,
    reason::RefusalCode,
};

/// Runs the work without protection, as the application has asked for. Only requests that wait for
/// this one do not run too.
pub(super) async fn unprotected<W: Work>(job: Job<W>, leader: Leader) -> W::Output {
    tracing::warn!(handler = job.policy.name(), "the store failed: executing unprotected, as configured");
    let Job { policy, app, identity, mut event, work, .. } = job;
    leader.unprotected(identity.fingerprint);
    event.ends(Outcome::Unprotected);
    let Ran { outcome, fate } = work.run(&policy, policy.replay(&app.0.settings.defaults), &app.0).await;
    let output = fate.into_output();
    if outcome == Outcome::NeverBegan {
        event.ends(Outcome::NeverBegan);
        leader.end(Ending::Released);
        return output;
    }
    leader.end(Ending::Settled(identity.fingerprint, RefusalCode::ResponseNotStored.into()));
    W::not_stored(output)
}
