use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(key = "header:X Event Id")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
