#![deny(deprecated)]

use actix_web::{HttpResponse, post};
use idempotent_runtime::idempotent;

#[idempotent(ttl = "90s")]
#[post("/orders")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
