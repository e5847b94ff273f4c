use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(ttl = "1w")]
fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
