//! A handler, or the service below a middleware, as the work of one request, and its response as
//! what is recorded.

use std::fmt::Display;

use actix_web::{HttpResponse, http::StatusCode};
use bytes::Bytes;
use futures_util::FutureExt;

use super::{
    callee::{Callee, Handled, caught},
    replay::replay,
};
use crate::{
    attempt::Attempt,
    engine::{Engine, Idempotency, OnStoreError, Settings},
    execution::{Decision, Fate, OutcomeOf, Panicked, Pending, Ran, Work, finish_detached},
    observe::Outcome,
    operate::ResolveError,
    policy::Replay,
    policy_ref::PolicyRef,
    reason::Reason,
    reconcile::{AbandonedExecution, AbandonedRequest, Resolution},
    record::of_nothing,
    request::body,
    response::{
        OwnAnswer,
        capture::{Captured, capture},
        content::is_recordable,
        mark_not_stored,
        record::of_response,
    },
    store::Record,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::{
    execution::{Won, WorkWithRows, execute_in_transaction},
    transaction::{TransactionError, TransactionFailure},
};

/// A call for a request whose body has been read.
pub(super) struct Call<C> {
    pub(super) callee: C,
    pub(super) body: Bytes,
}

impl<C: Callee> Work for Call<C> {
    type Output = HttpResponse;

    fn finish(pending: Pending<Self>) -> impl Future<Output = Result<OutcomeOf<Self>, Panicked>> {
        finish_detached(pending)
    }

    fn run(
        self,
        policy: &PolicyRef,
        replay: Replay,
        engine: &Engine,
    ) -> impl Future<Output = Ran<HttpResponse>> + use<C> {
        let Settings { max_response_body, replay_set_cookie, .. } = engine.settings;
        let (Call { callee, body }, policy) = (self, policy.clone());
        let handled = caught(callee, body::again(body), max_response_body, policy.clone());
        handled.map(move |handled| ran(handled, |status| policy.keeps(replay, status), replay_set_cookie))
    }

    fn read(record: &Record) -> Result<HttpResponse, Reason> {
        replay(record)
    }

    fn not_stored(response: HttpResponse) -> HttpResponse {
        mark_not_stored(response)
    }

    fn on_store_error(engine: &Engine) -> OnStoreError {
        engine.settings.on_store_error
    }

    fn is_reconciled(engine: &Engine) -> bool {
        engine.settings.reconcile.is_some()
    }

    async fn decide(&self, attempt: &Attempt, app: &Idempotency) -> Option<Decision<HttpResponse>> {
        let Settings { reconcile, max_response_body, replay_set_cookie, .. } = &app.0.settings;
        let (handler, key) = (attempt.policy.handler, attempt.key.clone());
        let (request, body) = (self.callee.request().clone(), self.body.clone());
        let request = AbandonedRequest { handler, key, request, body };
        let abandoned = AbandonedExecution {
            address: attempt.hold.address,
            endpoint: attempt.origin.endpoint().into(),
            attempt: attempt.number - 1,
            age: None,
            request: Some(request),
        };
        let no_response = |why: &dyn Display| {
            let address = attempt.hold.address;
            tracing::error!(handler, %address, "{why}: nothing was decided");
        };
        Some(match reconcile.as_deref()?.ask(&abandoned).await {
            Resolution::Rerun => Decision::Run,
            Resolution::Refuse => Decision::Refuse,
            Resolution::Later => {
                let address = attempt.hold.address;
                tracing::warn!(handler, %address, "an abandoned execution is to be reconciled later");
                return None;
            }
            Resolution::Value(_) => {
                no_response(&"`Resolution::Value` is no response to a request");
                return None;
            }
            Resolution::Complete(response) if !is_recordable(&response) => {
                no_response(&ResolveError::Status(response.status()));
                return None;
            }
            Resolution::Complete(response) => {
                let captured = capture(response, *max_response_body).await;
                let (record, response) = recorded(captured, *replay_set_cookie);
                Decision::Answer(record, response)
            }
        })
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn run_in_transaction(won: Won<Self>) -> impl Future<Output = Result<HttpResponse, Reason>> {
        execute_in_transaction(won)
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<C: Callee> WorkWithRows for Call<C> {
    fn keeps_rows(response: &HttpResponse) -> bool {
        response.status().is_success() || response.status().is_redirection()
    }

    fn may_succeed_later(response: &HttpResponse, has_lost_database: bool) -> bool {
        let failed = response.error().and_then(|error| error.as_error::<TransactionError>());
        has_lost_database || failed.is_some_and(TransactionError::may_be_tried_again)
    }

    fn failed(_: TransactionFailure) -> HttpResponse {
        HttpResponse::InternalServerError().finish()
    }

    fn has_failed(response: &HttpResponse) -> bool {
        response.status() == StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// Outcome of the handler, and what follows from it.
fn ran(handled: Handled, keeps: impl Fn(StatusCode) -> bool, set_cookie: bool) -> Ran<HttpResponse> {
    let (outcome, captured) = match handled {
        Handled::NeverBegan(response) => {
            return Ran { outcome: Outcome::NeverBegan, fate: Fate::Released(response) };
        }
        Handled::Panicked(captured) => (Outcome::Panicked, captured),
        Handled::Answered(captured) => (Outcome::Executed, captured),
    };
    match captured.own_answer() {
        Some(OwnAnswer::Failed) => return Ran { outcome, fate: Fate::Released(captured.into_response()) },
        Some(OwnAnswer::Lost) => return Ran { outcome, fate: Fate::Lost(captured.into_response()) },
        None => {}
    }
    if !keeps(captured.status()) {
        return Ran { outcome, fate: Fate::Released(captured.into_response()) };
    }
    let outcome = match captured {
        Captured::Passing(_) => Outcome::NotStored,
        Captured::Whole(..) => outcome,
    };
    let (record, response) = recorded(captured, set_cookie);
    Ran { outcome, fate: Fate::Recorded(record, response) }
}

/// The record of a response, and the response to be sent.
fn recorded(captured: Captured, set_cookie: bool) -> (Record, HttpResponse) {
    match captured {
        Captured::Whole(head, body) => {
            let record = of_response(head.status(), head.headers(), set_cookie, body.as_ref());
            (record, Captured::Whole(head, body).into_response())
        }
        Captured::Passing(response) => (of_nothing(), mark_not_stored(response)),
    }
}
