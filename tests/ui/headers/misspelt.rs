use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(header = "X-Api-Version")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
