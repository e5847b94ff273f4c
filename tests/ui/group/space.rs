use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(scope = "group:my payments")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
