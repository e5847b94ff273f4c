use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(ttl = "2w")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
