use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(tll = "24h", scope = "globl", required = "no")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
