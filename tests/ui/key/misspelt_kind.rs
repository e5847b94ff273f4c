use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(key = "heder:X-Event-Id")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
