use actix_web::{HttpResponse, route};
use idempotent_runtime::idempotent;

#[route("/orders", method = "GET", method = "HEAD")]
#[idempotent]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
