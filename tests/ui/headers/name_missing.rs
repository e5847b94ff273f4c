use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

#[idempotent(headers = "X-Api-Version,, Accept,")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
