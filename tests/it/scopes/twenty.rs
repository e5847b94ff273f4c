//! Twenty handlers in one scope, each as promised.

use std::{future::ready, sync::atomic::Ordering::SeqCst};

use actix_web::{
    HttpResponse, Responder,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Idempotent, idempotent};
use idempotent_tests::{alone, fresh, post, subscribers::hear_every_thread};

use super::{KEY, create};
use crate::fixture::{Effects, Served, assert_replayed, serve};

#[idempotent(key = "header:X-Delivery")]
async fn hook(effects: Effects) -> impl Responder {
    create(effects).await
}

#[idempotent(required = false)]
async fn refund(effects: Effects) -> impl Responder {
    create(effects).await
}

#[idempotent(scope = "resource")]
async fn import(effects: Effects) -> impl Responder {
    create(effects).await
}

#[idempotent(key = "header:X-Transfer", replay = "success")]
async fn transfer(effects: Effects) -> impl Responder {
    create(effects).await
}

async fn stream(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    let event = ready(Ok::<_, std::io::Error>(web::Bytes::from_static(b"data: 1\n\n")));
    HttpResponse::Ok().content_type("text/event-stream").streaming(futures_util::stream::once(event))
}

/// Twenty handlers below `/v1`: fourteen as they are, three that are excepted and have an attribute
/// of their own, one more that has one, one for GET, and a stream.
fn twenty(app: &mut ServiceConfig) {
    let excepted = Idempotent::builder().except("/v1/hooks/{id}").except("/v1/refunds");
    let idempotent = excepted.except("/v1/imports/{id}").build().unwrap();
    let mut scope = web::scope("/v1").wrap(idempotent);
    for number in 0..7 {
        scope = scope
            .route(&format!("/things{number}/{{id}}"), web::post().to(create))
            .route(&format!("/others{number}"), web::patch().to(create));
    }
    app.service(
        scope
            .route("/hooks/{name}", web::post().to(hook))
            .route("/refunds", web::post().to(refund))
            .route("/imports/{id}", web::post().to(import))
            .route("/transfers", web::post().to(transfer))
            .route("/orders", web::get().to(create))
            .route("/events", web::post().to(stream)),
    );
}

fn start() -> Served {
    serve(&fresh().build().unwrap(), twenty)
}

fn patch(path: &str, headers: &[&str]) -> Vec<u8> {
    let request = post(path, headers, b"");
    [b"PATCH", &request[4..]].concat()
}

#[test]
fn every_post_and_patch_below_runs_once_per_key_and_endpoint() {
    let server = start();
    for number in 0..7 {
        let path = format!("/v1/things{number}/1");
        let first = server.post(&path, &[KEY], b"");
        assert_eq!((first.status, first.is_replay()), (201, false), "{path} {first:?}");
        assert_replayed(&first, &server.post(&path, &[KEY], b""));
        assert_eq!(server.post(&path, &[KEY], b"other").code(), "key_reused");
        assert_eq!(server.post(&format!("/v1/things{number}/2"), &[KEY], b"").code(), "key_reused");
        assert_eq!(server.post(&path, &[], b"").code(), "key_missing");
        assert_eq!(server.post(&path, &["Idempotency-Key: a,b"], b"").code(), "key_invalid");

        let request = patch(&format!("/v1/others{number}"), &[KEY]);
        let first = server.send(&request);
        assert_replayed(&first, &server.send(&request));
    }
    assert_eq!(server.effects(), 14);
}

#[test]
fn what_is_excepted_has_the_rules_of_its_own_attribute() {
    let server = start();
    assert_eq!(server.post("/v1/hooks/1", &[KEY], b"").code(), "key_missing");
    let first = server.post("/v1/hooks/1", &["X-Delivery: d"], b"");
    assert_replayed(&first, &server.post("/v1/hooks/1", &["X-Delivery: d"], b""));
    assert_eq!([(); 2].map(|()| server.post("/v1/refunds", &[], b"").status), [201, 201]);
    let imports = ["/v1/imports/1", "/v1/imports/2"].map(|path| server.post(path, &[KEY], b""));
    assert!(imports.iter().all(|reply| reply.status == 201 && !reply.is_replay()), "{imports:?}");
    assert_eq!(server.effects(), 5);
}

#[test]
fn a_get_needs_no_key_and_a_stream_passes_through_and_is_not_stored() {
    let server = start();
    let get = b"GET /v1/orders HTTP/1.1\r\nHost: test\r\n\r\n";
    assert_eq!([(); 2].map(|()| server.send(get).status), [201, 201]);
    let first = server.post("/v1/events", &[KEY], b"");
    assert_eq!((first.status, first.text()), (200, "data: 1\n\n"));
    assert_eq!(first.header("idempotency-stored"), Some("false"));
    assert_eq!(server.post("/v1/events", &[KEY], b"").code(), "response_not_stored");
    assert_eq!(server.effects(), 3);
}

#[test]
fn an_annotated_handler_below_passes_through_and_is_told_of_once_with_its_pattern() {
    const TEST: &str =
        "scopes::twenty::an_annotated_handler_below_passes_through_and_is_told_of_once_with_its_pattern";
    let Some(said) = alone(TEST) else {
        hear_every_thread();
        tracing_subscriber::fmt().with_ansi(false).init();
        let server = start();
        for key in ["a", "b"] {
            let key = format!("Idempotency-Key: {key}");
            let first = server.post("/v1/transfers", &[&key], b"");
            assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
            assert_replayed(&first, &server.post("/v1/transfers", &[&key], b""));
        }
        // The header of its own attribute is nobody's.
        assert_eq!(server.post("/v1/transfers", &["X-Transfer: t"], b"").code(), "key_missing");
        assert_eq!(server.effects(), 2);
        return;
    };
    let told: Vec<_> = said.lines().filter(|line| line.contains("does nothing")).collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(
        told[0].contains("twenty::transfer") && told[0].contains(r#"except("/v1/transfers")"#),
        "{told:?}"
    );
}
