use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(key = 17)]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
