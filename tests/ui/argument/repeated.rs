use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(ttl = "24h", scope = "global", ttl = "48h")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
