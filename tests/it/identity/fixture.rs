//! Handlers of every scope and fingerprint.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpRequest, HttpResponse, Responder, error::ErrorForbidden, web};
use idempotent_runtime::{Idempotency, Principal, idempotent};
use idempotent_tests::fresh;

use crate::fixture::{Effects, Served, serve};

#[idempotent]
pub(super) async fn endpoint(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "resource")]
async fn resource(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "global")]
async fn global(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "group:pay")]
async fn group(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "group:refund")]
async fn other_group(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(fingerprint = "canonical")]
async fn canonical(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(fingerprint = "by_order_number")]
async fn by_function(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

fn by_order_number(request: &HttpRequest, body: &[u8]) -> Vec<u8> {
    let tenant = request.headers().get("x-tenant").map_or(&b""[..], |tenant| tenant.as_bytes());
    let number = body.split(|&byte| byte == b' ').next().unwrap_or_default();
    [tenant, b"/", number].concat()
}

#[idempotent]
async fn panics() -> HttpResponse {
    panic!("on purpose")
}

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/endpoint/{id}", web::post().to(endpoint))
        .route("/endpoint/{id}", web::put().to(endpoint))
        .route("/other-endpoint/{id}", web::post().to(endpoint))
        .route("/resource/{id}", web::post().to(resource))
        .route("/resource/{id}", web::put().to(resource))
        .route("/other-resource/{id}", web::post().to(resource))
        .route("/global/{id}", web::post().to(global))
        .route("/global/{id}", web::put().to(global))
        .route("/other-global/{id}", web::post().to(global))
        .route("/group/{id}", web::post().to(group))
        .route("/group/{id}", web::put().to(group))
        .route("/other-group/{id}", web::post().to(group))
        .route("/refund/{id}", web::post().to(other_group))
        .route("/canonical", web::post().to(canonical))
        .route("/by-function", web::post().to(by_function))
        .route("/panics", web::post().to(panics));
}

pub(super) fn start(idempotency: &Idempotency) -> Served {
    serve(idempotency, routes)
}

pub(super) fn start_plain() -> Served {
    start(&fresh().build().unwrap())
}

pub(super) const KEY: &str = "Idempotency-Key: k";

pub(super) fn by_account() -> Idempotency {
    fresh()
        .principal(|request| match request.headers().get("x-account") {
            None => Ok(Principal::anonymous()),
            Some(account) if account == "blocked" => Err(ErrorForbidden("this account is blocked")),
            Some(account) => Ok(Principal::new(account)),
        })
        .build()
        .unwrap()
}
