#![deny(deprecated)]

use actix_web::{HttpResponse, post};
use idempotent_runtime::idempotent;

#[post("/orders")]
#[idempotent(ttl = "23h 59m")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
