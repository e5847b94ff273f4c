use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(headers = "Accept, X-Api-Version, accept")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
