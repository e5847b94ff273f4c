use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(ttl = "48h", wait = "2d")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
