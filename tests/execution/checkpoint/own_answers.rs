//! Answers that the library gives in a handler's place: none of them is an outcome, whatever
//! `replay` says.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, http::StatusCode, post, rt, web};
use idempotent_runtime::{
    CheckpointError, Idempotency, IdempotencyContext, MemoryStore, StoreError, idempotent,
};
use idempotent_tests::{
    Reply, TestServer, fresh,
    scripted::{Fault, Scripted, Verb},
};

use super::fixture::{Declined, ask};
use crate::gate::keyed;

/// Number of runs of each of the two steps, and the fault of the first.
#[derive(Default)]
struct Steps {
    charges: AtomicUsize,
    parcels: AtomicUsize,
    wrong: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Steps {
    fn charge(&self) -> usize {
        if let Some(wrong) = self.wrong.lock().unwrap().take() {
            wrong();
        }
        self.charges.fetch_add(1, SeqCst) + 1
    }
}

async fn ordered(context: &IdempotencyContext, steps: &Steps) -> Result<String, CheckpointError<Declined>> {
    let charge = context.checkpoint("charge", async { Ok(steps.charge()) }).await?;
    let parcel = context.checkpoint("ship", async { Ok(steps.parcels.fetch_add(1, SeqCst) + 1) }).await?;
    Ok(format!("charge {charge}, parcel {parcel}"))
}

#[post("/passed_on")]
#[idempotent]
async fn passed_on(
    context: IdempotencyContext,
    steps: web::Data<Steps>,
) -> Result<String, CheckpointError<Declined>> {
    ordered(&context, &steps).await
}

/// An application's error, which answers as the checkpoint does.
#[derive(Debug)]
struct Wrapped(CheckpointError<Declined>);

impl From<CheckpointError<Declined>> for Wrapped {
    fn from(error: CheckpointError<Declined>) -> Self {
        Wrapped(error)
    }
}

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the order was not placed")
    }
}

impl ResponseError for Wrapped {
    fn status_code(&self) -> StatusCode {
        self.0.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.0.as_response_error().error_response()
    }
}

#[post("/wrapped")]
#[idempotent]
async fn wrapped(context: IdempotencyContext, steps: web::Data<Steps>) -> Result<String, Wrapped> {
    Ok(ordered(&context, &steps).await?)
}

#[post("/answered")]
#[idempotent]
async fn answered(context: IdempotencyContext, steps: web::Data<Steps>) -> HttpResponse {
    match ordered(&context, &steps).await {
        Ok(text) => HttpResponse::Ok().body(text),
        Err(_) => HttpResponse::ServiceUnavailable().body("call us: we have charged you"),
    }
}

/// Uses a name twice.
#[post("/misused")]
#[idempotent]
async fn misused(
    context: IdempotencyContext,
    steps: web::Data<Steps>,
) -> Result<String, CheckpointError<Declined>> {
    ordered(&context, &steps).await?;
    ordered(&context, &steps).await
}

/// Asks for the context where nobody knows of one.
#[post("/elsewhere")]
#[idempotent]
async fn elsewhere(request: HttpRequest) -> Result<HttpResponse, actix_web::Error> {
    rt::spawn(async move { IdempotencyContext::extract(&request).await }).await.unwrap()?;
    Ok(HttpResponse::Ok().finish())
}

fn server(idempotency: &Idempotency) -> (TestServer, Arc<Steps>) {
    let (idempotency, steps) = (idempotency.clone(), Arc::new(Steps::default()));
    let counted = Arc::clone(&steps);
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::from(Arc::clone(&counted)))
            .service((passed_on, wrapped, answered, misused, elsewhere));
    });
    (server, steps)
}

fn runs(steps: &Steps) -> (usize, usize) {
    (steps.charges.load(SeqCst), steps.parcels.load(SeqCst))
}

/// A request whose second step meets with a fault of the store.
async fn with_fault(path: &str, fault: Fault) -> (TestServer, Arc<Steps>, Reply) {
    let store = Scripted::new(MemoryStore::new());
    let (server, steps) = server(&Idempotency::builder().store(store.clone()).build().unwrap());
    *steps.wrong.lock().unwrap() = Some(Box::new(move || store.next(Verb::Claim, 1, fault)));
    let reply = ask(&server, &keyed(path, "k", "")).await;
    (server, steps, reply)
}

#[tokio::test]
async fn a_step_that_the_store_does_not_take_frees_the_key_and_a_retry_goes_on_behind_what_is_recorded() {
    for path in ["/passed_on", "/wrapped"] {
        for fault in [Fault::Fails, Fault::Says(|| Err(StoreError::full("scripted")))] {
            let (server, steps, failed) = with_fault(path, fault).await;
            assert_eq!((failed.status, failed.is_replay(), runs(&steps)), (503, false, (1, 0)), "{failed:?}");
            assert!(failed.header("retry-after").is_some(), "{failed:?}");
            for replay in [false, true] {
                let retry = ask(&server, &keyed(path, "k", "")).await;
                assert_eq!((retry.status, retry.is_replay()), (200, replay), "{path}: {retry:?}");
                assert_eq!((retry.text(), runs(&steps)), ("charge 1, parcel 1", (1, 1)));
            }
        }
    }
}

#[tokio::test]
async fn a_handler_that_answers_for_a_failed_step_itself_has_that_answer_stored() {
    let (server, steps, failed) = with_fault("/answered", Fault::Fails).await;
    let retry = ask(&server, &keyed("/answered", "k", "")).await;
    for (reply, replay) in [(failed, false), (retry, true)] {
        assert_eq!((reply.status, reply.is_replay()), (503, replay), "{reply:?}");
        assert_eq!((reply.text(), runs(&steps)), ("call us: we have charged you", (1, 0)));
    }
}

#[tokio::test]
async fn what_the_library_says_of_a_handlers_mistake_is_not_stored_and_no_step_runs_twice() {
    let (server, steps) = server(&fresh().build().unwrap());
    for path in ["/misused", "/elsewhere"] {
        for _ in 0..3 {
            let reply = ask(&server, &keyed(path, "k", "")).await;
            assert_eq!((reply.status, reply.is_replay()), (500, false), "{reply:?}");
        }
    }
    assert_eq!(runs(&steps), (1, 1));
}

/// As much as the bookkeeping of one entry takes up.
const ONE_ENTRY: u64 = 400;

#[tokio::test]
async fn steps_of_what_runs_are_let_in_beyond_the_budget_of_a_memory_that_is_full() {
    let store = MemoryStore::builder().budget(ONE_ENTRY).caller_share(100).build();
    let (server, steps) = server(&Idempotency::builder().store(store.clone()).build().unwrap());
    let first = ask(&server, &keyed("/passed_on", "k", "")).await;
    assert_eq!((first.status, first.text(), runs(&steps)), (200, "charge 1, parcel 1", (1, 1)), "{first:?}");
    assert!(store.used_bytes() > 3 * ONE_ENTRY, "steps are counted: {}", store.used_bytes());
    let another = ask(&server, &keyed("/passed_on", "another", "")).await;
    assert_eq!((another.status, another.code().as_str(), runs(&steps)), (503, "store_full", (1, 1)));
    assert!(ask(&server, &keyed("/passed_on", "k", "")).await.is_replay());
}
