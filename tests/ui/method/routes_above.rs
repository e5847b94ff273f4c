use actix_web::{HttpResponse, routes};
use idempotent_runtime::idempotent;

#[routes]
#[get("/orders")]
#[head("/orders")]
#[idempotent]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
