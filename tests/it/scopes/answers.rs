//! Answers of what is below: which are stored, and errors that are none.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{
    Error, HttpMessage, Responder,
    dev::{ServiceRequest, ServiceResponse},
    error::ErrorForbidden,
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    web::{self, ServiceConfig},
};
use idempotent_runtime::{IdempotencyContext, Idempotent};
use idempotent_tests::fresh;

use super::{KEY, answers, covered};
use crate::fixture::{Effects, assert_replayed, serve};

#[test]
fn an_answer_that_may_be_an_extractors_or_the_routers_frees_the_key() {
    let server = covered(Idempotent::builder(), answers);
    let json = ["Content-Type: application/json", KEY];
    for (path, headers, body, status) in [
        ("/v1/json", &json[..], &b"{"[..], 400),
        ("/v1/json", &json[1..], b"{}", 400),
        ("/v1/nowhere", &json[..], b"", 404),
        ("/v1/read", &json[..], b"", 405),
    ] {
        for _ in 0..2 {
            let reply = server.post(path, headers, body);
            assert_eq!((reply.status, reply.is_replay()), (status, false), "{path} {reply:?}");
        }
    }
    for status in [400, 404, 405, 413, 415] {
        let replies = [(); 2].map(|()| server.post(&format!("/v1/status/{status}"), &[KEY], b""));
        assert!(replies.iter().all(|reply| reply.status == status && !reply.is_replay()), "{replies:?}");
    }
    assert_eq!(server.effects(), 10);
    // The key is free: what is mended runs.
    let mended = server.post("/v1/json", &json, b"{\"a\":1}");
    assert_eq!((mended.status, mended.text()), (201, "{\"a\":1}"));
    assert!(server.post("/v1/json", &json, b"{\"a\":1}").is_replay());
    for status in [403, 409, 422, 500, 503] {
        let key = format!("Idempotency-Key: {status}");
        let path = format!("/v1/status/{status}");
        let first = server.post(&path, &[&key], b"");
        assert_replayed(&first, &server.post(&path, &[&key], b""));
    }
}

async fn context(context: Option<IdempotencyContext>, body: String) -> impl Responder {
    let key = context.map(|context| (context.key().to_owned(), context.attempt()));
    format!("{key:?} {body}")
}

fn with_context(app: &mut ServiceConfig) {
    app.route("/context", web::post().to(context));
}

#[test]
fn a_handler_below_has_its_context_and_its_body() {
    let server = covered(Idempotent::builder().required(false), with_context);
    assert_eq!(server.post("/v1/context", &[KEY], b"tea").text(), r#"Some(("k", 1)) tea"#);
    assert_eq!(server.post("/v1/context", &[], b"tea").text(), "None tea");
    let body = vec![b'x'; 200_000];
    let answer = server.post("/v1/context", &["Idempotency-Key: long"], &body);
    assert_eq!(answer.body.len(), 200_000 + "Some((\"long\", 1)) ".len());
    let over = vec![b'x'; (1 << 20) + 1];
    assert_eq!(server.post("/v1/context", &["Idempotency-Key: over"], &over).code(), "body_too_large");
}

/// Below a middleware that fails before the handler, by an error that is no response.
fn failing(app: &mut ServiceConfig) {
    let fails = from_fn(async |request: ServiceRequest, next: Next<_>| {
        request.app_data::<Effects>().unwrap().fetch_add(1, SeqCst);
        match request.path().ends_with("/fails") {
            true => Err(ErrorForbidden("not below here")),
            false => next.call(request).await.map(|answer| answer.map_into_boxed_body()),
        }
    });
    app.service(web::scope("/failing").wrap(fails).default_service(web::post().to(async || "fine")));
}

#[test]
fn an_error_of_a_service_below_is_a_response_like_any_other() {
    let server = covered(Idempotent::builder().required(false), failing);
    let first = server.post("/v1/failing/fails", &[KEY], b"");
    assert_eq!((first.status, first.text()), (403, "not below here"));
    assert_replayed(&first, &server.post("/v1/failing/fails", &[KEY], b""));
    assert_eq!(server.effects(), 1);
    assert_eq!(server.post("/v1/failing/fails", &[], b"").text(), "not below here");
    assert_eq!(server.post("/v1/failing/else", &[KEY], b"").text(), "fine");
}

#[test]
fn a_middleware_outside_hears_the_errors_from_below_and_runs_on_replays() {
    let server = serve(&fresh().build().unwrap(), |app| {
        let outside = from_fn(async |request: ServiceRequest, next: Next<_>| {
            request.extensions_mut().insert("from outside");
            let answer: Result<ServiceResponse<_>, Error> = next.call(request).await;
            let heard = if answer.is_err() { "error" } else { "response" };
            let mut answer = answer?;
            let name = HeaderName::from_static("x-heard");
            answer.headers_mut().insert(name, HeaderValue::from_static(heard));
            Ok::<_, Error>(answer.map_into_boxed_body())
        });
        let scope = web::scope("/v1").wrap(Idempotent::default()).configure(failing).configure(answers);
        app.service(web::scope("").wrap(outside).service(scope));
    });
    let first = server.post("/v1/status/201", &[KEY], b"");
    let again = server.post("/v1/status/201", &[KEY], b"");
    assert_eq!([&first, &again].map(|reply| reply.header("x-heard")), [Some("response"); 2]);
    assert_replayed(&first, &again);
    // As an error it passes outside, with the response that was made of it; the record is a
    // response.
    let fails = [(); 2].map(|()| server.post("/v1/failing/fails", &[KEY], b""));
    assert_eq!(fails.each_ref().map(|reply| (reply.status, reply.text())), [(403, "not below here"); 2]);
    assert_eq!(fails.each_ref().map(|reply| reply.header("x-heard")), [None, Some("response")]);
}

#[test]
fn an_error_from_below_keeps_its_response_however_often_it_is_looked_at() {
    let server = serve(&fresh().build().unwrap(), |app| {
        let looks = from_fn(async |request: ServiceRequest, next: Next<_>| {
            let answer: Result<ServiceResponse<_>, Error> = next.call(request).await;
            answer.inspect_err(|error| {
                let looked_at = [(); 2].map(|()| error.error_response().status());
                assert_eq!(looked_at, [error.as_response_error().status_code(); 2]);
            })
        });
        let scope = web::scope("/v1").wrap(Idempotent::default()).configure(failing);
        app.service(web::scope("").wrap(looks).service(scope));
    });
    let fails = [(); 2].map(|()| server.post("/v1/failing/fails", &[KEY], b""));
    assert_eq!(fails.each_ref().map(|reply| (reply.status, reply.text())), [(403, "not below here"); 2]);
    assert_eq!(server.effects(), 1);
}
