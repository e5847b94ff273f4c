use actix_web::HttpResponse;
use idempotent_runtime::idempotent;

struct Declined;

#[idempotent]
async fn create() -> Result<HttpResponse, Declined> {
    Err(Declined)
}

fn main() {}
