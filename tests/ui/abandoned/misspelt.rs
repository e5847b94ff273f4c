use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(abandoned = "re-run")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
