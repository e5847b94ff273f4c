//! Runs the work of a claim that has been won, and completes or releases the claim.

use futures_util::FutureExt;

use super::{
    claimed::Claimed,
    job::Won,
    respond, running,
    work::{Fate, Ran, Work},
};
use crate::attempt::Attempt;

/// Runs the work, records its output and returns it. The claim has been won.
pub(crate) fn execute<W: Work>(won: Won<W>) -> impl Future<Output = W::Output> {
    let Won { job, hold, number, leader, executing } = won;
    let (attempt, app, event, work) = job.begin(hold, number);
    run(Claimed::begin(attempt.policy.clone(), app, hold, leader, event, executing), attempt, work)
}

/// The same as [`execute`], for an execution that has begun.
///
/// The work is the first part of one future, and not a part of another that waits for it: what is
/// moved into place is moved once.
pub(super) fn run<W: Work>(claimed: Claimed, attempt: Attempt, work: W) -> impl Future<Output = W::Output> {
    let replay = claimed.policy.replay(&claimed.app.0.settings.defaults);
    let ran = work.run(&claimed.policy, replay, &claimed.app.0);
    running::known_to(attempt, claimed.app.clone(), ran).then(|ran| end::<W>(claimed, ran))
}

/// Completes or releases the claim, as the work has ended.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
fn end<W: Work>(mut claimed: Claimed, ran: Ran<W::Output>) -> impl Future<Output = W::Output> {
    async move {
        let Ran { outcome, fate } = ran;
        claimed.event.ends(outcome);
        match fate {
            Fate::Recorded(record, output) => respond::stored::<W>(claimed, record, output).await,
            Fate::Released(output) => Box::pin(claimed.release(output)).await,
            Fate::Lost(output) => Box::pin(respond::lost::<W>(claimed, output)).await,
        }
    }
}
