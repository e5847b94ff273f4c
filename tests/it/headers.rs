//! Headers that say which request it is: what encodes the body, and what an endpoint names.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpRequest, HttpResponse, Responder, guard, web};
use idempotent_runtime::idempotent;
use idempotent_tests::fresh;

use crate::fixture::{
    Effects,
    Is::{self, New, Replayed, Reused},
    Served, is, serve,
};

#[idempotent]
async fn raw(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[idempotent(fingerprint = "canonical")]
async fn canonical(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[idempotent(fingerprint = "by_nothing")]
async fn by_function(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

fn by_nothing(_: &HttpRequest, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

#[idempotent(headers = "X-Api-Version, Accept")]
async fn named(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[idempotent(headers = "accept,x-api-version", fingerprint = "canonical", scope = "global")]
async fn named_canonical(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[idempotent(headers = "X-API-VERSION,Accept", fingerprint = "by_nothing", scope = "group:named")]
async fn named_by_function(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[idempotent(headers = "X-Api-Version")]
async fn version_1(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body("1")
}

#[idempotent(headers = "X-Api-Version")]
async fn version_2(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body("2")
}

fn start() -> Served {
    serve(&fresh().build().unwrap(), |app| {
        app.route("/raw", web::post().to(raw))
            .route("/canonical", web::post().to(canonical))
            .route("/by-function", web::post().to(by_function))
            .route("/named", web::post().to(named))
            .route("/named-canonical", web::post().to(named_canonical))
            .route("/named-by-function", web::post().to(named_by_function))
            .service(
                web::resource("/versions")
                    .route(web::post().guard(guard::Header("x-api-version", "1")).to(version_1))
                    .route(web::post().guard(guard::Header("x-api-version", "2")).to(version_2)),
            );
    })
}

const KEY: &str = "Idempotency-Key: k";
const JSON: &str = "Content-Type: application/json";

/// Verdict on a second request that differs from the first in these headers.
fn second(path: &str, first: &[&str], then: &[&str]) -> Is {
    let server = start();
    let send = |headers: &[&str]| is(&server.post(path, &[&[KEY, JSON], headers].concat(), b"{}"));
    assert_eq!(send(first), New);
    assert_eq!(send(first), Replayed);
    send(then)
}

#[test]
fn a_reused_key_says_which_headers_are_compared() {
    let server = start();
    let send = |version: &str| server.post("/named", &[KEY, JSON, version], b"{}");
    assert_eq!(is(&send("X-Api-Version: 1")), New);
    let problem = send("X-Api-Version: 2").json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("other values of accept, x-api-version"), "{detail}");
}

#[test]
fn a_body_that_is_encoded_is_another_body() {
    let (gzip, br) = ("Content-Encoding: gzip", "Content-Encoding: br");
    let rows: [(&[&str], &[&str], Is); 6] = [
        (&[], &[gzip], Reused),
        (&[gzip], &[], Reused),
        (&[gzip], &[br], Reused),
        (&[gzip], &[gzip, br], Reused),
        (&[gzip, br], &[br, gzip], Reused),
        (&[gzip], &["content-encoding: gzip"], Replayed),
    ];
    for path in ["/raw", "/canonical"] {
        for (first, then, expected) in rows {
            assert_eq!(second(path, first, then), expected, "{path} {first:?} {then:?}");
        }
    }
    // A function takes the place of the body and of all that says how to read it.
    assert_eq!(second("/by-function", &[], &[gzip]), Replayed);
}

#[test]
fn an_encoded_body_is_compared_by_its_bytes_under_canonical() {
    let server = start();
    let send = |body: &[u8], encoding: &[&str]| {
        is(&server.post("/canonical", &[&[KEY, JSON], encoding].concat(), body))
    };
    assert_eq!(send(b"{\"a\":1}", &["Content-Encoding: gzip"]), New);
    assert_eq!(send(b"{ \"a\": 1 }", &["Content-Encoding: gzip"]), Reused);
    assert_eq!(send(b"{\"a\":1}", &["Content-Encoding: gzip"]), Replayed);
}

#[test]
fn the_headers_that_an_endpoint_names_are_compared() {
    let (one, two) = ("X-Api-Version: 1", "X-Api-Version: 2");
    let rows: [(&[&str], &[&str], Is); 12] = [
        (&[one], &[one], Replayed),
        (&[one], &["x-api-version: 1"], Replayed),
        (&[one], &[two], Reused),
        (&[one], &[], Reused),
        (&[], &[one], Reused),
        (&[], &["X-Api-Version:"], Reused),
        (&[one, two], &[two, one], Reused),
        (&[one], &[one, two], Reused),
        (&[one, "Accept: a"], &["Accept: a", one], Replayed),
        (&[one, "Accept: a"], &[one, "Accept: b"], Reused),
        (&["X-Api-Version: a"], &["Accept: a"], Reused),
        (&[one], &[one, "X-Other: 1"], Replayed),
    ];
    for path in ["/named", "/named-canonical", "/named-by-function"] {
        for (first, then, expected) in rows {
            assert_eq!(second(path, first, then), expected, "{path} {first:?} {then:?}");
        }
    }
}

#[test]
fn handlers_that_a_guard_tells_apart_do_not_answer_for_each_other() {
    let server = start();
    let send = |version: &str| server.post("/versions", &[KEY, version], b"{}");
    assert_eq!(send("X-Api-Version: 1").text(), "1");
    assert_eq!(send("X-Api-Version: 2").code(), "key_reused");
    let again = send("X-Api-Version: 1");
    assert_eq!((again.text(), again.is_replay()), ("1", true));
    assert_eq!(server.effects(), 1);
}
