//! Nothing that the attribute adds is worth a warning.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![deny(missing_docs, unreachable_pub, unused_lifetimes, unused_qualifications)]

use actix_web::{HttpResponse, post, web};
use idempotent_runtime::idempotent;

/// Creates an order.
#[post("/orders")]
#[idempotent]
#[expect(clippy::too_many_arguments, unused_variables)]
async fn create(
    a1: String,
    a2: String,
    a3: String,
    a4: String,
    a5: String,
    a6: String,
    a7: String,
    a8: String,
) -> HttpResponse {
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
#[cfg(not(windows))]
async fn present() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {
    let _ = actix_web::App::new().service(create);
    #[allow(deprecated)]
    let _ = web::post().to(old);
    let _ = web::post().to(present);
}
