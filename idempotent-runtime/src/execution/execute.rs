//! Runs the work of a claim that has been won, and completes or releases the claim.

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
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(super) fn run<W: Work>(
    mut claimed: Claimed,
    attempt: Attempt,
    work: W,
) -> impl Future<Output = W::Output> {
    async move {
        let Claimed { policy, app, .. } = &claimed;
        let ran = work.run(policy, policy.replay(&app.0.settings.defaults), &app.0);
        let Ran { outcome, fate } = running::known_to(attempt, app.clone(), ran).await;
        claimed.event.ends(outcome);
        match fate {
            Fate::Recorded(record, output) => respond::stored::<W>(claimed, record, output).await,
            Fate::Released(output) => Box::pin(claimed.release(output)).await,
            Fate::Lost(output) => Box::pin(respond::lost::<W>(claimed, output)).await,
        }
    }
}
