//! Handlers, extractors and bodies that panic.

use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::{Context, Poll},
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder,
    body::{BodySize, BoxBody, MessageBody},
    dev::Payload,
    post, web,
};
use bytes::Bytes;
use futures_util::future::{Ready, ready};
use idempotent_runtime::idempotent;
use idempotent_tests::{Http1, TestServer, fresh};

use crate::gate::keyed;

type Effects = web::Data<AtomicUsize>;

#[post("/handler")]
#[idempotent(ttl = "24h")]
async fn handler_panics(effects: Effects) -> HttpResponse {
    effects.fetch_add(1, SeqCst);
    tokio::task::yield_now().await;
    panic!("secret of the handler");
}

#[post("/at-once")]
#[idempotent(ttl = "24h")]
async fn handler_panics_at_once(effects: Effects) -> HttpResponse {
    effects.fetch_add(1, SeqCst);
    panic!("secret of the handler");
}

#[post("/final")]
#[idempotent(ttl = "24h", replay = "final")]
async fn handler_panics_once(effects: Effects) -> HttpResponse {
    assert!(effects.fetch_add(1, SeqCst) > 0, "secret of the first attempt");
    HttpResponse::Created().finish()
}

struct Panics;

impl Responder for Panics {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        panic!("secret of the responder");
    }
}

#[post("/responder")]
#[idempotent(ttl = "24h")]
async fn responder_panics(effects: Effects) -> Panics {
    effects.fetch_add(1, SeqCst);
    Panics
}

/// An extractor that panics the first time.
struct PanicsOnce;

impl FromRequest for PanicsOnce {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let times = request.app_data::<web::Data<Times>>().unwrap();
        assert!(times.0.fetch_add(1, SeqCst) > 0, "secret of the extractor");
        ready(Ok(PanicsOnce))
    }
}

#[derive(Default)]
struct Times(AtomicUsize);

#[post("/extractor")]
#[idempotent(ttl = "24h")]
async fn extractor_panics(_once: PanicsOnce, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body("made")
}

/// A body whose second chunk is a panic.
struct PanicsLater(bool);

impl MessageBody for PanicsLater {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        assert!(!std::mem::replace(&mut self.0, true), "secret of the body");
        Poll::Ready(Some(Ok(Bytes::from_static(b"first chunk"))))
    }
}

#[post("/body")]
#[idempotent(ttl = "24h")]
async fn body_panics(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(PanicsLater(false))
}

#[post("/events")]
#[idempotent(ttl = "24h")]
async fn event_stream_panics(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Ok().content_type("text/event-stream").body(PanicsLater(false))
}

#[post("/well")]
#[idempotent(ttl = "24h")]
async fn all_is_well() -> impl Responder {
    HttpResponse::Created().body("well")
}

fn server() -> (TestServer, Effects) {
    let (effects, times) = (Effects::new(AtomicUsize::new(0)), web::Data::new(Times::default()));
    let (idempotency, counted) = (fresh().build().unwrap(), effects.clone());
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(counted.clone())
            .app_data(times.clone())
            .service(handler_panics)
            .service(handler_panics_at_once)
            .service(handler_panics_once)
            .service(responder_panics)
            .service(extractor_panics)
            .service(body_panics)
            .service(event_stream_panics)
            .service(all_is_well);
    });
    (server, effects)
}

/// Every part of a process with one worker must have survived.
async fn is_still_alive(server: &TestServer) {
    let reply = Http1::once(server.address(), &keyed("/well", "well", "")).await;
    assert_eq!((reply.status, reply.text()), (201, "well"));
}

async fn a_panic_is_an_outcome(path: &str) {
    let (server, effects) = server();
    let mut connection = Http1::open(server.address()).await;
    let first = connection.exchange(&keyed(path, "k", "")).await;
    let retry = connection.exchange(&keyed(path, "k", "")).await;
    assert_eq!((first.status, first.is_replay(), first.text()), (500, false, ""));
    assert_eq!((retry.status, retry.is_replay(), retry.text()), (500, true, ""));
    assert_eq!(effects.load(SeqCst), 1);
    is_still_alive(&server).await;
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_so_do_its_replays() {
    a_panic_is_an_outcome("/handler").await;
}

#[tokio::test]
async fn a_handler_that_panics_at_its_first_poll_answers_500_and_so_do_its_replays() {
    a_panic_is_an_outcome("/at-once").await;
}

#[tokio::test]
async fn a_responder_that_panics_answers_500_and_so_do_its_replays() {
    a_panic_is_an_outcome("/responder").await;
}

#[tokio::test]
async fn a_body_that_panics_while_it_is_read_answers_500_and_so_do_its_replays() {
    a_panic_is_an_outcome("/body").await;
}

#[tokio::test]
async fn a_panic_frees_the_key_where_server_errors_are_not_replayed() {
    let (server, effects) = server();
    let first = Http1::once(server.address(), &keyed("/final", "k", "")).await;
    let retry = Http1::once(server.address(), &keyed("/final", "k", "")).await;
    assert_eq!((first.status, retry.status, retry.is_replay()), (500, 201, false));
    assert_eq!(effects.load(SeqCst), 2);
}

#[tokio::test]
async fn an_extractor_that_panics_frees_the_key() {
    let (server, effects) = server();
    let first = Http1::once(server.address(), &keyed("/extractor", "k", "")).await;
    assert_eq!((first.status, first.text(), effects.load(SeqCst)), (500, "", 0));
    let retry = Http1::once(server.address(), &keyed("/extractor", "k", "")).await;
    assert_eq!((retry.status, retry.is_replay(), effects.load(SeqCst)), (201, false, 1));
    is_still_alive(&server).await;
}

#[tokio::test]
async fn a_body_that_panics_while_it_passes_through_costs_one_connection() {
    let (server, effects) = server();
    let mut connection = Http1::begin(server.address(), &keyed("/events", "k", "")).await;
    assert_eq!(connection.reply().await, None, "the response has no end");
    let retry = Http1::once(server.address(), &keyed("/events", "k", "")).await;
    assert_eq!((retry.status, retry.code().as_str()), (409, "response_not_stored"));
    assert_eq!(effects.load(SeqCst), 1);
    is_still_alive(&server).await;
}
