use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(key = "query:")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
