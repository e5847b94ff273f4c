use actix_web::{HttpResponse, routes};
use idempotent_runtime::idempotent;

#[idempotent]
#[routes]
#[get("/orders")]
#[head("/orders")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
