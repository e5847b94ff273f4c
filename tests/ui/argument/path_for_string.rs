use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(fingerprint = by_order_number)]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
