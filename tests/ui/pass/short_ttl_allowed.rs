#![deny(warnings)]

use actix_web::{HttpResponse, post};
use idempotent_runtime::idempotent;

#[allow(deprecated)]
#[idempotent(ttl = "1h")]
async fn above() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(ttl = "1h")]
#[allow(deprecated)]
async fn below() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[allow(deprecated)]
#[post("/a")]
#[idempotent(ttl = "1h")]
async fn above_post() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/b")]
#[idempotent(ttl = "1h")]
#[expect(deprecated)]
async fn below_post() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(ttl = "1h")]
#[allow(deprecated)]
#[post("/c")]
async fn between() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent(ttl = "24h")]
async fn long_enough() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {
    let _ = actix_web::App::new().service(above_post).service(below_post).service(between);
    let _ = actix_web::web::post().to(above);
    let _ = actix_web::web::post().to(below);
    let _ = actix_web::web::post().to(long_enough);
}
