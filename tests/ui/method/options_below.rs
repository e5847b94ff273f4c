use actix_web::{HttpResponse, options};
use idempotent_runtime::idempotent;

#[idempotent]
#[options("/orders")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
