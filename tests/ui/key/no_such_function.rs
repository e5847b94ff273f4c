use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(key = "crate::missing")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
