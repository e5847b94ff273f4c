use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(wait = "25h")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
