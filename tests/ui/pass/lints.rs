//! Nothing that the attribute adds is worth a warning.

#![deny(warnings, clippy::all, clippy::pedantic, unused_qualifications, unreachable_pub, missing_docs, unused_lifetimes)]

use actix_web::{HttpResponse, post, web};
use idempotent_runtime::idempotent;

/// Creates an order.
#[post("/orders")]
#[idempotent]
#[expect(clippy::too_many_arguments, unused_variables)]
async fn create(a: String, b: String, c: String, d: String, e: String, f: String, g: String, h: String) -> HttpResponse {
    const STATUS: u16 = 201;
    let order = STATUS;
    HttpResponse::Created().body(order.to_string())
}

#[expect(dead_code)]
#[idempotent]
async fn unused() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[deprecated]
#[must_use]
#[idempotent]
async fn old() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[cfg(any())]
#[idempotent]
async fn absent() -> Missing {}

#[idempotent]
#[cfg(all())]
async fn present() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {
    let _ = actix_web::App::new().service(create);
    #[allow(deprecated)]
    let _ = web::post().to(old);
    let _ = web::post().to(present);
}
