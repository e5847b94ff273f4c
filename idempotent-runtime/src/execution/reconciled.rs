//! An execution that has taken over from one that died: the application is asked what became of
//! that one.

use std::{panic::AssertUnwindSafe, time::Duration};

use actix_web::{FromRequest, Handler, HttpResponse, Responder};
use futures_util::FutureExt;
use tokio::time::timeout;

use super::{Claimed, Filed, Job, complete, handle::message, recorded, renewed_in_time, run, unknown};
use crate::{
    context::Execution,
    flight::{Ending, Lead},
    idempotency::Executing,
    observe::Outcome,
    reconcile::{AbandonedExecution, Reconcile, Resolution},
    request,
    response::{
        Code, Reason,
        capture::{Captured, capture},
    },
    store::Renewal,
};

/// Longest time that the application may take to say what becomes of an execution.
const PATIENCE: Duration = Duration::from_secs(30);

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
pub(crate) async fn reconciled<H, Args>(
    mut job: Job<H>,
    execution: Execution,
    lead: Lead,
    executing: Executing,
) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    let account = job.account.take();
    let mut claimed = Claimed::begin(job.policy, job.app.clone(), execution.hold, lead, account, executing);
    match asked(&job, execution).await {
        Some(Decision::Run) => {
            let claimed = still_held(claimed).await?;
            let Job { handler, request, body, .. } = job;
            Ok(run(claimed, execution.attempt, execution.origin, handler, request, body).await)
        }
        Some(Decision::Answer(captured)) => {
            let (record, response) = recorded(captured, job.app.0.settings.replay_set_cookie);
            claimed.account.ends(Outcome::Reconciled);
            Ok(complete::stored(claimed, record, response).await)
        }
        Some(Decision::Refuse) => refused(claimed).await,
        None => {
            claimed.account.refused(Code::OutcomeUnknown);
            claimed.lead.end(Ending::Settled(execution.hold.fingerprint, Code::OutcomeUnknown.into()));
            Err(Code::OutcomeUnknown.into())
        }
    }
}

/// Answer of the application.
enum Decision {
    Run,
    Refuse,
    Answer(Captured),
}

/// Asks the application. `None` if it gives no answer.
async fn asked<H>(job: &Job<H>, execution: Execution) -> Option<Decision> {
    let Job { policy, app, request, body, .. } = job;
    let settings = &app.0.settings;
    let hook = settings.reconcile.as_deref()?;
    let key = request::read_key(request.headers(), &settings.header_name, settings.key_format).ok()?;
    let abandoned = AbandonedExecution { execution, key, request: request.clone(), body: body.clone() };
    let decided = AssertUnwindSafe(decide(hook, &abandoned, settings.max_response_body)).catch_unwind();
    let why = match timeout(PATIENCE, decided).await {
        Ok(Ok(decision)) => return Some(decision),
        Ok(Err(panicked)) => message(&*panicked).to_owned(),
        Err(_) => format!("no answer in {PATIENCE:?}"),
    };
    tracing::error!(
        handler = policy.handler,
        why,
        "an abandoned execution was not reconciled: the next takeover asks again"
    );
    None
}

async fn decide(hook: &dyn Reconcile, abandoned: &AbandonedExecution, limit: usize) -> Decision {
    match hook.ask(abandoned).await {
        Resolution::Rerun => Decision::Run,
        Resolution::Refuse => Decision::Refuse,
        Resolution::Complete(response) => Decision::Answer(capture(response, limit).await),
    }
}

/// The claim, if it still stands. While the application was asked, this process may have stood
/// still for longer than a lease.
async fn still_held(mut claimed: Claimed) -> Result<Claimed, Reason> {
    let Claimed { app, hold, policy, .. } = &claimed;
    match renewed_in_time(app, *hold).await {
        Ok(Renewal::Renewed) => Ok(claimed),
        Ok(Renewal::Fenced) => {
            claimed.account.ends(Outcome::Fenced);
            claimed.lead.end(Ending::Lost);
            Err(Code::InProgress.into())
        }
        Err(error) => {
            tracing::error!(%error, handler = policy.handler, "the store failed before an execution was run again");
            claimed.account.refused(Code::StoreUnavailable);
            claimed.lead.end(Ending::Settled(claimed.hold.fingerprint, Code::StoreUnavailable.into()));
            Err(Code::StoreUnavailable.into())
        }
    }
}

/// Records that there is no outcome to be known, and answers so. Where another execution has
/// recorded meanwhile, the answer is what that one has recorded.
async fn refused(mut claimed: Claimed) -> Result<HttpResponse, Reason> {
    let mut account = claimed.account.take();
    account.refused(Code::OutcomeUnknown);
    let winner = match unknown::record(claimed).await {
        Filed::Fenced(winner) => {
            account.ends(Outcome::Fenced);
            winner.and_then(complete::replay)
        }
        Filed::Stored | Filed::Late => None,
    };
    winner.ok_or(Code::OutcomeUnknown.into())
}
