use actix_web::{HttpResponse, post};
use idempotent_runtime::idempotent;

#[post("/orders")]
#[idempotent]
fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
