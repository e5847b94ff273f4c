//! An execution whose handler's rows, claim and response commit together.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    claim_request::claim_request,
    claimed::Claimed,
    completion::{self, CompletionOutcome},
    job::Won,
    respond, running,
    taken_back::{TakenBack, Writing, committed_itself, rolled_back_before, take_back},
    unanswered_claim::release_unknown,
    unfinished::Unfinished,
    work::{Fate, Ran, WorkWithRows},
};
use crate::{
    backoff::Backoff,
    flight::Ending,
    reason::{Detail, Reason, RefusalCode},
    store::{Claim, Completion, Origin, Record},
    transaction::{AtClose, End, Open, Slot, TransactionError, TransactionFailure},
};

/// True where the store cannot write before the transaction of the running execution has ended.
pub(crate) fn keeps_the_store_from_writing() -> bool {
    Slot::keeps_the_store_from_writing()
}

// The claim has been won and is committed: others find it, and wait without a connection. From
// there:
//
//   handler ─ its transaction has ended before it ─┬─ rolled back ─▶ released, whatever it answers
//                                                  └─ committed ───▶ completed: outcome unknown
//           ─ something it has left behind still has the transaction
//               ├ and cannot commit any more ─▶ as if it were rolled back
//               └ and may commit ─────────────▶ completed: outcome unknown
//           ─ is dropped, or a step panics ─▶ what its transaction has come to decides, as above:
//                                             outcome unknown, or taken back and released
//           ─ never began, panics, answers 5xx or what is never stored
//             (401, 407, 408, 421, 425, 429) ─▶ rolled back ─▶ released: the next attempt runs
//           ─ answers another 4xx ─▶ rolled back ─▶ its response is stored by itself
//           ─ answers 2xx, 3xx ─▶ the record is written, where the claim stands
//               ├ it is written ─────▶ commit ─┬─ done ──────▶ completed
//               │                              ├─ refused ───▶ released
//               │                              └─ no answer ─▶ the store is asked, by token:
//               │                                  completed, or claimed still: released
//               ├ the claim is lost ─▶ rolled back: the winner answers
//               └ it fails ──────────▶ rolled back, released
//
// An execution that dies on the way leaves a claim whose lease runs out, and nothing else: the
// request is run again.
/// Runs the work under a claim that has been won. Returns its output, or the reason why nothing was
/// kept.
pub(crate) async fn execute_in_transaction<W: WorkWithRows>(won: Won<W>) -> Result<W::Output, Reason> {
    let Won { job, hold, number, leader, executing } = won;
    let (attempt, app, event, work) = job.begin(hold, number);
    let claimed = Claimed::begin(attempt.policy.clone(), app.clone(), hold, leader, event, executing);
    let (policy, slot) = (claimed.policy.clone(), Slot::new(app.0.store.clone()));
    let unfinished = Unfinished::new(claimed, Arc::clone(&slot));
    let ran = work.run(&policy, policy.replay(&app.0.settings.defaults), &app.0);
    let Ran { outcome, fate } = slot.known_to(running::known_to(attempt, app.clone(), ran)).await;
    let Some(mut claimed) = unfinished.ends() else { return Err(LOST_SIGHT) };
    let left = slot.close();
    if matches!(left, AtClose::Borrowed(_)) {
        tracing::error!(
            handler = policy.name(),
            "the handler has ended and its IdempotentTx has not: its response is not committed"
        );
    }
    claimed.event.ends(outcome);
    let fate = match fate {
        Fate::Recorded(record, output) if W::keeps_rows(&output) => {
            return end_with_rows::<W>(claimed, left, record, output).await;
        }
        fate => fate,
    };
    let taken = TakenBack::of(claimed, left).await;
    let Some((claimed, end)) = taken else { return Err(LOST_SIGHT) };
    match (fate, end) {
        (_, Ok(End::CommittedBefore)) => committed_before::<W>(claimed).await,
        (Fate::Lost(output), _) => Ok(respond::lost::<W>(claimed, output).await),
        (Fate::Released(output), end) if W::may_succeed_later(&output, end.is_err()) => {
            rolled_back(claimed).await
        }
        (Fate::Released(output), Ok(End::RolledBackBefore)) if W::has_failed(&output) => {
            Ok(rolled_back_before(claimed, output).await)
        }
        (_, Ok(End::RolledBackBefore)) => {
            Ok(rolled_back_before(claimed, W::failed(TransactionFailure::RolledBack)).await)
        }
        (Fate::Released(output), _) => claimed.release(Ok(output)).await,
        (Fate::Recorded(record, output), _) => Ok(respond::stored::<W>(claimed, record, output).await),
    }
}

