use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(ttl = "24H")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
