//! An execution whose handler's rows, claim and response commit together.

use std::time::Duration;

use actix_web::{FromRequest, Handler, HttpResponse, Responder, http::StatusCode};
use tokio::time::{Instant, sleep};

use super::{
    Claimed, Fate, Handled, Job, claim_request, complete,
    file::{self, Filed},
    give_back_unknown, handle, unknown,
};
use crate::{
    context::Execution,
    flight::{Ending, Lead},
    idempotency::Executing,
    observe::Outcome,
    pace::Pace,
    policy::Replay,
    request::body,
    response::{Code, Reason, capture::Captured},
    store::{Claim, Completion, Origin, Record},
    transaction::{End, Failure, Left, Open, Slot, Standing, TransactionError},
};

// The claim has been won and is committed: others find it, and wait without a connection. From
// there:
//
//   handler ─ its transaction has ended before it ─┬─ rolled back ─▶ released, whatever it answers
//                                                  └─ committed ───▶ completed: outcome unknown
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
/// Runs the handler under a claim that has been won. Answers with the handler's response, or says
/// why nothing was kept.
pub(crate) async fn execute_in_transaction<H, Args>(
    job: Job<H>,
    execution: Execution,
    lead: Lead,
    executing: Executing,
) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    let Job { policy, app, request, body, handler, account, .. } = job;
    let mut claimed = Claimed::begin(policy, app, execution.hold, lead, account, executing);
    let settings = &claimed.app.0.settings;
    let slot = Slot::new(claimed.app.0.store.clone());
    let handled = handle(&handler, request, body::again(body), settings.max_response_body, policy);
    let handled = slot.known_to(execution.known_to(handled)).await;
    let may_succeed_later = may_succeed_later(&handled);
    let left = slot.close();
    let (ended, fate) = Fate::of(handled, Replay::Final, settings.replay_set_cookie);
    claimed.account.ends(ended);
    let fate = match fate {
        Fate::Recorded(record, response) if keeps_rows(response.status()) => {
            return end_with_rows(claimed, left, record, response).await;
        }
        fate => fate,
    };
    let end = take_back(left).await;
    match (fate, end) {
        (_, Ok(End::CommittedBefore)) => committed_before(claimed).await,
        (Fate::Lost(response), _) => Ok(complete::lost(claimed, response).await),
        (Fate::Released(_), end) if may_succeed_later || end.is_err() => rolled_back(claimed).await,
        (Fate::Released(response), Ok(End::RolledBackBefore)) if is_500(&response) => {
            rolled_back_before(claimed, response).await
        }
        (_, Ok(End::RolledBackBefore)) => rolled_back_before(claimed, internal_error()).await,
        (Fate::Released(response), _) => claimed.release(Ok(response)).await,
        (Fate::Recorded(record, response), _) => Ok(complete::stored(claimed, record, response).await),
    }
}

/// Ends a request whose transaction was rolled back while the handler had it.
async fn rolled_back_before(claimed: Claimed, response: HttpResponse) -> Result<HttpResponse, Reason> {
    tracing::error!(
        handler = claimed.policy.handler,
        "the handler's transaction was rolled back before the handler had ended, by a ROLLBACK or by an error on which \
         the database rolls back: nothing is kept, and the key is free"
    );
    claimed.release(Ok(response)).await
}

/// Ends a request whose handler has committed its transaction, or may have done so: what it did may
/// stand.
async fn committed_before(mut claimed: Claimed) -> Result<HttpResponse, Reason> {
    tracing::error!(
        handler = claimed.policy.handler,
        "the handler has committed its transaction itself, and without its response: what it did stands, and \
         the outcome of the key is unknown"
    );
    let mut account = claimed.account.take();
    account.ends(Outcome::Abandoned);
    unknown::record(claimed).await;
    Ok(internal_error())
}

