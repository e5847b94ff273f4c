use actix_web::{HttpResponse, post};
use idempotent_runtime::idempotent;

#[idempotent]
#[post("/orders")]
#[idempotent_runtime::idempotent]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
