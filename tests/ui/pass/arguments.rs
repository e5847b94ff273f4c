#![deny(warnings)]

use actix_web::{HttpRequest, HttpResponse, web};
use idempotent_runtime::idempotent;

fn by_body(_: &HttpRequest, body: &[u8]) -> Vec<u8> {
    body.to_vec()
}

#[idempotent(
    ttl = "3d",
    scope = "group:payments.v1-a_b",
    required = false,
    wait = "1m 30s",
    replay = "final",
    fingerprint = "by_body",
    abandoned = "rerun"
)]
async fn everything() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(scope = "endpoint", replay = "all", fingerprint = "raw", abandoned = "refuse", wait = "0s")]
async fn defaults() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(scope = "resource", replay = "success", fingerprint = "canonical", required = true)]
async fn resource() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(scope = "global", fingerprint = "crate::by_body")]
async fn global() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn find(_: &HttpRequest, _: &[u8]) -> Option<String> {
    None
}

#[idempotent(key = "header:X-GitHub-Delivery")]
async fn key_in_header() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(key = "json:/data/0/a~1b~0c")]
async fn key_in_json() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(key = "form:event id")]
async fn key_in_form() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(key = "query:event[id]")]
async fn key_in_query() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(key = "crate::find")]
async fn key_by_function() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent()]
async fn r#none() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {
    let _ = web::post().to(everything);
    let _ = web::post().to(defaults);
    let _ = web::post().to(resource);
    let _ = web::post().to(global);
    let _ = web::post().to(key_in_header);
    let _ = web::post().to(key_in_json);
    let _ = web::post().to(key_in_form);
    let _ = web::post().to(key_in_query);
    let _ = web::post().to(key_by_function);
    let _ = web::post().to(r#none);
}
