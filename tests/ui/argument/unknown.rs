use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(expiry = "24h")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
