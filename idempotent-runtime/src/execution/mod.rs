//! One execution: from the claim to the record, in a future that no disconnect drops.

mod complete;
mod detach;
mod file;
mod give_back;
mod handle;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod in_transaction;
mod late;
mod lease;
mod reconciled;
mod store_failure;
mod unknown;

pub(crate) use complete::mark_not_stored;
pub(crate) use detach::{Panicked, carried, detached};
pub(crate) use file::{Filed, file};
pub(crate) use give_back::{GivingBack, give_back, give_back_unknown};
pub(crate) use handle::{Handled, handle};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use in_transaction::execute_in_transaction;
pub(crate) use late::{Sent, renewed_in_time};
pub(crate) use reconciled::reconciled;
pub(crate) use store_failure::unprotected;

use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use tokio::runtime::Handle;
use tracing::Instrument;

use crate::{
    context::Execution,
    flight::{Ending, Lead},
    idempotency::{Executing, Idempotency},
    observe::{Account, Outcome},
    policy::{Abandoned, Policy, Replay},
    request::{Identity, body},
    response::{OwnAnswer, capture::Captured, record},
    store::{ClaimRequest, Hold, OnAbandoned, Origin, Record, Retention},
};

/// Everything that one execution of a request needs.
pub(crate) struct Job<H> {
    pub(crate) policy: &'static Policy,
    pub(crate) app: Idempotency,
    pub(crate) request: HttpRequest,
    pub(crate) body: Bytes,
    pub(crate) handler: H,
    pub(crate) identity: Identity,
    pub(crate) origin: Origin,
    pub(crate) account: Account,
}

/// A job whose claim has been won.
pub(crate) struct Claimed {
    pub(crate) policy: &'static Policy,
    pub(crate) app: Idempotency,
    pub(crate) hold: Hold,
    pub(crate) lead: Lead,
    /// Told how the execution has ended.
    pub(crate) account: Account,
    pub(crate) executing: Executing,
    /// Time for which its record will be kept.
    pub(crate) retention: Retention,
}

/// Claim that the store is asked for on behalf of an execution.
///
/// An execution that died in a transaction has left nothing, and is always run again. For any other
/// the application is asked, if it wants to be.
pub(crate) fn claim_request(policy: &Policy, app: &Idempotency, hold: Hold, origin: Origin) -> ClaimRequest {
    let on_abandoned = match policy.abandoned {
        _ if policy.transaction || app.0.settings.reconcile.is_some() => OnAbandoned::Rerun,
        Abandoned::Refuse => OnAbandoned::Refuse,
        Abandoned::Rerun => OnAbandoned::Rerun,
    };
    ClaimRequest { hold, lease: app.0.settings.lease, on_abandoned, retention: policy.ttl, origin }
}

/// Keeps the leases of what is claimed under `app`, from its first claim on.
pub(crate) fn keep_leases(app: &Idempotency) {
    app.0.keeping.call_once(|| lease::keep_all(app));
}

/// Runs the handler, records its response and answers with it. The claim has been won.
pub(crate) fn execute<H, Args>(
    job: Job<H>,
    execution: Execution,
    lead: Lead,
    executing: Executing,
) -> impl Future<Output = HttpResponse>
where
    H: actix_web::Handler<Args>,
    Args: actix_web::FromRequest,
    H::Output: actix_web::Responder,
{
    let Job { policy, app, request, body, handler, account, .. } = job;
    let claimed = Claimed::begin(policy, app, execution.hold, lead, account, executing);
    run(claimed, execution.attempt, execution.origin, handler, request, body)
}

/// The same as [`execute`], for an execution that has begun.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
fn run<H, Args>(
    mut claimed: Claimed,
    attempt: u32,
    origin: Origin,
    handler: H,
    request: HttpRequest,
    body: Bytes,
) -> impl Future<Output = HttpResponse>
where
    H: actix_web::Handler<Args>,
    Args: actix_web::FromRequest,
    H::Output: actix_web::Responder,
{
    async move {
        let Claimed { policy, app, hold, .. } = &claimed;
        let (settings, execution) = (&app.0.settings, Execution { policy, hold: *hold, attempt, origin });
        let payload = body::again(body);
        let handled = handle(&handler, request, payload, settings.max_response_body, policy);
        let handled = execution.known_to(handled).await;
        let (ended, fate) = Fate::of(handled, policy.replay, settings.replay_set_cookie);
        claimed.account.ends(ended);
        match fate {
            Fate::Recorded(record, response) => complete::stored(claimed, record, response).await,
            Fate::Released(response) => Box::pin(claimed.release(response)).await,
            Fate::Lost(response) => Box::pin(complete::lost(claimed, response)).await,
        }
    }
}

impl Claimed {
    /// Begins the execution under `hold`. Others in this process find it running, and its lease is
    /// kept.
    pub(crate) fn begin(
        policy: &'static Policy,
        app: Idempotency,
        hold: Hold,
        lead: Lead,
        account: Account,
        mut executing: Executing,
    ) -> Self {
        executing.begins();
        lead.running(hold);
        keep_leases(&app);
        let retention = Retention { replay: policy.ttl, remember: app.0.settings.remember_expired };
        Claimed { policy, app, hold, lead, account, executing, retention }
    }

    /// Frees the key, and answers with `answer`.
    pub(crate) async fn release<T>(self, answer: T) -> T {
        self.lead.finishing(self.hold);
        give_back(&self.app, self.policy, self.hold).await;
        self.lead.end(Ending::Released);
        answer
    }

    /// Frees the key in the background. A runtime that ends has no time for that: the key is left
    /// to its lease then.
    pub(crate) fn release_later(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.release(()).in_current_span());
        }
    }
}

/// End of an execution: what becomes of its key, and what its client gets.
enum Fate {
    /// The record is stored.
    Recorded(Record, HttpResponse),
    /// The key is free again.
    Released(HttpResponse),
    /// The handler was told that its claim is lost. Nothing of it is stored, and the execution that
    /// has the claim now may have answered.
    Lost(HttpResponse),
}

impl Fate {
    /// Outcome of the handler, and what follows from it.
    fn of(handled: Handled, replay: Replay, set_cookie: bool) -> (Outcome, Self) {
        let (outcome, captured) = match handled {
            Handled::NeverBegan(response) => return (Outcome::NeverBegan, Fate::Released(response)),
            Handled::Panicked(captured) => (Outcome::Panicked, captured),
            Handled::Answered(captured) => (Outcome::Executed, captured),
        };
        match captured.own_answer() {
            Some(OwnAnswer::Failed) => return (outcome, Fate::Released(captured.into_response())),
            Some(OwnAnswer::Lost) => return (outcome, Fate::Lost(captured.into_response())),
            None => {}
        }
        if !replay.keeps(captured.status()) {
            return (outcome, Fate::Released(captured.into_response()));
        }
        let outcome = match captured {
            Captured::Passing(_) => Outcome::NotStored,
            Captured::Whole(..) => outcome,
        };
        let (record, response) = recorded(captured, set_cookie);
        (outcome, Fate::Recorded(record, response))
    }
}

/// The record of a response, and the response to be sent.
fn recorded(captured: Captured, set_cookie: bool) -> (Record, HttpResponse) {
    match captured {
        Captured::Whole(head, body) => {
            let record = record::of_response(head.status(), head.headers(), set_cookie, body.as_ref());
            (record, Captured::Whole(head, body).into_response())
        }
        Captured::Passing(response) => (record::of_nothing(), complete::mark_not_stored(response)),
    }
}
