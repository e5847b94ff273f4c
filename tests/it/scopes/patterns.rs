//! Patterns, guards and scopes in scopes.

use std::time::Duration;

use actix_web::{
    Responder,
    guard::{self, GuardContext},
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Idempotent, idempotent};
use idempotent_tests::{Reply, fresh};

use super::{KEY, covered, create};
use crate::fixture::{Effects, assert_replayed, serve};

fn is_v2(context: &GuardContext<'_>) -> bool {
    context.head().headers().get("x-api-version").is_some_and(|version| version == "2")
}

fn guarded(app: &mut ServiceConfig) {
    let second = web::post().guard(guard::fn_guard(is_v2)).to(async || "second");
    app.service(web::resource("/guarded").route(second).route(web::post().to(async || "first")));
}

#[test]
fn handlers_that_a_guard_tells_apart_are_told_apart_by_the_headers_that_are_named() {
    let server = covered(Idempotent::builder().headers(["X-API-Version"]), guarded);
    assert_eq!(server.post("/v1/guarded", &[KEY], b"").text(), "first");
    assert_eq!(server.post("/v1/guarded", &[KEY, "X-Api-Version: 2"], b"").code(), "key_reused");
    let other = "Idempotency-Key: other";
    assert_eq!(server.post("/v1/guarded", &[other, "X-Api-Version: 2"], b"").text(), "second");
}

/// Scopes in scopes, and a middleware inside of the outer one's reach.
fn nested(app: &mut ServiceConfig) {
    let inner = Idempotent::builder().ttl(Duration::from_secs(90_000)).build().unwrap();
    app.service(
        web::scope("/{tenant}")
            .service(web::scope("/deep").route("/{id}", web::post().to(create)))
            .service(web::scope("/covered").wrap(inner).route("", web::post().to(create))),
    )
    .route("", web::post().to(create));
}

#[test]
fn a_key_counts_for_the_whole_pattern_however_deep_the_scopes_are() {
    let server = covered(Idempotent::builder(), nested);
    let firsts: Vec<Reply> = ["/v1", "/v1/acme/deep/7", "/v1/acme/covered"]
        .iter()
        .map(|path| {
            let first = server.post(path, &[KEY], b"");
            assert_eq!((first.status, first.is_replay()), (201, false), "{path} {first:?}");
            assert_replayed(&first, &server.post(path, &[KEY], b""));
            first
        })
        .collect();
    assert_eq!(server.effects(), 3);
    // One pattern, other parameters.
    assert_eq!(server.post("/v1/other/deep/7", &[KEY], b"").code(), "key_reused");
    // Another spelling of the path is the same path.
    assert_replayed(&firsts[1], &server.post("/v1/acme/d%65ep/7", &[KEY], b""));
    assert_eq!(server.effects(), 3);
}

#[test]
fn an_endpoint_keeps_its_keys_when_its_attribute_gives_way_to_a_middleware() {
    let idempotency = fresh().build().unwrap();
    let annotated = serve(&idempotency, |app| {
        app.service(web::scope("/v1").route("/imports", web::post().to(plain)));
    });
    let first = annotated.post("/v1/imports", &[KEY], b"");
    let covered = serve(&idempotency, |app| {
        let scope = web::scope("/v1").wrap(Idempotent::default());
        app.service(scope.route("/imports", web::post().to(create)));
    });
    assert_replayed(&first, &covered.post("/v1/imports", &[KEY], b""));
}

#[idempotent]
async fn plain(effects: Effects) -> impl Responder {
    create(effects).await
}

/// As actix's macros register them: the guard is the resource's.
fn shadowed(app: &mut ServiceConfig) {
    let read = web::resource("/hooks/{id}").guard(guard::Get()).to(async || "read");
    app.service(read).route("/hooks/stripe", web::post().to(create));
}

#[test]
fn an_exact_path_is_excepted_although_a_wider_pattern_comes_before_it() {
    let server = covered(Idempotent::builder().except("/v1/hooks/stripe"), shadowed);
    let replies = [(); 2].map(|()| server.post("/v1/hooks/stripe", &[], b""));
    assert_eq!(replies.each_ref().map(Reply::text), ["effect 1", "effect 2"]);
}
