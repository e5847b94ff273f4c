use actix_web::{HttpResponse, head};
use idempotent_runtime::idempotent;

#[head("/orders")]
/// Looks for an order.
#[idempotent(ttl = "24h")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
