use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{IdempotentTx, TransactionError, idempotent};
use sqlx::{Postgres, Sqlite};

#[post("/transfers")]
#[idempotent(ttl = "24h", scope = "endpoint", transaction)]
async fn transfer(amount: web::Json<i64>, mut tx: IdempotentTx<Postgres>) -> Result<impl Responder, TransactionError> {
    sqlx::query("INSERT INTO transfers VALUES ($1)").bind(*amount).execute(&mut *tx).await?;
    Ok(HttpResponse::Created())
}

#[idempotent(transaction)]
async fn on_sqlite(mut tx: IdempotentTx<Sqlite>) -> Result<HttpResponse, TransactionError> {
    sqlx::query("INSERT INTO transfers VALUES (1)").execute(&mut *tx).await?;
    Ok(HttpResponse::Created().finish())
}

fn main() {
    let _ = actix_web::App::new().service(transfer).route("/", web::post().to(on_sqlite));
}
