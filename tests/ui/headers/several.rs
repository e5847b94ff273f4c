use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(headers = "X-Api-Version: 1, Accept, accept")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