/// True where a response with this status keeps the rows of its handler.
fn keeps_rows(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

const ROLLED_BACK: Reason = Reason {
    detail: Some(
        "The transaction met with a conflict or lost its database. Nothing of it was kept: retry with the same key.",
    ),
    ..Reason::new(Code::StoreUnavailable)
};

async fn rolled_back(mut claimed: Claimed) -> Result<HttpResponse, Reason> {
    claimed.account.refused(ROLLED_BACK.code);
    claimed.release(Err(ROLLED_BACK)).await
}

const NOT_KNOWN_YET: Reason = Reason {
    detail: Some(
        "Whether the request took effect is not known yet. Retry with the same key: it takes effect once at most.",
    ),
    ..Reason::new(Code::StoreUnavailable)
};

/// True where the handler answers that the database has refused for now, and may succeed later.
fn may_succeed_later(handled: &Handled) -> bool {
    let error = match handled {
        Handled::NeverBegan(response) | Handled::Answered(Captured::Passing(response)) => response.error(),
        Handled::Answered(Captured::Whole(head, _)) => head.error(),
        Handled::Panicked(_) => None,
    };
    let failed = error.and_then(|error| error.as_error::<TransactionError>());
    failed.is_some_and(|failed| Failure::of(failed.cause()) != Failure::Other)
}

/// Takes back what the handler has done.
async fn take_back(left: Left) -> Result<End, sqlx::Error> {
    let end = match left {
        Left::Nothing => Ok(End::TakenBack),
        Left::Lent(standing) => Ok(left_behind(standing)),
        Left::Open(mut open) => open.take_back().await,
    };
    if let Err(error) = &end {
        tracing::warn!(%error, "a transaction could not be rolled back: its connection is closed");
    }
    end
}

/// End of a transaction that the handler has left behind and something still has. The transaction
/// is closed when that is done with it.
fn left_behind(standing: Standing) -> End {
    match standing {
        Standing::Stands => End::TakenBack,
        Standing::RolledBack => End::RolledBackBefore,
        Standing::Committed | Standing::Unknown => End::CommittedBefore,
    }
}

async fn end_with_rows(
    claimed: Claimed,
    left: Left,
    record: Record,
    response: HttpResponse,
) -> Result<HttpResponse, Reason> {
    match left {
        Left::Nothing => Ok(complete::stored(claimed, record, response).await),
        Left::Open(open) => commit(claimed, open, record, response).await,
        left @ Left::Lent(_) => {
            tracing::error!(
                handler = claimed.policy.handler,
                "the handler has ended and its IdempotentTx has not: nothing is committed"
            );
            ended_without(claimed, take_back(left).await).await
        }
    }
}

async fn commit(
    mut claimed: Claimed,
    mut open: Box<dyn Open>,
    record: Record,
    response: HttpResponse,
) -> Result<HttpResponse, Reason> {
    claimed.account.asks();
    claimed.lead.finishing(claimed.hold);
    match open.write(&claimed.hold, &record, claimed.retention).await {
        Ok(Some(Completion::Stored)) => {}
        Ok(Some(Completion::Fenced(winner))) => {
            let _ = take_back(Left::Open(open)).await;
            return lost_to_another(claimed, winner);
        }
        Ok(None) => {
            tracing::error!(
                handler = claimed.policy.handler,
                "the handler's transaction does not stand any more, or has a savepoint open: nothing is committed"
            );
            return ended_without(claimed, take_back(Left::Open(open)).await).await;
        }
        Err(error) => {
            return match take_back(Left::Open(open)).await {
                Ok(End::TakenBack) | Err(_) => refused(claimed, error).await,
                end => ended_without(claimed, end).await,
            };
        }
    }
    match open.commit().await {
        Ok(()) => Ok(file::end(claimed, record, Completion::Stored).answer(response)),
        Err(error) if error.as_database_error().is_some() && Failure::of(&error) != Failure::Unavailable => {
            // That the transaction has ended now was done by this commit, so the result tells
            // nothing.
            let _ = open.take_back().await;
            drop(open);
            refused(claimed, error).await
        }
        Err(error) => {
            tracing::warn!(%error, handler = claimed.policy.handler, "a commit was not acknowledged: asking the store");
            // The connection is closed: what has not reached the database will not reach it any
            // more.
            drop(open);
            in_doubt(claimed, record, response).await
        }
    }
}

/// Ends a request whose rows could not be kept together with its record.
async fn ended_without(claimed: Claimed, end: Result<End, sqlx::Error>) -> Result<HttpResponse, Reason> {
    match end {
        Ok(End::TakenBack) => claimed.release(Ok(internal_error())).await,
        Ok(End::RolledBackBefore) => rolled_back_before(claimed, internal_error()).await,
        Ok(End::CommittedBefore) => committed_before(claimed).await,
        Err(_) => rolled_back(claimed).await,
    }
}

/// Answers with what the execution that took the claim over has recorded. What this handler's
/// response says did not happen.
fn lost_to_another(claimed: Claimed, winner: Option<Record>) -> Result<HttpResponse, Reason> {
    match file::end_without_effect(claimed, winner) {
        Filed::Fenced(winner) => winner.and_then(complete::replay).ok_or(Code::InProgress.into()),
        Filed::Stored | Filed::Late => Err(Code::InProgress.into()),
    }
}

/// Answers a request whose rows the database has refused to keep.
async fn refused(claimed: Claimed, error: sqlx::Error) -> Result<HttpResponse, Reason> {
    tracing::error!(%error, handler = claimed.policy.handler, "a handler's transaction was not committed");
    match Failure::of(&error) {
        Failure::Conflict | Failure::Unavailable => rolled_back(claimed).await,
        Failure::Other => claimed.release(Ok(internal_error())).await,
    }
}

fn internal_error() -> HttpResponse {
    HttpResponse::InternalServerError().finish()
}

fn is_500(response: &HttpResponse) -> bool {
    response.status() == StatusCode::INTERNAL_SERVER_ERROR
}

/// Longest time that the client waits to hear whether its request took effect.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

/// Asks the store whether the commit was carried out: then the record is there, and else the claim
/// still is. While the commit is under way neither can be told, and the store waits for it.
async fn in_doubt(
    mut claimed: Claimed,
    record: Record,
    response: HttpResponse,
) -> Result<HttpResponse, Reason> {
    let (until, mut pace) = (Instant::now() + PATIENCE, Pace::new(PAUSES.0, PAUSES.1));
    // A claim that is won by this is given back at once, so its origin matters to nobody.
    let request = claim_request(claimed.policy, &claimed.app, claimed.hold, Origin::default());
    loop {
        match claimed.app.0.store.claim(&request).await {
            Ok(Claim::Replay { record: found, .. }) if found == record => {
                return Ok(file::end(claimed, record, Completion::Stored).answer(response));
            }
            Ok(Claim::Won { .. }) => return rolled_back(claimed).await,
            Ok(_) => return lost_to_another(claimed, None),
            Err(error) if Instant::now() < until => {
                tracing::warn!(%error, handler = claimed.policy.handler, "a commit is in doubt, asking again");
            }
            Err(error) => {
                give_back_unknown(&claimed.app, request, error);
                claimed.account.refused(NOT_KNOWN_YET.code);
                claimed.lead.end(Ending::Lost);
                return Err(NOT_KNOWN_YET);
            }
        }
        sleep(pace.pause()).await;
    }
}