/// Reason for an execution of which nothing is known any more: its key is left to its lease.
const LOST_SIGHT: Reason = Reason::new(RefusalCode::InProgress);

/// Ends a request whose handler has committed its transaction itself, or may do so yet.
async fn committed_before<W: WorkWithRows>(claimed: Claimed) -> Result<W::Output, Reason> {
    committed_itself(claimed).await;
    Ok(W::failed(TransactionFailure::Committed))
}

const ROLLED_BACK: Reason = Reason {
    detail: Some(Detail::Sentence(
        "The transaction met with a conflict or lost its database. Nothing of it was kept: retry with the same key.",
    )),
    ..Reason::new(RefusalCode::StoreUnavailable)
};

async fn rolled_back<T>(mut claimed: Claimed) -> Result<T, Reason> {
    claimed.event.refused(ROLLED_BACK.code);
    claimed.release(Err(ROLLED_BACK)).await
}

const NOT_KNOWN_YET: Reason = Reason {
    detail: Some(Detail::Sentence(
        "Whether the request took effect is not known yet. Retry with the same key: it takes effect once at most.",
    )),
    ..Reason::new(RefusalCode::StoreUnavailable)
};

async fn end_with_rows<W: WorkWithRows>(
    claimed: Claimed,
    left: AtClose,
    record: Record,
    output: W::Output,
) -> Result<W::Output, Reason> {
    match left {
        AtClose::Nothing => Ok(respond::stored::<W>(claimed, record, output).await),
        AtClose::Returned(open) => commit::<W>(claimed, open, record, output).await,
        left @ AtClose::Borrowed(_) => ended_without::<W>(claimed, take_back(left).await).await,
    }
}

async fn commit<W: WorkWithRows>(
    mut claimed: Claimed,
    open: Box<dyn Open>,
    record: Record,
    output: W::Output,
) -> Result<W::Output, Reason> {
    claimed.event.asks();
    claimed.leader.finishing(claimed.hold);
    let written = Writing::new(claimed, open).write(&record).await;
    let Some((claimed, mut open, written)) = written else { return Err(LOST_SIGHT) };
    match written {
        Ok(Some(Completion::Stored)) => {}
        Ok(Some(Completion::Fenced(winner))) => {
            let _ = take_back(AtClose::Returned(open)).await;
            return lost_to_another::<W>(claimed, winner);
        }
        Ok(None) => {
            tracing::error!(
                handler = claimed.policy.name(),
                "the handler's transaction does not stand any more, or has a savepoint open: nothing is committed"
            );
            return taken_back::<W>(claimed, open).await;
        }
        Err(error) => {
            let taken = TakenBack::of(claimed, AtClose::Returned(open)).await;
            let Some((claimed, end)) = taken else { return Err(LOST_SIGHT) };
            return match end {
                Ok(End::TakenBack) | Err(_) => refused::<W>(claimed, error).await,
                end => ended_without::<W>(claimed, end).await,
            };
        }
    }
    match open.commit().await {
        Ok(()) => Ok(committed::<W>(claimed, record, output)),
        Err(error) if error.is_answered() => {
            // That the transaction has ended now was done by this commit, so the result tells
            // nothing.
            let _ = open.take_back().await;
            drop(open);
            refused::<W>(claimed, error).await
        }
        Err(error) => {
            tracing::warn!(
                error = %error.cause(), handler = claimed.policy.name(), "a commit was not acknowledged: asking the store"
            );
            // The connection is closed: what has not reached the database will not reach it any
            // more.
            drop(open);
            in_doubt::<W>(claimed, record, output).await
        }
    }
}

