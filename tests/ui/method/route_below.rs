use actix_web::{HttpResponse, route};
use idempotent_runtime::idempotent;

#[idempotent]
#[route("/orders", method = "GET")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
