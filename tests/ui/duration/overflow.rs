use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(ttl = "99999999999999999999d")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
