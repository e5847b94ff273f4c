use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent]
#[idempotent(scope = "global")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
