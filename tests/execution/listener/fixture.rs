//! Listeners that keep what they hear, and handlers that end in every way.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, Responder, error::ErrorUnauthorized, post, route, web};
use idempotent_runtime::{
    Event, Idempotency, IdempotencyBuilder, Listener, Outcome, Principal, RefusalCode, idempotent,
    metrics::Metrics,
};
use idempotent_tests::{Http1, Reply, TestServer, fresh};
use tokio::sync::{
    Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use crate::gate::{Gate, within};

/// An event, kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) handler: &'static str,
    pub(super) method: String,
    pub(super) route: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) code: Option<RefusalCode>,
    pub(super) attempt: Option<u32>,
    pub(super) key: Option<String>,
    pub(super) took: Duration,
    pub(super) waited: Duration,
    pub(super) claim: Duration,
    pub(super) completion: Duration,
    /// All that it says of itself.
    pub(super) debug: String,
}

impl From<&Event<'_>> for Heard {
    fn from(event: &Event<'_>) -> Self {
        Heard {
            handler: event.handler,
            method: event.method.unwrap().to_string(),
            route: event.route.map(str::to_owned),
            outcome: event.outcome,
            code: event.code,
            attempt: event.attempt,
            key: event.key.map(|key| key.to_string()),
            took: event.took,
            waited: event.waited,
            claim: event.claim,
            completion: event.completion,
            debug: format!("{event:?}"),
        }
    }
}

/// Events that have been heard, in order.
pub(super) struct Ears {
    speak: UnboundedSender<Heard>,
    heard: UnboundedReceiver<Heard>,
}

impl Ears {
    pub(super) fn open() -> Ears {
        let (speak, heard) = unbounded_channel();
        Ears { speak, heard }
    }

    /// Settings whose events are heard here.
    pub(super) fn set(&self, builder: IdempotencyBuilder) -> IdempotencyBuilder {
        let speak = self.speak.clone();
        builder.listener(move |event: &Event<'_>| speak.send(event.into()).unwrap())
    }

    /// Settings whose events are heard here and counted by the recorder of this process.
    pub(super) fn measuring(&self) -> IdempotencyBuilder {
        let (speak, metrics) = (self.speak.clone(), Metrics::new());
        fresh().listener(move |event: &Event<'_>| {
            metrics.heard(event);
            speak.send(event.into()).unwrap();
        })
    }

    pub(super) fn listening(&self) -> IdempotencyBuilder {
        self.set(fresh())
    }

    /// The next event, which may still be to come.
    pub(super) async fn next(&mut self) -> Heard {
        within(self.heard.recv()).await.unwrap()
    }

    /// All events that were not looked at yet.
    pub(super) fn all(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

#[post("/orders/{id}")]
#[idempotent]
async fn orders() -> impl Responder {
    HttpResponse::Created().body("an order")
}

#[post("/optional")]
#[idempotent(required = false)]
async fn optional() -> impl Responder {
    HttpResponse::Created()
}

#[post("/json")]
#[idempotent]
async fn json(_: web::Json<u64>) -> impl Responder {
    HttpResponse::Created()
}

#[post("/panics")]
#[idempotent]
async fn panics() -> HttpResponse {
    panic!("on purpose");
}

#[post("/unsure")]
#[idempotent(replay = "success")]
async fn unsure() -> impl Responder {
    HttpResponse::InternalServerError()
}

#[post("/long")]
#[idempotent]
async fn long() -> impl Responder {
    HttpResponse::Created().body(vec![b'x'; 2000])
}

#[route("/either", method = "GET", method = "POST")]
#[idempotent]
async fn either() -> impl Responder {
    HttpResponse::Ok()
}

#[post("/gated")]
#[idempotent(wait = "60s")]
async fn gated(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

#[post("/impatient")]
#[idempotent(wait = "0s")]
async fn impatient(gate: web::Data<Gate>) -> impl Responder {
    HttpResponse::Created().body(format!("effect {}", gate.pass().await))
}

/// A server with all of these handlers.
pub(super) fn serve(builder: IdempotencyBuilder, gate: &Gate) -> TestServer {
    serve_with(&builder.build().unwrap(), gate)
}

pub(super) fn serve_with(idempotency: &Idempotency, gate: &Gate) -> TestServer {
    serve_after(|| {}, idempotency, gate)
}

/// The same, and its worker does something first.
pub(super) fn serve_after(
    first: impl Fn() + Clone + Send + 'static,
    idempotency: &Idempotency,
    gate: &Gate,
) -> TestServer {
    let (idempotency, gate) = (idempotency.clone(), web::Data::new(gate.clone()));
    TestServer::start(1, move |app| {
        first();
        app.app_data(idempotency.clone()).app_data(gate.clone());
        app.service(orders).service(optional).service(json).service(panics).service(unsure);
        app.service(long).service(either).service(gated).service(impatient);
    })
}

/// Asks who is calling: `x-nobody` says that nobody is. Says each time that it has been asked.
pub(super) fn asking(builder: IdempotencyBuilder, asked: &Arc<Semaphore>) -> IdempotencyBuilder {
    let asked = Arc::clone(asked);
    builder.principal(move |request: &HttpRequest| {
        asked.add_permits(1);
        match request.headers().contains_key("x-nobody") {
            true => Err(ErrorUnauthorized("who are you?")),
            false => Ok(Principal::anonymous()),
        }
    })
}

/// Sends a request and waits for what is answered.
pub(super) async fn send(server: &TestServer, request: &[u8]) -> Reply {
    within(Http1::once(server.address(), request)).await
}

/// Sends a request and waits until its handler has begun.
pub(super) async fn begin(server: &TestServer, gate: &Gate, request: &[u8]) -> Http1 {
    let connection = open(server, request).await;
    gate.began().await;
    connection
}

/// Sends a request and waits for nothing.
pub(super) async fn open(server: &TestServer, request: &[u8]) -> Http1 {
    Http1::begin(server.address(), request).await
}
