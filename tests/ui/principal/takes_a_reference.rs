use actix_web::{Error, HttpRequest, HttpResponse};
use idempotent_runtime::{Principal, idempotent};

async fn caller(_: &HttpRequest) -> Result<Principal, Error> {
    Ok(Principal::anonymous())
}

#[idempotent(principal = "caller")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
