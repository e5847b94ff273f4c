use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

fn by_order_number(body: &[u8]) -> Vec<u8> {
    body.to_vec()
}

#[idempotent(fingerprint = "by_order_number")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
