use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(principal = "crate::caller")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
