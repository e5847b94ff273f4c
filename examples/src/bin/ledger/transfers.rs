//! Accounts and the transfers between them, on either database.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Transfer as a client asks for it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Transfer {
    from: String,
    to: String,
    cents: i64,
    /// Time that the transfer takes before it is committed, in milliseconds.
    #[serde(default, skip_serializing)]
    takes_ms: u64,
}

impl Transfer {
    /// Change of each account, in the order of their names. Two transfers lock their accounts in
    /// one order, and so do not wait for each other for ever.
    fn changes(&self) -> [(&str, i64); 2] {
        let mut changes = [(self.from.as_str(), -self.cents), (self.to.as_str(), self.cents)];
        changes.sort_unstable();
        changes
    }

    fn mistake(&self) -> Option<&'static str> {
        match self.cents {
            ..=0 => Some("a transfer moves at least one cent"),
            _ if self.from == self.to => Some("a transfer has two accounts"),
            _ => None,
        }
    }
}

/// Refusal of a transfer, with the reason. Every change that the transfer has made already is taken
/// back, since the status is a 4xx.
fn refused(why: &str) -> HttpResponse {
    HttpResponse::UnprocessableEntity().json(json!({ "error": why }))
}

/// The same handlers for each database: they differ in the type of the transaction.
macro_rules! ledger {
    ($module:ident, $database:ty) => {
        pub(crate) mod $module {
            use std::time::Duration;

            use actix_web::{HttpResponse, web};
            use idempotent_runtime::{IdempotentTx, TransactionError, idempotent};
            use serde_json::json;
            use sqlx::Pool;

            use super::{Transfer, refused};

            /// Moves money. The changed balances, the transfer and this response commit together.
            #[idempotent(ttl = "24h", scope = "endpoint", transaction)]
            async fn transfer(
                transfer: web::Json<Transfer>,
                mut tx: IdempotentTx<$database>,
            ) -> Result<HttpResponse, TransactionError> {
                if let Some(mistake) = transfer.mistake() {
                    return Ok(refused(mistake));
                }
                for (name, cents) in transfer.changes() {
                    let change = "UPDATE ledger_accounts SET cents = cents + $1 WHERE name = $2 AND cents + $1 >= 0";
                    let done = sqlx::query(change).bind(cents).bind(name).execute(&mut *tx).await?;
                    if done.rows_affected() == 0 {
                        return Ok(refused(&format!("there is no account {name}, or not so much in it")));
                    }
                }
                let insert = "INSERT INTO ledger_transfers (payer, payee, cents) VALUES ($1, $2, $3)";
                let insert = sqlx::query(insert).bind(&transfer.from).bind(&transfer.to).bind(transfer.cents);
                insert.execute(&mut *tx).await?;
                tokio::time::sleep(Duration::from_millis(transfer.takes_ms)).await;
                Ok(HttpResponse::Created().json(&*transfer))
            }

            async fn accounts(pool: web::Data<Pool<$database>>) -> Result<HttpResponse, TransactionError> {
                let accounts = "SELECT name, cents FROM ledger_accounts ORDER BY name";
                let accounts: Vec<(String, i64)> = sqlx::query_as(accounts).fetch_all(&**pool).await?;
                let sum: i64 = accounts.iter().map(|(_, cents)| cents).sum();
                Ok(HttpResponse::Ok().json(json!({ "accounts": accounts, "sum": sum })))
            }

            pub(crate) fn routes(app: &mut web::ServiceConfig, pool: &Pool<$database>) {
                app.app_data(web::Data::new(pool.clone()))
                    .route("/transfers", web::post().to(transfer))
                    .route("/accounts", web::get().to(accounts));
            }
        }
    };
}

ledger!(on_postgres, sqlx::Postgres);
ledger!(on_sqlite, sqlx::Sqlite);
