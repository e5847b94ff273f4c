use actix_web::{HttpResponse, get};
use idempotent_runtime::idempotent;

#[get("/orders")]
#[idempotent]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