/// Takes the transaction back, and ends the request whose rows could not be kept.
async fn taken_back<W: WorkWithRows>(claimed: Claimed, open: Box<dyn Open>) -> Result<W::Output, Reason> {
    match TakenBack::of(claimed, AtClose::Returned(open)).await {
        Some((claimed, end)) => ended_without::<W>(claimed, end).await,
        None => Err(LOST_SIGHT),
    }
}

/// Ends a request whose rows could not be kept together with its record.
async fn ended_without<W: WorkWithRows>(
    claimed: Claimed,
    end: Result<End, TransactionError>,
) -> Result<W::Output, Reason> {
    match end {
        Ok(End::TakenBack) => claimed.release(Ok(W::failed(TransactionFailure::LeftOpen))).await,
        Ok(End::RolledBackBefore) => {
            Ok(rolled_back_before(claimed, W::failed(TransactionFailure::RolledBack)).await)
        }
        Ok(End::CommittedBefore) => committed_before::<W>(claimed).await,
        Err(_) => rolled_back(claimed).await,
    }
}

/// Answers with what the execution that took the claim over has recorded. What this handler's
/// response says did not happen.
fn lost_to_another<W: WorkWithRows>(claimed: Claimed, winner: Option<Record>) -> Result<W::Output, Reason> {
    match completion::end_without_effect(claimed, winner) {
        CompletionOutcome::Fenced(winner) => {
            winner.and_then(|winner| W::read(&winner).ok()).ok_or(RefusalCode::InProgress.into())
        }
        CompletionOutcome::Stored | CompletionOutcome::Late => Err(RefusalCode::InProgress.into()),
    }
}

/// Answers a request whose rows the database has refused to keep.
async fn refused<W: WorkWithRows>(claimed: Claimed, error: TransactionError) -> Result<W::Output, Reason> {
    tracing::error!(
        error = %error.cause(), handler = claimed.policy.name(), "a handler's transaction was not committed"
    );
    if error.may_be_tried_again() {
        return rolled_back(claimed).await;
    }
    claimed.release(Ok(W::failed(TransactionFailure::Refused(error)))).await
}

/// Output of an execution whose record has been committed with its rows.
fn committed<W: WorkWithRows>(claimed: Claimed, record: Record, output: W::Output) -> W::Output {
    respond::output_of::<W>(completion::end(claimed, record, Completion::Stored), output)
}

/// Longest time that the client waits to hear whether its request took effect.
const DOUBT_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

/// Asks the store whether the commit was carried out: then the record is there, and else the claim
/// still is. While the commit is under way neither can be told, and the store waits for it.
async fn in_doubt<W: WorkWithRows>(
    mut claimed: Claimed,
    record: Record,
    output: W::Output,
) -> Result<W::Output, Reason> {
    let (until, mut pace) = (Instant::now() + DOUBT_TIMEOUT, Backoff::new(PAUSES.0, PAUSES.1));
    // A claim that is won by this is given back at once, so its origin matters to nobody.
    let request = claim_request::<W>(&claimed.policy, &claimed.app, claimed.hold, Origin::default());
    loop {
        match claimed.app.0.store.claim(request).await {
            Ok(Claim::Replay { record: found, .. }) if found == record => {
                return Ok(committed::<W>(claimed, record, output));
            }
            Ok(Claim::Won { .. }) => return rolled_back(claimed).await,
            Ok(_) => return lost_to_another::<W>(claimed, None),
            Err(error) if Instant::now() < until => {
                tracing::warn!(%error, handler = claimed.policy.name(), "a commit is in doubt, asking again");
            }
            Err(error) => {
                release_unknown(&claimed.app, request, error);
                claimed.event.refused(NOT_KNOWN_YET.code);
                claimed.leader.end(Ending::Lost);
                return Err(NOT_KNOWN_YET);
            }
        }
        sleep(pace.next_delay()).await;
    }
}
