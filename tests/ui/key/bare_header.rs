use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(key = "X-GitHub-Delivery")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
