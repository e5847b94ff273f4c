//! The span of a request: how it ended, and what is logged in it.

pub(crate) mod collector;

use actix_web::{HttpResponse, Responder, dev::Service, post, web};
use idempotent_runtime::idempotent;
use idempotent_tests::{Http1, TestServer, fresh, post};
use tracing::{Instrument, level_filters::LevelFilter};

use self::collector::{Collector, Fields, Logged};
use crate::gate::{Gate, keyed, within};

#[post("/logs/{name}")]
#[idempotent(wait = "60s")]
async fn logs(name: web::Path<String>, gate: web::Data<Gate>) -> impl Responder {
    tracing::info!("{name} began");
    gate.pass().await;
    tracing::info!("{name} ends");
    HttpResponse::Created().finish()
}

#[post("/optional/{name}")]
#[idempotent(required = false)]
async fn optional(name: web::Path<String>) -> impl Responder {
    tracing::info!("{name} began");
    HttpResponse::Created().finish()
}

/// A server that tells the collector of its requests. Each request has a span of its application's
/// own, named `request`.
fn server(collector: &Collector, gate: &Gate) -> TestServer {
    let (gate, install) = (gate.clone(), collector.installer());
    let idempotency = fresh().build().unwrap();
    TestServer::start(1, move |app| {
        install();
        let scope = web::scope("")
            .wrap_fn(|request, service| service.call(request).instrument(tracing::info_span!("request")))
            .service(logs)
            .service(optional);
        app.app_data(idempotency.clone()).app_data(web::Data::new(gate.clone())).service(scope);
    })
}

fn names(logged: &Logged) -> Vec<&'static str> {
    logged.spans.iter().map(|(name, _)| *name).collect()
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(String::as_str)
}

#[tokio::test]
async fn what_a_handler_logs_stands_in_its_requests_span_which_is_in_the_callers() {
    let (mut collector, gate) = (Collector::looking_at(LevelFilter::DEBUG), Gate::shut());
    let server = server(&collector, &gate);
    let mut connection = Http1::begin(server.address(), &keyed("/logs/it", "k", "")).await;
    gate.began().await;
    let began = collector.event("it began").await;
    gate.let_one_through();
    assert_eq!(within(connection.reply()).await.unwrap().status, 201);
    let ends = collector.event("it ends").await;
    let closed = collector.closed().await;
    for logged in [began, ends] {
        assert_eq!(names(&logged), ["request", "idempotent_request"], "{logged:?}");
        let fields = &logged.spans[1].1;
        assert_eq!(field(fields, "attempt"), Some("1"), "{fields:?}");
        assert_eq!(field(fields, "key"), field(&closed, "key"), "{fields:?}");
        assert_eq!(field(fields, "outcome"), None, "{fields:?}");
    }
}

#[tokio::test]
async fn a_span_tells_how_its_request_ended_though_nobody_listens() {
    let mut collector = Collector::looking_at(LevelFilter::DEBUG);
    let server = server(&collector, &Gate::open());
    for (outcome, code) in [("executed", None), ("replayed", None), ("key_reused", Some("key_reused"))] {
        let body = if code.is_some() { "another" } else { "" };
        within(Http1::once(server.address(), &keyed("/logs/it", "k", body))).await;
        let closed = collector.closed().await;
        assert!(field(&closed, "handler").unwrap().ends_with("spans::logs"), "{closed:?}");
        assert_eq!(field(&closed, "method"), Some("POST"));
        assert_eq!(field(&closed, "route"), Some("/logs/{name}"));
        assert_eq!((field(&closed, "outcome"), field(&closed, "code")), (Some(outcome), code));
        let key = field(&closed, "key").unwrap();
        assert!(key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
    assert_eq!(collector.all_closed(), Vec::<Fields>::new());
}

#[tokio::test]
async fn a_handler_that_runs_without_a_key_logs_in_its_requests_span_too() {
    let mut collector = Collector::looking_at(LevelFilter::DEBUG);
    let server = server(&collector, &Gate::open());
    within(Http1::once(server.address(), &post("/optional/it", &[], b""))).await;
    let began = collector.event("it began").await;
    assert_eq!(names(&began), ["request", "idempotent_request"], "{began:?}");
    let closed = collector.closed().await;
    assert_eq!((field(&closed, "outcome"), field(&closed, "key")), (Some("unprotected"), None));
}

#[tokio::test]
async fn where_nobody_looks_at_debug_a_handler_logs_in_the_callers_span_and_there_is_no_other() {
    let mut collector = Collector::looking_at(LevelFilter::INFO);
    let server = server(&collector, &Gate::open());
    within(Http1::once(server.address(), &keyed("/logs/it", "k", ""))).await;
    let ends = collector.event("it ends").await;
    assert_eq!(names(&ends), ["request"], "{ends:?}");
    assert!(!collector.output().contains("idempotent_request"), "{}", collector.output());
}

#[tokio::test]
async fn no_log_of_any_level_shows_a_key_or_a_body() {
    let mut collector = Collector::looking_at(LevelFilter::TRACE);
    let server = server(&collector, &Gate::open());
    let secrets = ["secret-key", "\"quoted secret\"", "bad,secret", ""];
    for (number, key) in secrets.iter().enumerate() {
        within(Http1::once(server.address(), &keyed("/logs/it", key, "secret-body"))).await;
        within(Http1::once(server.address(), &keyed("/logs/it", key, "secret-too"))).await;
        for _ in 0..2 {
            assert_eq!(collector.closed().await.contains_key("key"), number < 2, "{key}");
        }
    }
    let output = collector.output();
    assert!(output.contains("it began") && output.contains("key_reused"), "{output}");
    assert!(!output.contains("secret"), "{output}");
}
