use actix_web::{HttpResponse, get};
use idempotent_runtime::idempotent;

#[idempotent]
#[get("/orders")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
