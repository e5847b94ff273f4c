use actix_web::{Error, HttpRequest, HttpResponse};
use idempotent_runtime::idempotent;

async fn caller(_: HttpRequest) -> Result<String, Error> {
    Ok("alice".to_owned())
}

#[idempotent(principal = "caller")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
