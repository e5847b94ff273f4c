//! An execution that has taken over from one that died: the application is asked what became of
//! that one.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{
    claimed::Claimed,
    completion::CompletionOutcome,
    execute::run,
    job::Won,
    lease_age::renewed_in_time,
    panic_message::message,
    respond,
    unknown_outcome::complete_as_unknown,
    work::{Decision, Work},
};
use crate::{
    attempt::Attempt,
    engine::Idempotency,
    flight::Ending,
    observe::Outcome,
    reason::{Reason, RefusalCode},
    store::Renewal,
};

/// Time limit for the application to say what becomes of an execution.
pub(crate) const RECONCILE_TIMEOUT: Duration = Duration::from_secs(30);

// The claim has been won, as a later attempt. While the application is asked the lease is kept, and
// others wait:
//
//   taken over ─ Rerun ─────▶ the claim is renewed ─ it stands ─▶ the handler runs
//                              ├ it is lost ────────────▶ nothing runs: a retry gets the winner's
//                              │                          answer
//                              └ the store cannot say ──▶ nothing runs, and it is left to its lease
//              ─ Complete ──▶ completed: the response is recorded, and is what the request answers
//              ─ Refuse ────▶ completed: it is recorded that there is no outcome to be known
//              ─ it panics, or takes too long ─▶ left to its lease: the next takeover asks again
/// Asks the application about a request whose earlier execution died, and does what it says. The
/// claim has been won.
pub(super) async fn take_over<W: Work>(won: Won<W>) -> Result<W::Output, Reason> {
    let Won { job, hold, number, leader, executing } = won;
    let (attempt, app, event, work) = job.begin(hold, number);
    let mut claimed = Claimed::begin(attempt.policy.clone(), app, hold, leader, event, executing);
    match decided(&work, &attempt, &claimed.app).await {
        Some(Decision::Run) => Ok(run(still_held(claimed).await?, attempt, work).await),
        Some(Decision::Answer(record, output)) => {
            claimed.event.ends(Outcome::Reconciled);
            Ok(respond::stored::<W>(claimed, record, output).await)
        }
        Some(Decision::Refuse) => refused::<W>(claimed).await,
        None => {
            claimed.event.refused(RefusalCode::OutcomeUnknown);
            claimed.leader.end(Ending::Settled(hold.fingerprint, RefusalCode::OutcomeUnknown.into()));
            Err(RefusalCode::OutcomeUnknown.into())
        }
    }
}

/// Asks the application. `None` if it gives no answer.
async fn decided<W: Work>(work: &W, attempt: &Attempt, app: &Idempotency) -> Option<Decision<W::Output>> {
    let decided = AssertUnwindSafe(work.decide(attempt, app)).catch_unwind();
    let why = match timeout(RECONCILE_TIMEOUT, decided).await {
        Ok(Ok(decision)) => return decision,
        Ok(Err(panicked)) => message(&*panicked).to_owned(),
        Err(_) => format!("no answer in {RECONCILE_TIMEOUT:?}"),
    };
    tracing::error!(
        handler = attempt.policy.name(),
        endpoint = attempt.origin.endpoint(),
        address = %attempt.hold.address,
        why,
        "an abandoned execution was not reconciled: the next takeover asks again"
    );
    None
}

/// The claim, if it still stands. While the application was asked, this process may have stood
/// still for longer than a lease.
async fn still_held(mut claimed: Claimed) -> Result<Claimed, Reason> {
    let Claimed { app, hold, policy, .. } = &claimed;
    match renewed_in_time(app, *hold).await {
        Ok(Renewal::Renewed) => Ok(claimed),
        Ok(Renewal::Fenced) => {
            claimed.event.ends(Outcome::Fenced);
            claimed.leader.end(Ending::Lost);
            Err(RefusalCode::InProgress.into())
        }
        Err(error) => {
            tracing::error!(%error, handler = policy.name(), "the store failed before an execution was run again");
            claimed.event.refused(RefusalCode::StoreUnavailable);
            claimed
                .leader
                .end(Ending::Settled(claimed.hold.fingerprint, RefusalCode::StoreUnavailable.into()));
            Err(RefusalCode::StoreUnavailable.into())
        }
    }
}

/// Records that there is no outcome to be known, and answers so. Where another execution has
/// recorded meanwhile, the answer is what that one has recorded.
async fn refused<W: Work>(mut claimed: Claimed) -> Result<W::Output, Reason> {
    let mut event = claimed.event.take();
    event.refused(RefusalCode::OutcomeUnknown);
    let winner = match complete_as_unknown(claimed).await {
        CompletionOutcome::Fenced(winner) => {
            event.ends(Outcome::Fenced);
            winner.and_then(|winner| W::read(&winner).ok())
        }
        CompletionOutcome::Stored | CompletionOutcome::Late => None,
    };
    winner.ok_or(RefusalCode::OutcomeUnknown.into())
}
