use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent]
async fn create() -> HttpResponse {
    HttpResponse::Created().finis()
}

fn main() {}
