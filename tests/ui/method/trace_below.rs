use actix_web::{HttpResponse, trace};
use idempotent_runtime::idempotent;

#[idempotent]
#[trace("/orders")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
