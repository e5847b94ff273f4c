//! Transactions of a library that this one does not know:
//! `cargo run -p idempotent-examples --bin tokio_postgres`.
//!
//! Orders are rows that handlers insert with tokio-postgres, in the transaction in which their
//! response is recorded. What that needs is in `database.rs`. `DATABASE_URL` is a PostgreSQL.

mod database;

use std::{env, error::Error, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use idempotent_examples::{give_up, listen, millis, url};
use idempotent_runtime::{Idempotency, IdempotentTx, PostgresStore, TransactionError, idempotent, serve};
use tokio_postgres::NoTls;

use database::{TokioPostgres, failed};

/// Longest time that a retry waits after a crash. It is short, so that nobody who tries this has to
/// wait.
const LEASE: Duration = Duration::from_secs(2);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS example_orders (sku text NOT NULL)";

/// Takes an order. Its row and this response commit together.
#[idempotent(ttl = "24h", transaction)]
async fn order(sku: String, tx: IdempotentTx<TokioPostgres>) -> Result<HttpResponse, TransactionError> {
    if sku.is_empty() {
        // The answer is stored, and rows would be taken back.
        return Ok(HttpResponse::UnprocessableEntity().body("an order has a sku\n"));
    }
    tx.execute("INSERT INTO example_orders VALUES ($1)", &[&sku]).await.map_err(failed)?;
    tokio::time::sleep(millis("ORDER_TAKES_MS")).await;
    Ok(HttpResponse::Created().body(format!("ordered: {sku}\n")))
}

/// Number of orders of one sku.
async fn count(sku: web::Path<String>, pool: web::Data<Pool>) -> Result<HttpResponse, Box<dyn Error>> {
    let counted = "SELECT count(*) FROM example_orders WHERE sku = $1";
    let row = pool.get().await?.query_one(counted, &[&*sku]).await?;
    Ok(HttpResponse::Ok().body(format!("{}\n", row.try_get::<_, i64>(0)?)))
}

/// A store in the database at `url`, which lends transactions of `pool`.
async fn open(url: &str) -> Result<(Idempotency, Pool), Box<dyn Error>> {
    let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let pool = Pool::builder(Manager::from_config(url.parse()?, NoTls, fast)).max_size(4).build()?;
    pool.get().await?.batch_execute(TABLE).await?;
    let store = PostgresStore::at(url)?.transactions::<TokioPostgres>(pool.clone()).build().await?;
    Ok((Idempotency::builder().store(store).lease(LEASE).build()?, pool))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let database = env::var("DATABASE_URL").unwrap_or("postgres://postgres@127.0.0.1:5432/postgres".into());
    let (idempotency, pool) = open(&database).await.unwrap_or_else(|error| give_up(error));
    let listener = listen();
    println!("{}", what_to_try(&url(&listener)));
    let data = idempotency.clone();
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(web::Data::new(pool.clone()))
            .route("/orders", web::post().to(order))
            .route("/orders/{sku}", web::get().to(count))
    };
    let server = HttpServer::new(app).listen(listener)?.disable_signals().run();
    serve(server, idempotency, Duration::from_secs(30)).await?;
    Ok(())
}

fn what_to_try(url: &str) -> String {
    format!(
        r#"Listening on {url}

# An order. Run the line again: the same answer, and one row.
curl -i {url}/orders -H 'Idempotency-Key: order-1' -d tea

# The number of orders for tea.
curl {url}/orders/tea

# With ORDER_TAKES_MS=10000 there is time to kill the server (kill -9) before it commits. Start it again and run the first line again: it
# waits until the dead server's lease has run out (2 seconds at most), and there is one row.
"#
    )
}
