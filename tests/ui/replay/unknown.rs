use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(replay = "never")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
