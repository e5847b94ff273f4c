//! Runs the work of a claim that has been won, and completes or releases the claim.

use super::{
    claimed::Claimed,
    job::Job,
    respond, running,
    work::{Fate, Ran, Work},
};
use crate::{attempt::Attempt, engine::Executing, flight::Leader, store::Hold};

/// Runs the work, records its output and returns it. The claim has been won.
pub(super) fn execute<W: Work>(
    job: Job<W>,
    hold: Hold,
    number: u32,
    leader: Leader,
    executing: Executing,
) -> impl Future<Output = W::Output> {
    let (attempt, app, event, work) = job.begin(hold, number);
    run(Claimed::begin(attempt.policy, app, hold, leader, event, executing), attempt, work)
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
        let ran = work.run(policy, policy.replay, &app.0);
        let Ran { outcome, fate } = running::known_to(attempt, app.clone(), ran).await;
        claimed.event.ends(outcome);
        match fate {
            Fate::Recorded(record, output) => respond::stored::<W>(claimed, record, output).await,
            Fate::Released(output) => Box::pin(claimed.release(output)).await,
            Fate::Lost(output) => Box::pin(respond::lost::<W>(claimed, output)).await,
        }
    }
}
