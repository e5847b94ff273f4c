use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(principle = "caller")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
