use actix_web::HttpResponse;
use idempotent_runtime::{IdempotentTx, idempotent};
use sqlx::Postgres;

#[idempotent(ttl = "24h")]
async fn create(_tx: IdempotentTx<Postgres>) -> HttpResponse {
    HttpResponse::Created().finish()
}

fn main() {}
