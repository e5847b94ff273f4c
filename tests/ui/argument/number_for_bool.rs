use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(required = 1)]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
