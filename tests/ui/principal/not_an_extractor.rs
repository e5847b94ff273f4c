use actix_web::{Error, HttpResponse};
use idempotent_runtime::{Principal, idempotent};

struct Account;

async fn caller(_: Account) -> Result<Principal, Error> {
    Ok(Principal::anonymous())
}

#[idempotent(principal = "caller")]
async fn create() -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
